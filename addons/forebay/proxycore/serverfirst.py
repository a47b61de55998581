"""Connect at once where the server speaks first, although connections are made lazily.

With ``connection_strategy=lazy`` a CONNECT or SOCKS client of a mail, SSH or
database server waits for a greeting that never comes, because mitmproxy waits
for the client.  For the ports of such protocols the connection is made as soon
as the block verdict allows it (the fence in ``server_connect`` still judges).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mitmproxy import http, options
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers import modes, tls
from mitmproxy.proxy.layers.http import HttpLayer, HTTPMode, HttpStream
from mitmproxy.proxy.mode_specs import ReverseMode
from mitmproxy.utils import human

from forebay.errors import ForebayError
from forebay.proxycore.patch import CoreMismatchError, Patch
from forebay.proxycore.sansio import Driver, client_context

type Handler = Callable[..., layer.CommandGenerator[Any]]

DEFAULT_PORTS = "21,22,23,25,110,119,143,587,2525,3306,4190,5900"
"""FTP, SSH, telnet, SMTP, POP3, NNTP, IMAP, submission, MySQL, ManageSieve and VNC."""

_ports: frozenset[int] = frozenset()


def parse_ports(text: str) -> frozenset[int]:
    """Return the port numbers of a comma-separated list.

    Raises:
        ForebayError: when a member is no port.

    >>> sorted(parse_ports("25, 22"))
    [22, 25]
    """
    ports = set()
    for member in filter(None, (part.strip() for part in text.split(","))):
        if not (member.isascii() and member.isdigit() and 0 < int(member) < 65536):
            raise ForebayError(
                f"forebay_server_first_ports: expected ports from 1 to 65535, found {member!r}"
            )
        ports.add(int(member))
    return frozenset(ports)


def set_ports(ports: frozenset[int]) -> None:
    """Set the ports that are connected at once; an empty set switches this off."""
    global _ports
    _ports = ports


def _server_speaks_first(context: Context) -> bool:
    address = context.server.address
    if address is None or context.options.connection_strategy != "lazy":
        return False
    mode = context.client.proxy_mode
    # A reverse proxy for raw TCP has no HTTP that could be answered without the server.
    raw = isinstance(mode, ReverseMode) and mode.scheme in ("tcp", "tls")
    return bool(_ports) and (raw or address[1] in _ports)


class _OpenFirst(layer.Layer):
    """Open the server connection, then let the next layer be chosen as usual."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.context.layers.remove(self)

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        if isinstance(event, events.Start):
            error = yield commands.OpenConnection(self.context.server)
            if error:
                yield commands.CloseConnection(self.context.client)
                self._handle_event = self._done  # type: ignore[method-assign]
                return
            child = layer.NextLayer(self.context)
            self._handle_event = child.handle_event  # type: ignore[method-assign]
            yield from child.handle_event(event)

    def _done(self, event: events.Event) -> layer.CommandGenerator[None]:
        yield from ()


def _connect_regular(original: Handler) -> Handler:
    def handle_connect_regular(self: HttpStream) -> layer.CommandGenerator[None]:
        if not self.flow.response and _server_speaks_first(self.context):
            error = yield commands.OpenConnection(self.context.server)
            if error:
                address = human.format_address(self.context.server.address)
                self.flow.response = http.Response.make(
                    502, f"Cannot connect to {address}: {error}"
                )
        yield from original(self)

    return handle_connect_regular


def _connect_upstream(original: Handler) -> Handler:
    def handle_connect_finish(self: HttpStream) -> layer.CommandGenerator[None]:
        if (
            self.mode is HTTPMode.upstream
            and not self.flow.response
            and _server_speaks_first(self.context)
        ):
            tunnel: Any = self.child_layer
            while isinstance(tunnel, tls.ServerTLSLayer):
                tunnel = tunnel.child_layer
            tunnel.child_layer = _OpenFirst(self.context)
        yield from original(self)

    return handle_connect_finish


def _finish_start(original: Handler) -> Handler:
    def finish_start(self: modes.DestinationKnown) -> layer.CommandGenerator[str | None]:
        if _server_speaks_first(self.context):
            error: str | None = yield commands.OpenConnection(self.context.server)
            if error:
                self._handle_event = self.done  # type: ignore[method-assign]
                return error
        result: str | None = yield from original(self)
        return result

    return finish_start


PATCH = Patch(
    "serverfirst",
    (
        (HttpStream, "handle_connect_regular", _connect_regular),
        (HttpStream, "handle_connect_finish", _connect_upstream),
        (modes.DestinationKnown, "finish_start", _finish_start),
    ),
)


def connections_after_connect(opts: options.Options, port: int) -> int:
    """Drive a CONNECT and nothing more; return how many connections were made for it."""
    context = client_context(opts)
    driver = Driver(HttpLayer(context, HTTPMode.regular))
    driver.feed(events.Start())
    driver.data(context.client, b"CONNECT 192.0.2.9:%d HTTP/1.1\r\nHost: 192.0.2.9\r\n\r\n" % port)
    return len(driver.opened)


def self_test(opts: options.Options) -> None:
    """See a listed port connected at once, and another one not.

    Raises:
        CoreMismatchError: when it is otherwise.
    """
    if not _ports or opts.connection_strategy != "lazy":
        return
    other = next(port for port in range(1024, 65536) if port not in _ports)
    found = [connections_after_connect(opts, port) for port in (min(_ports), other)]
    if found != [1, 0]:
        raise CoreMismatchError(f"serverfirst: expected connections [1, 0], found {found}")

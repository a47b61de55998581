"""Judge what mitmproxy passes through unread by the names in its first message.

In a raw tunnel no hook tells what is asked for: a client may CONNECT to one
host and name another in its ClientHello or its Host field, and the server
behind the address answers for that one.  So the first message is read before
the tunnel is made.  What follows it on the same connection is not.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from mitmproxy import ctx, exceptions, flow, options, tcp
from mitmproxy.connection import ConnectionState
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers import HttpLayer, TCPLayer
from mitmproxy.proxy.layers.http import HTTPMode
from mitmproxy.proxy.layers.tcp import TcpErrorHook, TcpStartHook

from forebay.proxycore import excluded
from forebay.proxycore.firstbytes import Names, NeedMore, names_in
from forebay.proxycore.patch import CoreMismatchError
from forebay.proxycore.sansio import Driver, client_context

type Refuses = Callable[[Names], str | None]
"""Return why a connection that asks for these names is refused, or None."""


def judge(nextlayer: layer.NextLayer, refuses: Refuses) -> tcp.TCPFlow | None:
    """Close a connection that is about to be passed through, if *refuses* says why.

    Nothing of what the client sent reaches a server.  Connections that are
    intercepted or have a layer already, and servers that speak first, are left
    alone.

    Returns:
        The flow that tells of the refusal in ``tcp_start`` and ``tcp_error``.

    Raises:
        AddonHalt: while the first message is not complete; the question is
            asked again with the next segment.
    """
    data = nextlayer.data_client()
    if nextlayer.layer is not None or not data or not excluded.passes_through(nextlayer):
        return None
    found = names_in(data)
    if isinstance(found, NeedMore):
        raise exceptions.AddonHalt
    reason = refuses(found)
    return None if reason is None else close(nextlayer, reason)


def close(nextlayer: layer.NextLayer, reason: str) -> tcp.TCPFlow:
    """Close the connection; return the flow that tells of it in ``tcp_start`` and ``tcp_error``."""
    nextlayer.layer = refused = Refused(nextlayer.context, reason)
    return refused.flow


class Refused(layer.Layer):
    """Close both sides, and answer and forward nothing."""

    def __init__(self, context: Context, reason: str) -> None:
        super().__init__(context)
        self.flow = tcp.TCPFlow(context.client, context.server, live=True)
        self._reason = reason

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        if not isinstance(event, events.Start):
            return
        # The hooks come first: with the client's end the log closes its account.
        yield TcpStartHook(self.flow)
        # As mitmproxy words it when a hook refuses to connect a server.
        self.flow.error = flow.Error(f"Connection killed: {self._reason}")
        yield TcpErrorHook(self.flow)
        self.flow.live = False
        if self.context.server.state is not ConnectionState.CLOSED:
            yield commands.CloseConnection(self.context.server)
        yield commands.CloseConnection(self.context.client)


def hello_for(name: bytes) -> bytes:
    """Return a small ClientHello in one TLS record that asks for *name* (RFC 8446 §4.1.2)."""
    entry = b"\x00" + len(name).to_bytes(2) + name
    names = len(entry).to_bytes(2) + entry
    extensions = b"\x00\x00" + len(names).to_bytes(2) + names
    body = b"\x03\x03" + bytes(32) + b"\x00" + b"\x00\x02\x13\x01" + b"\x01\x00"
    body += len(extensions).to_bytes(2) + extensions
    message = b"\x01" + len(body).to_bytes(3) + body
    return b"\x16\x03\x01" + len(message).to_bytes(2) + message


@contextlib.contextmanager
def _all_hosts_excluded() -> Iterator[None]:
    before, ctx.options = ctx.options, options.Options()
    try:
        ctx.options.ignore_hosts = ["."]
        yield
    finally:
        ctx.options = before


def self_test(opts: options.Options) -> None:
    """See an excluded tunnel closed that asks for a refused name, and another one pass.

    Raises:
        CoreMismatchError: when it is otherwise.
    """
    excluded.check_core()

    def decide(hook: commands.StartHook) -> None:
        if isinstance(hook, layer.NextLayerHook):
            with contextlib.suppress(exceptions.AddonHalt):
                judge(hook.data, lambda f: "listed" if "refused.example" in f.names else None)
                hook.data.layer = hook.data.layer or TCPLayer(hook.data.context, ignore=True)

    with _all_hosts_excluded():
        for name, passed in ((b"refused.example", False), (b"good.example", True)):
            context, hello = client_context(opts), hello_for(name)
            driver = Driver(HttpLayer(context, HTTPMode.regular), decide)
            driver.feed(events.Start())
            for data in (b"CONNECT 192.0.2.9:443 HTTP/1.1\r\n\r\n", hello[:2], hello[2:]):
                driver.data(context.client, data)
            sent = b"".join(driver.sent[server] for server in driver.opened)
            closed = context.client in driver.closed
            if (sent, closed) != (hello if passed else b"", not passed):
                raise CoreMismatchError(
                    f"tunnels: expected a tunnel that {'is kept' if passed else 'is closed'}, "
                    f"found {len(sent)} bytes sent and closed={closed}"
                )

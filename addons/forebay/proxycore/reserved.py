"""Keep a connection to a server for the requests that may use it.

mitmproxy gives a connection that is open to whichever request of the same
client asks for the same host next, and no hook is run for that.  A connection
which was made for a request that goes round the blocklist must not carry
another one, whatever may have sent that there after it was judged.  Nor does
the hook ``server_connect`` tell for which request a connection is made.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from mitmproxy import http, options
from mitmproxy.connection import Connection
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers.http import GetHttpConnection, HttpLayer, HTTPMode, HttpStream

from forebay.proxycore.patch import CoreMismatchError, Patch
from forebay.proxycore.sansio import Driver, client_context

type Handler = Callable[..., layer.CommandGenerator[None]]
type Matches = Callable[[GetHttpConnection, Connection], bool]

type Names = frozenset[str]

_admitted: weakref.WeakKeyDictionary[http.HTTPFlow, Names] = weakref.WeakKeyDictionary()
_asking: weakref.WeakSet[GetHttpConnection] = weakref.WeakSet()
_reserved: weakref.WeakKeyDictionary[Connection, Names] = weakref.WeakKeyDictionary()


def available() -> bool:
    """Return whether connections can be reserved in this mitmproxy."""
    return PATCH.installed


def admit(flow: http.HTTPFlow, names: Names) -> None:
    """Reserve what is connected for *flow*, for it and others of its client that are admitted.

    Args:
        flow: of a request.
        names: that it may connect to.
    """
    _admitted[flow] = names


def reserve(connection: Connection, names: Names) -> None:
    """Keep *connection*, which may be one to these *names*, for requests that are admitted."""
    _reserved[connection] = names


def names_of(connection: Connection) -> Names | None:
    """Return what *connection* may be one to, or None when it is for everybody."""
    return _reserved.get(connection) if _reserved else None


def _get_connection(original: Handler) -> Handler:
    def get_connection(
        self: HttpLayer, event: GetHttpConnection, *, reuse: bool = True
    ) -> layer.CommandGenerator[None]:
        stream = self.command_sources.get(event)
        names = _admitted.get(stream.flow) if isinstance(stream, HttpStream) else None
        if names is None:
            yield from original(self, event, reuse=reuse)
            return
        _asking.add(event)
        before = set(self.connections)
        steps = original(self, event, reuse=reuse)
        # What is new is there when the first command comes, before anybody else can ask for it.
        first: Any = next(steps, None)
        for made in self.connections.keys() - before:
            reserve(made, names)
        if first is not None:
            yield first
            yield from steps

    return get_connection


def _connection_spec_matches(original: Matches) -> Matches:
    def connection_spec_matches(self: GetHttpConnection, connection: Connection) -> bool:
        if connection in _reserved and self not in _asking:
            return False
        return original(self, connection)

    return connection_spec_matches


PATCH = Patch(
    "reserved",
    (
        (HttpLayer, "get_connection", _get_connection),
        (GetHttpConnection, "connection_spec_matches", _connection_spec_matches),
    ),
)


def connections_of(opts: options.Options, *admitted: bool) -> list[int]:
    """Drive requests for one host, some admitted; return which connection each was sent on."""
    context = client_context(opts)
    expected = iter(admitted)

    def on_hook(hook: commands.StartHook) -> None:
        if hook.name == "requestheaders" and next(expected):
            (flow,) = hook.args()
            admit(flow, frozenset({"192.0.2.9"}))

    driver = Driver(HttpLayer(context, HTTPMode.regular), on_hook)
    driver.feed(events.Start())
    found = []
    for _ in admitted:
        before = {server: len(driver.sent[server]) for server in driver.opened}
        driver.data(context.client, b"GET http://192.0.2.9/ HTTP/1.1\r\nHost: 192.0.2.9\r\n\r\n")
        (used,) = (s for s in driver.opened if len(driver.sent[s]) > before.get(s, 0))
        driver.data(used, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        found.append(driver.opened.index(used))
    return found


def self_test(opts: options.Options) -> None:
    """See the connection of an admitted request given to another such one, and to no other.

    Raises:
        CoreMismatchError: when it is otherwise.
    """
    try:
        found = connections_of(opts, True, False, True, False)
    except (ValueError, StopIteration) as error:
        raise CoreMismatchError(f"reserved: expected four requests, found {error!r}") from None
    if found != [0, 1, 0, 1]:
        raise CoreMismatchError(
            f"reserved: expected connections 0, 1, 0, 1 to be used, found {found}"
        )

"""Keep the proxy from becoming its own client.

mitmproxy compares the target with a few spellings of its own address.  Any
other spelling, name or address of this host recurses until the descriptors are
used up.  Two fences: a literal address that is one of this host's is refused
before the connection, and whatever gets past it (a DNS name, a rebinding) is
recognised on arrival, because the client's connection is then the other end of
one of our own.  Both its addresses are compared: a port alone may be used by
several connections at once.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable

from mitmproxy import connection, http
from mitmproxy.proxy import server_hooks

from forebay.names import canonical

type Endpoint = tuple[str, int]


def _endpoint(address: Iterable[object] | None) -> Endpoint | None:
    if address is None:
        return None
    host, port, *_ = address
    return canonical(str(host)), int(str(port))


def is_local(address: str) -> bool:
    """Return whether *address*, a canonical literal, is one that this host answers on.

    The question is put to the operating system: only a local address can be bound.
    """
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    family = socket.AF_INET6 if ip.version == 6 else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True


class SelfLoop:
    """Remember our outgoing connections, and know a client that is one of them."""

    def __init__(self) -> None:
        self._outgoing: set[tuple[Endpoint | None, Endpoint | None]] = set()

    def server_connect(
        self, data: server_hooks.ServerConnectionHookData, listening: Iterable[Endpoint]
    ) -> None:
        """Refuse a literal address of this host on a port that we listen on."""
        target = _endpoint(data.server.address)
        if (
            target is not None
            and data.server.error is None
            and any(port == target[1] for _, port in listening)
            and is_local(target[0])
        ):
            data.server.error = "expected another server, found this proxy's own address"

    def server_connected(self, data: server_hooks.ServerConnectionHookData) -> None:
        """Note the connection."""
        server = data.server
        self._outgoing.add((_endpoint(server.sockname), _endpoint(server.peername)))

    def server_disconnected(self, data: server_hooks.ServerConnectionHookData) -> None:
        """Forget a connection that ended."""
        server = data.server
        self._outgoing.discard((_endpoint(server.sockname), _endpoint(server.peername)))

    def is_own(self, client: connection.Client) -> bool:
        """Return whether *client* is the other end of a connection of this very process."""
        ends = (_endpoint(client.peername), _endpoint(client.sockname))
        return ends in self._outgoing


def loop_detected() -> http.Response:
    """Return the answer to a request that came back to us (RFC 5842 §7.2)."""
    return http.Response.make(
        508,
        b"Loop Detected: this request was sent by the proxy to itself.\n",
        {
            "Content-Type": "text/plain; charset=utf-8",
            "Cache-Control": "no-store",
            "Proxy-Status": "forebay; error=proxy_loop_detected",
        },
    )

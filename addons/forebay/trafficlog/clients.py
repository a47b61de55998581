"""What each client connection still owes the log.

A CONNECT is a record of its own only if nothing else tells of it: an
intercepted one shows in its requests, a raw one in its TCP flow, a refused one
in its own hook.  For the rest (a host that is not intercepted, a client that
left, a flow that was killed) mitmproxy runs no hook but the connection's end.
The same holds for a WebSocket whose handshake was answered but never began.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mitmproxy import http
from mitmproxy.connection import Client as ClientConnection
from mitmproxy.connection import Server

from forebay.trafficlog import failure


@dataclass(slots=True)
class Client:
    """One client connection.

    Attributes:
        connection: what mitmproxy knows about it.
        tunnels: CONNECTs that nothing else has told of yet, by flow id.
        upgrades: WebSocket handshakes that were answered, by flow id.
        told: whether any flow of this connection was seen.
        server: the last server that was to be connected for it.
        failures: text of a failed server connection to its type (``failure``).
    """

    connection: ClientConnection
    tunnels: dict[str, http.HTTPFlow] = field(default_factory=dict)
    upgrades: dict[str, http.HTTPFlow] = field(default_factory=dict)
    told: bool = False
    server: Server | None = None
    failures: dict[str, str] = field(default_factory=dict)

    def tell(self) -> http.HTTPFlow | None:
        """Note that a flow tells of this connection; return the CONNECT it came through, if any."""
        self.told = True
        if not self.tunnels:
            return None
        _, connect = self.tunnels.popitem()
        self.tunnels.clear()
        return connect

    def failed(self, text: str | None, kind: str) -> None:
        """Remember that connecting a server failed with *text*."""
        failure.remember(self.failures, text, kind)

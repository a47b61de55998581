"""What is under way, so that each attempt is recorded exactly once, whatever ends it.

Glue between the hooks and the records.  Flows are held weakly: one whose end
no hook tells must not stay in memory for ever.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mitmproxy import connection, dns, http, tcp, udp
from mitmproxy import flow as mflow
from mitmproxy.proxy.mode_specs import Socks5Mode

from forebay import outcome
from forebay.proxycore import passed
from forebay.proxycore.passed import Traffic
from forebay.trafficlog import failure
from forebay.trafficlog.capture import Capture
from forebay.trafficlog.clients import Client
from forebay.trafficlog.connection import of_connection, of_dns, of_raw
from forebay.trafficlog.exchange import Ending, of_http, peer
from forebay.trafficlog.recorder import Recorder
from forebay.trafficlog.sampling import Sampling, takes

_NO_FAILURES: Mapping[str, str] = {}
# A client that leaves takes the server connections made for it along.
_AFTER_THE_CLIENT: Mapping[str, str] = {
    "connection closed": failure.LEFT,
    "connection cancelled": failure.LEFT,
}


@dataclass(slots=True)
class Attempt:
    """What is under way, and what has passed so far where messages are counted."""

    kind: str
    traffic: Traffic | None = None
    connect: http.HTTPFlow | None = None


_EXCHANGE = Attempt("http")  # counts nothing, so all share it


class Ledger:
    """The attempts under way.

    Args:
        recorder: where records go.
        clock: POSIX time in seconds.

    Attributes:
        headers: whether header fields are recorded.
        capture: keeps bodies.
        only: of which HTTP exchanges records are written; None for all.  Those
            that were blocked or failed are written all the same.
        sampling: which share of them.
    """

    def __init__(self, recorder: Recorder, clock: Callable[[], float]) -> None:
        self._recorder = recorder
        self._clock = clock
        self._clients: dict[str, Client] = {}
        self._open: weakref.WeakKeyDictionary[mflow.Flow, Attempt] = weakref.WeakKeyDictionary()
        self.headers = False
        self.capture = Capture()
        self.only: Callable[[object], bool] | None = None
        self.sampling = Sampling()

    def connected(self, client: connection.Client) -> None:
        """Note a client connection."""
        self._clients[client.id] = Client(client)

    def client(self, client: connection.Client) -> Client | None:
        """Return what is known about a connection; None when it is closed, or a replay's."""
        return self._clients.get(client.id)

    def disconnected(self, client: connection.Client) -> None:
        """Record what only the end of the connection tells."""
        known = self._clients.pop(client.id, None)
        if known is not None:
            now_s = client.timestamp_end or self._clock()
            left = Ending(now_s, "Client disconnected.", failure.LEFT)
            self._settle(known, of_tunnels=Ending(now_s), of_upgrades=left)

    def _settle(self, known: Client, *, of_tunnels: Ending, of_upgrades: Ending) -> None:
        for flow in known.upgrades.values():
            self.finish(flow, of_upgrades)
        for flow in known.tunnels.values():
            # Without a server nothing was passed on.
            idle = flow.server_conn.timestamp_start is None
            traffic = Traffic() if idle else passed.of(known.connection)
            self._once_http(flow, "tunnel", known.failures, traffic, of_tunnels)
        if known.server is not None and not known.told and not known.tunnels:
            self._recorder.record(
                of_connection,
                "tunnel" if isinstance(known.connection.proxy_mode, Socks5Mode) else "tcp",
                known.connection,
                known.server,
                known.failures,
                traffic=passed.of(known.connection),
                ending=of_tunnels,
            )

    def tell(self, flow: mflow.Flow) -> http.HTTPFlow | None:
        """Note that *flow* tells of its connection; return the CONNECT it came through, if any."""
        known = self._clients.get(flow.client_conn.id)
        return None if known is None else known.tell()

    def tell_at(self, address: tuple[str, int]) -> None:
        """Note that the connection from *address* is told of by what was no request."""
        for known in self._clients.values():
            if peer(known.connection) == address:
                known.tell()
                return

    def begin_exchange(self, flow: http.HTTPFlow) -> None:
        """Note an HTTP exchange."""
        self.tell(flow)
        if flow.live or _was_killed(flow):
            self._open[flow] = _EXCHANGE

    def begin_query(self, flow: dns.DNSFlow) -> None:
        """Note a DNS query; a client that repeats one does so in the same flow."""
        self.tell(flow)
        if flow.live:
            self._recorder.begin(flow)
            self._open[flow] = Attempt("dns")

    def begin_counting(self, flow: mflow.Flow, kind: str, connect: http.HTTPFlow | None) -> None:
        """Note a flow whose messages are counted."""
        if flow.live:
            self._open[flow] = Attempt(kind, Traffic(), connect)

    def count(self, flow: mflow.Flow, content: bytes, *, from_client: bool) -> None:
        """Count a message."""
        attempt = self._open.get(flow)
        if attempt is not None and attempt.traffic is not None:
            attempt.traffic.count(len(content), from_client=from_client)

    def finish(self, flow: mflow.Flow, ending: Ending | None = None) -> None:
        """Record an attempt that has ended."""
        attempt = self._open.pop(flow, None)
        if attempt is None and not flow.live:
            return  # loaded from a file: a record, not traffic
        failures = self._failures(flow.client_conn)
        match flow:
            case http.HTTPFlow():
                if flow.request.method == "CONNECT":
                    kind = "tunnel"
                else:
                    kind = "http" if flow.websocket is None else "websocket"
                traffic = None if attempt is None else attempt.traffic
                self._once_http(flow, kind, failures, traffic, ending)
            case tcp.TCPFlow() | udp.UDPFlow():
                attempt = attempt or Attempt(flow.type)  # it began before we did
                if self._takes(flow, attempt.kind):
                    self._recorder.once(
                        flow,
                        of_raw,
                        flow,
                        attempt.kind,
                        failures,
                        connect=attempt.connect,
                        traffic=attempt.traffic,
                        ending=ending or Ending(self._clock()),
                    )
            case dns.DNSFlow() if self._takes(flow, "dns"):
                self._recorder.once(flow, of_dns, flow)

    def _failures(self, client: connection.Client) -> Mapping[str, str]:
        known = self._clients.get(client.id)
        if known is not None:
            return known.failures
        return _NO_FAILURES if client.timestamp_end is None else _AFTER_THE_CLIENT

    def _once_http(
        self,
        flow: http.HTTPFlow,
        kind: str,
        failures: Mapping[str, str],
        traffic: Traffic | None,
        ending: Ending | None,
    ) -> None:
        if not self._recorder.is_due(flow):
            return
        status = None if flow.response is None else flow.response.status_code
        failed = flow.error is not None or (ending is not None and ending.error is not None)
        rate = self._rate(flow, kind, status, failed=failed)
        if not takes(flow.id, rate):
            return
        finish, held_bytes = self.capture.finish(flow, self._recorder.redactor)
        self._recorder.finish(
            finish,
            held_bytes,
            of_http,
            flow,
            kind,
            failures,
            headers=self.headers,
            traffic=traffic,
            ending=ending,
            sample_rate=None if rate == 1 else rate,
        )

    def _takes(self, flow: mflow.Flow, kind: str) -> bool:
        rate = self._rate(flow, kind, None, failed=flow.error is not None)
        return takes(flow.id, rate)

    def _rate(self, flow: mflow.Flow, kind: str, status: int | None, *, failed: bool) -> float:
        """Return which share of such attempts is recorded."""
        if self.only is None and self.sampling.is_all:
            return 1.0
        notes = outcome.of(flow)
        is_blocked = (notes.get("block") or {}).get("action") == "block"
        is_http = isinstance(flow, http.HTTPFlow)
        if is_http and self.only is not None and not (is_blocked or failed or self.only(flow)):
            return 0.0
        is_hit = notes.get("answer") == "cache"
        return self.sampling.rate(kind, status, blocked=is_blocked, failed=failed, hit=is_hit)

    def handshake_failed(
        self, client: connection.Client, server: connection.Server, error: str | None
    ) -> None:
        """Record a connection whose TLS handshake with the client failed."""
        known = self._clients.get(client.id)
        connect = None if known is None else known.tell()
        self._recorder.record(
            of_connection,
            "tls",
            client,
            server,
            _NO_FAILURES if known is None else known.failures,
            connect=connect,
            ending=Ending(self._clock(), error, failure.TLS_CLIENT),
        )

    def stop(self) -> None:
        """Record all that is under way."""
        ending = Ending(self._clock(), "The proxy was stopped.", failure.SHUTDOWN)
        for known in tuple(self._clients.values()):
            self._settle(known, of_tunnels=ending, of_upgrades=ending)
        self._clients.clear()
        for flow in tuple(self._open):
            if flow.live:
                self.finish(flow, ending)
        self._open.clear()


def _was_killed(flow: http.HTTPFlow) -> bool:
    """Return whether an addon before us killed *flow*, which then looks like one from a file."""
    noted = flow.metadata.get(outcome.KEY)
    return flow.error is not None and isinstance(noted, dict) and not noted.get("logged")

"""What requests that go round the blocklist may connect to: while they are under way, no longer.

A connection is judged once more when it is made, and then nobody can tell for
which request that is.  So a permit names the hosts of a request that was let
through, and ends with its answer; that of a CONNECT ends when its tunnel turns
out to hold requests, each of which speaks for itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from weakref import WeakKeyDictionary

from mitmproxy import connection, http

type Flows = WeakKeyDictionary[http.HTTPFlow, frozenset[str]]


class Permits:
    """The names that are permitted, by client and flow."""

    def __init__(self) -> None:
        self._clients: WeakKeyDictionary[connection.Client, Flows] = WeakKeyDictionary()

    def grant(self, flow: http.HTTPFlow, names: Iterable[str]) -> None:
        """Permit to connect to *names* for *flow*."""
        flows = self._clients.setdefault(flow.client_conn, WeakKeyDictionary())
        for other in [each for each in flows if not _is_under_way(each)]:
            del flows[other]
        flows[flow] = frozenset(names)

    def names(self, client: connection.Client) -> frozenset[str]:
        """Return what may be connected to at present."""
        flows = self._clients.get(client) if self._clients else None
        if not flows:
            return frozenset()
        return frozenset().union(*(flows[flow] for flow in flows if _is_under_way(flow)))

    def end_tunnel(self, client: connection.Client) -> None:
        """End the permit of the client's CONNECT."""
        if self._clients and (flows := self._clients.get(client)):
            for flow in [each for each in flows if _is_connect(each)]:
                del flows[flow]

    def forget(self, client: connection.Client) -> None:
        """Forget the client."""
        self._clients.pop(client, None)

    def clear(self) -> None:
        """Forget all."""
        self._clients.clear()


def _is_connect(flow: http.HTTPFlow) -> bool:
    return bool(flow.request.method == "CONNECT")


def _is_under_way(flow: http.HTTPFlow) -> bool:
    if not flow.live or flow.error is not None:
        return False
    # A CONNECT that was accepted has its answer.
    return flow.response is None or (_is_connect(flow) and flow.response.status_code < 300)

"""What a connection owes."""

from __future__ import annotations

from mitmproxy.test import tflow

from forebay.proxycore.passed import Traffic
from forebay.trafficlog.clients import Client


def test_a_flow_tells_of_the_connect_it_came_through():
    """Of the innermost one, and for all."""
    outer, inner = tflow.tflow(), tflow.tflow()
    client = Client(outer.client_conn, tunnels={outer.id: outer, inner.id: inner})

    assert client.tell() is inner
    assert client.told
    assert client.tell() is None
    assert not client.tunnels


def test_failures_are_remembered_up_to_a_bound():
    """The oldest is forgotten; one without words is none."""
    client = Client(tflow.tclient_conn())
    client.failed(None, "x")
    client.failed("", "x")
    for number in range(20):
        client.failed(str(number), "connect_failed")

    assert list(client.failures) == [str(number) for number in range(4, 20)]


def test_traffic_is_counted_by_direction():
    traffic = Traffic()
    traffic.count(5, from_client=True)
    traffic.count(7, from_client=False)
    traffic.count(0, from_client=False)

    assert traffic == Traffic(client_messages=1, server_messages=2, client_bytes=5, server_bytes=7)

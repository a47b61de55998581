"""What may be connected to, and how long."""

from __future__ import annotations

import gc

import pytest
from mitmproxy.test import tflow, tutils

from forebay.blocklist.permits import Permits


def flow_of(client=None, method="GET"):
    flow = tflow.tflow(req=tutils.treq(method=method))
    flow.client_conn = client or flow.client_conn
    return flow


def test_only_for_the_client_of_a_request_that_is_under_way():
    permits, flow = Permits(), flow_of()
    permits.grant(flow, ["a.example", "b.example"])

    assert permits.names(flow.client_conn) == {"a.example", "b.example"}
    assert permits.names(tflow.tclient_conn()) == frozenset()


@pytest.mark.parametrize("end", ["response", "error", "live"])
def test_it_ends_with_the_request(end):
    permits, flow = Permits(), flow_of()
    permits.grant(flow, ["a.example"])

    ended = {"response": tutils.tresp(), "error": tflow.terr(), "live": False}[end]
    setattr(flow, end, ended)

    assert permits.names(flow.client_conn) == frozenset()


def test_requests_beside_each_other_have_each_their_own():
    permits, first = Permits(), flow_of()
    second = flow_of(first.client_conn)
    permits.grant(first, ["a.example"])
    permits.grant(second, ["b.example"])

    first.response = tutils.tresp()
    assert permits.names(first.client_conn) == {"b.example"}
    permits.grant(second, ["c.example"])
    assert permits.names(first.client_conn) == {"c.example"}


@pytest.mark.parametrize(("status", "expected"), [(200, {"a.example"}), (403, set())])
def test_that_of_a_connect_lasts_while_its_tunnel_does(status, expected):
    permits, flow = Permits(), flow_of(method="CONNECT")
    permits.grant(flow, ["a.example"])
    flow.response = tutils.tresp(status_code=status)

    assert permits.names(flow.client_conn) == expected


def test_and_no_longer_than_until_a_request_comes():
    permits, connect = Permits(), flow_of(method="CONNECT")
    request = flow_of(connect.client_conn)
    permits.end_tunnel(connect.client_conn)
    permits.grant(connect, ["a.example"])
    permits.grant(request, ["b.example"])

    permits.end_tunnel(connect.client_conn)

    assert permits.names(connect.client_conn) == {"b.example"}


@pytest.mark.parametrize("forget", [lambda p, c: p.forget(c), lambda p, c: p.clear()])
def test_forgetting(forget):
    permits, flow = Permits(), flow_of()
    permits.grant(flow, ["a.example"])

    forget(permits, flow.client_conn)
    forget(permits, flow.client_conn)

    assert permits.names(flow.client_conn) == frozenset()


def test_a_flow_is_not_kept():
    permits, client = Permits(), tflow.tclient_conn()
    permits.grant(flow_of(client), ["a.example"])
    gc.collect()

    assert permits.names(client) == frozenset()

"""What is under way."""

from __future__ import annotations

import gc

import pytest
from mitmproxy.proxy.mode_specs import ProxyMode
from mitmproxy.test import tflow

from forebay import outcome
from forebay.trafficlog.ledger import Ledger
from forebay.trafficlog.recorder import Recorder
from trafficlog.support import NOW, lines


class Kept:
    """A ledger on a real file."""

    def __init__(self, path) -> None:
        self.path = path
        self.recorder = Recorder()
        self.recorder.write_to(path)
        self.ledger = Ledger(self.recorder, lambda: NOW)

    def records(self) -> list[dict]:
        self.recorder.stop()
        return lines(self.path)


@pytest.fixture(name="kept")
def _kept(tmp_path):
    kept = Kept(tmp_path / "t.jsonl")
    yield kept
    kept.recorder.stop()


@pytest.mark.parametrize(
    ("begin", "flow", "kind"),
    [
        ("begin_exchange", tflow.tflow(), "http"),
        ("begin_query", tflow.tdnsflow(), "dns"),
        ("begin_counting", tflow.ttcpflow(), "tunnel"),
        ("begin_counting", tflow.tudpflow(), "tunnel"),
    ],
)
def test_what_is_under_way_when_the_proxy_stops_is_recorded(kept, begin, flow, kind):
    """Once, though the proxy is stopped twice."""
    given = ("tunnel", None) if begin == "begin_counting" else ()
    getattr(kept.ledger, begin)(flow, *given)
    kept.ledger.stop()
    kept.ledger.stop()

    (found,) = kept.records()
    assert found["kind"] == kind
    assert found["error.type"] == ("shutdown" if kind != "dns" else None)


def test_a_flow_that_lives_no_more_is_not_under_way(kept):
    """Read from a file, for one."""
    flow = tflow.tflow(live=False)
    kept.ledger.begin_exchange(flow)
    kept.ledger.stop()

    assert kept.records() == []


def test_flows_are_not_kept_alive(kept):
    """One whose end no hook tells must not stay in memory."""
    kept.ledger.begin_exchange(tflow.tflow())
    gc.collect()
    kept.ledger.stop()

    assert kept.records() == []


def test_messages_of_a_flow_that_began_before_are_not_guessed(kept):
    """The addon may be loaded while bytes flow."""
    flow = tflow.ttcpflow()
    kept.ledger.count(flow, b"abc", from_client=True)
    kept.ledger.finish(flow)

    (found,) = kept.records()
    assert found["kind"] == "tcp"
    assert found["forebay.client.bytes"] is None


def test_a_connection_without_anything_leaves_nothing(kept):
    """A browser opens more than it uses; one that is not known leaves nothing either."""
    client = tflow.tclient_conn()
    kept.ledger.connected(client)
    kept.ledger.disconnected(client)
    kept.ledger.disconnected(client)

    assert kept.records() == []
    assert kept.ledger.client(client) is None


@pytest.mark.parametrize(("mode", "kind"), [("socks5", "tunnel"), ("reverse:tcp://h:1", "tcp")])
def test_a_connection_that_only_a_server_tells_of(kept, mode, kind):
    """Not intercepted, or refused before any flow began."""
    client, server = tflow.tclient_conn(), tflow.tserver_conn()
    client.proxy_mode = ProxyMode.parse(mode)
    client.timestamp_end = None
    kept.ledger.connected(client)
    kept.ledger.client(client).server = server
    kept.ledger.disconnected(client)

    (found,) = kept.records()
    assert (found["kind"], found["server.address"]) == (kind, "address")
    assert found["timestamp"] == "1999-12-31T23:00:00Z"
    assert found["forebay.duration_s"] == NOW - client.timestamp_start


def test_a_server_that_failed_because_the_client_left(kept):
    """The core's words are then about the server; those of a replay are what they say."""
    for left in (True, False):
        flow = tflow.tflow(err=True)
        flow.error.msg = "connection closed"
        flow.client_conn.timestamp_end = NOW if left else None
        kept.ledger.finish(flow)

    assert [found["error.type"] for found in kept.records()] == ["client_disconnected", "_OTHER"]


def test_one_that_was_killed_before_it_began_is_under_way(kept):
    """By a blocklist that drops connections; a killed flow from a file is a record."""
    killed, loaded = tflow.tflow(live=False, err=True), tflow.tflow(live=False, err=True)
    outcome.begin(killed)
    outcome.begin(loaded)["logged"] = True
    for flow in (killed, loaded):
        kept.ledger.begin_exchange(flow)
        kept.ledger.finish(flow)

    assert [record["forebay.flow.id"] for record in kept.records()] == [killed.id]

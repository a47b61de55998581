"""The hooks."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
from mitmproxy import connection, exceptions
from mitmproxy import flow as mflow
from mitmproxy.addons.view import View
from mitmproxy.proxy.server_hooks import ServerConnectionHookData
from mitmproxy.test import taddons, tflow

from forebay import outcome
from forebay.inspect import label
from forebay.inspect.addon import InspectAddon
from forebay.proxycore import unreachable
from forebay.proxycore.audience import Audience

EDIT = {"file": "/r/rewrite.yaml", "line": 3, "changes": [{"field": "x"}]}


@pytest.fixture(name="inspect")
def _inspect():
    addon = InspectAddon(lambda: Audience.VIEWER)
    with taddons.context(addon):
        addon.running()
        yield addon


def ended(**notes):
    flow = tflow.tflow(resp=True)
    outcome.begin(flow)
    outcome.of(flow).update(notes)
    return flow


def test_an_answer_is_labelled(inspect):
    flow = ended(rewrite=[EDIT])

    inspect.response(flow)

    assert (flow.comment, flow.marked) == ("rewrite.yaml:3 edited", ":pencil2:")


def test_a_failure_is_labelled(inspect):
    flow = ended()
    flow.error = mflow.Error("Connection killed.")

    inspect.error(flow)

    assert (flow.comment, flow.marked) == ("error killed", ":warning:")


def test_a_failure_of_the_server_connection_is_known_by_its_text(inspect):
    """However many there were before."""
    for number in range(120):
        server = connection.Server(address=("h.example", number))
        server.error = f"refused {number}."
        flow = ended()
        client = flow.client_conn if number == 119 else tflow.tclient_conn()
        inspect.server_connect_error(ServerConnectionHookData(server, client))
    for number in range(60):
        server.error = f"no trust {number}."
        context = SimpleNamespace(client=flow.client_conn)
        inspect.tls_failed_server(SimpleNamespace(context=context, conn=server))
    other = ended()
    other.client_conn = flow.client_conn
    flow.error, other.error = mflow.Error("no trust 59."), mflow.Error("refused 119.")

    inspect.error(flow)
    inspect.error(other)

    assert flow.comment == "error server_tls_failed"
    assert other.comment == "error: refused 119."  # its type is forgotten among so many
    assert len(inspect._failures[flow.client_conn]) <= 50


def test_a_failure_that_is_answered_is_not_the_end(inspect, monkeypatch):
    flow = ended()
    flow.error = mflow.Error("Connection killed.")
    monkeypatch.setattr(unreachable, "is_answered", lambda asked: asked is flow)

    inspect.error(flow)

    assert flow.comment == ""


def test_what_a_recording_lacks_is_a_failure(inspect):
    played, refused = ended(answer="recording"), ended(answer="recording")
    refused.response.status_code = 599

    inspect.response(played)
    inspect.response(refused)

    assert (played.comment, played.marked) == ("replayed recording", ":arrow_forward:")
    assert (refused.comment, refused.marked) == ("not in the recording", ":warning:")


def test_a_query_is_labelled(inspect):
    flow = tflow.tdnsflow(resp=True)
    outcome.of(flow)["block"] = {"action": "block", "rule": "x", "list": "own", "line": 2}

    inspect.dns_response(flow)

    assert flow.comment == "own:2 blocked"


@pytest.mark.parametrize(
    ("notes", "error", "labels"),
    [
        ({}, None, ("", "")),
        ({}, "connection lost", ("error: connection lost", ":warning:")),
        (
            {"block": {"action": "block", "rule": "x", "list": "own", "line": 2}},
            "Connection killed: blocked by x (own.txt:2)",
            ("own:2 blocked", ":heavy_multiplication_x:"),
        ),
        (
            {},
            "Connection killed: blocked by x (own.txt:2)",
            ("blocked by x (own.txt:2)", ":warning:"),
        ),
    ],
)
@pytest.mark.parametrize(("hook", "make"), [("tcp", tflow.ttcpflow), ("udp", tflow.tudpflow)])
def test_a_connection_that_is_no_http_is_labelled(inspect, hook, make, notes, error, labels):
    flow = make()
    flow.metadata[outcome.KEY] = {"attempt": 1, **notes}
    flow.error = error and mflow.Error(error)

    getattr(inspect, f"{hook}_{'error' if error else 'end'}")(flow)

    assert (flow.comment, flow.marked) == labels


def test_a_connection_from_a_file_is_not_touched(inspect):
    flow = tflow.ttcpflow()
    flow.live = False

    inspect.tcp_end(flow)

    assert flow.metadata == {}


def test_a_flow_from_a_file_keeps_its_labels(inspect):
    loaded, foreign = ended(rewrite=[EDIT]), tflow.tflow(resp=True)
    loaded.live = False
    loaded.comment = "as it was"

    inspect.response(loaded)
    inspect.response(foreign)

    assert (loaded.comment, foreign.comment) == ("as it was", "")
    assert outcome.KEY not in foreign.metadata


def test_nobody_looks_and_nothing_is_made():
    addon = InspectAddon(lambda: Audience.NOBODY)
    flow = ended(rewrite=[EDIT])
    with taddons.context(addon):
        addon.running()
        addon.response(flow)
        addon.error(flow)
        addon.dns_response(tflow.tdnsflow(resp=True))

    assert flow.comment == "" and label.KEY not in flow.metadata


def test_who_looks_is_asked_again_when_an_option_says_so():
    told = [Audience.NOBODY]
    addon = InspectAddon(lambda: told[0])
    with taddons.context(addon) as tctx:
        addon.running()
        told[0] = Audience.VIEWER
        first, second = ended(rewrite=[EDIT]), ended(rewrite=[EDIT])
        addon.response(first)
        tctx.options.add_option("save_stream_file", str, "", "")  # which tells the addons
        addon.response(second)

    assert (first.comment, second.comment) == ("", "rewrite.yaml:3 edited")


def test_the_view_is_kept_small():
    """By every hook that a flow goes through; by a change of the option, too."""

    async def main():
        addon, view = InspectAddon(lambda: Audience.NOBODY), View()
        with taddons.context(addon, view) as tctx:
            addon.running()
            addon.requestheaders(ended())
            assert addon._trim._timer is None
            tctx.configure(addon, forebay_view_flows=1)
            timer = addon._trim._timer
            assert timer is not None
            addon.requestheaders(ended())
            assert addon._trim._timer is timer
            addon.done()
            assert timer.cancelled()
            seen = InspectAddon(lambda: Audience.VIEWER)
            seen._trim.limit = 1
            seen.running()
            seen.done()
            seen.response(ended())
            assert seen._trim._timer is not None
            seen.done()

    asyncio.run(main())


def test_a_limit_given_at_start_waits_for_the_start():
    addon = InspectAddon(lambda: Audience.VIEWER)
    with taddons.context(addon) as tctx:
        tctx.configure(addon, forebay_view_flows=3)

    assert addon._trim.limit == 3 and addon._trim._timer is None


def test_fewer_than_none_are_refused(inspect):
    with taddons.context(inspect) as tctx, pytest.raises(exceptions.OptionsError, match="found -1"):
        tctx.configure(inspect, forebay_view_flows=-1)

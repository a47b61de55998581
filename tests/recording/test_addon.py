"""The glue; whole proxies are in the integration tests."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
from mitmproxy import exceptions, http
from mitmproxy import flow as mflow
from mitmproxy.proxy.server_hooks import ServerConnectionHookData
from mitmproxy.test import taddons, tflow, tutils

from forebay import outcome
from forebay.proxycore import bodies
from forebay.recording import store
from forebay.recording.addon import RecordingAddon
from forebay.recording.interaction import (
    Interaction,
    Message,
    Request,
    Response,
    Side,
    WebSocket,
)


def asked(path="/a", content=b"", **given):
    flow = tflow.tflow(
        req=tutils.treq(
            host="h.example",
            port=80,
            path=path.encode(),
            content=content,
            headers=http.Headers([(b"Host", b"h.example")]),
            **given,
        )
    )
    outcome.begin(flow)
    bodies.begin(flow)
    return flow


RECORDED = [
    Interaction(
        Request("GET", "http://h.example/a"),
        Response(200, (("x-a", "1"), ("x-a", "2")), b"recorded"),
    )
]


class Player:
    def __init__(self, tctx, addon, path):
        self.tctx, self.addon, self.path = tctx, addon, path

    def begin(self, **options):
        self.tctx.configure(self.addon, recording_file=str(self.path), **options)

    def request(self, flow):
        self.addon.requestheaders(flow)
        bodies.finish_request(flow)
        self.addon.request(flow)
        return flow

    def answered(self, flow, content=b"from the server"):
        """The server answers."""
        flow.response = tutils.tresp(content=content, headers=http.Headers([(b"X-A", b"1")]))
        self.addon.responseheaders(flow)
        flow.response.headers["x-a"] = "edited"  # by a rule
        bodies.finish_response(flow)
        self.addon.response(flow)
        return flow


@pytest.fixture(name="player")
def _player(tmp_path):
    addon = RecordingAddon()
    with taddons.context(addon) as tctx:
        tctx.configure(addon, forebay_home=str(tmp_path / "home"))
        yield Player(tctx, addon, tmp_path / "c.yaml")
        addon.done()


def test_while_nothing_is_recorded_nothing_is_done(player):
    flow = player.request(asked())

    assert flow.response is None
    assert player.addon.summary() == ""
    assert player.addon.status() == {"on": False}


def test_what_a_server_sent_is_kept_whatever_rules_make_of_it(player):
    player.begin()
    player.answered(player.request(asked()))
    player.addon.done()

    (found,) = store.load(player.path)
    assert found.request == Request("GET", "http://h.example/a")
    assert found.response == Response(200, (("x-a", "1"),), b"from the server")


def test_what_is_recorded_is_played(player):
    store.save(player.path, RECORDED)
    player.begin(recording_mode="none")
    flow = player.request(asked())

    assert flow.response.content == b"recorded"
    assert flow.response.headers.get_all("x-a") == ["1", "2"]
    assert flow.response.headers["content-length"] == "8"
    assert outcome.answered_by(flow) == "recording"
    assert player.addon.summary() == f"recording played, none: {player.path}"


def test_what_is_not_is_refused_in_words(player):
    store.save(player.path, RECORDED)
    player.begin(recording_mode="none")
    flow = player.request(asked("/b"))

    assert flow.response.status_code == 599
    assert flow.response.json()["nearest"]["url"] == "http://h.example/a"


def test_an_answer_to_head_has_no_length_of_its_own(player):
    store.save(player.path, [Interaction(Request("HEAD", "http://h.example/a"), Response(200))])
    player.begin(recording_mode="none")

    assert "content-length" not in player.request(asked(method=b"HEAD")).response.headers


def test_what_others_of_ours_answer_is_not_recorded(player):
    player.begin()
    flow = player.request(asked())
    outcome.of(flow)["answer"] = "cache"
    player.answered(flow)
    player.addon.done()

    assert not player.path.exists()


def test_what_failed_is_not_recorded(player):
    player.begin()
    flow = player.request(asked())
    flow.error = mflow.Error("connection refused")
    player.addon.error(flow)
    player.addon.done()

    assert not player.path.exists()


def test_long_bodies_are_not_recorded(player):
    player.begin(recording_max_body_bytes="5")
    player.answered(player.request(asked()))
    player.addon.done()

    assert not player.path.exists()


def test_allowed_hosts_pass_in_every_mode(player):
    store.save(player.path, RECORDED)
    player.begin(recording_mode="none", recording_allow=["*.example"])
    flow = player.request(asked("/b"))
    data = ServerConnectionHookData(server=flow.server_conn, client=flow.client_conn)
    data.server.address = ("h.example", 80)
    player.addon.server_connect(data)

    assert flow.response is None
    assert data.server.error is None


@pytest.mark.parametrize(
    ("mode", "fenced"), [("none", True), ("once", True), ("new_episodes", False), ("all", False)]
)
def test_no_server_is_contacted_while_only_the_recording_may_answer(player, mode, fenced):
    store.save(player.path, RECORDED)
    player.begin(recording_mode=mode)
    flow = asked()
    data = ServerConnectionHookData(server=flow.server_conn, client=flow.client_conn)
    data.server.address = ("192.0.2.1", 443)
    player.addon.server_connect(data)

    assert (data.server.error is not None) is fenced


def test_a_mistake_at_run_time_leaves_what_was(player):
    player.begin()
    player.addon.running()

    with pytest.raises(exceptions.OptionsError, match="recording_mode: expected none or"):
        player.tctx.configure(player.addon, recording_mode="twice")


def test_a_test_begins_and_ends_over_the_control_connection(player):
    async def talk():
        handlers = player.addon.control_handlers()
        begun = await handlers["recording.begin"]({"file": str(player.path), "mode": "once"})
        player.answered(player.request(asked()))
        during = await handlers["recording.requests"]({})
        data = SimpleNamespace(
            context=SimpleNamespace(client=tflow.tclient_conn(), server=tflow.tserver_conn()),
            conn=SimpleNamespace(error="unknown ca"),
        )
        player.addon.tls_failed_client(data)
        return begun, during, await handlers["recording.end"]({})

    begun, during, report = asyncio.run(talk())

    assert begun == {"recorded": False}
    assert [each["outcome"] for each in during["requests"]] == ["recorded"]
    assert report["saved"] == str(player.path)
    assert report["untrusting"][0]["error"] == "unknown ca"
    assert len(store.load(player.path)) == 1


def test_secrets_are_not_written(player):
    """Whatever let them through."""
    store.save(player.path, [Interaction(Request("GET", "http://h/?token=x"), Response(200))])

    async def talk():
        handlers = player.addon.control_handlers()
        await handlers["recording.begin"]({"file": str(player.path), "mode": "new_episodes"})
        player.answered(player.request(asked()))
        return await handlers["recording.end"]({})

    report = asyncio.run(talk())

    assert report["secrets"]
    assert report["saved"] is None
    assert len(store.load(player.path)) == 1


CHAT = Interaction(
    Request("GET", "ws://h.example/a"), Response(101), WebSocket((Message(Side.SERVER, b"hi"),))
)
STREAM = Interaction(
    Request("GET", "http://h.example/a"),
    Response(200, (("content-type", "text/event-stream"),), b"data: 1\n\n", is_open=True),
)


@pytest.mark.parametrize("recorded", [CHAT, STREAM], ids=["websocket", "stream"])
def test_what_has_no_end_is_played_by_a_server_of_ours(player, recorded):
    """The only one that may be dialled while nothing may; and the flow says what was asked."""
    store.save(player.path, [recorded])

    async def play():
        player.begin(recording_mode="none")
        flow = asked()
        if recorded is CHAT:
            flow.request.headers["upgrade"] = "websocket"
        player.request(flow)
        dialled = flow.request.host, flow.request.port
        errors = []
        for address in (dialled, ("127.0.0.1", 9), ("h.example", 80)):
            data = ServerConnectionHookData(server=flow.server_conn, client=flow.client_conn)
            data.server.error, data.server.address = None, address
            player.addon.server_connect(data)
            errors.append(data.server.error is not None)
        flow.response = tutils.tresp()
        player.addon.responseheaders(flow)
        player.addon.response(flow)
        player.addon.done()
        return dialled, errors, flow

    dialled, errors, flow = asyncio.run(play())

    assert dialled[0] == "127.0.0.1"
    assert errors == [False, True, True]
    assert (flow.request.host, flow.request.port) == ("h.example", 80)
    assert outcome.answered_by(flow) == "recording"


def test_a_websocket_that_is_not_recorded_is_refused(player):
    store.save(player.path, [STREAM])
    player.begin(recording_mode="none")
    flow = asked()
    flow.request.headers["upgrade"] = "websocket"

    assert player.request(flow).response.status_code == 599


def test_the_number_of_messages_is_one(player):
    player.addon.running()
    with pytest.raises(exceptions.OptionsError, match="recording_max_messages: expected 1 or more"):
        player.begin(recording_max_messages=0)

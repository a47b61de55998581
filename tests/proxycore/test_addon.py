"""The guards as an addon."""

from __future__ import annotations

import logging

import pytest
from mitmproxy import exceptions, http
from mitmproxy.addons import next_layer, proxyserver
from mitmproxy.proxy import server_hooks
from mitmproxy.proxy.layers.http import HttpStream
from mitmproxy.test import taddons, tflow

from forebay import outcome
from forebay.proxycore import addon as addon_module
from forebay.proxycore import bodies, codings, serverfirst, unloaded, upload
from forebay.proxycore.addon import GUARDS, Proxycore
from forebay.proxycore.patch import CoreMismatchError


@pytest.fixture(name="tctx")
def _tctx(tmp_path):
    with taddons.context(proxyserver.Proxyserver(), next_layer.NextLayer()) as tctx:
        tctx.home = str(tmp_path / "home")
        tctx.options.add_option("blocklist", bool, True, "")
        yield tctx
        unloaded.FENCE.uninstall()


def configured(tctx, core, **options):
    """Put the addon in its place, as a script does."""
    tctx.master.addons.add(core)
    tctx.configure(core, forebay_home=tctx.home, **options)
    return core


@pytest.fixture(name="core")
def _core(tctx):
    core = configured(tctx, Proxycore())
    yield core
    core.done()


def test_the_patches_come_and_go_with_the_addon(tctx):
    """done() may come twice."""
    original = HttpStream.state_wait_for_request_headers
    core = Proxycore()

    configured(tctx, core)

    assert HttpStream.state_wait_for_request_headers is not original
    assert all(guard.patch.installed for guard in GUARDS if guard.patch)

    core.done()
    core.done()

    assert HttpStream.state_wait_for_request_headers is original


@pytest.mark.parametrize(
    ("ran", "blocklist", "ending", "fenced"),
    [
        (True, True, False, True),
        (False, True, False, False),
        (True, False, False, False),
        (True, True, True, False),
    ],
)
def test_the_fence_goes_up_when_mitmproxy_goes_on_without_us(
    tctx, core, ran, blocklist, ending, fenced
):
    """Not when it ends, never ran, or has nothing to filter; it comes down when we are back."""
    tctx.options.blocklist = blocklist
    if ran:
        core.running()
    if ending:
        tctx.master.should_exit.set()

    core.done()

    assert unloaded.FENCE.installed is fenced
    tctx.master.addons.remove(core)
    configured(tctx, Proxycore())
    assert not unloaded.FENCE.installed


@pytest.mark.usefixtures("core")
def test_connections_are_lazy(tctx):
    """Whatever mitmproxy's default is."""
    assert tctx.options.connection_strategy == "lazy"
    assert 25 in serverfirst._ports


@pytest.mark.parametrize(
    ("lazy", "strategy", "listed"), [("off", "eager", False), ("on", "lazy", False)]
)
def test_laziness_is_an_option(tctx, lazy, strategy, listed):
    core = Proxycore()
    configured(tctx, core, forebay_lazy=lazy)

    assert tctx.options.connection_strategy == strategy
    assert bool(serverfirst._ports) is listed
    core.done()


def test_the_strategy_is_given_back(tctx, core):
    """When switched off at run time, and at the end."""
    core.running()
    tctx.configure(core, forebay_lazy="off")
    assert tctx.options.connection_strategy == "eager"

    tctx.configure(core, forebay_lazy="on")
    assert tctx.options.connection_strategy == "lazy"
    core.done()
    assert tctx.options.connection_strategy == "eager"


def test_a_flow_that_was_loaded_is_left_alone(core):
    """It is a record, not traffic."""
    flow = tflow.tflow(resp=True)
    flow.live = False
    flow.request.headers["proxy-connection"] = "keep-alive"
    flow.metadata[outcome.KEY] = {"attempt": 1, "answer": "cache"}

    core.requestheaders(flow)
    core.responseheaders(flow)

    assert flow.metadata[outcome.KEY] == {"attempt": 1, "answer": "cache"}
    assert "proxy-connection" in flow.request.headers


def test_an_answer_to_head_has_no_body(core):
    """The length stays (RFC 9110 §9.3.2)."""
    flow = tflow.tflow(resp=http.Response.make(403, b"page"))
    flow.request.method = "HEAD"

    core.responseheaders(flow)

    assert flow.response.raw_content == b""
    assert flow.response.headers["content-length"] == "4"


def test_a_guard_that_fails_is_one_warning(core, caplog):
    """The blocklist behind it must be called, whoever dispatches."""
    flow = tflow.tflow()
    flow.client_conn.peername = ("x", "no port")

    core.requestheaders(flow)
    core.requestheaders(flow)

    failures = [r.message for r in caplog.records if "a guard that failed" in r.message]
    assert len(failures) == 1


def test_a_wrong_value_is_rolled_back_at_run_time(tctx, core):
    core.running()

    with pytest.raises(exceptions.OptionsError, match="forebay_lazy: expected auto or on or off"):
        tctx.configure(core, forebay_lazy="perhaps")

    assert tctx.options.forebay_lazy == "auto"


class TestMismatch:
    """A core that is not what the guards were written for."""

    @pytest.fixture(name="broken")
    def _broken(self, monkeypatch):
        def make(rests):
            def fails(_):
                raise CoreMismatchError("upload: expected a, found b")

            guard = addon_module.Guard(upload.PATCH, fails, filter_rests_on_it=rests)
            monkeypatch.setattr(addon_module, "GUARDS", (guard,))

        return make

    def test_a_guard_that_filtering_rests_on_refuses_the_start(self, tctx, broken, caplog):
        broken(rests=True)

        configured(tctx, Proxycore())

        assert [r.levelno for r in caplog.records] == [logging.ERROR]
        assert "forebay_unsafe_core=true starts without" in caplog.text
        assert not upload.PATCH.installed

    def test_unless_told_so(self, tctx, broken, caplog):
        broken(rests=True)

        configured(tctx, Proxycore(), forebay_unsafe_core=True)

        assert caplog.records[-1].levelno == logging.WARNING

    def test_comfort_is_switched_off_with_one_line(self, tctx, broken, caplog):
        broken(rests=False)

        configured(tctx, Proxycore())

        assert [r.message for r in caplog.records] == [
            "proxycore: upload: expected a, found b; switched off"
        ]
        assert not upload.PATCH.installed


def test_stream_large_bodies_is_warned_about(tctx, core, caplog):
    tctx.options.stream_large_bodies = "1m"

    core.running()

    assert "stream_large_bodies: expected it unset, found 1m" in caplog.text


def test_an_outcome_begins_with_each_attempt(core):
    """A replayed flow keeps its metadata."""
    flow = tflow.tflow()

    core.requestheaders(flow)
    outcome.of(flow)["logged"] = True
    core.requestheaders(flow)

    assert outcome.of(flow) == {"attempt": 2}


@pytest.mark.parametrize("hook", ["requestheaders", "http_connect"])
def test_a_request_that_came_back_is_refused(core, hook):
    flow = tflow.tflow()
    flow.client_conn.peername, flow.client_conn.sockname = ("127.0.0.1", 4), ("127.0.0.1", 8080)
    data = server_hooks.ServerConnectionHookData(tflow.tserver_conn(), flow.client_conn)
    data.server.sockname, data.server.peername = ("127.0.0.1", 4), ("127.0.0.1", 8080)
    core.server_connected(data)

    getattr(core, hook)(flow)

    assert flow.response.status_code == 508
    assert outcome.answered_by(flow) == "proxycore"
    core.server_disconnected(data)


def test_hop_by_hop_fields_end_here(core):
    flow = tflow.tflow(resp=True)
    for message in (flow.request, flow.response):
        message.headers = http.Headers([(b"Connection", b"x-hop"), (b"X-Hop", b"1")])
    response, flow.response = flow.response, None

    core.requestheaders(flow)
    flow.response = response
    core.responseheaders(flow)

    assert flow.request.headers.fields == flow.response.headers.fields == ()


def test_the_end_of_bodies_is_told(core):
    """To consumers, before any other hook asks."""
    flow = tflow.tflow(resp=True)

    core.request(flow)
    core.response(flow)
    core.error(flow)

    assert bodies.request_size(flow) == len(b"content")


class TestBypass:
    """See ``bypassing``; here only that it comes first."""

    FIELD = "X-Forebay-Bypass"

    @pytest.fixture(autouse=True)
    def _allowed(self, tctx, core):
        tctx.configure(core, forebay_bypass="cache")

    def test_it_is_noted_and_taken_out(self, core):
        flow = tflow.tflow()
        flow.request.headers[self.FIELD] = "cache"

        core.requestheaders(flow)

        assert self.FIELD not in flow.request.headers
        assert outcome.of(flow)["bypass"]["done"] == ["cache"]

    def test_a_connect_that_is_accepted_speaks_for_a_request(self, core):
        connect, flow = tflow.tflow(), tflow.tflow()
        connect.request.data.method = b"CONNECT"
        connect.request.headers[self.FIELD] = "cache"
        flow.client_conn = connect.client_conn

        core.http_connect(connect)
        core.http_connected(connect)
        core.requestheaders(flow)

        assert self.FIELD not in connect.request.headers
        assert outcome.bypasses(flow, "cache")

    def test_no_origin_sees_it_even_if_the_outcome_cannot_begin(self, core, caplog):
        """As with that of a flow which somebody else has saved; nothing is honoured then."""
        flow = tflow.tflow()
        flow.is_replay = "request"
        flow.metadata["forebay"] = {"rewrite": [{}], "bypass": {"asked": [], "done": ["block"]}}
        flow.request.headers[self.FIELD] = "block"

        core.requestheaders(flow)

        assert "requestheaders: KeyError" in caplog.text
        assert self.FIELD not in flow.request.headers
        assert not outcome.bypasses(flow, "block")

    def test_trailers_have_it_no_more(self, core):
        flow = tflow.tflow()
        flow.request.trailers = http.Headers([(b"x-forebay-bypass", b"block"), (b"a", b"1")])

        core.request(flow)

        assert flow.request.trailers.fields == ((b"a", b"1"),)


def test_a_connection_to_elsewhere_is_let_pass(core):
    data = server_hooks.ServerConnectionHookData(tflow.tserver_conn(), tflow.tclient_conn())
    data.server.error = None

    core.server_connect(data)

    assert data.server.error is None


@pytest.mark.usefixtures("all_options")
def test_messages_are_trimmed():
    """Of all three kinds."""
    core = Proxycore()
    flows = [tflow.twebsocketflow(), tflow.ttcpflow(), tflow.tudpflow()]

    core.websocket_message(flows[0])
    core.tcp_message(flows[1])
    core.udp_message(flows[2])

    assert [
        len(m) for m in (flows[0].websocket.messages, flows[1].messages, flows[2].messages)
    ] == [1, 1, 1]


@pytest.mark.parametrize(
    ("asked", "answered", "killed"),
    [
        ("websocket", "websocket", False),
        ("WebSocket", "websocket ", False),
        ("", "foo", True),
        ("websocket", "foo", True),
        ("", "websocket", True),
        ("", "", True),
    ],
)
def test_only_websocket_is_switched_to(asked, answered, killed):
    """In a tunnel of any other kind nothing is judged."""
    flow = tflow.tflow(resp=True)
    flow.response.status_code = 101
    for message, value in ((flow.request, asked), (flow.response, answered)):
        if value:
            message.headers["upgrade"] = value

    Proxycore().responseheaders(flow)

    assert (flow.error is not None) is killed


def test_unknown_codings_pass_only_when_told(tctx, core):
    """And never where requests are not validated either."""
    core.running()
    assert not codings.PATCH.installed

    tctx.configure(core, forebay_unknown_coding="pass")
    assert codings.PATCH.installed

    with pytest.raises(exceptions.OptionsError, match="expected validate_inbound_headers=true"):
        tctx.configure(core, validate_inbound_headers=False)
    with pytest.raises(exceptions.OptionsError, match="expected refuse or pass, found 'drop'"):
        tctx.configure(core, forebay_unknown_coding="drop")

    tctx.configure(core, forebay_unknown_coding="refuse", validate_inbound_headers=True)
    assert not codings.PATCH.installed

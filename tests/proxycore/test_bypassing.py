"""The field is taken out, and the outcome tells what became of it."""

from __future__ import annotations

import logging

import pytest
from mitmproxy import exceptions, http
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.proxy import mode_specs
from mitmproxy.test import taddons, tflow

from forebay import outcome
from forebay.proxycore import bypassing, reserved
from forebay.proxycore.bypassing import Bypassing


class Declaring:
    """Declares the option, as the addon does."""

    def load(self, loader):
        bypassing.declare(loader)


@pytest.fixture(name="tctx")
def _tctx():
    with taddons.context(Proxyserver(), Declaring()) as tctx:
        yield tctx
        reserved.PATCH.uninstall()


@pytest.fixture(name="allowing")
def _allowing(tctx):
    def configured(value="cache,rewrite", *, running=False):
        tctx.options.forebay_bypass = value
        made = Bypassing()
        made.configure(running=running)
        return made

    return configured


def request(*values, client="127.0.0.1", method=b"GET", **fields):
    flow = tflow.tflow()
    flow.client_conn.peername = (client, 50000)
    flow.request.data.method = method
    flow.request.headers = http.Headers([(b"Host", b"x")])
    for name, value in fields.items():
        flow.request.headers[name.replace("_", "-")] = value
    for value in values:
        flow.request.headers.add("x-forebay-BYPASS", value)
    return flow


def begun(bypassing_, flow):
    """Do as the addon does with a request; return what the outcome says."""
    values = bypassing.take(flow.request)
    outcome.begin(flow)
    bypassing_.note(flow, values)
    return outcome.of(flow).get("bypass")


def test_a_request_without_it_is_left_alone(allowing):
    flow = request()
    before = flow.request.headers.fields

    assert begun(allowing(), flow) is None
    assert flow.request.headers.fields is before


@pytest.mark.parametrize("option", ["cache,rewrite,block", "cache", ""])
@pytest.mark.parametrize("client", ["127.0.0.1", "192.0.2.1"])
def test_it_is_taken_out_whoever_sent_it(allowing, option, client):
    flow = request("cache", "nonsense\x00", client=client)

    begun(allowing(option), flow)

    assert flow.request.headers.fields == ((b"Host", b"x"),)


@pytest.mark.parametrize(
    ("given", "done", "ignored"),
    [
        ({}, ["cache"], "not in forebay_bypass: block"),
        ({"client": "::1"}, ["cache"], "not in forebay_bypass: block"),
        ({"client": "192.0.2.1"}, [], "the client is not on this machine"),
        ({"origin": "http://x"}, [], "sent by a script in a browser (Origin)"),
    ],
)
def test_the_outcome_tells(allowing, given, done, ignored):
    found = begun(allowing(), request("cache, block", **given))

    assert found == {"asked": ["cache", "block"], "done": done, "ignored": ignored}


def test_a_client_that_is_gone_and_a_reverse_proxy(allowing):
    gone, reverse = request("cache"), request("cache")
    gone.client_conn.peername = None
    reverse.client_conn.proxy_mode = mode_specs.ProxyMode.parse("reverse:http://x")

    assert begun(allowing(), gone)["ignored"] == "the client is not on this machine"
    assert begun(allowing(), reverse)["ignored"] == "reverse mode"


def test_a_replay_goes_round_nothing(allowing):
    """Neither by what an earlier attempt was granted, nor by a field that is there again."""
    flow = request("cache")
    begun(allowing(), flow)
    assert outcome.bypasses(flow, "cache")

    flow.is_replay = "request"
    assert not outcome.bypasses(flow, "cache")
    assert begun(allowing(), flow) is None
    flow.request.headers["X-Forebay-Bypass"] = "cache"

    assert begun(allowing(), flow) == {"asked": ["cache"], "done": [], "ignored": "a replay"}


class TestTunnels:
    """A CONNECT speaks for the first request in its tunnel."""

    def made(self, allowing, *values, accepted=True, **fields):
        bypassing_ = allowing()
        connect = request(*values, method=b"CONNECT", **fields)
        begun(bypassing_, connect)
        if accepted:
            bypassing_.accepted(connect)

        def inside(*values, **fields):
            flow = request(*values, **fields)
            flow.client_conn = connect.client_conn
            found = begun(bypassing_, flow)
            return found and found["done"]

        return inside

    def test_and_for_no_other(self, allowing):
        inside = self.made(allowing, "cache, x", "rewrite")

        assert inside() == ["cache", "rewrite"]
        assert inside() is None

    def test_which_may_speak_for_itself(self, allowing):
        inside = self.made(allowing, "cache")

        assert inside("rewrite") == ["rewrite"]
        assert inside() is None

    def test_and_must_be_one_that_may(self, allowing):
        assert self.made(allowing, "cache")(sec_fetch_mode="cors") == []

    @pytest.mark.parametrize(
        "given", [{"accepted": False}, {"via": "1.1 x"}, {"client": "192.0.2.1"}], ids=str
    )
    def test_unless_it_was_refused_or_ignored(self, allowing, given):
        assert self.made(allowing, "cache", **given)() is None

    def test_another_connect_ends_it(self, allowing):
        inside = self.made(allowing, "cache")

        inside(method=b"CONNECT")

        assert inside() is None


@pytest.mark.parametrize(
    ("trailers", "left"),
    [
        (None, None),
        ([(b"a", b"1")], ((b"a", b"1"),)),
        ([(b"a", b"1"), (b"X-Forebay-Bypass", b"block")], ((b"a", b"1"),)),
        ([(b"x-forebay-bypass", b"block")], None),
    ],
)
def test_trailers_have_it_no_more(trailers, left):
    flow = tflow.tflow()
    flow.request.trailers = trailers and http.Headers(trailers)

    bypassing.clean_trailers(flow.request)

    assert (flow.request.trailers and flow.request.trailers.fields) == left


class TestOption:
    def test_a_bad_value_refuses_the_start_and_allows_nothing(self, allowing, caplog):
        made = allowing("cache,all")

        assert begun(made, request("cache"))["done"] == []
        (record,) = caplog.records
        assert record.levelname == "ERROR"
        assert record.getMessage() == (
            "forebay_bypass: expected cache, rewrite or block, separated by commas, "
            "or nothing, found 'all'"
        )

    def test_one_at_run_time_leaves_what_was(self, allowing, tctx):
        made = allowing("cache")
        tctx.options.forebay_bypass = "all"

        with pytest.raises(exceptions.OptionsError, match="forebay_bypass: expected"):
            made.configure(running=True)

        assert begun(made, request("cache"))["done"] == ["cache"]

    def test_connections_are_kept_apart_once_blocking_may_be_bypassed(self, allowing, tctx):
        """And after that as well: the connections are still open."""
        made = allowing("cache")
        assert not reserved.available()
        tctx.options.forebay_bypass = "block"
        made.configure(running=True)
        assert reserved.available()
        assert begun(made, request("block"))["done"] == ["block"]

        tctx.options.forebay_bypass = "cache"
        made.configure(running=True)
        assert reserved.available()
        assert begun(made, request("block"))["done"] == []

    def test_done_allows_nothing_any_more(self, allowing):
        made = allowing("block")

        made.done()
        made.done()

        assert not reserved.available()
        assert begun(made, request("block"))["done"] == []

    def test_with_another_core_blocking_is_not_bypassed(self, allowing, caplog, monkeypatch):
        monkeypatch.setattr("forebay.proxycore.patch.KNOWN_VERSIONS", ("0",))
        with caplog.at_level(logging.WARNING):
            made = allowing("cache,block")

        assert begun(made, request("cache, block"))["done"] == ["cache"]
        assert "blocking cannot be bypassed" in caplog.text

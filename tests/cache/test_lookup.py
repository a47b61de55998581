"""What becomes of a request."""

from __future__ import annotations

import asyncio

import pytest
from mitmproxy.proxy.mode_specs import ProxyMode

from cache.builders import NOW, entry, get
from forebay import outcome
from forebay.cache import variants
from forebay.cache.key import primary_key
from forebay.cache.lookup import look_up
from forebay.cache.plan import target_of
from forebay.cache.ram import RamStore

STALE = {
    "cache_control": "max-age=10",
    "etag": '"a"',
    "last_modified": "Tue, 14 Nov 2023 22:13:20 GMT",
}


@pytest.fixture
def store():
    ram = RamStore(10**6)
    variants.save(ram, primary_key(target_of(get("/fresh").request)), None, entry())
    variants.save(ram, primary_key(target_of(get("/stale").request)), None, entry(**STALE))
    return ram


def looked_up(store, flow, now_s=NOW + 20):
    return asyncio.run(look_up(flow, store, now_s))


def test_a_fresh_response_answers(store):
    flow = get("/fresh")

    assert looked_up(store, flow) is None

    assert flow.response.raw_content == b"hello" and flow.response.headers["age"] == "20"
    assert outcome.answered_by(flow) == "cache"
    assert outcome.of(flow)["cache"] == {
        "result": "hit",
        "reason": "fresh",
        "age_s": 20,
        "ttl_s": 40,
        "stored": False,
    }


def test_head_is_answered_from_a_stored_get(store):
    flow = get("/fresh", method="HEAD")

    looked_up(store, flow)

    assert flow.response.raw_content == b"" and flow.response.headers["content-length"] == "5"


def test_a_stale_response_makes_the_request_conditional(store):
    flow = get("/stale")

    plan = looked_up(store, flow)

    assert plan.found.entry == entry(**STALE) and plan.requested_at_s == NOW + 20
    assert flow.request.headers["if-none-match"] == '"a"'
    assert flow.request.headers["if-modified-since"] == STALE["last_modified"]
    assert outcome.of(flow)["cache"]["result"] == "stale"
    assert outcome.of(flow)["cache"]["added"] == ["If-None-Match", "If-Modified-Since"]


def test_a_stale_response_does_not_make_head_conditional(store):
    flow = get("/stale", method="HEAD")

    assert looked_up(store, flow) is not None

    assert "if-none-match" not in flow.request.headers


def test_what_is_not_stored_is_forwarded(store):
    flow = get("/none")

    assert looked_up(store, flow).found.entry is None

    assert outcome.of(flow)["cache"]["result"] == "miss"


def test_only_if_cached_is_answered_504(store):
    flow = get("/none", cache_control="only-if-cached")

    assert looked_up(store, flow) is None

    assert flow.response.status_code == 504
    assert outcome.answered_by(flow) == "cache"


@pytest.mark.parametrize(
    ("flow", "reason"),
    [
        (get("/fresh", method="POST"), "method"),
        (get("/fresh", body=b"x"), "request with a body"),
        pytest.param(get("/fresh", body=None), "request with a body", id="streamed"),
        (get("/fresh", host="a.example", range="bytes=0-1"), "range"),
    ],
)
def test_what_must_not_touch_the_store_goes_past_it(store, flow, reason):
    plan = looked_up(store, flow)

    assert plan.found is None and flow.response is None
    assert outcome.of(flow)["cache"]["reason"] == reason


@pytest.mark.parametrize(
    ("mode", "result"), [("regular", "bypass"), ("reverse:http://a.example", "hit")]
)
def test_the_name_in_tls_counts_unless_it_is_the_proxys_own(store, mode, result):
    flow = get("/fresh")
    flow.client_conn.sni = "proxy.example"
    flow.client_conn.proxy_mode = ProxyMode.parse(mode)

    looked_up(store, flow)

    assert outcome.of(flow)["cache"]["result"] == result


def test_a_client_that_left_during_the_read_is_not_answered(store):
    """The disk may be slow."""

    class Leaving(RamStore):
        def peek(self, key):
            flow.live = False
            return store.peek(key)

    flow = get("/fresh")

    assert looked_up(Leaving(0), flow) is None

    assert flow.response is None

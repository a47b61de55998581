"""What becomes of a request."""

from __future__ import annotations

import asyncio

import pytest
from mitmproxy.proxy.mode_specs import ProxyMode

from cache.builders import NOW, Clock, entry, get
from forebay import outcome
from forebay.cache import variants
from forebay.cache.cache_status import Fwd
from forebay.cache.collapse import Release
from forebay.cache.crowd import Crowd
from forebay.cache.decision import Forward
from forebay.cache.key import primary_key
from forebay.cache.lookup import look_up, stand_in_for_origin
from forebay.cache.plan import begin, target_of
from forebay.cache.ram import RamStore
from forebay.cache.rule import Rule
from forebay.cache.targeted import Targeted
from forebay.rewrite.patterns import Glob

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
        (get("/fresh", if_unmodified_since="x"), "precondition"),
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


@pytest.mark.parametrize(
    ("fields", "status", "body"),
    [
        ({"if_none_match": '"a"'}, 304, b""),
        ({"range": "bytes=1-2"}, 206, b"el"),
        ({"range": "bytes=9-"}, 416, b""),
        ({"range": "bytes=1-2", "if_range": '"b"'}, 200, b"hello"),
    ],
)
def test_conditions_and_ranges_are_answered(store, fields, status, body):
    flow = get("/fresh", **fields)

    assert looked_up(store, flow) is None

    assert (flow.response.status_code, flow.response.raw_content) == (status, body)
    assert flow.response.headers["age"] == "20"


def test_the_clients_conditions_make_room_for_ours(store):
    flow = get("/stale", if_none_match='"b"', range="bytes=0-1")

    plan = looked_up(store, flow)

    assert flow.request.headers.get_all("if-none-match") == ['"a"']
    assert flow.request.headers["range"] == "bytes=0-1"
    assert plan.removed == ((b"If-None-Match", b'"b"'),)
    assert plan.asked.lines(b"if-none-match") == [b'"b"']


def test_a_rule_may_bypass(store):
    rules = (Rule("cache.yaml", 7, bypass=True),)
    flow = get("/fresh")

    plan = asyncio.run(look_up(flow, store, NOW, rules=rules))

    assert plan.found is None and plan.detail("bypass") == "cache.yaml:7, bypass"
    assert outcome.of(flow)["cache"]["rule"] == {"file": "cache.yaml", "line": 7}


def test_a_rule_may_ignore_parameters_and_is_named(store):
    rules = (Rule("cache.yaml", 7, ignore_query=(Glob.of("utm_*"),)),)
    flow = get("/fresh?utm_a=1")

    asyncio.run(look_up(flow, store, NOW, rules=rules))

    assert flow.response.headers["cache-status"] == "forebay; hit; ttl=60; detail=cache.yaml:7"


@pytest.mark.parametrize(
    ("mode", "choice", "expected"),
    [
        ("regular", "auto", False),
        ("reverse:http://a.example", "auto", True),
        ("regular", "on", True),
        ("reverse:http://a.example", "off", False),
    ],
)
def test_targeted_fields_are_obeyed_in_front_of_an_origin(store, mode, choice, expected):
    flow = get("/none")
    flow.client_conn.proxy_mode = ProxyMode.parse(mode)

    plan = asyncio.run(look_up(flow, store, NOW, targeted=Targeted(choice)))

    assert plan.targeted is expected


@pytest.mark.parametrize(
    ("fields", "trusted"), [({}, True), ({"x_host": "b.example"}, False), ({"upgrade": "x"}, False)]
)
def test_an_unsafe_request_is_planned_without_the_store(fields, trusted):
    plan = begin(get(method="POST", body=b"x", **fields), NOW)

    assert not plan.may_look_up and plan.is_trusted is trusted
    assert plan.decision == Forward(Fwd.METHOD, "method")


def test_what_another_request_has_brought_is_told_as_such(store):
    """It led, was stored, and answers the one that waited, at the time it is then."""

    async def run():
        clock = Clock()
        crowd = Crowd(clock)
        leader, follower = get("/x"), get("/x")
        assert await look_up(leader, store, NOW, crowd=crowd) is not None
        waiting = asyncio.create_task(look_up(follower, store, NOW, crowd=crowd))
        while not crowd.flights.waiting:
            await asyncio.sleep(0)
        clock.now_s += 3
        variants.save(store, primary_key(target_of(leader.request)), None, entry())
        crowd.end(leader, Release.AGAIN)
        assert await waiting is None
        return follower

    flow = asyncio.run(run())

    assert flow.response.headers["cache-status"] == "forebay; hit; ttl=57; detail=collapsed"
    assert outcome.of(flow)["cache"]["reason"] == "collapsed"


def test_one_that_has_waited_in_vain_asks_itself(store):
    """At most twice; its request is as old as its sending."""

    async def run():
        clock = Clock()
        crowd = Crowd(clock)
        leaders = [get("/x")]
        await look_up(leaders[0], store, NOW, crowd=crowd)
        waiting = asyncio.create_task(look_up(get("/x"), store, NOW, crowd=crowd))
        for _ in range(2):
            while not crowd.flights.waiting:
                await asyncio.sleep(0)
            clock.now_s += 1
            leader = leaders[-1]
            leaders.append(get("/x"))
            crowd.end(leader, Release.AGAIN)
            await look_up(leaders[-1], store, NOW, crowd=crowd)
        return await waiting, crowd.flights.waiting

    plan, still_waiting = asyncio.run(run())

    assert plan.requested_at_s == NOW + 2 and still_waiting == 0
    assert plan.decision == Forward(Fwd.URI_MISS, "not stored")


def test_variants_that_are_known_are_fetched_side_by_side(store):
    async def run():
        german = get("/x", accept_language="de")
        key = primary_key(target_of(german.request))
        said = ((b"accept-language", b"fr"),)
        variants.save(store, key, None, entry(said=said, cache_control="max-age=60"))
        crowd = Crowd(Clock())
        plans = [
            await look_up(flow, store, NOW, crowd=crowd)
            for flow in (german, get("/x", accept_language="en"))
        ]
        return plans, len(crowd.flights)

    plans, leading = asyncio.run(run())

    assert leading == 2 and all(plan.names == (b"accept-language",) for plan in plans)


class Refreshes:
    """Notes what is to be refreshed."""

    def __init__(self, *, may=True) -> None:
        self.may = may
        self.started = []

    def may_refresh(self, flow, key):
        return self.may

    def start(self, flow, key):
        self.started.append((flow.request.path, key))


@pytest.mark.parametrize(
    ("fields", "may", "age_s", "result"),
    [
        ({}, True, 20, "stale-while-revalidate"),
        ({}, True, 5, "fresh"),
        ({}, True, 99, "stale"),
        ({}, False, 20, "stale"),
        ({"method": "HEAD"}, True, 20, "stale"),
        ({"cache_control": "max-age=60"}, True, 20, "stale"),
    ],
)
def test_a_stale_response_may_answer_and_be_refreshed_afterwards(store, fields, may, age_s, result):
    key = primary_key(target_of(get("/swr").request))
    control = "max-age=10, stale-while-revalidate=60"
    variants.save(store, key, None, entry(cache_control=control, etag='"a"'))
    flow, refreshes = get("/swr", **fields), Refreshes(may=may)

    asyncio.run(look_up(flow, store, NOW + age_s, background=refreshes))

    assert outcome.of(flow)["cache"]["reason"] == result
    is_refreshed = result == "stale-while-revalidate"
    assert refreshes.started == ([("/swr", key)] if is_refreshed else [])
    if is_refreshed:
        status = "forebay; hit; ttl=-10; detail=stale-while-revalidate"
        assert flow.response.headers["cache-status"] == status


def test_a_part_is_not_refreshed_afterwards(store):
    """Its refresh would ask for the whole, which nobody has asked for."""
    key = primary_key(target_of(get("/swr").request))
    fields = {"cache_control": "max-age=10, stale-while-revalidate=60", "etag": '"a"'}
    part = entry(status=206, body=b"01234", content_range="bytes 0-4/99999999", **fields)
    variants.save(store, key, None, part)
    flow, refreshes = get("/swr", range="bytes=0-3"), Refreshes()

    asyncio.run(look_up(flow, store, NOW + 20, background=refreshes))

    assert refreshes.started == []


class TestOriginGone:
    def answer(self, store, flow, *, sent=True):
        """Return the response that was to be sent, or None."""
        responses = []

        def send(_, response):
            responses.append(response)
            return sent

        found = stand_in_for_origin(flow, looked_up(store, flow), NOW + 20, send)

        assert found is (bool(responses) and sent)
        return responses[0] if responses else None

    def test_what_is_stored_stands_in(self, store):
        flow = get("/stale")

        response = self.answer(store, flow)

        assert (response.status_code, response.raw_content) == (200, b"hello")
        assert response.headers["cache-status"] == "forebay; fwd=stale; detail=unreachable"
        assert response.headers["age"] == "20"
        assert outcome.answered_by(flow) == "cache"
        assert outcome.of(flow)["cache"]["reason"] == "unreachable"
        assert outcome.of(flow)["cache"]["added"] == ["If-None-Match", "If-Modified-Since"]

    def test_it_answers_what_the_client_asked(self, store):
        assert self.answer(store, get("/stale", if_none_match='"a"')).status_code == 304

    def test_it_may_be_too_late(self, store):
        flow = get("/stale")

        assert self.answer(store, flow, sent=False) is not None
        assert outcome.answered_by(flow) is None
        assert outcome.of(flow)["cache"]["reason"] == "stale"

    @pytest.mark.parametrize(
        "flow",
        [
            get("/none"),
            get("/stale", method="POST"),
            get("/fresh", cache_control="no-cache"),
        ],
    )
    def test_not_always(self, store, flow):
        assert self.answer(store, flow) is None

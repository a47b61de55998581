"""The cache's hooks, with a real store."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
import weakref

import pytest
from mitmproxy import exceptions, http
from mitmproxy import flow as mflow
from mitmproxy.test import taddons

from cache.builders import DEADLINE_S, NOW_DATE, Clock, Origin, exchange, get, status_field
from forebay import outcome
from forebay.cache.addon import CacheAddon
from forebay.proxycore import again, bodies

NEVER = Origin(status=500)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def context():
    with taddons.context() as opened:
        yield opened


@pytest.fixture
def cache(context, clock, tmp_path):
    addon = CacheAddon(clock)
    context.master.addons.add(addon)
    context.configure(addon, cache_dir=str(tmp_path / "cache"))
    addon.running()
    yield addon
    addon.done()


def run(cache, *steps, **given):
    """Run (flow, origin) pairs one after the other; return the last flow."""

    async def all_steps():
        for flow, origin in steps:
            last = await exchange(cache, flow, origin, **given)
        return last

    return asyncio.run(all_steps())


def notes(flow):
    return outcome.of(flow)["cache"]


class TestHits:
    def test_what_was_stored_answers_with_the_origins_own_head(self, cache, clock):
        origin = Origin(
            cache_control="max-age=60", date="x", x_two=["1", "2"], cache_status="o; hit"
        )
        first = run(cache, (get(), origin))
        clock.now_s += 20

        second = run(cache, (get(), NEVER))

        assert status_field(first) == "o; hit, forebay; fwd=uri-miss; stored"
        assert notes(first)["result"] == "miss" and notes(first)["stored"] is True
        assert second.response.headers.fields == (
            *origin.fields,
            (b"Age", b"20"),
            (b"Cache-Status", b"forebay; hit; ttl=40"),
        )
        assert second.response.raw_content == b"hello"
        assert NEVER.seen == []

    def test_a_restart_keeps_what_was_stored(self, cache, context, clock, tmp_path):
        run(cache, (get(), Origin(cache_control="max-age=60")))
        cache.done()
        again = CacheAddon(clock)
        again.configure({"cache_dir"})
        again.running()

        try:
            flow = run(again, (get(), NEVER))
        finally:
            again.done()

        assert notes(flow)["result"] == "hit" and flow.response.raw_content == b"hello"

    def test_edits_for_the_client_are_not_stored(self, cache):
        """Response rules run after us, on hits too."""

        def edit(flow):
            flow.response.headers["x-edited"] = "1"
            del flow.response.headers["cache-control"]

        run(cache, (get(), Origin(cache_control="max-age=60")), later=edit)

        flow = run(cache, (get(), NEVER))

        assert "x-edited" not in flow.response.headers
        assert flow.response.headers["cache-control"] == "max-age=60"

    def test_variants_live_side_by_side(self, cache):
        for language in ("de", "en"):
            origin = Origin(
                body=language.encode(), cache_control="max-age=60", vary="Accept-Language"
            )
            run(cache, (get(accept_language=language), origin))

        found = [
            run(cache, (get(accept_language=each), NEVER)).response.raw_content
            for each in ("de", "en")
        ]

        assert found == [b"de", b"en"]
        missed = run(cache, (get(accept_language="fr"), Origin()))
        assert status_field(missed).startswith("forebay; fwd=vary-miss")

    def test_a_chunked_response_is_stored_without_its_coding(self, cache):
        origin = Origin(length=False, transfer_encoding="chunked", cache_control="max-age=60")

        flow = run(cache, (get(), origin), (get(), NEVER))

        assert flow.response.headers["content-length"] == "5"
        assert "transfer-encoding" not in flow.response.headers

    def test_http2_origins_need_no_length(self, cache):
        origin = Origin(version=b"HTTP/2.0", length=False, cache_control="max-age=60")

        flow = run(cache, (get(version=b"HTTP/2.0"), origin), (get(), NEVER))

        assert notes(flow)["result"] == "hit"


class TestValidation:
    STORED = {"cache_control": "max-age=10", "etag": '"a"', "x": "old"}

    def stale(self, cache, clock, **stored):
        run(cache, (get(), Origin(**(stored or self.STORED))))
        clock.now_s += 20

    def test_a_304_becomes_the_stored_response_and_refreshes_it(self, cache, clock):
        self.stale(cache, clock)
        origin = Origin(status=304, etag='"a"', x="new", cache_control="max-age=60", age="5")
        heads = []

        flow = run(
            cache,
            (get(), origin),
            later=lambda flow: heads.append(
                (flow.response.status_code, flow.response.headers["x"])
            ),
        )

        assert heads == [(200, "new")]
        assert origin.seen[0]["If-None-Match"] == '"a"'
        assert "if-none-match" not in flow.request.headers
        assert flow.response.raw_content == b"hello" and flow.response.headers["age"] == "5"
        assert flow.response.headers["content-length"] == "5"
        assert status_field(flow) == "forebay; fwd=stale; fwd-status=304; stored"
        assert notes(flow)["result"] == "revalidated" and notes(flow)["stored"] is True
        assert notes(flow)["added"] == ["If-None-Match"]
        clock.now_s += 20
        hit = run(cache, (get(), NEVER))
        assert hit.response.headers["x"] == "new" and hit.response.headers["age"] == "25"

    def test_another_response_takes_the_place_of_the_stored_one(self, cache, clock):
        self.stale(cache, clock)

        flow = run(cache, (get(), Origin(body=b"newer", cache_control="max-age=60")))

        assert status_field(flow) == "forebay; fwd=stale; fwd-status=200; stored"
        assert run(cache, (get(), NEVER)).response.raw_content == b"newer"

    def test_a_304_about_another_response_is_answered_once(self, cache, clock):
        self.stale(cache, clock)

        flow = run(cache, (get(), Origin(status=304, etag='"b"', x="new")))

        assert flow.response.status_code == 200 and flow.response.headers["x"] == "old"
        assert flow.response.raw_content == b"hello"
        assert notes(flow)["unstored"] == "304 for another response"
        again = run(cache, (get(), Origin()))
        assert notes(again)["result"] == "miss"

    def test_a_304_that_forbids_storing_does_not_refresh(self, cache, clock):
        self.stale(cache, clock)

        flow = run(cache, (get(), Origin(status=304, cache_control="no-store", x="new")))

        assert flow.response.headers["x"] == "new" and flow.response.raw_content == b"hello"
        assert (notes(flow)["stored"], notes(flow)["unstored"]) == (False, "no-store")
        assert notes(run(cache, (get(), Origin())))["result"] == "stale"

    def test_a_304_that_was_not_asked_for_is_passed_on(self, cache):
        flow = run(cache, (get(), Origin(status=304, cache_control="max-age=60")))

        assert flow.response.status_code == 304 and notes(flow)["unstored"] == "status 304"

    def test_a_304_is_undone_even_when_the_cache_was_switched_off(self, cache, clock, context):
        """The client has not asked for one."""
        self.stale(cache, clock)

        async def switched_off():
            flow = get()
            await cache.request(flow)
            context.configure(cache, cache=False)
            flow.response = Origin(status=304).answer(flow.request)
            cache.responseheaders(flow)
            flow.response.raw_content = b""
            cache.response(flow)
            return flow

        flow = asyncio.run(switched_off())

        assert (flow.response.status_code, flow.response.raw_content) == (200, b"hello")

    def test_a_body_that_another_addon_set_stays(self, cache, clock):
        self.stale(cache, clock)

        def replace(flow):
            flow.response = http.Response.make(403, b"no")

        async def replaced():
            flow = get()
            await cache.request(flow)
            flow.response = Origin(status=304).answer(flow.request)
            cache.responseheaders(flow)
            replace(flow)
            cache.response(flow)
            return flow

        assert asyncio.run(replaced()).response.raw_content == b"no"

    def test_a_failed_validation_leaves_the_request_as_it_was(self, cache, clock):
        self.stale(cache, clock)

        async def failed():
            flow = get()
            await cache.request(flow)
            cache.error(flow)
            cache.error(get())
            return flow

        assert "if-none-match" not in asyncio.run(failed()).request.headers


class TestConditionsOfClients:
    STORED = {"cache_control": "max-age=10", "etag": '"a"'}

    @pytest.mark.parametrize(
        ("asked", "status", "body"),
        [
            ({"if_none_match": '"a"'}, 304, b""),
            ({"if_none_match": '"b"'}, 200, b"hello"),
            ({"range": "bytes=1-2"}, 206, b"el"),
            ({"range": "bytes=1-2", "if_range": '"b"'}, 200, b"hello"),
        ],
    )
    def test_they_are_answered_after_our_own_validation(self, cache, clock, asked, status, body):
        run(cache, (get(), Origin(**self.STORED)))
        clock.now_s += 20
        origin = Origin(status=304, etag='"a"', cache_control="max-age=60", x="new")

        flow = run(cache, (get(**asked), origin))

        assert origin.seen[0]["If-None-Match"] == '"a"'
        assert (flow.response.status_code, flow.response.raw_content) == (status, body)
        assert sorted(flow.request.headers.fields) == sorted(get(**asked).request.headers.fields)
        assert notes(flow)["stored"] is True
        hit = run(cache, (get(), NEVER))
        assert hit.response.raw_content == b"hello" and hit.response.headers["x"] == "new"

    def test_a_newer_response_is_given_whole(self, cache, clock):
        run(cache, (get(), Origin(**self.STORED)))
        clock.now_s += 20

        flow = run(cache, (get(if_none_match='"b"'), Origin(body=b"newer", etag='"b"')))

        assert (flow.response.status_code, flow.response.raw_content) == (200, b"newer")

    def test_a_304_to_the_clients_own_condition_is_the_clients(self, cache):
        flow = run(cache, (get(if_none_match='"a"'), Origin(status=304, etag='"a"')))

        assert flow.response.status_code == 304 and notes(flow)["unstored"] == "status 304"


class TestParts:
    @pytest.fixture(autouse=True)
    def _can_ask_again(self):
        again.PATCH.install()
        yield
        again.PATCH.uninstall()

    def part(self, first=0, body=b"01234", tag='"a"', **fields):
        last = first + len(body) - 1
        return Origin(
            status=206,
            body=body,
            cache_control="max-age=60",
            etag=tag,
            content_range=f"bytes {first}-{last}/10",
            **fields,
        )

    def test_a_part_serves_what_lies_inside(self, cache):
        first = run(cache, (get(range="bytes=0-4"), self.part()))
        assert notes(first)["stored"] is True

        flow = run(cache, (get(range="bytes=1-2"), NEVER))

        assert (flow.response.status_code, flow.response.raw_content) == (206, b"12")
        assert flow.response.headers["content-range"] == "bytes 1-2/10"
        outside = run(cache, (get(), Origin(status=404)))
        assert status_field(outside).startswith("forebay; fwd=partial")

    def test_parts_under_one_strong_tag_become_the_whole(self, cache):
        run(cache, (get(range="bytes=0-4"), self.part()))
        run(cache, (get(range="bytes=5-9"), self.part(5, b"56789")))

        flow = run(cache, (get(), NEVER))

        assert (flow.response.status_code, flow.response.raw_content) == (200, b"0123456789")

    @pytest.mark.parametrize(
        ("first", "asked", "rest", "own"),
        [
            (0, "bytes=5-", 5, {}),
            (5, "bytes=0-4", 0, {}),
            (
                0,
                "bytes=5-",
                5,
                {"if_none_match": '"other"', "if_modified_since": NOW_DATE.decode()},
            ),
        ],
    )
    def test_a_part_is_completed_with_its_rest(self, cache, first, asked, rest, own):
        """Only the rest is asked for, and the whole is the client's and the store's (§3.4)."""
        halves = {0: b"01234", 5: b"56789"}
        origin = self.part(rest, halves[rest], x="new", age="3")
        run(cache, (get(range=f"bytes={first}-{first + 4}"), self.part(first, halves[first])))

        flow = run(cache, (get(**own), origin))

        (asked_for,) = origin.seen
        assert (asked_for["Range"], asked_for["If-Range"]) == (asked, '"a"')
        assert not {"If-None-Match", "If-Modified-Since"} & asked_for.keys()
        assert "range" not in flow.request.headers
        assert {name.replace("-", "_").lower() for name in flow.request.headers} >= own.keys()
        response = flow.response
        assert (response.status_code, response.raw_content) == (200, b"0123456789")
        assert response.headers["content-length"] == "10" and response.headers["x"] == "new"
        assert "content-range" not in response.headers
        assert status_field(flow) == "forebay; fwd=partial; fwd-status=206; stored"
        assert notes(flow)["stored"] is True
        hit = run(cache, (get(), NEVER))
        assert (hit.response.status_code, hit.response.raw_content) == (200, b"0123456789")
        assert int(hit.response.headers["age"]) >= 3

    def test_a_changed_whole_takes_the_place_of_a_part(self, cache):
        """The origin's answer where If-Range does not hold."""
        run(cache, (get(range="bytes=0-4"), self.part()))

        flow = run(cache, (get(), Origin(body=b"newer", cache_control="max-age=60", etag='"b"')))

        assert (flow.response.status_code, flow.response.raw_content) == (200, b"newer")
        assert run(cache, (get(), NEVER)).response.raw_content == b"newer"

    def test_an_error_is_passed_on(self, cache):
        run(cache, (get(range="bytes=0-4"), self.part()))

        flow = run(cache, (get(), Origin(status=503, body=b"down")))

        assert (flow.response.status_code, flow.response.raw_content) == (503, b"down")

    def test_a_rest_that_is_too_short_is_no_answer(self, cache):
        """It shows at the end only; the part goes, so that the next request is whole."""
        run(cache, (get(range="bytes=0-4"), self.part()))

        cut = self.part(5, b"567", length=False, transfer_encoding="chunked")
        cut.fields = [f for f in cut.fields if f[0] != b"Content-Range"]
        cut.fields.append((b"Content-Range", b"bytes 5-9/10"))
        flow = run(cache, (get(), cut))

        assert flow.response.status_code == 502
        assert b"try again" in flow.response.raw_content
        assert flow.response.headers["content-length"] == str(len(flow.response.raw_content))
        again = Origin(body=b"0123456789")
        assert run(cache, (get(), again)).response.raw_content == b"0123456789"
        assert "range" not in {name.lower() for name in again.seen[0]}

    def test_a_part_of_something_large_is_not_completed_in_memory(self, cache):
        large = self.part()
        large.fields = [f for f in large.fields if f[0] != b"Content-Range"]
        large.fields.append((b"Content-Range", b"bytes 0-4/%d" % (2**20 + 1)))
        run(cache, (get(range="bytes=0-4"), large))
        origin = Origin(body=b"0123456789")

        run(cache, (get(), origin))

        assert "Range" not in origin.seen[0]

    def test_what_may_not_be_stored_is_completed_all_the_same(self, cache):
        run(cache, (get(range="bytes=0-4"), self.part()))

        private = self.part(5, b"56789")
        private.fields = [f for f in private.fields if f[0] != b"Cache-Control"]
        private.fields.append((b"Cache-Control", b"private"))
        flow = run(cache, (get(), private))

        assert (flow.response.status_code, flow.response.raw_content) == (200, b"0123456789")
        assert notes(flow)["unstored"] == "private"

    @pytest.mark.parametrize("tag", ['W/"a"', ""])
    def test_without_a_strong_tag_the_whole_is_asked_for(self, cache, tag):
        run(cache, (get(range="bytes=0-4"), self.part(tag=tag)))
        origin = Origin(body=b"0123456789")

        run(cache, (get(), origin))

        assert "Range" not in origin.seen[0]

    def test_parts_of_different_versions_do_not(self, cache):
        run(cache, (get(range="bytes=0-4"), self.part()))
        run(cache, (get(range="bytes=5-9"), self.part(5, b"56789", '"b"')))

        assert notes(run(cache, (get(range="bytes=0-9"), Origin())))["result"] == "miss"

    def test_a_part_does_not_take_the_place_of_a_fresh_whole(self, cache):
        run(cache, (get(), Origin(body=b"abcdefghij", cache_control="max-age=60")))

        passed = run(
            cache,
            (get(range="bytes=0-4", cache_control="no-cache"), self.part()),
        )

        assert notes(passed)["stored"] is False
        assert run(cache, (get(), NEVER)).response.raw_content == b"abcdefghij"

    @pytest.mark.parametrize("length", [True, False])
    def test_a_range_that_does_not_fit_its_body_is_refused(self, cache, length):
        origin = Origin(
            status=206,
            body=b"01234",
            length=length,
            version=b"HTTP/2.0",
            cache_control="max-age=60",
            content_range="bytes 4-9/10",
        )

        flow = run(cache, (get(range="bytes=-5"), origin))

        assert notes(flow)["stored"] is False
        assert (notes(flow).get("unstored") == "content-range") is length
        assert notes(run(cache, (get(range="bytes=-5"), Origin())))["result"] == "miss"


class TestErrors:
    @pytest.mark.parametrize("status", [500, 502, 503, 504])
    def test_stale_if_error_hides_a_server_error(self, cache, clock, status):
        run(cache, (get(), Origin(cache_control="max-age=10, stale-if-error=60")))
        clock.now_s += 20

        flow = run(cache, (get(), Origin(status=status, body=b"broken")))

        assert (flow.response.status_code, flow.response.raw_content) == (200, b"hello")
        assert flow.response.headers["age"] == "20"
        assert flow.response.headers["content-length"] == "5"
        assert status_field(flow) == (
            f"forebay; fwd=stale; fwd-status={status}; detail=stale-if-error"
        )
        assert (notes(flow)["result"], notes(flow)["stored"]) == ("stale", False)

    @pytest.mark.parametrize(
        ("control", "origin"),
        [
            ("max-age=10", Origin(status=503)),
            ("max-age=10, stale-if-error=60", Origin(status=501)),
            ("max-age=10, stale-if-error=60, must-revalidate", Origin(status=503)),
            ("max-age=10, stale-if-error=60", Origin(status=503, body=bytes(2_000_000))),
        ],
    )
    def test_others_are_passed_on(self, cache, clock, control, origin):
        run(cache, (get(), Origin(cache_control=control)))
        clock.now_s += 20

        assert run(cache, (get(), origin)).response.status_code == origin.status

    def test_an_origin_that_is_gone_is_stood_in_for(self, cache, clock):
        run(cache, (get(), Origin(cache_control="max-age=10", etag='"a"')))
        clock.now_s += 20
        sent = []

        async def gone():
            flow = get()
            await cache.request(flow)
            cache.error(flow)
            return flow

        cache._answer = lambda flow, response: sent.append(response) or True
        flow = asyncio.run(gone())
        assert [response.raw_content for response in sent] == [b"hello"]
        assert outcome.answered_by(flow) == "cache"
        assert "if-none-match" not in flow.request.headers

    def test_a_stand_in_that_fails_leaves_the_error(self, cache, clock, caplog):
        run(cache, (get(), Origin(cache_control="max-age=10")))
        clock.now_s += 20

        def fail(flow, response):
            raise ZeroDivisionError("test")

        async def gone():
            flow = get()
            await cache.request(flow)
            cache.error(flow)
            return flow

        cache._answer = fail
        assert outcome.answered_by(asyncio.run(gone())) is None
        assert "error failed" in caplog.text


class TestChanges:
    FRESH = {"cache_control": "max-age=60"}

    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "M-SEARCH", "get"])
    @pytest.mark.parametrize(
        ("status", "named", "forgotten"),
        [
            (204, {}, ["/a"]),
            (303, {}, ["/a"]),
            (500, {}, []),
            (404, {"location": "/b"}, []),
            (201, {"location": "/b", "content_location": "http://a.example/c"}, ["/a", "/b", "/c"]),
            (201, {"location": "http://b.example/b"}, ["/a"]),
        ],
    )
    def test_a_change_makes_what_it_names_outdated(
        self, cache, clock, method, status, named, forgotten
    ):
        for path in ("/a", "/b", "/c"):
            run(cache, (get(path), Origin(**self.FRESH, vary="Accept")))
        clock.now_s += 1

        run(cache, (get("/a", method=method, body=b"x"), Origin(status=status, **named)))

        clock.now_s += 1
        found = [
            path
            for path in ("/a", "/b", "/c")
            if notes(run(cache, (get(path), Origin(status=500))))["result"] != "hit"
        ]
        assert found == forgotten

    def test_variants_of_an_earlier_life_do_not_come_back(self, cache, clock):
        for language in ("de", "en"):
            origin = Origin(**self.FRESH, vary="Accept-Language")
            run(cache, (get(accept_language=language), origin))
        clock.now_s += 1
        run(cache, (get(method="POST"), Origin(status=204)))
        clock.now_s += 1

        run(cache, (get(accept_language="de"), Origin(**self.FRESH, vary="Accept-Language")))

        assert notes(run(cache, (get(accept_language="de"), NEVER)))["result"] == "hit"
        assert notes(run(cache, (get(accept_language="en"), Origin())))["result"] == "miss"

    def test_what_was_asked_for_before_the_change_is_not_stored_after_it(self, cache, clock):
        async def overtaken():
            slow = get()
            await cache.request(slow)
            clock.now_s += 1
            await exchange(cache, get(method="POST"), Origin(status=204))
            clock.now_s += 1
            slow.response = Origin(**self.FRESH).answer(slow.request)
            cache.responseheaders(slow)
            slow.response.raw_content = b"hello"
            bodies.finish_response(slow)
            cache.response(slow)
            return slow

        assert notes(asyncio.run(overtaken()))["stored"] is False
        assert notes(run(cache, (get(), Origin())))["result"] == "miss"

    def test_an_upload_answered_before_its_end_changes_things_too(self, cache, clock):
        """mitmproxy calls ``request`` at the end of a streamed upload."""
        run(cache, (get(), Origin(**self.FRESH)))
        clock.now_s += 1
        flow = get(method="PUT", body=None)
        flow.response = Origin(status=204).answer(flow.request)

        cache.responseheaders(flow)

        assert status_field(flow) == "forebay; fwd=method; detail=method"
        assert notes(run(cache, (get(), Origin())))["result"] == "miss"

    def test_an_answer_to_post_may_stand_for_the_target(self, cache, clock):
        """RFC 9110 §9.3.3."""
        origin = Origin(**self.FRESH, content_location="http://a.example/")
        first = run(cache, (get(method="POST", body=b"x"), origin))
        clock.now_s += 1

        flow = run(cache, (get(), NEVER))

        assert status_field(first) == "forebay; fwd=method; stored"
        assert flow.response.raw_content == b"hello"

    @pytest.mark.parametrize(
        ("given_get", "origin"),
        [
            ({}, {"content_location": "/other", "cache_control": "max-age=60"}),
            ({}, {"content_location": "/", "etag": '"a"'}),
            ({}, {"content_location": "/", "cache_control": "max-age=60", "status": 201}),
            (
                {"host": "b.example:99"},
                {"content_location": "/", "cache_control": "max-age=60"},
            ),
            ({"method": "PUT"}, {"content_location": "/", "cache_control": "max-age=60"}),
        ],
    )
    def test_others_do_not(self, cache, clock, given_get, origin):
        flow = get(**{"method": "POST", "body": b"x", **given_get})
        flow.request.data.host = "a.example"
        run(cache, (flow, Origin(**origin)))
        clock.now_s += 1

        assert notes(run(cache, (get(), Origin())))["result"] == "miss"


class TestHead:
    STORED = {"cache_control": "max-age=10", "etag": '"a"', "x": "old"}

    def test_a_200_to_head_refreshes_what_is_stored(self, cache, clock):
        """§4.3.5."""
        run(cache, (get(), Origin(**self.STORED)))
        clock.now_s += 20
        origin = Origin(etag='"a"', cache_control="max-age=60", x="new")

        head = run(cache, (get(method="HEAD"), origin))
        flow = run(cache, (get(), NEVER))

        assert status_field(head) == "forebay; fwd=stale; stored"
        assert notes(head)["stored"]
        assert flow.response.raw_content == b"hello" and flow.response.headers["x"] == "new"

    @pytest.mark.parametrize(
        "origin",
        [
            Origin(etag='"b"', cache_control="max-age=60"),
            Origin(body=b"longer", cache_control="max-age=60"),
        ],
    )
    def test_one_for_another_response_makes_it_outdated(self, cache, clock, origin):
        run(cache, (get(), Origin(**self.STORED)))
        clock.now_s += 20

        run(cache, (get(method="HEAD"), origin))

        assert notes(run(cache, (get(), Origin())))["result"] == "miss"

    @pytest.mark.parametrize(
        "origin", [Origin(status=404, etag='"b"'), Origin(etag='"a"', cache_control="no-store")]
    )
    def test_others_leave_it(self, cache, clock, origin):
        run(cache, (get(), Origin(**self.STORED)))
        clock.now_s += 20

        run(cache, (get(method="HEAD"), origin))

        assert notes(run(cache, (get(), Origin())))["result"] == "stale"


class TestWaiting:
    """One request leads and another waits; each with its own flow."""

    def raced(self, cache, *, end, given=None, **fields):
        """Return the waiting request's flow, None if it goes to the origin, and whether it did."""

        async def run():
            leader, follower = get(**(given or {})), get(**(given or {}))
            follower.client_conn = leader.client_conn
            await cache.request(leader)
            waiting = asyncio.create_task(cache.request(follower))
            for _ in range(9):
                await asyncio.sleep(0)
            has_waited = not waiting.done()
            leader.response = Origin(**fields).answer(leader.request)
            end(leader)
            for _ in range(9):  # at once, and not when it has waited for too long
                await asyncio.sleep(0)
            return has_waited, waiting.done(), follower

        return asyncio.run(run())

    def answered(self, cache):
        def end(leader):
            cache.responseheaders(leader)
            leader.response.raw_content = b"hello"
            bodies.finish_response(leader)
            cache.response(leader)

        return end

    def test_what_is_stored_answers_both(self, cache):
        waited, is_done, flow = self.raced(
            cache, end=self.answered(cache), cache_control="max-age=60"
        )

        assert waited and is_done
        assert status_field(flow) == "forebay; hit; ttl=60; detail=collapsed"

    @pytest.mark.parametrize(
        "fields", [{"cache_control": "private"}, {"cache_control": "no-store"}]
    )
    def test_the_head_of_another_is_enough(self, cache, fields):
        waited, is_done, flow = self.raced(cache, end=cache.responseheaders, **fields)

        assert waited and is_done and flow.response is None

    def test_the_answer_of_another_addon_is_nobody_elses(self, cache):
        def end(leader):
            leader.response = http.Response.make(403)
            outcome.of(leader)["answer"] = "blocklist"
            cache.responseheaders(leader)

        waited, is_done, flow = self.raced(cache, end=end)

        assert waited and is_done and flow.response is None

    @pytest.mark.parametrize("how", ["error", "done", "left"])
    def test_whatever_ends_it_lets_go(self, cache, how):
        def end(leader):
            leader.response = None
            match how:
                case "error":
                    leader.error = mflow.Error("server closed connection")
                    cache.error(leader)
                case "done":
                    cache.done()
                case "left":  # both flows are of one connection
                    cache.client_disconnected(leader.client_conn)

        waited, is_done, flow = self.raced(cache, end=end)

        assert waited and is_done and flow.response is None

    @pytest.mark.parametrize(
        "given", [{"cookie": "a=b"}, {"authorization": "x"}, {"method": "POST"}]
    )
    def test_some_do_not_wait(self, cache, given):
        waited, _, flow = self.raced(
            cache, end=self.answered(cache), given=given, cache_control="max-age=60"
        )

        assert not waited and flow.response is None


class TestRules:
    def test_a_lifetime_and_a_key_of_the_users_own(self, cache, context, clock, tmp_path):
        (tmp_path / "home" / "rules").mkdir(parents=True)
        (tmp_path / "home" / "rules" / "cache.yaml").write_text(
            "rules:\n  - lifetime: 1h\n    key: {ignore_query: utm_*}\n"
        )

        async def exchanged():
            context.configure(cache, forebay_home=str(tmp_path / "home"))
            try:
                first = await exchange(cache, get("/?utm_x=1"), Origin())
                clock.now_s += 3000
                return first, await exchange(cache, get("/?utm_x=2"), NEVER)
            finally:
                cache.done()

        first, hit = asyncio.run(exchanged())

        assert status_field(first) == "forebay; fwd=uri-miss; stored; detail=cache.yaml:2"
        assert status_field(hit) == "forebay; hit; ttl=600; detail=cache.yaml:2"
        assert notes(hit)["rule"]["line"] == 2

    def test_a_targeted_field_counts_by_choice(self, cache, context, clock):
        origin = Origin(cache_control="no-store", cdn_cache_control="max-age=60")
        assert notes(run(cache, (get(), origin)))["unstored"] == "no-store"

        context.configure(cache, cache_targeted_fields="on")

        assert notes(run(cache, (get(), origin), (get(), NEVER)))["result"] == "hit"


class TestNotStored:
    @pytest.mark.parametrize(
        ("given_get", "origin", "detail"),
        [
            ({}, {"cache_control": "no-store"}, "no-store"),
            ({}, {"cache_control": "max-age=9", "length": False}, '"end of body not proved"'),
            (
                {},
                {"cache_control": "max-age=9", "body": bytes(2_000_000)},
                '"too large for memory"',
            ),
            ({"method": "HEAD"}, {"cache_control": "max-age=9"}, '"method HEAD"'),
            (
                {"cookie": "x" * 20_000},
                {"cache_control": "max-age=9", "vary": "Cookie"},
                "vary",
            ),
            ({}, {"cache_control": "max-age=9", "set_cookie": "a"}, "set-cookie"),
        ],
    )
    def test_the_client_is_told_why(self, cache, given_get, origin, detail):
        flow = run(cache, (get(**given_get), Origin(**origin)))

        assert status_field(flow) == f"forebay; fwd=uri-miss; detail={detail}"
        assert notes(flow)["stored"] is False
        assert notes(flow)["unstored"] == detail.strip('"')
        assert notes(run(cache, (get(**given_get), Origin())))["result"] == "miss"

    def test_a_bypass_is_told_too(self, cache):
        flow = run(cache, (get(if_match='"a"'), Origin(cache_control="max-age=60")))

        assert status_field(flow) == "forebay; fwd=bypass; detail=precondition"
        assert notes(run(cache, (get(), Origin())))["result"] == "miss"

    def test_another_method_is_told_as_such(self, cache):
        flow = run(cache, (get(method="PUT"), Origin()))

        assert status_field(flow) == "forebay; fwd=method; detail=method"

    def test_an_upgrade_keeps_its_head(self, cache):
        flow = run(cache, (get(upgrade="websocket"), Origin(status=101, length=False)))

        assert status_field(flow) == ""

    @pytest.mark.parametrize("end", ["cut", "error"])
    def test_a_body_that_broke_off_is_never_stored(self, cache, end):
        async def broken():
            flow = get()
            await cache.request(flow)
            flow.response = Origin(cache_control="max-age=60").answer(flow.request)
            cache.responseheaders(flow)
            if end == "cut":
                flow.response.raw_content = b"hell"
                bodies.finish_response(flow)
                cache.response(flow)
            else:
                bodies.break_off(flow)
                cache.error(flow)
            return flow

        assert notes(asyncio.run(broken()))["stored"] is False
        assert notes(run(cache, (get(), Origin())))["result"] == "miss"

    def test_a_long_body_of_unknown_length_passes_unstored(self, cache):
        origin = Origin(
            length=False,
            transfer_encoding="chunked",
            cache_control="max-age=60",
            body=bytes(2_000_000),
        )

        flow = run(cache, (get(), origin))

        assert notes(flow)["stored"] is False and len(flow.response.raw_content) == 2_000_000

    def test_the_answer_of_another_addon_is_never_stored(self, cache):
        """One that comes later in the chain, or is none of ours."""

        async def answered(mark):
            flow = get()
            await cache.request(flow)
            fields = ((b"Cache-Control", b"max-age=60"),)
            flow.response = http.Response.make(200, b"" if mark else b"other", fields)
            if mark:
                flow.response.raw_content = None
                outcome.of(flow)["answer"] = "recording"
            cache.responseheaders(flow)
            bodies.finish_response(flow)
            cache.response(flow)
            return flow

        for mark in (False, True):
            assert status_field(asyncio.run(answered(mark))) == ""
            assert notes(run(cache, (get(), Origin())))["result"] == "miss"

    def test_a_request_that_was_sent_elsewhere_is_not_stored_here(self, cache):
        """map_remote acts after our lookup."""

        async def rerouted():
            flow = get()
            await cache.request(flow)
            flow.request.path = "/other"
            flow.response = Origin(cache_control="max-age=60").answer(flow.request)
            cache.responseheaders(flow)
            return flow

        assert notes(asyncio.run(rerouted()))["unstored"] == "request changed on its way"

    def test_credentials_that_were_added_later_count(self, cache):
        """stickyauth acts after our lookup."""

        async def added():
            flow = get()
            await cache.request(flow)
            flow.request.headers["authorization"] = "Basic x"
            flow.response = Origin(cache_control="max-age=60").answer(flow.request)
            cache.responseheaders(flow)
            return flow

        assert notes(asyncio.run(added()))["unstored"] == "authorization"


class TestBypass:
    """Requests that go round the cache, or round the rules that others are edited by."""

    @staticmethod
    def round(what, *given, **fields):
        flow = get(*given, **fields)
        outcome.of(flow)["bypass"] = {"asked": [what], "done": [what], "ignored": None}
        return flow

    def test_nothing_stored_answers_nor_is_anything_stored(self, cache):
        """Nor validated, nor replaced: who asks next gets what was there."""
        run(cache, (get(), Origin(cache_control="max-age=60", etag='"a"')))
        origin = Origin(body=b"newer", cache_control="max-age=60", etag='"b"')

        flow = run(cache, (self.round("cache"), origin))

        assert flow.response.raw_content == b"newer"
        assert "if-none-match" not in origin.seen[0]
        assert status_field(flow) == "forebay; fwd=bypass; detail=X-Forebay-Bypass"
        assert notes(flow)["result"] == "bypass" and notes(flow)["stored"] is False
        assert run(cache, (get(), NEVER)).response.raw_content == b"hello"

    def test_what_is_not_stored_stays_so(self, cache):
        run(cache, (self.round("cache"), Origin(cache_control="max-age=60")))
        origin = Origin()

        run(cache, (get(), origin))

        assert len(origin.seen) == 1

    def test_the_clients_own_conditions_reach_the_origin(self, cache):
        origin = Origin(status=304, etag='"a"')

        flow = run(cache, (self.round("cache", if_none_match='"a"'), origin))

        assert origin.seen[0]["If-None-Match"] == '"a"'
        assert flow.response.status_code == 304

    def test_an_unsafe_request_invalidates_all_the_same(self, cache):
        """Whoever asks next must not get what was changed (§4.4)."""
        run(cache, (get(), Origin(cache_control="max-age=60")))
        flow = self.round("cache", method="POST")

        run(cache, (flow, Origin(cache_control="max-age=60", content_location="/")))

        origin = Origin()
        run(cache, (get(), origin))
        assert len(origin.seen) == 1
        assert status_field(flow) == "forebay; fwd=bypass; detail=X-Forebay-Bypass"

    def test_it_waits_for_nobody_and_nobody_for_it(self, cache):
        async def both():
            for first, second in ((get(), self.round("cache")), (self.round("cache"), get())):
                async with asyncio.timeout(DEADLINE_S):
                    await cache.request(first)
                    await cache.request(second)
                assert first.response is None and second.response is None
                cache.error(first)
                cache.error(second)

        asyncio.run(both())

    def test_without_rules_the_store_may_answer(self, cache):
        run(cache, (get(), Origin(cache_control="max-age=60")))

        flow = run(cache, (self.round("rewrite"), NEVER))

        assert notes(flow)["result"] == "hit"

    def test_but_what_the_origin_then_says_is_not_for_others(self, cache, clock):
        """It was asked something else than it is for them."""
        origin = Origin(cache_control="max-age=60", etag='"a"')
        flow = run(cache, (self.round("rewrite"), origin))
        assert status_field(flow) == 'forebay; fwd=bypass; detail="not rewritten"'
        run(cache, (get(), origin))
        clock.now_s += 61

        run(cache, (self.round("rewrite"), origin))
        run(cache, (get(), origin))

        assert ["If-None-Match" in seen for seen in origin.seen] == [False, False, False, True]

    def test_nor_is_its_answer_to_a_post(self, cache):
        """Which would stand for GETs of the target (RFC 9110 §9.3.3)."""
        answered = Origin(cache_control="max-age=60", content_location="/")
        origin = Origin()
        run(cache, (get(method="POST"), answered), (get(), NEVER))

        run(cache, (self.round("rewrite", method="POST"), answered), (get(), origin))

        assert len(origin.seen) == 1


class TestTurn:
    @pytest.mark.parametrize("done", ["response", "error", "live", "off"])
    def test_a_flow_that_is_settled_is_left_alone(self, cache, context, done):
        flow = get()
        if done == "response":
            flow.response = http.Response.make(403)
        elif done == "error":
            flow.error = object()
        elif done == "live":
            flow.live = False
        else:
            context.configure(cache, cache=False)

        asyncio.run(cache.request(flow))

        assert "cache" not in outcome.of(flow)

    def test_hooks_without_a_request_do_nothing(self, cache):
        flow = get()
        flow.response = Origin().answer(flow.request)

        cache.responseheaders(flow)
        cache.response(flow)

        assert status_field(flow) == ""


class TestFailOpen:
    def broken(self, cache, monkeypatch, name):
        def fail(*args, **kwargs):
            raise ZeroDivisionError("test")

        monkeypatch.setattr(cache._store.ram, name, fail)

    def test_a_store_that_cannot_be_read(self, cache, monkeypatch, caplog):
        self.broken(cache, monkeypatch, "peek")

        for _ in range(3):
            flow = run(cache, (get(), Origin(cache_control="max-age=60")))

        assert flow.response.raw_content == b"hello"
        assert [record.levelno for record in caplog.records] == [logging.WARNING]
        assert (
            "request failed, the traffic goes on uncached: ZeroDivisionError: test" in caplog.text
        )

    def test_a_store_that_cannot_be_written(self, cache, monkeypatch, caplog):
        self.broken(cache, monkeypatch, "put")

        flow = run(cache, (get(), Origin(cache_control="max-age=60")))

        assert flow.response.raw_content == b"hello" and notes(flow)["stored"] is False
        assert "response failed" in caplog.text

    def test_a_refresh_that_cannot_be_written(self, cache, monkeypatch, caplog, clock):
        run(cache, (get(), Origin(cache_control="max-age=1", etag='"a"')))
        clock.now_s += 9
        self.broken(cache, monkeypatch, "put")

        flow = run(cache, (get(), Origin(status=304)))

        assert flow.response.raw_content == b"hello" and len(caplog.records) == 1

    def test_a_304_whose_merge_fails_is_a_whole_answer_all_the_same(
        self, cache, monkeypatch, caplog, clock
    ):
        run(cache, (get(), Origin(cache_control="max-age=1", etag='"a"')))
        clock.now_s += 9
        self.broken(cache, monkeypatch, "delete")  # also called for a 304 of another response

        flow = run(cache, (get(), Origin(status=304, etag='"b"')))

        assert (flow.response.status_code, flow.response.raw_content) == (200, b"hello")
        assert "responseheaders failed" in caplog.text


class TestLifeCycle:
    def test_a_bad_option_at_run_time_keeps_the_store(self, cache, context):
        run(cache, (get(), Origin(cache_control="max-age=60")))

        with pytest.raises(exceptions.OptionsError, match="cache_set_cookie: expected"):
            context.configure(cache, cache_set_cookie="keep")

        assert notes(run(cache, (get(), NEVER)))["result"] == "hit"

    def test_a_bad_option_at_the_start_is_one_line(self, context, caplog):
        addon = CacheAddon()
        context.master.addons.add(addon)

        context.configure(addon, cache_size_bytes="x")

        assert [
            record.getMessage() for record in caplog.records if record.levelno == logging.ERROR
        ] == ["cache_size_bytes: expected a size in bytes such as 64k, 8m or 1g, found 'x'"]

    def test_another_folder_is_another_store(self, cache, context, tmp_path):
        run(cache, (get(), Origin(cache_control="max-age=60")))

        context.configure(cache, cache_dir=str(tmp_path / "other"))

        assert notes(run(cache, (get(), Origin())))["result"] == "miss"
        assert cache.summary() == f"cache 1.0 GB in {tmp_path}/other (RAM 64 MB)"

    def test_an_option_of_the_policy_keeps_the_store(self, cache, context):
        run(cache, (get(), Origin(cache_control="max-age=60")))

        context.configure(cache, cache_set_cookie="store", cache_max_object_bytes="1k")

        assert notes(run(cache, (get(), NEVER)))["result"] == "hit"

    def test_options_of_others_change_nothing(self, cache):
        store = cache._store

        cache.configure({"anticache"})

        assert cache._store is store

    def test_memory_only(self, cache, context, tmp_path):
        context.configure(cache, cache_size_bytes="0")

        flow = run(cache, (get(), Origin(cache_control="max-age=60")), (get(), NEVER))

        assert notes(flow)["result"] == "hit" and cache.summary() == "cache in RAM, 64 MB"

    def test_done_may_come_twice_and_before_everything(self, cache):
        cache.done()
        cache.done()
        CacheAddon().done()
        off = CacheAddon()
        off.running()

        assert off.summary() == "cache off"

    def test_flows_are_not_kept_alive(self, cache):
        """A plan that held its flow would hold it for ever."""

        async def abandoned():
            flow = get()
            await cache.request(flow)
            flow.response = Origin(cache_control="max-age=60").answer(flow.request)
            cache.responseheaders(flow)
            return weakref.ref(flow)

        reference = asyncio.run(abandoned())
        gc.collect()

        assert reference() is None


def test_a_hit_that_lies_on_disk_waits_without_blocking(context, clock, tmp_path):
    first = CacheAddon(clock)
    context.master.addons.add(first)
    context.configure(first, cache_dir=str(tmp_path), cache_ram_bytes="0")
    first.running()
    run(first, (get(), Origin(cache_control="max-age=60")))
    assert first._store.disk.flush(DEADLINE_S)

    flow = run(first, (get(), NEVER))

    first.done()
    assert notes(flow)["result"] == "hit" and flow.response.raw_content == b"hello"


class TestPurge:
    @pytest.mark.parametrize("what", ["http://a.example/", "a.example"])
    def test_the_command_deletes_what_is_stored(self, cache, context, what):
        flow = run(cache, (get(), Origin(cache_control="max-age=60")))
        assert notes(flow)["stored"]
        assert cache._store.disk.flush(DEADLINE_S)

        said = context.master.commands.execute(f"forebay.cache.purge {what}")
        for thread in threading.enumerate():
            if thread.name == "cache purge":
                thread.join(DEADLINE_S)

        assert said == f"purging {what}"
        again = run(cache, (get(), Origin()))
        assert notes(again)["result"] != "hit"

    def test_what_is_neither_is_one_line(self, cache, context):
        with pytest.raises(exceptions.CommandError, match="expected"):
            context.master.commands.execute("forebay.cache.purge 'a b'")

    def test_without_a_cache_it_says_so(self, cache, context):
        context.configure(cache, cache=False)

        with pytest.raises(exceptions.CommandError, match="found it off"):
            cache.purge_command("a.example")


class TestStatus:
    def test_what_became_of_requests_and_what_is_kept(self, cache, tmp_path):
        run(cache, (get(), Origin(cache_control="max-age=60")), (get(), NEVER))
        assert cache._store.disk.flush(DEADLINE_S)

        found = cache.status()

        assert (found["hit"], found["miss"], found["stored"]) == (1, 1, 1)
        assert found["hit_ratio"] == 0.5
        assert (found["entries"], found["ram_entries"]) == (1, 1)
        assert found["folder"] == str(tmp_path / "cache")
        assert 0 < found["disk_bytes"] < found["disk_limit_bytes"]
        assert found["problems"] == []

    def test_what_the_origin_has_not_answered_was_a_miss(self, cache, context):
        """As in the log: it was looked up, and not found."""
        flow = get()
        asyncio.run(cache.request(flow))
        flow.error = mflow.Error("connection refused")

        cache.error(flow)

        assert (cache.status()["miss"], cache.status()["hit_ratio"]) == (1, 0)

    def test_a_flow_of_a_file_is_not_counted(self, cache):
        """What it says became of it was counted by another proxy."""
        kept = run(cache, (get(), Origin(cache_control="max-age=60"))).copy()
        before = cache.status()

        cache.response(kept)
        cache.error(kept)

        assert cache.status() == before

    def test_off(self, cache, context):
        context.configure(cache, cache=False)

        assert cache.status() == {"on": False}

    def test_a_folder_that_cannot_be_used_is_a_problem(self, cache, context, tmp_path):
        (tmp_path / "file").touch()
        context.configure(cache, cache_dir=str(tmp_path / "file"))

        assert cache.status()["problems"] == [
            "expected a folder that can be written, found none: in memory only"
        ]

    def test_in_memory_by_option_is_no_problem(self, cache, context):
        context.configure(cache, cache_size_bytes="0")

        assert cache.status()["problems"] == []
        assert "folder" not in cache.status()

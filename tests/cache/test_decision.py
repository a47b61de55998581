"""Decisions: RFC 9111 §4, §5.2.1, §5.4."""

from __future__ import annotations

import pytest

from cache.builders import NOW, entry, head
from forebay.cache.cache_status import Fwd
from forebay.cache.decision import (
    Complete,
    Forward,
    Refuse,
    Revalidate,
    Serve,
    can_be_completed,
    decide,
    may_be_refreshed,
    stand_in,
    told,
)
from forebay.cache.ranges import Part
from forebay.cache.shape import NOT_MODIFIED, Shape
from forebay.cache.staleness import Failure

INM = ((b"If-None-Match", b'"a"'),)
STALE = {"cache_control": "max-age=10", "etag": '"a"'}
MUTE = {"cache_control": "max-age=10"}


def test_a_fresh_response_is_served_with_its_age_and_the_time_left():
    assert decide(head(), entry(), NOW + 29.5) == Serve(age_s=29, ttl_s=30)


@pytest.mark.parametrize(
    ("stored", "request_fields", "expected"),
    [
        pytest.param(STALE, {}, Revalidate(INM, Fwd.STALE, "stale"), id="stale"),
        pytest.param(MUTE, {}, Forward(Fwd.STALE, "stale"), id="stale, no validator"),
        pytest.param(
            {"cache_control": "max-age=60, no-cache", "etag": '"a"'},
            {},
            Revalidate(INM, Fwd.STALE, "no-cache"),
            id="response no-cache",
        ),
        pytest.param(
            {},
            {"cache_control": "no-cache"},
            Revalidate(INM, Fwd.REQUEST, "request no-cache"),
            id="request no-cache",
        ),
        pytest.param(
            {}, {"pragma": "No-Cache"}, Revalidate(INM, Fwd.REQUEST, "request pragma"), id="pragma"
        ),
        pytest.param(
            {},
            {"pragma": "no-cache", "cache_control": "max-age=60"},
            Serve(20, 40),
            id="pragma means nothing beside Cache-Control",
        ),
        pytest.param({}, {"pragma": "x"}, Serve(20, 40), id="another pragma"),
        pytest.param(
            {},
            {"cache_control": "max-age=19"},
            Revalidate(INM, Fwd.REQUEST, "request max-age"),
            id="too old for the client",
        ),
        pytest.param({}, {"cache_control": "max-age=20"}, Serve(20, 40), id="just young enough"),
        pytest.param(
            {},
            {"cache_control": "max-age=x"},
            Revalidate(INM, Fwd.REQUEST, "request max-age"),
            id="unreadable max-age",
        ),
        pytest.param(
            {},
            {"cache_control": "no-store"},
            Forward(Fwd.REQUEST, "request no-store"),
            id="no-store",
        ),
        pytest.param({}, {"cache_control": "only-if-cached"}, Serve(20, 40), id="cached"),
        pytest.param(
            STALE,
            {"cache_control": "only-if-cached"},
            Refuse(Fwd.STALE, "stale"),
            id="only-if-cached, stale",
        ),
        pytest.param(
            {},
            {"cache_control": "only-if-cached, no-store"},
            Refuse(Fwd.REQUEST, "request no-store"),
            id="only-if-cached, no-store",
        ),
    ],
)
def test_with_a_stored_response(stored, request_fields, expected):
    """Twenty seconds after it came."""
    assert decide(head(**request_fields), entry(**stored), NOW + 20) == expected


@pytest.mark.parametrize(
    ("request_fields", "absent", "expected"),
    [
        ({}, Fwd.URI_MISS, Forward(Fwd.URI_MISS, "not stored")),
        ({}, Fwd.VARY_MISS, Forward(Fwd.VARY_MISS, "vary")),
        ({"cache_control": "only-if-cached"}, Fwd.URI_MISS, Refuse(Fwd.URI_MISS, "not stored")),
    ],
)
def test_without_a_stored_response(request_fields, absent, expected):
    assert decide(head(**request_fields), None, NOW, absent=absent) == expected


def test_head_is_forwarded_when_the_stored_response_is_stale():
    """Its answer could not be merged with a body."""
    found = decide(head(), entry(**STALE), NOW + 20, is_get=False)

    assert found == Forward(Fwd.STALE, "stale")


STALE_MUTE = {"cache_control": "max-age=10"}
STRICT = {"cache_control": "max-age=10, must-revalidate", "etag": '"a"'}


@pytest.mark.parametrize(
    ("stored", "control", "expected"),
    [
        pytest.param({}, "min-fresh=40", Serve(20, 40), id="fresh for long enough"),
        pytest.param(
            {},
            "min-fresh=41",
            Revalidate(INM, Fwd.REQUEST, "request min-fresh"),
            id="not for long enough",
        ),
        pytest.param(STALE_MUTE, "max-stale", Serve(20, -10, "request max-stale"), id="any"),
        pytest.param(STALE_MUTE, "max-stale=10", Serve(20, -10, "request max-stale"), id="10"),
        pytest.param(STALE_MUTE, "max-stale=9", Forward(Fwd.STALE, "stale"), id="too stale"),
        pytest.param(STALE_MUTE, "max-stale=x", Forward(Fwd.STALE, "stale"), id="unreadable"),
        pytest.param(STALE_MUTE, "max-stale=0", Forward(Fwd.STALE, "stale"), id="zero"),
        pytest.param(STRICT, "max-stale", Revalidate(INM, Fwd.STALE, "stale"), id="forbidden"),
        pytest.param(
            STALE_MUTE,
            "max-stale, max-age=19",
            Forward(Fwd.REQUEST, "request max-age"),
            id="stale but too old",
        ),
        pytest.param(
            STALE_MUTE, "max-stale, only-if-cached", Serve(20, -10, "request max-stale"), id="oic"
        ),
    ],
)
def test_what_the_client_accepts(stored, control, expected):
    """§5.2.1, twenty seconds after it came."""
    assert decide(head(cache_control=control), entry(**stored), NOW + 20) == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"if_none_match": '"a"'}, Serve(20, 40, shape=NOT_MODIFIED)),
        ({"range": "bytes=1-2"}, Serve(20, 40, shape=Shape(206, Part(1, 2, 5)))),
    ],
)
def test_conditions_and_ranges_are_answered_from_what_is_fresh(fields, expected):
    assert decide(head(**fields), entry(), NOW + 20) == expected


def test_a_stale_response_is_validated_first_whatever_the_client_has():
    found = decide(head(if_none_match='"b"'), entry(**STALE), NOW + 20)

    assert found == Revalidate(INM, Fwd.STALE, "stale")


SWR = {"cache_control": "max-age=10, stale-while-revalidate=30", "etag": '"a"'}


@pytest.mark.parametrize(
    ("later_s", "may_refresh", "control", "served"),
    [
        (20, True, None, True),
        (20, False, None, False),
        (40, True, None, False),
        (20, True, "max-age=60", False),
        (20, True, "min-fresh=0", False),
    ],
)
def test_stale_while_revalidate_has_its_window(later_s, may_refresh, control, served):
    """RFC 5861 §3; a client that names a lifetime has said what it takes."""
    request = head() if control is None else head(cache_control=control)

    found = decide(request, entry(**SWR), NOW + later_s, may_refresh=may_refresh)

    if served:
        assert found == Serve(20, -10, "stale-while-revalidate", refresh=True)
    else:
        assert isinstance(found, Revalidate)


PART = entry(
    status=206,
    body=b"cdefg",
    cache_control="max-age=60",
    content_range="bytes 0-4/10",
    etag='"a"',
)


@pytest.mark.parametrize(
    ("fields", "may_complete", "expected"),
    [
        ({}, True, Complete(((b"Range", b"bytes=5-"), (b"If-Range", b'"a"')))),
        ({}, False, Forward(Fwd.PARTIAL, "part stored")),
        ({"range": "bytes=7-"}, True, Forward(Fwd.PARTIAL, "part stored")),
        ({"range": "bytes=1-2"}, True, Serve(20, 40, shape=Shape(206, Part(1, 2, 10)))),
        ({"cache_control": "only-if-cached"}, True, Refuse(Fwd.PARTIAL, "part stored")),
    ],
)
def test_a_stored_part(fields, may_complete, expected):
    assert decide(head(**fields), PART, NOW + 20, may_complete=may_complete) == expected


def test_a_part_without_a_strong_tag_is_not_completed():
    fields = {"cache_control": "max-age=60", "content_range": "bytes 0-4/10"}
    stored = entry(status=206, **fields, etag='W/"a"')

    found = decide(head(), stored, NOW, may_complete=True)

    assert found == Forward(Fwd.PARTIAL, "part stored")


def test_head_completes_nothing():
    found = decide(head(), PART, NOW + 20, may_complete=True, is_get=False)

    assert found == Forward(Fwd.PARTIAL, "part stored")


SIE = {"cache_control": "max-age=10, stale-if-error=30", "etag": '"a"'}
DOWN, BROKEN = Failure.UNREACHABLE, Failure.SERVER_ERROR


@pytest.mark.parametrize(
    ("stored", "fields", "failure", "expected"),
    [
        pytest.param(STALE, {}, DOWN, Serve(20, -10, "unreachable"), id="down"),
        pytest.param(STALE, {}, BROKEN, None, id="503 needs leave"),
        pytest.param(SIE, {}, BROKEN, Serve(20, -10, "stale-if-error"), id="503 with leave"),
        pytest.param(STRICT, {}, DOWN, None, id="must-revalidate"),
        pytest.param(
            STALE,
            {"cache_control": "stale-if-error=30"},
            BROKEN,
            Serve(20, -10, "stale-if-error"),
            id="the client's leave",
        ),
        pytest.param(STALE, {"cache_control": "no-cache"}, DOWN, None, id="no-cache"),
        pytest.param(STALE, {"cache_control": "no-store"}, DOWN, None, id="no-store"),
        pytest.param(STALE, {"pragma": "no-cache"}, DOWN, None, id="pragma"),
        pytest.param(STALE, {"cache_control": "max-age=99"}, DOWN, None, id="max-age"),
        pytest.param(STALE, {"cache_control": "min-fresh=1"}, DOWN, None, id="min-fresh"),
        pytest.param(STALE, {"cache_control": "max-stale=9"}, DOWN, None, id="max-stale=9"),
        pytest.param(
            STALE,
            {"cache_control": "max-stale=10, max-age=0"},
            DOWN,
            Serve(20, -10, "unreachable"),
            id="max-stale=10",
        ),
        pytest.param(
            STALE,
            {"if_none_match": '"a"'},
            DOWN,
            Serve(20, -10, "unreachable", NOT_MODIFIED),
            id="conditional",
        ),
    ],
)
def test_what_stands_in_for_the_origin(stored, fields, failure, expected):
    """RFC 9111 §4.2.4, RFC 5861 §4."""
    assert stand_in(head(**fields), entry(**stored), NOW + 20, failure) == expected


def test_a_part_does_not_stand_in_for_the_whole():
    assert stand_in(head(), PART, NOW + 20, DOWN) is None


@pytest.mark.parametrize(
    ("decision", "words"),
    [
        (Serve(1, 2), ("hit", "fresh")),
        (Revalidate(INM, Fwd.STALE, "no-cache"), ("stale", "no-cache")),
        (Complete(()), ("miss", "part stored")),
        (Forward(Fwd.VARY_MISS, "vary"), ("miss", "vary")),
        (Forward(Fwd.BYPASS, "not rewritten"), ("bypass", "not rewritten")),
        (Refuse(Fwd.STALE, "stale"), ("miss", "only-if-cached, stale")),
    ],
)
def test_the_log_is_told_result_and_reason(decision, words):
    assert told(decision) == words


def test_only_a_whole_that_says_so_may_be_refreshed_after_its_answer():
    later = {"cache_control": "max-age=1, stale-while-revalidate=9"}

    assert may_be_refreshed(head(), entry(**later))
    assert not may_be_refreshed(head(cache_control="only-if-cached"), entry(**later))
    assert not may_be_refreshed(head(), entry())
    assert not may_be_refreshed(head(), entry(status=206, content_range="bytes 0-4/9", **later))


def test_only_a_part_of_what_fits_into_memory_can_be_completed():
    part = entry(status=206, content_range="bytes 0-4/9")

    assert can_be_completed(part, 9)
    assert not can_be_completed(part, 8)
    assert not can_be_completed(entry(), 9)
    assert not can_be_completed(None, 9)

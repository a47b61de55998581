"""Decisions: RFC 9111 §4, §5.2.1, §5.4."""

from __future__ import annotations

import pytest

from cache.builders import NOW, entry, head
from forebay.cache.cache_status import Fwd
from forebay.cache.decision import Forward, Refuse, Revalidate, Serve, decide

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
    found = decide(head(), entry(**STALE), NOW + 20, may_validate=False)

    assert found == Forward(Fwd.STALE, "stale")

"""The cache's numbers, and where they come from."""

from __future__ import annotations

import pytest

from forebay.cache.freshness import Validity
from forebay.cache.headers import Head
from forebay.cache.key import Target
from forebay.inspect import arithmetic
from forebay.trafficlog.redact import DEFAULT

MISS = {"age_s": None, "ttl_s": None}


def said(**more):
    return Validity(**({"date_s": 100.0, "requested_at_s": 100.5, "received_at_s": 102.0} | more))


def test_a_hit_is_told_by_what_the_cache_noted():
    assert arithmetic.freshness({"age_s": 31, "ttl_s": 28}, said(max_age_s=60)) == {
        "lifetime": "60 s, by max-age (§5.2.2.1)",
        "age": "31 s when it was served (§4.2.3)",
        "left": "28 s, lifetime minus age",
    }


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"file": "/r/cache.yaml", "line": 3}, "300 s, by the rule /r/cache.yaml:3"),
        (None, "300 s, by what was stored (its head was edited since)"),
    ],
)
def test_a_hit_whose_head_says_otherwise(rule, expected):
    cache = {"age_s": 100, "ttl_s": 200, "rule": rule}

    assert arithmetic.freshness(cache, said(max_age_s=60))["lifetime"] == expected


def test_a_response_of_the_origin_is_computed_by_its_head():
    assert arithmetic.freshness(MISS, said(s_maxage_s=60, age_field_s=5)) == {
        "lifetime": "60 s, by s-maxage (§5.2.2.10)",
        "age": "6.5 s on arrival: the larger of 2.0 s since its Date "
        "and 5 s by its Age field + 1.5 s on the way (§4.2.3)",
        "left": "60 s - 6.5 s = 53.5 s",
    }


def test_a_rule_may_set_another_lifetime():
    cache = MISS | {"rule": {"file": "/r/cache.yaml", "line": 3}}

    assert arithmetic.freshness(cache, said(max_age_s=1))["lifetime"] == (
        "1 s, by max-age (§5.2.2.1); another by the rule /r/cache.yaml:3, if that sets one"
    )


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"forced_s": 1, "max_age_s": 2}, "by a rule of the user's"),
        ({"expires_s": 200.0}, "by Expires minus Date (§5.3)"),
        ({"heuristic_s": 9}, "guessed: a tenth of the time since Last-Modified (§4.2.2)"),
        ({}, "as nothing is said of it"),
    ],
)
def test_the_first_that_is_there_counts(fields, expected):
    assert arithmetic.source(said(**fields)) == expected


def test_the_key_is_shown_without_secrets():
    target = Target(b"GET", b"https", "h.example", 443, b"/a\xff?token=hunter2")

    assert arithmetic.key(target, DEFAULT) == {
        "scheme": "https",
        "host": "h.example",
        "port": 443,
        "path": "/a\\xff?token=REDACTED",
    }


def test_the_variant_is_what_the_request_said():
    request = Head([(b"Accept-Encoding", b"gzip"), (b"Cookie", b"a=hunter2")])
    response = Head([(b"Vary", b"Accept-Encoding, Cookie, Accept")])

    assert arithmetic.variants(request, response, DEFAULT) == {
        "accept": "absent",
        "accept-encoding": "gzip",
        "cookie": "a=REDACTED",
    }
    assert arithmetic.variants(request, Head([(b"Vary", b"*")]), DEFAULT) == (
        "no other request selects it"
    )

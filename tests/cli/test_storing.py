"""Whether a response would be stored."""

from __future__ import annotations

import argparse

import pytest

from cache.builders import NOW, entry
from forebay.cache.decision import decide
from forebay.cache.plan import begin
from forebay.cache.rule import Rule
from forebay.cache.targeted import Targeted
from forebay.cache.variants import Found
from forebay.cli import asking, proxyoptions, storing
from forebay.cli.fetched import Answer
from forebay.errors import ForebayError

FRESH = ("--response-header", "Cache-Control: max-age=60")


def given_for(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    asking.add_arguments(parser)
    storing.add_arguments(parser)
    proxyoptions.add_arguments(parser)
    given = parser.parse_args(["https://a.example/x", *arguments, "--confdir", "/no/such"])
    proxyoptions.fill(given)
    return given


def judged(*arguments, rules=(), stored=None, answer=None):
    given = given_for(*arguments)
    flow = asking.flow_for(given)
    targeted = Targeted(given.cache_targeted_fields)
    plan = begin(flow, NOW, rules=tuple(rules), targeted=targeted)
    if plan.may_look_up:
        plan.found = Found(plan.key, stored)
        plan.decision = decide(plan.asked, stored, NOW + 99)
    answer = answer or storing.described(given)
    assert answer is not None
    return storing.of_answer(flow, plan, answer, given, NOW)


@pytest.mark.parametrize(
    ("field", "reason"),
    [
        ("Cache-Control: max-age=60", None),
        ("Cache-Control: no-store", "no-store"),
        ("Cache-Control: private", "private"),
        ("X-A: b", "no freshness and no validator"),
    ],
)
def test_fields_decide(field, reason):
    found = judged("--response-header", field)

    assert (found["stores"], found["reason"]) == (reason is None, reason)
    assert found["ttl_s"] == (60 if "60" in field else 0)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--method", "POST"], "method"),
        (["--method", "HEAD"], "method HEAD"),
        (["--method", "POST", "--response-header", "Content-Location: /x"], None),
        (["--request-header", "Authorization: Basic eA=="], "authorization"),
        (["--request-header", "Cache-Control: no-store"], "request no-store"),
        (["--response-header", "Vary: *"], "vary"),
        (["--response-header", "Content-Length: 200000000"], "too large"),
        (["--response-header", "Content-Length: 9", "--cache-max-object-bytes", "8"], "too large"),
        (["--response-header", "Set-Cookie: a=b"], "set-cookie"),
        (["--response-header", "Set-Cookie: a=b", "--set-cookie", "strip"], None),
        (["--response-header", "CDN-Cache-Control: no-store"], None),
        (
            ["--response-header", "CDN-Cache-Control: no-store", "--cache-targeted-fields", "on"],
            "no-store",
        ),
    ],
)
def test_request_and_options_decide(arguments, reason):
    assert judged(*FRESH, *arguments)["reason"] == reason


def test_rules_decide():
    assert judged(*FRESH, rules=[Rule("c.yaml", 1, bypass=True)])["reason"] == "bypass"
    assert judged("--status", "200", rules=[Rule("c.yaml", 1, lifetime_s=9)])["ttl_s"] == 9


def test_what_came_over_a_wire_needs_an_end():
    fields = ((b"Cache-Control", b"max-age=60"),)

    assert judged(answer=Answer(200, fields, b"HTTP/1.1"))["reason"] == "end of body not proved"
    assert judged(answer=Answer(200, (*fields, (b"Content-Length", b"1")), b"HTTP/1.1"))["stores"]


def test_a_304_refreshes_what_is_stored():
    """What there is to be validated."""
    same = ("--status", "304", "--response-header", 'ETag: "a"')

    assert judged(*same, stored=entry())["stores"]
    assert judged("--status", "304", "--response-header", 'ETag: "b"', stored=entry())[
        "reason"
    ] == ("304 for another response")
    assert judged(*same)["reason"] == "status 304"


def test_a_304_leaves_the_lifetime_that_is_stored():
    """What it does not say again (§4.3.4)."""
    same = ("--status", "304", "--response-header", 'ETag: "a"')

    assert judged(*same, stored=entry())["ttl_s"] == 60
    assert judged(*same, "--response-header", "Cache-Control: max-age=9", stored=entry())[
        "ttl_s"
    ] == (9)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        (['ETag: "a"', "Content-Length: 5"], None),
        (['ETag: "a"', "Content-Length: 6"], "HEAD for another response"),
        (['ETag: "b"'], "HEAD for another response"),
    ],
)
def test_an_answer_to_head_confirms_what_is_stored(fields, reason):
    lines = [part for line in fields for part in ("--response-header", line)]

    assert judged("--method", "HEAD", *lines, stored=entry(etag='"a"'))["reason"] == reason


def test_what_stands_in_for_an_error_stays_stored():
    stored = entry(cache_control="max-age=1, stale-if-error=600", etag='"a"')

    assert judged("--status", "503", stored=stored)["reason"] == "stale-if-error"


def test_what_is_validated_each_time_is_not_fresh():
    fields = ("--response-header", 'ETag: "a"', "--response-header")
    found = judged(*fields, "Cache-Control: no-cache, max-age=60")

    assert found["stores"] and not found["fresh"]
    assert storing.in_words(found).endswith("validated each time (no-cache)")


def test_nothing_described_is_nothing_to_judge():
    assert storing.described(given_for()) is None


def test_two_responses_are_one_too_many():
    with pytest.raises(ForebayError, match="found both"):
        storing.described(given_for("--fetch", "--status", "200"))


@pytest.mark.parametrize("arguments", [("--status", "99"), ("--response-header", "x")])
def test_what_is_none_is_refused(arguments):
    with pytest.raises(SystemExit):
        given_for(*arguments)

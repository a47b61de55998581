"""What becomes of a response that may be stored; the hooks around it are tested with the addon."""

from __future__ import annotations

import pytest

from cache.builders import NOW, get, head
from forebay.cache.cache_status import Fwd
from forebay.cache.decision import Forward
from forebay.cache.headers import Head
from forebay.cache.judge import answers_gets, judged
from forebay.cache.plan import Plan, target_of
from forebay.cache.rule import Rule, key_for
from forebay.cache.storable import SetCookie


def judge(flow, *, rule=None, targeted=False, later=lambda flow: None, **fields):
    asked = Head(flow.request.headers.fields)
    target = target_of(flow.request)
    plan = Plan(
        target,
        Forward(Fwd.URI_MISS, "x"),
        NOW - 1,
        asked,
        key_for(rule, target, asked),
        targeted=targeted,
        rule=rule,
    )
    later(flow)
    found = judged(flow.request, 200, b"OK", head(**fields), plan, NOW, SetCookie.REFUSE)
    return found if isinstance(found, str) else found(b"hello")


def test_the_entry_knows_what_it_was_judged_by():
    rule = Rule("f", 1, lifetime_s=9)

    found = judge(get(accept="x"), rule=rule, targeted=True, vary="Accept")

    assert (found.requested_at_s, found.received_at_s) == (NOW - 1, NOW)
    assert (found.targeted, found.forced_s, found.body) == (True, 9, b"hello")
    assert found.said == ((b"accept", b"x"),)


def path(flow):
    flow.request.path = "/other"


def device(flow):
    flow.request.headers["x-device"] = "phone"


@pytest.mark.parametrize(
    ("later", "rule"), [(path, None), (device, Rule("f", 1, key_fields=(b"x-device",)))]
)
def test_a_request_that_changed_on_its_way_has_another_key(later, rule):
    found = judge(get(), rule=rule, later=later, cache_control="max-age=9")

    assert found == "request changed on its way"


@pytest.mark.parametrize(
    ("method", "fields", "expected"),
    [
        ("GET", {"cache_control": "no-store"}, "no-store"),
        ("GET", {"cache_control": "max-age=9", "vary": "*"}, "vary"),
        ("POST", {"etag": '"a"'}, "POST without explicit freshness"),
    ],
)
def test_what_must_not_be_stored(method, fields, expected):
    assert judge(get(method=method), **fields) == expected


def test_a_request_that_says_too_much_in_the_fields_of_vary():
    found = judge(get(accept="x" * 20_000), cache_control="max-age=9", vary="Accept")

    assert found == "vary"


@pytest.mark.parametrize(
    ("method", "status", "fwd", "location", "expected"),
    [
        ("POST", 200, Fwd.METHOD, "/", True),
        ("POST", 201, Fwd.METHOD, "/", False),
        ("PUT", 200, Fwd.METHOD, "/", False),
        ("POST", 200, Fwd.BYPASS, "/", False),
        ("POST", 200, Fwd.METHOD, "/other", False),
    ],
)
def test_the_answer_to_a_post_may_stand_for_gets(method, status, fwd, location, expected):
    """Where it says that it represents the target itself (RFC 9110 §9.3.3)."""
    flow = get(method=method)
    target = target_of(flow.request)
    plan = Plan(target, Forward(fwd, "x"), NOW, Head(flow.request.headers.fields), b"")

    assert answers_gets(plan, status, head(content_location=location)) is expected

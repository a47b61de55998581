"""What is remembered of a forwarded request."""

from __future__ import annotations

import pytest

from cache.builders import NOW, get, key
from forebay import outcome
from forebay.cache import plan
from forebay.cache.cache_status import Fwd
from forebay.cache.decision import Forward, Revalidate
from forebay.cache.headers import Head
from forebay.cache.key import Target
from forebay.cache.rule import Rule

DECISION = Revalidate(((b"If-None-Match", b'"a"'),), Fwd.STALE, "stale")


def planned(flow, decision):
    head = Head(flow.request.headers.fields)
    return plan.Plan(plan.target_of(flow.request), decision, NOW, head, key())


def test_the_target_is_that_of_the_request_as_it_is_now():
    flow = get("/a?b")
    flow.request.path = "/c"

    assert plan.target_of(flow.request) == Target(b"GET", b"http", "a.example", 80, b"/c")


def test_conditions_are_taken_out_as_they_were_put_in():
    flow = get(accept="x")
    before = flow.request.headers.fields

    made = planned(flow, DECISION)
    made.removed = plan.add_conditions(flow.request, DECISION)
    assert flow.request.headers["if-none-match"] == '"a"'
    plan.remove_conditions(flow.request, made)

    assert flow.request.headers.fields == before
    plan.remove_conditions(flow.request, planned(flow, Forward(Fwd.STALE, "x")))
    assert flow.request.headers.fields == before


def test_the_clients_own_conditions_come_back():
    """Ours took their place meanwhile; the answer to them is made from what comes of ours."""
    flow = get(if_none_match='"b"', accept="x", if_modified_since="y")
    made = planned(flow, DECISION)

    made.removed = plan.add_conditions(flow.request, DECISION)
    assert flow.request.headers.get_all("if-none-match") == ['"a"']
    assert "if-modified-since" not in flow.request.headers
    plan.remove_conditions(flow.request, made)

    assert sorted(flow.request.headers.fields) == sorted(made.asked.fields)


def test_a_rule_is_named_beside_the_reason():
    rule = Rule("/rules/cache.yaml", 7)

    assert plan.detail(rule, None) == "cache.yaml:7"
    assert plan.detail(rule, "stale") == "cache.yaml:7, stale"
    assert plan.detail(None, "stale") == "stale" and plan.detail(None, None) is None
    assert plan.note(get(), "hit", "fresh", rule)["rule"] == {
        "file": "/rules/cache.yaml",
        "line": 7,
    }


def test_http2_field_names_are_lower_case():
    """mitmproxy logs each one that is not."""
    flow = get(version=b"HTTP/2.0")

    plan.add_conditions(flow.request, DECISION)

    assert flow.request.headers.fields[-1] == (b"if-none-match", b'"a"')


def test_notes_are_part_of_the_outcome():
    flow = get()

    plan.note(flow, "miss", "why")["stored"] = True

    assert plan.notes_of(flow) is outcome.of(flow)["cache"]
    assert plan.notes_of(flow)["stored"] is True
    assert plan.notes_of(get()) == {}


@pytest.mark.parametrize(
    ("host", "authority", "may_look_up"),
    [
        ("a.example", b"a.example", True),
        ("xn--bcher-kva.example", b"xn--bcher-kva.example", True),
        ("xn--bcher-kva.example", "b\xfccher.example".encode(), False),
        ("a.example", b"b.example", False),
    ],
)
def test_the_authority_of_http2_is_compared_as_it_was_sent(host, authority, may_look_up):
    flow = get()
    flow.request.data.host = host
    flow.request.headers.clear()
    flow.request.data.authority = authority

    assert plan.begin(flow, NOW).may_look_up is may_look_up

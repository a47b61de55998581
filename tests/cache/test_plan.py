"""What is remembered of a forwarded request."""

from __future__ import annotations

from cache.builders import get
from forebay import outcome
from forebay.cache import plan
from forebay.cache.cache_status import Fwd
from forebay.cache.decision import Forward, Revalidate
from forebay.cache.key import Target

DECISION = Revalidate(((b"If-None-Match", b'"a"'),), Fwd.STALE, "stale")


def test_the_target_is_that_of_the_request_as_it_is_now():
    flow = get("/a?b")
    flow.request.path = "/c"

    assert plan.target_of(flow.request) == Target(b"GET", b"http", "a.example", 80, b"/c")


def test_conditions_are_taken_out_as_they_were_put_in():
    flow = get(accept="x")
    before = flow.request.headers.fields

    plan.add_conditions(flow.request, DECISION)
    assert flow.request.headers["if-none-match"] == '"a"'
    plan.remove_conditions(flow.request, DECISION)

    assert flow.request.headers.fields == before
    plan.remove_conditions(flow.request, Forward(Fwd.STALE, "x"))
    assert flow.request.headers.fields == before


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

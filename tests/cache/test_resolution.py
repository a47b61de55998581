"""What is to be done with a request, and what is noted of it."""

from __future__ import annotations

import pytest

from cache.builders import NOW, entry, get
from forebay import outcome
from forebay.cache.cache_status import Fwd
from forebay.cache.decision import Forward, Refuse, Revalidate, Serve
from forebay.cache.entry import VaryIndex
from forebay.cache.plan import begin
from forebay.cache.resolution import resolved, settle
from forebay.cache.variants import Found

LATER = {"cache_control": "max-age=1, stale-while-revalidate=60", "etag": '"a"'}
PART = {"status": 206, "content_range": "bytes 0-4/9", "etag": '"a"'}
UNEDITED = {"bypass": {"asked": ["rewrite"], "done": ["rewrite"], "ignored": None}}


def planned(stored=None, *, index=None, notes=(), **fields):
    flow = get("/x", **fields)
    outcome.of(flow).update(notes)
    plan = begin(flow, NOW)
    plan.found = Found(b"variant", stored, index)
    return flow, plan


def decided(flow, plan, now_s=NOW + 20, *, can_refresh=True, can_complete=True):
    return resolved(
        flow, plan, now_s, can_refresh=lambda key: can_refresh, can_complete=can_complete
    )


@pytest.mark.parametrize(
    ("fields", "notes", "can_refresh", "is_served"),
    [
        ({}, {}, True, True),
        ({}, {}, False, False),
        ({"method": "HEAD"}, {}, True, False),
        ({"cache_control": "only-if-cached"}, {}, True, False),
        ({}, {"rewrite": [{"id": "x"}]}, True, False),
        ({}, UNEDITED, True, False),
    ],
)
def test_a_stale_response_answers_where_the_request_can_be_sent_again(
    fields, notes, can_refresh, is_served
):
    """As it is: rules would rewrite once more what they have rewritten."""
    flow, plan = planned(entry(**LATER), notes=notes, **fields)

    assert isinstance(decided(flow, plan, can_refresh=can_refresh), Serve) is is_served


@pytest.mark.parametrize(("can_complete", "reason"), [(True, "bytes=5-"), (False, None)])
def test_a_part_is_completed_where_the_origin_can_be_asked_for_the_rest(can_complete, reason):
    flow, plan = planned(entry(**PART))
    found = decided(flow, plan, NOW, can_complete=can_complete)

    asked = dict(getattr(found, "fields", ()))
    assert asked.get(b"Range", b"").decode() == (reason or "")


@pytest.mark.parametrize(
    ("index", "fwd"),
    [(None, Fwd.URI_MISS), (VaryIndex(((b"accept",),), NOW), Fwd.VARY_MISS)],
)
def test_other_variants_are_told_from_nothing(index, fwd):
    flow, plan = planned(index=index)

    assert decided(flow, plan).fwd is fwd


@pytest.mark.parametrize(
    ("stored", "fields", "result"),
    [
        (entry(), {}, "hit"),
        (None, {}, "bypass"),
        (entry(cache_control="max-age=1", etag='"a"'), {}, "bypass"),
        (None, {"cache_control": "only-if-cached"}, "miss"),
    ],
)
def test_an_answer_to_a_request_that_no_rule_has_edited_is_not_stored(stored, fields, result):
    """What is stored is good for it all the same."""
    flow, plan = planned(stored, notes=UNEDITED, **fields)

    notes = settle(flow, plan, decided(flow, plan))

    assert notes["result"] == result
    assert (plan.found is None) is (result == "bypass")


@pytest.mark.parametrize(
    ("decision", "noted", "by"),
    [
        (Serve(3, 4), {"result": "hit", "reason": "fresh", "age_s": 3, "ttl_s": 4}, "cache"),
        (Refuse(Fwd.STALE, "x"), {"result": "miss", "reason": "only-if-cached, x"}, "cache"),
        (Revalidate(((b"A", b"b"),), Fwd.STALE, "x"), {"result": "stale", "added": ["A"]}, None),
        (Forward(Fwd.URI_MISS, "x"), {"result": "miss", "reason": "x", "ttl_s": None}, None),
    ],
)
def test_what_is_decided_is_noted(decision, noted, by):
    flow, plan = planned(entry())

    settle(flow, plan, decision)

    found = outcome.of(flow)["cache"]
    assert {name: found[name] for name in noted} == noted
    assert outcome.answered_by(flow) == by
    assert by is not None or plan.decision is decision

"""What is to be done with a request for which the store was asked, and how the outcome tells it.

The proxy carries it out (``lookup``); ``forebay check`` shows it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mitmproxy import http

from forebay import bypass, outcome
from forebay.cache.cache_status import Fwd
from forebay.cache.decision import (
    Decision,
    Forward,
    Refuse,
    Serve,
    can_be_completed,
    decide,
    may_be_refreshed,
    told,
)
from forebay.cache.largebody import KEPT_BYTES
from forebay.cache.plan import Plan, note


def resolved(
    flow: http.HTTPFlow,
    plan: Plan,
    now_s: float,
    *,
    can_refresh: Callable[[bytes], bool],
    can_complete: bool,
) -> Decision:
    """Return what to do with the request of *flow*, for which *plan* has found what is stored.

    Args:
        flow: its flow.
        plan: what is planned for it.
        now_s: the time, POSIX seconds.
        can_refresh: returns whether the origin can be asked for the response of a key
            after the answer.
        can_complete: whether it can be asked for the rest of one.
    """
    assert plan.found is not None
    entry = plan.found.entry
    is_unlike_others = outcome.bypasses(flow, bypass.REWRITE)
    decision = decide(
        plan.asked,
        entry,
        now_s,
        absent=Fwd.URI_MISS if plan.found.index is None else Fwd.VARY_MISS,
        is_get=plan.is_get,
        may_refresh=plan.is_get
        and entry is not None
        and may_be_refreshed(plan.asked, entry)
        and not is_unlike_others
        # Rules would rewrite what they have rewritten already.
        and not outcome.of(flow).get("rewrite")
        and can_refresh(plan.found.key),
        may_complete=can_complete and can_be_completed(entry, KEPT_BYTES),
    )
    if is_unlike_others and not isinstance(decision, Serve | Refuse):
        # No rule has edited what the origin is asked: the answer is not for others.
        return Forward(Fwd.BYPASS, "not rewritten")
    return decision


def settle(flow: http.HTTPFlow, plan: Plan, decision: Decision) -> dict[str, Any]:
    """Note *decision* in the plan and in the flow's outcome; return the cache's part of that."""
    notes = note(flow, *told(decision), plan.rule)
    if isinstance(decision, Serve | Refuse):
        outcome.of(flow)["answer"] = "cache"
        if isinstance(decision, Serve):
            notes["age_s"], notes["ttl_s"] = decision.age_s, decision.ttl_s
        return notes
    plan.decision = decision
    if not isinstance(decision, Forward):
        notes["added"] = [name.decode("ascii") for name, _ in decision.fields]
    elif decision.fwd is Fwd.BYPASS:
        plan.found = None  # its answer is not stored
    return notes

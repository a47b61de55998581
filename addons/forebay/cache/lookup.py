"""What the cache does with a request: answer it, or plan what its response is for."""

from __future__ import annotations

from collections.abc import Callable

from mitmproxy import http

from forebay import bypass, outcome
from forebay.cache import answer, variants
from forebay.cache.background import Background
from forebay.cache.cache_status import Fwd, forwarded
from forebay.cache.collapse import may_collapse
from forebay.cache.completion import is_rest
from forebay.cache.crowd import Crowd
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
from forebay.cache.headers import Head
from forebay.cache.largebody import KEPT_BYTES
from forebay.cache.plan import (
    Plan,
    add_conditions,
    begin,
    detail,
    note,
    notes_of,
    remove_conditions,
)
from forebay.cache.rule import Rule
from forebay.cache.staleness import Failure
from forebay.cache.store import Store
from forebay.cache.targeted import Targeted
from forebay.cache.variants import Found
from forebay.proxycore import again

_MAX_WAITS = 2
"""Once for a leader that fails, or whose response is for other variants, and once more."""


async def look_up(
    flow: http.HTTPFlow,
    store: Store,
    now_s: float,
    *,
    rules: tuple[Rule, ...] = (),
    targeted: Targeted = Targeted.AUTO,
    crowd: Crowd | None = None,
    background: Background | None = None,
) -> Plan | None:
    """Set the flow's response from *store*, or return what is planned for the origin's.

    None without a response: something else became of the flow meanwhile.

    Args:
        flow: its flow.
        store: the store.
        now_s: the time, POSIX seconds.
        rules: the user's.
        targeted: whether CDN-Cache-Control is obeyed (RFC 9213).
        crowd: the requests under way, one of which may bring the answer.
        background: what refreshes a response that has answered (RFC 5861 §3).
    """
    plan = begin(flow, now_s, rules=rules, targeted=targeted)
    if not plan.may_look_up:
        return plan
    head, rule = plan.asked, plan.rule
    is_unlike_others = outcome.bypasses(flow, bypass.REWRITE)
    if is_unlike_others:
        crowd = background = None
    waits = 0
    while True:
        found = plan.found = await variants.find(store, plan.key, head)
        if flow.response is not None or flow.error is not None or not flow.live:
            return None  # the disk was slower than the client
        decision = decide(
            head,
            found.entry,
            now_s,
            absent=Fwd.URI_MISS if found.index is None else Fwd.VARY_MISS,
            is_get=plan.is_get,
            may_refresh=background is not None
            and plan.is_get
            and found.entry is not None
            and may_be_refreshed(found.entry)
            and background.may_refresh(flow, found.key),
            may_complete=again.available() and can_be_completed(found.entry, KEPT_BYTES),
        )
        if crowd is None or waits == _MAX_WAITS or not may_collapse(head, decision, found.entry):
            break
        if found.index is not None and found.index.name_sets and not plan.names:
            plan.names = found.index.name_sets[0]
        is_to_look_again = await crowd.wait(flow, plan)
        now_s = plan.requested_at_s = crowd.clock()
        if not is_to_look_again:
            break
        waits += 1
    if is_unlike_others and not isinstance(decision, Serve | Refuse):
        # No rule has edited what the origin is asked: the answer is not for others.
        plan.found, plan.decision = None, Forward(Fwd.BYPASS, "not rewritten")
        note(flow, "bypass", plan.decision.reason, rule)
        return plan
    match decision:
        case Serve():
            assert found.entry is not None
            reason = decision.reason
            if waits and reason == "fresh":
                reason = "collapsed"
            elif decision.refresh and background is not None:
                background.start(flow, found.key)
            said = detail(rule, None if reason == "fresh" else reason)
            flow.response = answer.from_entry(
                found.entry, decision, now_s, with_body=plan.is_get, detail=said
            )
            answer.feed(flow, found.entry, decision.shape)
            notes = note(flow, "hit", reason, rule)
            notes["age_s"], notes["ttl_s"] = decision.age_s, decision.ttl_s
            outcome.of(flow)["answer"] = "cache"
            return None
        case Refuse():
            flow.response = answer.gateway_timeout()
            note(flow, *told(decision), rule)
            outcome.of(flow)["answer"] = "cache"
            return None
        case Revalidate() | Complete():
            notes = note(flow, *told(decision), rule)
            notes["added"] = [name.decode("ascii") for name, _ in decision.fields]
            plan.removed = add_conditions(flow.request, decision)
            plan.decision = decision
            if isinstance(decision, Complete):
                _ask_again_unless_it_fits(flow, plan, found)
        case _:
            note(flow, *told(decision), rule)
            plan.decision = Forward(decision.fwd, decision.reason)
    return plan


def _ask_again_unless_it_fits(flow: http.HTTPFlow, plan: Plan, found: Found) -> None:
    """Ask for the whole, as the client does, should the origin not give the rest."""
    entry = found.entry
    assert entry is not None

    def fits(response: http.Response) -> bool:
        return is_rest(entry, response.status_code, Head(response.headers.fields))

    def prepare(request: http.Request) -> None:
        remove_conditions(request, plan)
        plan.decision = Forward(Fwd.PARTIAL, "part does not fit")

    again.unless(flow, fits, prepare)


def stand_in_for_origin(
    flow: http.HTTPFlow,
    plan: Plan,
    now_s: float,
    send: Callable[[http.HTTPFlow, http.Response], bool],
) -> bool:
    """Have the stored answer sent for a request whose origin gave none (RFC 9111 §4.2.4).

    Args:
        flow: its flow.
        plan: what was planned for it.
        now_s: the time, POSIX seconds.
        send: sends an answer, or returns False when it is too late for one.

    Returns:
        Whether it is sent.
    """
    if plan.found is None or plan.found.entry is None:
        return False
    entry = plan.found.entry
    serve = stand_in(plan.asked, entry, now_s, Failure.UNREACHABLE, is_get=plan.is_get)
    if serve is None:
        return False
    status = forwarded(plan.decision.fwd, detail=plan.detail(serve.reason))
    response = answer.standing_in(entry, serve, now_s, with_body=plan.is_get, status=status)
    if not send(flow, response):
        return False
    answer.feed(flow, entry, serve.shape)
    notes_of(flow).update(result="stale", reason=serve.reason, age_s=serve.age_s, ttl_s=serve.ttl_s)
    outcome.of(flow)["answer"] = "cache"
    return True

"""What the cache does with a request: answer it, or plan what its response is for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from mitmproxy import http

from forebay import bypass, outcome
from forebay.cache import answer, variants
from forebay.cache.background import Background
from forebay.cache.cache_status import Fwd, forwarded
from forebay.cache.collapse import may_collapse
from forebay.cache.completion import is_rest
from forebay.cache.crowd import Crowd
from forebay.cache.decision import Complete, Forward, Refuse, Revalidate, Serve, stand_in
from forebay.cache.headers import Head
from forebay.cache.plan import Plan, add_conditions, begin, detail, notes_of, remove_conditions
from forebay.cache.resolution import resolved, settle
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
    head = plan.asked
    if outcome.bypasses(flow, bypass.REWRITE):
        crowd = None  # what the origin is asked is not what others ask it
    if outcome.bypasses(flow, bypass.BLOCK):
        background = None  # what the cache asks by itself goes round nothing, and would be refused
    waits = 0
    while True:
        found = plan.found = await variants.find(store, plan.key, head)
        if flow.response is not None or flow.error is not None or not flow.live:
            return None  # the disk was slower than the client
        decision = resolved(
            flow,
            plan,
            now_s,
            can_refresh=lambda key: background is not None and background.may_refresh(flow, key),
            can_complete=again.available(),
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
    match decision:
        case Serve():
            assert found.entry is not None
            if waits and decision.reason == "fresh":
                decision = replace(decision, reason="collapsed")
            elif decision.refresh and background is not None:
                background.start(flow, found.key)
            said = detail(plan.rule, None if decision.reason == "fresh" else decision.reason)
            flow.response = answer.from_entry(
                found.entry, decision, now_s, with_body=plan.is_get, detail=said
            )
            answer.feed(flow, found.entry, decision.shape)
        case Refuse():
            flow.response = answer.gateway_timeout()
        case Revalidate() | Complete():
            plan.removed = add_conditions(flow.request, decision)
    settle(flow, plan, decision)
    if isinstance(decision, Complete):
        _ask_again_unless_it_fits(flow, plan, found)
    return None if flow.response is not None else plan


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

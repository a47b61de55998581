"""What the cache does with a request: answer it, or plan what its response is for."""

from __future__ import annotations

from collections.abc import Callable

from mitmproxy import http
from mitmproxy.proxy.mode_specs import ReverseMode

from forebay import outcome
from forebay.cache import answer, variants
from forebay.cache.background import Background
from forebay.cache.cache_status import Fwd, forwarded
from forebay.cache.collapse import may_collapse
from forebay.cache.collector import KEPT_BYTES
from forebay.cache.completion import is_rest
from forebay.cache.crowd import Crowd
from forebay.cache.decision import Complete, Forward, Refuse, Revalidate, Serve, decide, stand_in
from forebay.cache.entry import Entry
from forebay.cache.headers import Head
from forebay.cache.key import bypass_reason, untrusted_reason
from forebay.cache.plan import (
    Plan,
    add_conditions,
    detail,
    note,
    notes_of,
    remove_conditions,
    target_of,
)
from forebay.cache.rule import Rule, key_for, rule_for
from forebay.cache.staleness import Failure
from forebay.cache.store import Store
from forebay.cache.targeted import Targeted
from forebay.cache.variants import Found
from forebay.proxycore import again

_MAX_WAITS = 2
"""Once for a leader that fails, or whose response is for other variants, and once more."""


def begin(
    flow: http.HTTPFlow,
    now_s: float,
    *,
    rules: tuple[Rule, ...] = (),
    targeted: Targeted = Targeted.AUTO,
) -> Plan:
    """Return the plan for a request as far as it can be made without the store."""
    head = Head(flow.request.headers.fields)
    target = target_of(flow.request)
    rule = rule_for(rules, target) if rules else None
    is_reverse = isinstance(flow.client_conn.proxy_mode, ReverseMode)
    # In reverse mode the name in TLS is the proxy's, not the origin's.
    sni = None if is_reverse else flow.client_conn.sni
    plan = Plan(
        target,
        Forward(Fwd.BYPASS, ""),
        now_s,
        head,
        key_for(rule, target, head),
        targeted=targeted.applies(is_reverse=is_reverse),
        rule=rule,
        rules=rules,
    )
    reason = bypass_reason(
        target,
        head,
        authority=flow.request.authority,
        sni=sni,
        # None: the body was streamed, and the request has left before this hook.
        has_body=flow.request.raw_content != b"",
    )
    if rule is not None and rule.bypass:
        reason = "bypass"
    if reason is None:
        plan.may_look_up = True
        return plan
    note(flow, "bypass", reason, rule)
    plan.decision = Forward(Fwd.METHOD if reason == "method" else Fwd.BYPASS, reason)
    plan.is_trusted = reason == "method" and not untrusted_reason(
        target, head, authority=flow.request.authority, sni=sni
    )
    return plan


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
            and found.entry.part is None  # its refresh would fetch the whole, for nobody
            and found.entry.allowance.while_revalidate_s > 0
            and background.may_refresh(flow, found.key),
            may_complete=again.available() and _can_be_completed(found.entry),
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
            note(flow, "miss", f"only-if-cached, {decision.reason}", rule)
            outcome.of(flow)["answer"] = "cache"
            return None
        case Revalidate() | Complete():
            result = "stale" if isinstance(decision, Revalidate) else "miss"
            notes = note(flow, result, decision.reason, rule)
            notes["added"] = [name.decode("ascii") for name, _ in decision.fields]
            plan.removed = add_conditions(flow.request, decision)
            plan.decision = decision
            if isinstance(decision, Complete):
                _ask_again_unless_it_fits(flow, plan, found)
        case _:
            note(flow, "miss", decision.reason, rule)
            plan.decision = Forward(decision.fwd, decision.reason)
    return plan


def _can_be_completed(entry: Entry | None) -> bool:
    """Return whether the whole of a part can be put together in memory."""
    return (
        entry is not None
        and entry.part is not None
        and isinstance(entry.body, bytes)
        and entry.part.total <= KEPT_BYTES
    )


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

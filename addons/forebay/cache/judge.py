"""Whether a response to a planned request may be stored, and as what."""

from __future__ import annotations

from collections.abc import Callable

from mitmproxy import http

from forebay.cache import storable, vary
from forebay.cache.cache_status import Fwd
from forebay.cache.entry import Entry
from forebay.cache.freshness import validity
from forebay.cache.headers import Head
from forebay.cache.largebody import Body
from forebay.cache.plan import Plan, target_of
from forebay.cache.references import is_of_itself
from forebay.cache.rule import key_for
from forebay.cache.selection import url_of


def judged(
    request: http.Request,
    status: int,
    reason: bytes,
    response: Head,
    plan: Plan,
    now_s: float,
    set_cookie: storable.SetCookie,
) -> Callable[[Body], Entry] | str:
    """Return what makes an entry of a body, or why there must be none.

    Args:
        request: as it was sent; later addons may have changed it.
        status: of the response.
        reason: its reason phrase.
        response: its head.
        plan: what was planned for it.
        now_s: when its head was received, POSIX seconds.
        set_cookie: what becomes of one with Set-Cookie.
    """
    head = Head(request.headers.fields)
    if target_of(request) != plan.target or key_for(plan.rule, plan.target, head) != plan.key:
        return "request changed on its way"
    asked_s, targeted = plan.requested_at_s, plan.targeted
    forced_s = None if plan.rule is None else plan.rule.lifetime_s
    verdict = storable.decide(
        request=head,
        status=status,
        response=response,
        validity=validity(
            response,
            requested_at_s=asked_s,
            received_at_s=now_s,
            status=status,
            targeted=targeted,
            forced_s=forced_s,
        ),
        set_cookie=set_cookie,
        targeted=targeted,
        to_post=plan.target.method == b"POST",
    )
    if isinstance(verdict, storable.Unstorable):
        return verdict.reason
    names = vary.names(response)
    said = None if names is None else vary.values(names, head)
    if said is None:
        return "vary"
    url = url_of(plan.target)
    return lambda body: Entry(
        status, reason, verdict.fields, asked_s, now_s, said, body, targeted, forced_s, url
    )


def answers_gets(plan: Plan, status: int, response: Head) -> bool:
    """Return whether the response to a POST stands for GETs of its target (RFC 9110 §9.3.3)."""
    return (
        plan.target.method == b"POST"
        and status == 200
        and plan.is_trusted
        and plan.decision.fwd is Fwd.METHOD
        and is_of_itself(plan.target, response)
    )

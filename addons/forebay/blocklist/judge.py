"""The verdict on all names of a request, by the lists and by the policy for whoever asks.

Pure: no mitmproxy, no clock, no files.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from forebay.blocklist.matcher import Matcher
from forebay.blocklist.policies import Mode, Policy
from forebay.blocklist.request import Request
from forebay.blocklist.verdict import NOT_LISTED, Action, Verdict

TOO_MANY_NAMES = Verdict(Action.BLOCK, "more names than a request can have")
"""What becomes of a request with more than `names.MOST`."""


def active_lists(matcher: Matcher, policy: Policy | None) -> int:
    """Return the bit set of the lists that are used under *policy*."""
    active = 0
    for number, source in enumerate(matcher.sources):
        on = source.enabled
        if policy is not None and source.group:
            on = (on or source.group in policy.on) and source.group not in policy.off
        active |= on << number
    return active


def judge(
    requests: Iterable[Request], matcher: Matcher, active: int, policy: Policy | None = None
) -> Verdict:
    """Return the verdict: blocked as soon as any of *requests*, one for each name, is.

    An exception, or what a policy allows, saves the name it is about and no
    other.
    """
    if policy is not None and policy.mode is Mode.OFF:
        return Verdict(
            Action.ALLOW, f"the policy {policy.id} blocks nothing", policy=_shown(policy)
        )
    saved: Verdict | None = None
    for request in requests:
        verdict = _one(request, matcher, active, policy)
        if verdict.blocked:
            return verdict if policy is None else replace(verdict, policy=_shown(policy))
        if verdict is not NOT_LISTED:
            saved = saved or verdict
    if saved is None:
        return NOT_LISTED
    return saved if policy is None else replace(saved, policy=_shown(policy))


def _one(request: Request, matcher: Matcher, active: int, policy: Policy | None) -> Verdict:
    name = request.host.name
    covered = None if policy is None else policy.allow.covers(name)
    if covered is not None:
        return Verdict(Action.ALLOW, f"{name} is allowed by the policy's entry {covered}", name)
    verdict = matcher.decide(request, active)
    if not verdict.blocked and (normal := request.normal()) is not None:
        # The same URL in another spelling; whatever blocks it blocks both.
        verdict = max(verdict, matcher.decide(normal, active), key=_weight)
    if policy is None or policy.mode is not Mode.ALLOW_ONLY or verdict.blocked:
        return verdict
    exception = matcher.excepts(request, active)
    if exception is None:
        return Verdict(
            Action.BLOCK, f"{name} is not among what the policy {policy.id} allows", name
        )
    return Verdict(Action.ALLOW, f"{name} is excepted by {exception.rule}", name, None, exception)


def _weight(verdict: Verdict) -> tuple[bool, bool]:
    return verdict.blocked, verdict is not NOT_LISTED


def _shown(policy: Policy) -> str:
    return f"{policy.id} ({policy.place})"

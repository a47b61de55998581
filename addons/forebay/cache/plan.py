"""What is planned for a request, and remembered until its response comes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mitmproxy import http
from mitmproxy.proxy.mode_specs import ReverseMode

from forebay import bypass, outcome
from forebay.cache.cache_status import Fwd
from forebay.cache.completion import Completion
from forebay.cache.conditional import CONDITIONS
from forebay.cache.decision import Complete, Forward, Revalidate
from forebay.cache.entry import Entry
from forebay.cache.headers import Fields, Head, without
from forebay.cache.key import Target, bypass_reason, untrusted_reason
from forebay.cache.largebody import Body
from forebay.cache.rule import Rule, key_for, rule_for
from forebay.cache.targeted import Targeted
from forebay.cache.variants import Found
from forebay.cache.vary import Names


@dataclass(slots=True)
class Plan:
    """What the answer to a forwarded request is for; never refers to its flow.

    Args:
        target: where the request was to go when it was looked up.
        requested_at_s: when that was, POSIX seconds.
        asked: the head of the request as the client sent it.
        key: that of the target.
        found: what the store held; None when nothing may be stored.
        may_look_up: whether the store may be asked.
        is_trusted: whether all names for the target agree.
        targeted: whether CDN-Cache-Control is obeyed (RFC 9213).
        rule: the user's rule for the target.
        rules: all of them, for other resources that the response names.
        removed: the client's conditions that ours took the place of.
        response: the one that gets its body from the store.
        body: that body.
        names: the fields of the resource's Vary, as far as they are known.
        completion: what the stored part becomes with the body that comes.
        becomes: makes an entry of a whole body, to be stored; None when it may not be.
    """

    target: Target
    decision: Revalidate | Complete | Forward
    requested_at_s: float
    asked: Head
    key: bytes
    found: Found | None = None
    may_look_up: bool = False
    is_trusted: bool = True
    targeted: bool = False
    rule: Rule | None = None
    rules: tuple[Rule, ...] = ()
    removed: Fields = ()
    response: http.Response | None = None
    body: Body = b""
    names: Names = ()
    completion: Completion | None = None
    becomes: Callable[[Body], Entry] | None = None

    @property
    def is_get(self) -> bool:
        """Whether it is a GET, and no HEAD."""
        return self.target.method == b"GET"

    def detail(self, reason: str | None) -> str | None:
        """Return what Cache-Status says: the rule, if there is one, and *reason*."""
        return detail(self.rule, reason)


def detail(rule: Rule | None, reason: str | None) -> str | None:
    """Return the text for Cache-Status that names *rule* and *reason*; None without both."""
    parts = [part for part in (rule.name if rule else None, reason) if part]
    return ", ".join(parts) or None


def target_of(request: http.Request) -> Target:
    """Return where *request* goes as things stand."""
    data = request.data
    return Target(data.method, data.scheme, data.host, data.port, data.path)


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
    # mitmproxy's own property would decode xn-- names.
    authority = flow.request.data.authority.decode("utf-8", "surrogateescape")
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
        authority=authority,
        sni=sni,
        # None: the body was streamed, and the request has left before this hook.
        has_body=flow.request.raw_content != b"",
    )
    if rule is not None and rule.bypass:
        reason = "bypass"
    if outcome.bypasses(flow, bypass.CACHE):
        reason = bypass.SHOWN
    if reason is None:
        plan.may_look_up = True
        return plan
    note(flow, "bypass", reason, rule)
    plan.decision = Forward(Fwd.METHOD if reason == "method" else Fwd.BYPASS, reason)
    plan.is_trusted = (
        reason == "method"
        and not untrusted_reason(target, head, authority=authority, sni=sni)
        # The origin sees another request than that of others: its answer is not for them.
        and not outcome.bypasses(flow, bypass.REWRITE)
    )
    return plan


def add_conditions(request: http.Request, decision: Revalidate | Complete) -> Fields:
    """Make *request* one about what is stored; return the client's own conditions."""
    fields = decision.fields
    if not request.data.http_version.startswith(b"HTTP/1"):
        fields = tuple((name.lower(), value) for name, value in fields)
    before: Fields = request.headers.fields
    replaced = CONDITIONS | {name.lower() for name, _ in fields}
    kept = without(before, replaced)
    request.headers.fields = kept + fields
    if len(kept) == len(before):
        return ()
    return tuple(field for field in before if field[0].lower() in replaced)


def remove_conditions(request: http.Request, plan: Plan) -> None:
    """Take our fields out again: a replay or the log must not take them for the client's."""
    if isinstance(plan.decision, Revalidate | Complete):
        added = frozenset(name.lower() for name, _ in plan.decision.fields)
        request.headers.fields = without(request.headers.fields, added) + plan.removed
        plan.removed = ()


def note(flow: http.HTTPFlow, result: str, reason: str, rule: Rule | None = None) -> dict[str, Any]:
    """Begin the cache's part of the flow's outcome, and return it."""
    notes: dict[str, Any] = {
        "result": result,
        "reason": reason,
        "age_s": None,
        "ttl_s": None,
        "stored": False,
    }
    if rule is not None:
        notes["rule"] = {"file": rule.file, "line": rule.line}
    outcome.of(flow)["cache"] = notes
    return notes


def notes_of(flow: http.HTTPFlow) -> dict[str, Any]:
    """Return the cache's part of the flow's outcome."""
    notes: dict[str, Any] = outcome.of(flow).setdefault("cache", {})
    return notes

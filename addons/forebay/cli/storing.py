"""Whether the cache would store a response: one that is described, or one that is fetched."""

from __future__ import annotations

import argparse
import re
from typing import Any

from mitmproxy import http

from forebay.blocklist.verdict import visible
from forebay.cache.decision import Revalidate
from forebay.cache.freshness import is_fresh, time_to_live, validity
from forebay.cache.headers import Head
from forebay.cache.judge import answers_gets, judged
from forebay.cache.plan import Plan
from forebay.cache.rule import Rule
from forebay.cache.storable import SetCookie, body_reason
from forebay.cli.asking import field
from forebay.cli.fetched import Answer
from forebay.cli.proxyoptions import largest_object_bytes
from forebay.errors import ForebayError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what describes a response, and ``--fetch``."""
    parser.add_argument("--fetch", action="store_true",
                        help="ask the origin once, without the proxy, for what rules have made "
                        "of the request, and judge its answer; nothing that is blocked, or that "
                        "a rule answers, is asked for")  # fmt: skip
    parser.add_argument("--status", type=_status, metavar="CODE",
                        help="judge a response with this status (200)")  # fmt: skip
    parser.add_argument("--response-header", action="append", default=[], type=field,
                        metavar="'NAME: VALUE'",
                        help="judge a response with this field; may be repeated")  # fmt: skip


def described(given: argparse.Namespace) -> Answer | None:
    """Return the response that is described, if there is one.

    Raises:
        ForebayError: when one is described and one is to be fetched.
    """
    if given.status is None and not given.response_header:
        return None
    if given.fetch:
        raise ForebayError("expected --fetch or a response that is described, found both")
    return Answer(given.status or 200, tuple(given.response_header))


def of_answer(
    flow: http.HTTPFlow, plan: Plan, answer: Answer, given: argparse.Namespace, now_s: float
) -> dict[str, Any]:
    """Return whether *answer* to the planned request would be stored, and why not.

    Args:
        flow: the request.
        plan: what the cache planned for it; its time is that of the request.
        answer: the response; one that is described has come over no wire.
        given: the options.
        now_s: when it was received, POSIX seconds.
    """
    head = Head(answer.fields)
    reason = _reason(flow, plan, answer, head, given, now_s)
    found = validity(
        head,
        requested_at_s=plan.requested_at_s,
        received_at_s=now_s,
        status=answer.status,
        targeted=plan.targeted,
        forced_s=None if plan.rule is None else plan.rule.lifetime_s,
    )
    return {
        "status": answer.status,
        "fetched": given.fetch,
        "stores": reason is None,
        "reason": reason,
        "fresh": is_fresh(found, now_s),
        "ttl_s": int(time_to_live(found, now_s)),
    }


def _reason(
    flow: http.HTTPFlow,
    plan: Plan,
    answer: Answer,
    head: Head,
    given: argparse.Namespace,
    now_s: float,
) -> str | None:
    # Cases, as in the proxy:
    # 1. past the cache, save for a POST whose answer stands for GETs
    if plan.found is None and not answers_gets(plan, answer.status, head):
        return plan.decision.reason
    # 2. nothing to store, but perhaps to confirm
    if plan.target.method == b"HEAD":
        return "method"
    set_cookie = SetCookie(given.cache_set_cookie)
    # 3. what is stored is still good
    if answer.status == 304 and isinstance(plan.decision, Revalidate):
        return _refreshed(flow, plan, answer, set_cookie, now_s)
    reason = body_reason(
        answer.http_version, answer.status, head, limit_bytes=largest_object_bytes(given)
    )
    if reason is not None:
        return reason
    found = judged(flow.request, answer.status, b"", head, plan, now_s, set_cookie)
    return found if isinstance(found, str) else None


def _refreshed(
    flow: http.HTTPFlow, plan: Plan, answer: Answer, set_cookie: SetCookie, now_s: float
) -> str | None:
    # Imported late: it takes a third of a second, and few ask for it.
    from forebay.cache import update

    response = http.Response.make(304, b"", answer.fields)
    found = update.refresh(flow.request, response, plan, now_s, set_cookie)
    return found if isinstance(found, str) else None


def in_words(found: dict[str, Any]) -> str:
    """Return one line for what ``of_answer`` found.

    >>> in_words({"status": 200, "fetched": True, "stores": False, "reason": "no-store"})
    'cache: would not store the fetched response (status 200): no-store'
    """
    which = f"the {'fetched' if found['fetched'] else 'described'} response"
    named = f"{which} (status {found['status']})"
    if not found["stores"]:
        return f"cache: would not store {named}: {found['reason']}"
    state = f"fresh for {found['ttl_s']} s" if found["fresh"] else "to be validated each time"
    return f"cache: would store {named}, {state}"


def rule_facts(rule: Rule | None) -> dict[str, Any] | None:
    """Return which rule of ``cache.yaml`` is about the request, in plain types."""
    if rule is None:
        return None
    return {
        "file": rule.file,
        "line": rule.line,
        "bypass": rule.bypass,
        "lifetime_s": rule.lifetime_s,
    }


def rule_in_words(found: dict[str, Any]) -> str:
    """Return one line for what ``rule_facts`` found.

    >>> rule_in_words({"file": "c.yaml", "line": 3, "bypass": True, "lifetime_s": None})
    'cache: rule c.yaml:3, bypass'
    """
    parts = [f"cache: rule {visible(found['file'])}:{found['line']}"]
    if found["bypass"]:
        parts.append("bypass")
    if found["lifetime_s"] is not None:
        parts.append(f"fresh for {found['lifetime_s']} s")
    return ", ".join(parts)


def _status(text: str) -> int:
    if not re.fullmatch("[2-5][0-9][0-9]", text):
        raise argparse.ArgumentTypeError(f"expected a status from 200 to 599, found {text!r:.70}")
    return int(text)

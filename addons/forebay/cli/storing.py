"""Whether the cache would store a response: one that is described, or one that is fetched."""

from __future__ import annotations

import argparse
import re
from typing import Any

from mitmproxy import http

from forebay.blocklist.verdict import visible
from forebay.cache.decision import Revalidate
from forebay.cache.entry import Entry
from forebay.cache.freshness import is_fresh, time_to_live, validity
from forebay.cache.headers import Head
from forebay.cache.judge import answers_gets, judged
from forebay.cache.largebody import KEPT_BYTES
from forebay.cache.plan import Plan
from forebay.cache.rule import Rule
from forebay.cache.storable import SetCookie, body_reason
from forebay.cli.asking import field
from forebay.cli.fetched import Answer
from forebay.cli.proxyoptions import largest_object_bytes
from forebay.cli.stored import state
from forebay.errors import ForebayError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what describes a response, and ``--fetch``."""
    parser.add_argument("--fetch", action="store_true",
                        help="ask the origin once, without the proxy, for what rules have made "
                        "of the request, on condition where a stored response is validated, and "
                        "judge its answer; nothing that is blocked, or that a rule answers, is "
                        "asked for")  # fmt: skip
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
    found = _stored(flow, plan, answer, given, now_s)
    if isinstance(found, str):
        said = validity(
            Head(answer.fields),
            requested_at_s=plan.requested_at_s,
            received_at_s=now_s,
            status=answer.status,
            targeted=plan.targeted,
            forced_s=None if plan.rule is None else plan.rule.lifetime_s,
        )
        reason, no_cache = found, False
    else:
        reason, said, no_cache = None, found.validity, found.no_cache
    return {
        "status": answer.status,
        "fetched": given.fetch,
        "stores": reason is None,
        "reason": reason,
        "fresh": not no_cache and is_fresh(said, now_s),
        "ttl_s": int(time_to_live(said, now_s)),
        "no_cache": no_cache,
    }


def _stored(
    flow: http.HTTPFlow, plan: Plan, answer: Answer, given: argparse.Namespace, now_s: float
) -> Entry | str:
    """Return what would be stored, its body aside, or why nothing would be."""
    # Imported late: it takes a tenth of a second, and few ask for it.
    from forebay.cache import update

    head, status = Head(answer.fields), answer.status
    set_cookie = SetCookie(given.cache_set_cookie)
    # Cases, as in the proxy (see cache/intake.py):
    # 1. past the cache, save for a POST whose answer stands for GETs
    if plan.found is None:
        if not answers_gets(plan, status, head):
            return plan.decision.reason
    else:
        response = http.Response.make(status)
        response.headers.fields = answer.fields
        # 2. an error of the origin's, in whose place what is stored answers
        serve = update.stand_in_for_error(response, plan, now_s, KEPT_BYTES)
        if serve is not None:
            return serve.reason
        # 3. what is stored is still good
        if status == 304 and isinstance(plan.decision, Revalidate):
            return update.refresh(flow.request, response, plan, now_s, set_cookie)
        # 4. nothing to store, but perhaps to confirm
        if plan.target.method == b"HEAD":
            return update.confirm(flow.request, response, plan, now_s, set_cookie)
    reason = body_reason(answer.http_version, status, head, limit_bytes=largest_object_bytes(given))
    if reason is not None:
        return reason
    found = judged(flow.request, status, b"", head, plan, now_s, set_cookie)
    return found if isinstance(found, str) else found(b"")


def in_words(found: dict[str, Any]) -> str:
    """Return one line for what ``of_answer`` found.

    >>> in_words({"status": 200, "fetched": True, "stores": False, "reason": "no-store"})
    'cache: would not store the fetched response (status 200): no-store'
    """
    which = f"the {'fetched' if found['fetched'] else 'described'} response"
    named = f"{which} (status {found['status']})"
    if not found["stores"]:
        return f"cache: would not store {named}: {found['reason']}"
    return f"cache: would store {named}, {state(found)}"


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

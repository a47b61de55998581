"""Whether the cache would store a response: one that is described, or one that is fetched."""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Iterable
from typing import Any

from forebay.blocklist.verdict import visible
from forebay.cache.freshness import is_fresh, time_to_live, validity
from forebay.cache.headers import Head
from forebay.cache.rule import Rule, rule_for
from forebay.cache.selection import target_of
from forebay.cache.storable import SetCookie, Unstorable, decide, framing_reason
from forebay.cli.fetched import Answer, fetch
from forebay.errors import ForebayError

_FIELD = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\x00-\x1f\x7f]*)")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what describes a response, and ``--fetch``."""
    parser.add_argument("--fetch", action="store_true",
                        help="ask the origin once, without the proxy, and judge its answer; "
                        "nothing that is blocked is asked for")  # fmt: skip
    parser.add_argument("--status", type=_status, metavar="CODE",
                        help="judge a response with this status (200)")  # fmt: skip
    parser.add_argument("--response-header", action="append", default=[], type=_field,
                        metavar="'NAME: VALUE'",
                        help="judge a response with this field; may be repeated")  # fmt: skip
    parser.add_argument("--set-cookie", default="refuse", type=str,
                        choices=[each.value for each in SetCookie],
                        help="as the option cache_set_cookie")  # fmt: skip


def is_asked(given: argparse.Namespace) -> bool:
    """Return whether a response is to be judged.

    Raises:
        ForebayError: when two are.
    """
    is_described = given.status is not None or bool(given.response_header)
    if given.fetch and is_described:
        raise ForebayError("expected --fetch or a response that is described, found both")
    return is_described or bool(given.fetch)


def of_request(given: argparse.Namespace, rules: Iterable[Rule]) -> dict[str, Any]:
    """Return whether the response would be stored, and why not, in plain types.

    Its size is not judged, as the proxy's options set the limit.

    Raises:
        ForebayError: when the URL is none of HTTP, or its origin does not answer.
    """
    target = target_of(given.url)
    rule = rule_for(rules, target)
    asked_s = time.time()
    if given.fetch:
        answer = fetch(target, given.method)
    else:
        answer = Answer(given.status or 200, tuple(given.response_header))
    now_s = time.time() if given.fetch else asked_s
    head = Head(answer.fields)
    found = validity(
        head,
        requested_at_s=asked_s,
        received_at_s=now_s,
        status=answer.status,
        forced_s=None if rule is None else rule.lifetime_s,
    )
    verdict = decide(
        request=Head(()),
        status=answer.status,
        response=head,
        validity=found,
        set_cookie=SetCookie(given.set_cookie),
    )
    reason = None
    if given.method != "GET":
        reason = "method"
    elif rule is not None and rule.bypass:
        reason = "bypass"
    elif answer.http_version:
        reason = framing_reason(answer.http_version, answer.status, head)
    if reason is None and isinstance(verdict, Unstorable):
        reason = verdict.reason
    return {
        "status": answer.status,
        "fetched": given.fetch,
        "stores": reason is None,
        "reason": reason,
        "fresh": is_fresh(found, now_s),
        "ttl_s": int(time_to_live(found, now_s)),
    }


def in_words(found: dict[str, Any]) -> str:
    """Return one line for what ``of_request`` found.

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
    """Return which rule of ``cache.yaml`` is about the URL, in plain types."""
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


def _field(text: str) -> tuple[bytes, bytes]:
    found = _FIELD.fullmatch(text)
    if found is None:
        raise argparse.ArgumentTypeError(f"expected 'Name: value', found {text!r:.70}")
    return found[1].encode("ascii"), found[2].strip().encode("utf-8", "surrogateescape")

"""``forebay check URL``: what becomes of a request, addon by addon, as the proxy would have it."""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass, field
from typing import Any

from mitmproxy import http

from forebay import bypass, outcome
from forebay.blocklist.verdict import NOT_LISTED, visible
from forebay.cache.plan import Plan, target_of
from forebay.cache.rule import Rule
from forebay.cli import asking, inforce, judged, lookedup, proxyoptions, rewritten, stored, storing
from forebay.cli.fetched import Answer, fetch
from forebay.cli.inforce import Lists
from forebay.cli.judged import Judged
from forebay.cli.rewritten import Rewritten
from forebay.errors import ForebayError
from forebay.rewrite.load import RuleSet

ALLOWED, BLOCKED, BAD_INPUT = 0, 1, 2
_ACTIONS = {"block": "blocked", "allow": "allowed", "bypass": "bypassed", None: "unknown"}


@dataclass(slots=True)
class Checked:
    """What became of a request; None for what it never came to, or what is not known.

    Args:
        judged: the verdict, the last one that says anything.
        rewritten: what rules for requests made of it.
        sent: its method and URL after that.
        is_moved: whether the verdict is on what a rule made of the request.
        cache: the cache's decision.
        cache_rule: the user's rule for the request.
        storing: whether a response would be stored.
        warnings: what is wrong with files that others can do without.
    """

    judged: Judged
    rewritten: Rewritten | None = None
    sent: str | None = None
    is_moved: bool = False
    cache: dict[str, Any] | None = None
    cache_rule: dict[str, Any] | None = None
    storing: dict[str, Any] | None = None
    warnings: list[str] = field(default_factory=list)

    def warn(self, of: str, error: ForebayError) -> None:
        """Remember what is wrong; what the other addons do is known all the same."""
        self.warnings += [f"{of}: {visible(line, 500)}" for line in str(error).splitlines()]


def run(arguments: list[str]) -> int:
    """Print what becomes of one request; return 0 when it is allowed, 1 blocked, 2 bad input."""
    given = _parser().parse_args(arguments)
    try:
        flow = asking.flow_for(given)
        described = storing.described(given)
        is_handshake = given.url.strip()[:2].lower() == "ws"
        if is_handshake and (described is not None or given.fetch):
            raise ForebayError(f"expected an http or https URL, found {given.url!r:.70}")
        proxyoptions.fill(given)
        asking.take_bypass(flow, given)
        lists, problems = _lists(given)
        found = checked(flow, lists, given, described)
    except (ForebayError, ValueError) as error:
        for line in str(error).splitlines():
            print(f"forebay check: {visible(line, 500)}", file=sys.stderr)
        return BAD_INPUT
    if given.json:
        print(json.dumps(as_plain(found, flow, given.url), indent=2))
    else:
        print("\n".join(in_words(found, given.url)))
    for line in (*problems, *found.warnings):
        print(f"forebay check: {line}", file=sys.stderr)
    if not lists.is_known:
        return BAD_INPUT
    return BLOCKED if found.judged.blocked else ALLOWED


def _lists(given: argparse.Namespace) -> tuple[Lists, list[str]]:
    """Return what requests are judged by, and what is wrong with that."""
    try:
        found = inforce.lists_for(given)
    except ForebayError as error:
        return Lists(is_known=False), [visible(line, 500) for line in str(error).splitlines()]
    unfiltered = () if found.lists is None else found.lists.unfiltered
    return found, [f"unfiltered, as never fetched: {visible(each)}" for each in unfiltered]


def checked(
    flow: http.HTTPFlow, lists: Lists, given: argparse.Namespace, described: Answer | None
) -> Checked:
    """Take the request through the pipeline of ``main.py``.

    Raises:
        ForebayError: when an option has a wrong value, or an origin does not answer.
    """
    found = Checked(judged.of_flow(flow, lists, given))
    if found.judged.blocked:
        return found
    rules = _rewrite_rules(given, found)
    if rules is not None and not outcome.bypasses(flow, bypass.REWRITE):
        rewritten_ = rewritten.of_flow(flow, rules, client=given.client, now_s=time.time())
        found.rewritten = rewritten_
        if rewritten_.status is not None:
            outcome.of(flow)["answer"] = "rewrite"
            return found
    found.sent = f"{flow.request.data.method.decode('utf-8', 'replace')} {flow.request.url}"
    if outcome.of(flow).get("redirected"):
        again = judged.of_flow(flow, lists, given)
        if again.verdict is not NOT_LISTED:
            found.judged, found.is_moved = again, True
        if again.blocked:
            return found
    if given.cache:
        _ask_cache(flow, found, given, described)
    return found


def _rewrite_rules(given: argparse.Namespace, found: Checked) -> RuleSet | None:
    try:
        rules = rewritten.rules_for(given)
    except ForebayError as error:
        found.warn("rewrite", error)
        return None
    rules.check(given.rewrite_groups, "rewrite_groups")
    return rules.switched(given.rewrite_groups)


def _ask_cache(
    flow: http.HTTPFlow, found: Checked, given: argparse.Namespace, described: Answer | None
) -> None:
    plan = _planned(flow, found, given)
    if plan is None:
        return
    found.cache_rule = storing.rule_facts(plan.rule)
    answer = described
    if given.fetch:
        plan.requested_at_s = time.time()
        answer = fetch(target_of(flow.request), flow.request.headers.fields)
    if answer is not None:
        found.storing = storing.of_answer(flow, plan, answer, given, time.time())


def _planned(flow: http.HTTPFlow, found: Checked, given: argparse.Namespace) -> Plan | None:
    rules: tuple[Rule, ...]
    now_s = time.time()
    try:
        rules = stored.cache_rules(given)
        plan = lookedup.of_flow(flow, rules, given, now_s)
    except ForebayError as error:
        found.warn("cache", error)
        return None
    found.cache = lookedup.as_plain(flow, plan, now_s)
    return plan


def as_plain(found: Checked, flow: http.HTTPFlow, url: str) -> dict[str, Any]:
    """Return it in plain types; ``asked`` is the URL as given."""
    ours = "blocklist" if found.judged.blocked else outcome.answered_by(flow)
    return {
        "asked": url,
        **judged.as_plain(found.judged),
        "moved": found.is_moved,
        "answered_by": ours or "origin",
        "bypass": outcome.of(flow).get("bypass"),
        "rewrite": None if found.rewritten is None else found.rewritten.as_plain(),
        "sent": found.sent,
        "cache": found.cache,
        "cache_rule": found.cache_rule,
        "storing": found.storing,
        "warnings": found.warnings,
    }


def in_words(found: Checked, url: str) -> list[str]:
    """Return the lines for people."""
    judged_ = found.judged
    action = _ACTIONS[judged_.action]
    named = visible(url.strip() if found.is_moved else judged_.requests[0].cased, 500)
    lines = [f"{action}: {named}"]
    if found.is_moved:
        lines.append(f"  sent to   {visible(judged_.requests[0].cased, 500)}")
    lines += judged.in_words(judged_)
    if found.rewritten is not None:
        lines += rewritten.in_words(found.rewritten)
    if found.cache_rule is not None:
        lines.append(storing.rule_in_words(found.cache_rule))
    if found.cache is not None:
        lines += lookedup.in_words(found.cache)
    if found.storing is not None:
        lines.append(storing.in_words(found.storing))
    return lines


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="forebay check",
        description="Say what the proxy would do to a request, and by which rules: "
        "the blocklist, rewriting, the cache.",
        epilog="Exit status: 0 allowed, 1 blocked, 2 bad input.",
    )
    asking.add_arguments(parser)
    inforce.add_arguments(parser)
    storing.add_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")
    proxyoptions.add_arguments(parser)
    return parser

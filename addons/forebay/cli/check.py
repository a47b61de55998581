"""``forebay check URL``: what becomes of a request, addon by addon, as the proxy would have it."""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import replace

from mitmproxy import http

from forebay import bypass, outcome
from forebay.blocklist import changes
from forebay.blocklist.matcher import TOO_MANY_RULES
from forebay.blocklist.verdict import NOT_LISTED, visible
from forebay.cache.decision import Revalidate
from forebay.cache.plan import Plan, add_conditions, target_of
from forebay.cli import asking, inforce, judged, lookedup, proxyoptions, rewritten, stored, storing
from forebay.cli.checked import Checked, as_plain, in_words
from forebay.cli.fetched import Answer, fetch
from forebay.cli.inforce import Lists
from forebay.cli.places import home_folder, rules_folder
from forebay.errors import ForebayError
from forebay.rewrite.load import RuleSet

ALLOWED, BLOCKED, BAD_INPUT = 0, 1, 2


def run(arguments: list[str]) -> int:
    """Print what becomes of one request; return 0 when it is allowed, 1 blocked, 2 bad input."""
    given = _parser().parse_args(arguments)
    try:
        proxyoptions.fill(given)
        for folder in (home_folder, rules_folder):
            folder(given)  # one that is none is said once, not by each that looks there
        flow = asking.flow_for(given)
        described = storing.described(given)
        is_handshake = given.url.strip()[:2].lower() == "ws"
        if is_handshake and (described is not None or given.fetch):
            raise ForebayError(f"expected an http or https URL, found {given.url!r:.70}")
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
    found = Checked(judged.of_flow(flow, lists, given), bypass=outcome.of(flow).get("bypass"))
    if found.judged.blocked:
        return found
    judged.take_out(flow, found.judged)
    rules = _rewrite_rules(given, found)
    if rules is not None and not outcome.bypasses(flow, bypass.REWRITE):
        rewritten_ = rewritten.of_flow(flow, rules, client=given.client, now_s=time.time())
        found.rewritten = rewritten_
        if rewritten_.status is not None:
            outcome.of(flow)["answer"] = "rewrite"
            return found
    found.sent = _sent(flow)
    if outcome.of(flow).get("redirected"):
        _judge_again(flow, lists, given, found)
        if found.judged.blocked:
            return found
        found.sent = _sent(flow)
    if given.cache:
        _ask_cache(flow, found, given, described)
    return found


def _judge_again(
    flow: http.HTTPFlow, lists: Lists, given: argparse.Namespace, found: Checked
) -> None:
    """Judge what was changed until no rule takes out more of it, as the proxy does."""
    for _ in range(changes.MOST_ROUNDS):
        again = judged.of_flow(flow, lists, given)
        edits = judged.of_both(found.judged, again)
        if again.verdict is not NOT_LISTED:
            found.judged, found.is_moved = again, True
        found.judged = replace(found.judged, edits=edits)
        if again.blocked or again.target is None:
            return
        judged.take_out(flow, again)
    found.judged = replace(found.judged, verdict=TOO_MANY_RULES)


def _sent(flow: http.HTTPFlow) -> str:
    return f"{flow.request.data.method.decode('utf-8', 'replace')} {flow.request.url}"


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
        if isinstance(plan.decision, Revalidate):
            add_conditions(flow.request, plan.decision)
        answer = fetch(target_of(flow.request), flow.request.headers.fields)
    if answer is not None:
        found.storing = storing.of_answer(flow, plan, answer, given, time.time())


def _planned(flow: http.HTTPFlow, found: Checked, given: argparse.Namespace) -> Plan | None:
    now_s = time.time()
    try:
        plan = lookedup.of_flow(flow, stored.cache_rules(given), given, now_s)
    except ForebayError as error:
        found.warn("cache", error)
        return None
    found.cache = lookedup.as_plain(flow, plan, now_s)
    return plan


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="forebay check",
        usage="forebay check [OPTION ...] URL",
        description="Say what the proxy would do to a request, and by which rules: "
        "the blocklist, rewriting, the cache.",
        epilog="Exit status: 0 allowed, 1 blocked, 2 bad input, or lists that cannot be read. "
        "What else cannot be read is said on standard error. In JSON the verdict has the names "
        "of the log's forebay.block, 'cache' those of forebay.cache, and 'rewrite.request' is "
        "forebay.rewrite; what is not known, or was not come to, is null.",
    )
    asking.add_arguments(parser)
    inforce.add_arguments(parser)
    storing.add_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")
    proxyoptions.add_arguments(parser)
    return parser

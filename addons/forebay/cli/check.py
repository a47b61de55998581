"""``forebay check URL``: is it blocked, by which rule; which rules edit it, is it cached."""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict
from typing import Any

from forebay.blocklist import resource
from forebay.blocklist.judge import active_lists, judge
from forebay.blocklist.load import load
from forebay.blocklist.matcher import Match
from forebay.blocklist.policies import Policy
from forebay.blocklist.request import Request
from forebay.blocklist.sources import Sources, gather
from forebay.blocklist.verdict import Verdict, visible
from forebay.cache.inventory import NoCacheError
from forebay.cache.rule import Rule, rule_for
from forebay.cache.selection import target_of
from forebay.cli import rewritten, stored, storing
from forebay.cli.places import add_places, home_folder, rules_folder
from forebay.errors import ForebayError, RuleError
from forebay.names import bracketed, every_name, split_authority
from forebay.paths import expanded
from forebay.rewrite.patterns import method

ALLOWED, BLOCKED, BAD_INPUT = 0, 1, 2


def run(arguments: list[str]) -> int:
    """Print the verdict on one URL; return 0 when it is allowed, 1 blocked, 2 for bad input."""
    given = _parser().parse_args(arguments)
    try:
        request = Request.of(given.url, source=given.source, type=given.type, method=given.method)
        if given.source and request.source is None:
            raise ForebayError(f"--source: expected an absolute URL, found {given.source!r:.70}")
        is_storing_asked = storing.is_asked(given)
        if is_storing_asked:
            target_of(given.url)  # of another scheme there is no response to judge
        home = home_folder(given)
        sources = gather(
            shipped=rules_folder(given),
            user=home / "rules",
            downloads=home / "lists",
            files=tuple(expanded("--list", each) for each in given.list),
        )
        lists = load(sources.lists)
    except (ForebayError, ValueError) as error:
        for line in str(error).splitlines():
            print(f"forebay check: {line}", file=sys.stderr)
        return BAD_INPUT
    policy = _policy(sources, given)
    active = active_lists(lists.matcher, policy)
    requests = _under_every_name(request, given)
    verdict = judge(requests, lists.matcher, active, policy)
    matches = list(
        {
            (match.cited.path, match.cited.line): match
            for each in reversed(requests)
            for match in lists.matcher.explain(each, active)
        }.values()
    )
    rules = _cache_rules(given)
    cached = None if rules is None else _cached(given, rules)
    rule = storing.rule_facts(rule_for(rules, target_of(given.url))) if rules else None
    try:
        edits = None if verdict.blocked else rewritten.of_request(given)
        is_storing_judged = is_storing_asked and not verdict.blocked and rules is not None
        stores = storing.of_request(given, rules or ()) if is_storing_judged else None
    except ForebayError as error:
        print(f"forebay check: {error}", file=sys.stderr)
        return BAD_INPUT
    if given.json:
        found = {
            **_as_json(request, verdict, policy, matches),
            "names": [each.host.name for each in requests],
            "rewrite": edits,
            "cache": cached,
            "cache_rule": rule,
            "storing": stores,
        }
        print(json.dumps(found, indent=2))
    else:
        print("\n".join(_as_text(requests, verdict, policy, matches)))
        for line in rewritten.in_words(edits) if edits is not None else ():
            print(line)
        if rule is not None:
            print(storing.rule_in_words(rule))
        if cached is not None:
            print(stored.in_words(cached))
        if stores is not None:
            print(storing.in_words(stores))
    for name in lists.unfiltered:
        print(f"forebay check: unfiltered, as never fetched: {name}", file=sys.stderr)
    return BLOCKED if verdict.blocked else ALLOWED


def _method(text: str) -> str:
    try:
        return method(text)
    except RuleError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="forebay check",
        description="Say what the proxy would do to a request, and by which rules: "
        "the blocklist, rewriting, the cache.",
        epilog="Exit status: 0 allowed, 1 blocked, 2 bad input.",
    )
    parser.add_argument("url")
    parser.add_argument("--type", default="other", choices=resource.TYPES, metavar="TYPE",
                        help=f"one of {', '.join(resource.TYPES)} (default: other)")  # fmt: skip
    parser.add_argument("--source", metavar="URL", help="the page that asks")
    parser.add_argument("--client", metavar="ADDRESS", help="the client, for policies")
    parser.add_argument("--user", metavar="NAME", help="the proxy user, for policies")
    parser.add_argument("--method", default="GET", type=_method)
    parser.add_argument("--list", action="append", default=[], metavar="FILE",
                        help="a further list, as the option blocklist_files")  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print JSON")
    rewritten.add_arguments(parser)
    stored.add_cache_folder(parser)
    storing.add_arguments(parser)
    add_places(parser)
    return parser


def _under_every_name(request: Request, given: argparse.Namespace) -> list[Request]:
    """Return *request*, and the same under the other names that its host is taken for."""
    host, _ = split_authority(given.url.partition("://")[2])
    before, after = request.cased[: request.host_start], request.cased[request.host_end :]
    others = [
        Request.of(
            f"{before}{bracketed(name)}{after}",
            source=given.source,
            type=given.type,
            method=given.method,
        )
        for name in every_name(target=host, host_fields=(), authority="", sni=None, connect=None)
        if name != request.host.name
    ]
    return [request, *others]


def _cache_rules(given: argparse.Namespace) -> tuple[Rule, ...] | None:
    """Return the rules of the cache, or None where it has no say, or they are mistaken."""
    try:
        if not given.url.lower().startswith(("http:", "https:")):
            return None
        target_of(given.url)
        return stored.cache_rules(given)
    except ForebayError as error:
        _warn_of_cache(error)
        return None


def _cached(given: argparse.Namespace, rules: tuple[Rule, ...]) -> dict[str, Any] | None:
    """Return what the cache holds for the URL, or None where it has no say."""
    try:
        folder = stored.cache_folder(given)
        if given.method not in ("GET", "HEAD") or not folder.is_dir():
            return None
        return stored.of_request(folder, given.url, rules, time.time())
    except NoCacheError:
        return None
    except ForebayError as error:
        _warn_of_cache(error)
        return None


def _warn_of_cache(error: ForebayError) -> None:
    """Say what is wrong; what the blocklist does is known all the same."""
    for line in str(error).splitlines():
        print(f"forebay check: cache: {visible(line, 500)}", file=sys.stderr)


def _policy(sources: Sources, given: argparse.Namespace) -> Policy | None:
    now = time.localtime()
    return sources.policies.choose(
        client=given.client,
        user=given.user,
        weekday=now.tm_wday,
        minute=60 * now.tm_hour + now.tm_min,
    )


def _as_json(
    request: Request, verdict: Verdict, policy: Policy | None, matches: list[Match]
) -> dict[str, Any]:
    return {
        "url": request.cased,
        "type": request.type,
        "source": request.source_url,
        "party": _PARTIES[request.party],
        "policy": None if policy is None else policy.id,
        **verdict.as_outcome(),
        "matches": [
            {**asdict(match.cited), "effect": match.effect, "fate": match.fate} for match in matches
        ],
    }


_PARTIES = {resource.THIRD: "third", resource.FIRST: "first", resource.UNKNOWN: "unknown"}


def _as_text(
    requests: list[Request], verdict: Verdict, policy: Policy | None, matches: list[Match]
) -> list[str]:
    request, *others = requests
    action = "blocked" if verdict.blocked else "allowed"
    lines = [f"{action}: {visible(request.cased, 500)}", f"  because   {visible(verdict.reason)}"]
    for word, cited in (("rule", verdict.matched), ("exception", verdict.exception)):
        if cited is not None:
            lines.append(f"  {word:<9} {visible(cited.rule)}")
            lines.append(f"            {visible(cited.path)}:{cited.line}")
    if verdict.redirect:
        lines.append(f"  answer    {visible(verdict.redirect)}")
    if others:
        lines.append(f"  also as   {', '.join(visible(each.host.name) for each in others)}")
    if policy is not None:
        lines.append(f"  policy    {policy.id} ({policy.place})")
    party = _PARTIES[request.party]
    lines.append(f"  asked as  {request.type}, {party} party, {visible(request.method)}")
    if matches:
        lines.append("rules that match, in the order of lists and lines:")
        places = [visible(f"{match.cited.list}:{match.cited.line}") for match in matches]
        width = max(map(len, places))
        lines += [
            f"  {place:<{width}}  {match.effect}: {visible(match.cited.rule)} ({match.fate})"
            for place, match in zip(places, matches, strict=True)
        ]
    return lines

"""What rewrite rules would do to a request, in words and in plain types."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from typing import Any

from forebay.blocklist.verdict import visible
from forebay.cli.places import home_folder, rules_folder
from forebay.errors import ForebayError
from forebay.rewrite import load
from forebay.rewrite.flows import flow_of
from forebay.rewrite.index import RuleIndex
from forebay.rewrite.rule import Phase, Rule
from forebay.rewrite.run import Applied
from forebay.rewrite.trial import exchange_for, trial


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add ``--rewrite-group`` and ``--rewrite-env``."""
    parser.add_argument("--rewrite-group", action="append", default=[], metavar="NAME",
                        help="as the option rewrite_groups")  # fmt: skip
    parser.add_argument("--rewrite-env", action="append", default=[], metavar="NAME",
                        help="as the option rewrite_env")  # fmt: skip


def of_request(given: argparse.Namespace) -> dict[str, Any] | None:
    """Return what rules would do to the request; None for what is no HTTP request.

    Of rules for responses it is only said which may apply, as nobody knows the response.

    Raises:
        ForebayError: when a group is switched that is none.
    """
    try:
        exchange = exchange_for(
            given.url, method=given.method, client=given.client, user=given.user
        )
    except ValueError:
        return None
    try:
        found_at = load.sources(rules_folder(given), home_folder(given) / "rules", ())
        places = [replace(each, may_be_absent=True) for each in found_at]
        rules = load.loader(load.environment_of(given.rewrite_env))(places)
    except ForebayError as error:  # what the blocklist does is known all the same
        for line in str(error).splitlines():
            print(f"forebay check: rewrite: {visible(line, 500)}", file=sys.stderr)
        return None
    rules.check(given.rewrite_group, "--rewrite-group")
    active = rules.switched(given.rewrite_group).active
    exchange = replace(exchange, flow=flow_of(exchange, None))
    found = trial(active, exchange)
    relaxed = RuleIndex(
        replace(rule, matcher=load.as_far_as_requests_tell(rule.matcher))
        for rule in active
        if rule.response
    )
    may = [
        relaxed.rules[number]
        for number in relaxed.candidates(found.exchange)
        if relaxed.rules[number].matcher.match(found.exchange, of_response=True) is not None
    ]
    return {
        "request": [
            _as_plain(applied) for phase, applied in found.applied if phase is Phase.REQUEST
        ],
        "response": [_place(rule) for rule in may],
    }


def _place(rule: Rule) -> dict[str, Any]:
    return {"id": rule.id, "file": rule.file, "line": rule.line, "mode": str(rule.mode)}


def _as_plain(applied: Applied) -> dict[str, Any]:
    changes = [change.as_plain() for change in applied.changes]
    answer = None if applied.answer is None else applied.answer[0].status
    return {**_place(applied.rule), "changes": changes, "answer": answer, "failed": applied.failed}


def in_words(found: dict[str, Any]) -> list[str]:
    """Return lines for what ``of_request`` found; none when no rule is about it."""
    lines = []
    for entry in found["request"]:
        lines.append(f"rewrite: {_named(entry)}")
        for change in entry["changes"]:
            shown = change_in_words(change["before"], change["after"])
            lines.append(f"  {visible(change['field'])}: {shown}")
        if entry["answer"] is not None:
            lines.append(f"  answers {entry['answer']}")
        if entry["failed"] is not None:
            lines.append(f"  cannot be made: {visible(entry['failed'])}")
    lines += [f"rewrite: may edit the response: {_named(entry)}" for entry in found["response"]]
    return lines


def change_in_words(before: str | None, after: str | None) -> str:
    """Return what something said before and after."""
    return " -> ".join("(absent)" if each is None else visible(each) for each in (before, after))


def _named(entry: dict[str, Any]) -> str:
    shadow = ", in shadow mode" if entry["mode"] == "shadow" else ""
    return f"{visible(entry['id'])} ({visible(entry['file'])}:{entry['line']}){shadow}"

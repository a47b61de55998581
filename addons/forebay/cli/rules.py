"""``forebay rules``: try rewrite rules on recorded traffic, import them, print their schema."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from forebay.blocklist.verdict import visible
from forebay.cli import importing
from forebay.cli.places import add_places, home_folder, rules_folder
from forebay.cli.rewritten import change_in_words
from forebay.errors import ForebayError
from forebay.paths import expanded
from forebay.rewrite import load, replay
from forebay.rewrite.flows import flow_of
from forebay.rewrite.rule import Rule
from forebay.rulefiles import files_of

SAME, DIFFERENT, BAD_INPUT = 0, 1, 2


def run(arguments: list[str]) -> int:
    """Run one of the commands; return its exit status, 2 for bad input."""
    given = _parser().parse_args(arguments)
    try:
        return int(given.run(given))
    except ForebayError as error:
        for line in str(error).splitlines():
            print(f"forebay rules: {line}", file=sys.stderr)
        return BAD_INPUT


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="forebay rules", description="Work with rewrite rules.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    test = commands.add_parser(
        "test",
        help="say what rules would change of recorded traffic",
        description="Take each exchange of a traffic log through the rules, and print what they "
        "would make of it otherwise than those of its time: + only now, - only then. "
        "Without header fields in the log (option trafficlog_headers) only URLs, methods and "
        "what is set anew can be told.",
        epilog="Exit status: 0 no difference, 1 differences, 2 bad input.",
    )
    test.add_argument("--against", required=True, metavar="FILE", help="a traffic log (JSONL)")
    test.add_argument("--file", action="append", default=[], metavar="FILE",
                      help="rules to try, in place of those in force")  # fmt: skip
    test.add_argument("--group", action="append", default=[], metavar="NAME",
                      help="a group to switch on, or with - off")  # fmt: skip
    test.add_argument("--env", action="append", default=[], metavar="NAME",
                      help="a variable that rules may use")  # fmt: skip
    test.add_argument("--json", action="store_true", help="print a JSON object a line")
    add_places(test)
    test.set_defaults(run=_test)

    importing.add_parser(commands)

    schema = commands.add_parser("schema", help="print the JSON Schema of rewrite files")
    schema.set_defaults(run=_schema)
    return parser


def _test(given: argparse.Namespace) -> int:
    rules = _rules(given)
    path = expanded("--against", given.against)
    records = different = 0
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                try:
                    record = json.loads(line)
                    found = replay.differences(rules, record, flow_of)
                except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
                    continue  # a torn line, or no HTTP exchange
                records += 1
                if found:
                    different += 1
                    _print(record, number, found, as_json=given.json)
    except BrokenPipeError:  # of what reads our output
        raise
    except OSError as error:
        raise ForebayError(f"--against: cannot read {path}: {error.strerror}") from None
    if not records:
        raise ForebayError(f"--against: expected records of HTTP exchanges, found none in {path}")
    print(f"{records} exchanges, {different} would be otherwise", file=sys.stderr)
    return DIFFERENT if different else SAME


def _rules(given: argparse.Namespace) -> tuple[Rule, ...]:
    environment = load.environment_of(given.env)
    if given.file:
        paths = [path for name in given.file for path in files_of(expanded("--file", name))]
        found = [rule for path in paths for rule in load.read_file(path, environment)]
    else:
        places = load.sources(rules_folder(given), home_folder(given) / "rules", ())
        found = list(load.loader(environment)(places).rules)
    rules = load.RuleSet(tuple(found))
    rules.check(given.group, "--group")
    return rules.switched(given.group).active


def _print(
    record: dict[str, Any], number: int, found: list[replay.Difference], *, as_json: bool
) -> None:
    if as_json:
        for one in found:
            phase, field, before, after = one.said
            print(json.dumps({"line": number, "url": record["url.full"], "new": one.is_new,
                              "rule": one.rule, "place": one.place, "phase": phase,
                              "field": field, "before": before, "after": after}))  # fmt: skip
        return
    method = record.get("http.request.method") or "GET"
    print(f"{visible(str(method))} {visible(record['url.full'], 500)} (line {number})")
    for one in found:
        phase, field, before, after = one.said
        sign = "+" if one.is_new else "-"
        shown = change_in_words(before, after)
        print(f"  {sign} {phase} {visible(field)}: {shown}   {visible(one.rule)} ({one.place})")


def _schema(given: argparse.Namespace) -> int:
    from forebay.rewrite.jsonschema import INDENT, json_schema

    print(json.dumps(json_schema(), indent=INDENT))
    return SAME

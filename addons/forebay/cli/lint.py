"""``forebay lint``: what is wrong, or probably wrong, with rewrite rules; and their own tests."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from forebay import schema
from forebay.cli.places import add_places, home_folder, rules_folder
from forebay.errors import ForebayError, RuleError, RuleErrors
from forebay.paths import expanded
from forebay.rewrite import lint, load, trial
from forebay.rewrite.flows import flow_of
from forebay.rewrite.models import ExpectedMessage, RewriteFile, TestSection
from forebay.rewrite.rule import Phase, Rule
from forebay.rulefiles import files_of

CLEAN, FOUND, BAD_INPUT = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Line:
    """Something to say: *kind* is ``mistake``, ``failed`` (a test) or ``warning``.

    The column is 0 where it does not matter.
    """

    kind: str
    path: str
    line: int
    text: str
    column: int = 0


def run(arguments: list[str]) -> int:
    """Print what is found; return 0 when nothing is wrong, 1 for mistakes and failed tests."""
    given = _parser().parse_args(arguments)
    try:
        paths = _paths(given)
    except ForebayError as error:
        print(f"forebay lint: {error}", file=sys.stderr)
        return BAD_INPUT
    environment = load.environment_of(given.env)
    lines: list[Line] = []
    rules: list[Rule] = []
    tests = 0
    is_unreadable = False
    for path in paths:
        try:
            document, found = load.read_document(path, environment)
        except RuleErrors as error:
            lines += map(_mistake, error.errors)
            continue
        except RuleError as error:
            lines.append(_mistake(error))
            continue
        except ForebayError as error:
            print(f"forebay lint: {error}", file=sys.stderr)
            is_unreadable = True
            continue
        rules += found
        tests += sum(len(section.tests) for section in document.model.rules)
        lines += _failures(document, found)
    findings = lint.lint(rules)
    lines += [
        Line("warning", each.rule.file, each.rule.line, f"{each.rule.id}: {each.text}")
        for each in findings
    ]
    _print(lines, as_json=given.json)
    wrong = [line for line in lines if line.kind != "warning" or given.strict]
    if not given.json:
        counts = f"{len(rules)} rules in {len(paths)} files, {tests} tests"
        print(f"{counts}: {len(wrong)} wrong, {len(findings)} warnings", file=sys.stderr)
    if is_unreadable:
        return BAD_INPUT
    return FOUND if wrong else CLEAN


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="forebay lint",
        description="Look for mistakes in rewrite rules, and run the tests that stand beside them.",
        epilog="Exit status: 0 nothing wrong, 1 mistakes or failed tests, 2 bad input.",
    )
    parser.add_argument("file", nargs="*", help="files of rules (default: those in force)")
    parser.add_argument("--env", action="append", default=[], metavar="NAME",
                        help="a variable that rules may use")  # fmt: skip
    parser.add_argument("--strict", action="store_true", help="warnings are wrong, too")
    parser.add_argument("--json", action="store_true", help="print a JSON object a line")
    add_places(parser)
    return parser


def _paths(given: argparse.Namespace) -> list[Path]:
    if given.file:
        named = [expanded("file", name) for name in given.file]
        for name in named:
            if not files_of(name):
                raise ForebayError(f"expected a folder with *.yaml files, found none in {name}")
        return [path for name in named for path in files_of(name)]
    found = load.sources(rules_folder(given), home_folder(given) / "rules", ())
    places = [each.path for each in found if not each.may_be_absent or each.path.exists()]
    return [path for place in places for path in files_of(place)]


def _mistake(error: RuleError) -> Line:
    return Line("mistake", str(error.path), error.line or 0, error.message, error.column or 0)


def _failures(document: schema.Document[RewriteFile], rules: tuple[Rule, ...]) -> Iterable[Line]:
    for i, (section, rule) in enumerate(zip(document.model.rules, rules, strict=True)):
        for j, test in enumerate(section.tests):
            line = document.line("rules", i, "tests", j)
            for text in _failed(rules, rule, test):
                yield Line("failed", str(document.path), line, f"test of {rule.id}: {text}")


def _failed(rules: tuple[Rule, ...], rule: Rule, test: TestSection) -> list[str]:
    """Return in words what is otherwise than *test* expects."""
    asked, given = test.request, test.response
    try:
        exchange = trial.exchange_for(
            asked.url,
            method=asked.method,
            headers=asked.headers,
            client=asked.client,
            user=asked.user,
        )
    except ValueError as error:
        return [f"request: {error}"]
    answered = None
    if given is not None:
        answered = int(given.status), trial.fields_of(given.headers), given.body
    exchange = replace(exchange, flow=flow_of(exchange, answered))
    acting = trial.acting(rules, rule)
    found = trial.trial(acting, exchange, sent=asked.body, answered=answered)
    tried = acting[rules.index(rule)]
    failed = []
    if found.has_applied(tried) is not test.expect.applies:
        wanted = "that it applies" if test.expect.applies else "that it does not apply"
        failed.append(f"expected {wanted}, found otherwise")
    failed += [
        f"it cannot be applied: {one.failed}"
        for _, one in found.applied
        if one.rule == tried and one.failed is not None
    ]
    for phase, expected in (
        (Phase.REQUEST, test.expect.request),
        (Phase.RESPONSE, test.expect.response),
    ):
        if expected is not None:
            failed += trial.differences(found, phase, _expected(expected))
    failed += [f"{one.id}: left the body alone: {why}" for one, why in found.skipped if failed]
    return failed


def _expected(section: ExpectedMessage) -> trial.Expected:
    return trial.Expected(
        section.url, section.method, section.status, section.headers, section.body
    )


def _print(lines: list[Line], *, as_json: bool) -> None:
    for line in lines:
        if as_json:
            print(json.dumps(asdict(line)))
        else:
            numbers = [str(number) for number in (line.line, line.column) if number]
            print(f"{':'.join([line.path, *numbers])}: {line.kind}: {line.text}")

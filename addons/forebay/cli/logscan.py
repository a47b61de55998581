"""``forebay log scan``: look for secrets that have slipped into a traffic log."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from forebay.blocklist.verdict import visible
from forebay.cli.output import guarded
from forebay.cli.places import add_places, home_folder, rules_folder
from forebay.errors import ForebayError
from forebay.trafficlog import logfiles, redaction
from forebay.trafficlog.reader import Damages, numbered
from forebay.trafficlog.redact import Redactor
from forebay.trafficlog.scan import Leak, Scanner

CLEAN, FOUND = 0, 1
_NAME = "forebay log scan"


def run(arguments: list[str]) -> int:
    """Scan; return 0 when nothing was found, 1 when something was, 2 for bad input."""
    given = _parser().parse_args(arguments)
    return guarded(_NAME, lambda: _scan(given))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=_NAME,
        description="Look for what the rules of redact.yaml would mask today, and is in the log.",
        epilog="Exit status: 0 nothing found, 1 secrets found, 2 bad input. Secrets are not shown.",
    )
    parser.add_argument(
        "files", nargs="*", type=Path, metavar="FILE", help="logs, - for the standard input"
    )
    parser.add_argument("--strict", action="store_true", help="long words that look random, too")
    parser.add_argument("--emails", action="store_true", help="e-mail addresses, too")
    parser.add_argument("--json", action="store_true", help="print one line of JSON for each")
    add_places(parser)
    return parser


def _scan(given: argparse.Namespace) -> int:
    home = home_folder(given)
    scanner = Scanner(_redactor(given, home), strict=given.strict)
    files = given.files or logfiles.default_files(home)
    if not files:
        raise ForebayError(f"expected a log, found none in {home / 'log'}")
    damages = Damages()
    leaks = records = 0
    for path in files:
        for number, record in _records(path, damages):
            records += 1
            for leak in scanner.leaks(record):
                leaks += 1
                _print(path, number, leak, as_json=given.json)
    for damage in damages.first:
        print(f"{_NAME}: {visible(str(damage), 500)}", file=sys.stderr)
    print(
        f"{records:,} records, {leaks:,} secrets"
        + (f", {damages.count:,} damaged lines" if damages.count else ""),
        file=sys.stderr,
    )
    return FOUND if leaks else CLEAN


def _redactor(given: argparse.Namespace, home: Path) -> Redactor:
    files = redaction.sources(rules_folder(given), home / "rules")
    policy = redaction.load(files, home).policy
    return Redactor(replace(policy, emails=policy.emails or given.emails))


def _records(path: Path, damages: Damages) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in numbered(path, damages):
        try:
            record = msgspec.json.decode(line)
        except msgspec.DecodeError as error:
            if line.strip():
                damages.add(path, number, f"expected a record, found damage: {error}")
            continue
        if isinstance(record, dict):
            yield number, record
        else:
            damages.add(path, number, "expected a record, found no JSON object")


def _print(path: Path, number: int, leak: Leak, *, as_json: bool) -> None:
    if as_json:
        print(
            json.dumps(
                {"file": str(path), "line": number, "field": leak.field, "kind": leak.kind}
                | {"length": len(leak.text)}
            )
        )
        return
    shown = visible(leak.text[:4], 20)
    print(
        f"{path}:{number}: {visible(leak.field, 100)}: {leak.kind}: "
        f"{shown}… ({len(leak.text):,} characters)"
    )

"""``forebay log``: what the traffic log is made of, and whether secrets are in it."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from forebay.blocklist.verdict import visible
from forebay.cli.output import DONE, NothingError, guarded
from forebay.cli.places import add_home, home_folder
from forebay.cli.table import print_table
from forebay.trafficlog.logfiles import default_files, rotated_at

_NAME = "forebay log"


def run(arguments: list[str]) -> int:
    """Run one of the commands; return its exit status: 1 for no files, 2 for bad input."""
    if arguments[:1] == ["scan"]:
        from forebay.cli import logscan

        return logscan.run(arguments[1:])
    parser = argparse.ArgumentParser(
        prog=_NAME,
        description="Describe the traffic log, or look for secrets in it.",
        epilog="Exit status: 0 done, 1 no files, 2 bad input.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("scan", add_help=False, help="look for secrets in logs")
    commands.add_parser("schema", help="print the JSON Schema of a line")
    files = commands.add_parser("files", help="list the files of the log, the oldest first")
    files.add_argument("--json", action="store_true", help="print a JSON object a line")
    add_home(files)
    given = parser.parse_args(arguments)
    return guarded(_NAME, lambda: _schema() if given.command == "schema" else _files(given))


def _schema() -> int:
    from forebay.trafficlog.recordschema import json_schema

    print(json.dumps(json_schema(), indent=2))
    return DONE


def _files(given: argparse.Namespace) -> int:
    home = home_folder(given)
    found = default_files(home)
    if not found:
        raise NothingError(f"expected a traffic log, found none in {home / 'log'}")
    if given.json:
        for path in found:
            print(json.dumps(_facts(path)))
        return DONE
    rows = (
        (facts["rotated"] or "live", f"{facts['size_bytes']:,}", visible(facts["path"], 4096))
        for facts in map(_facts, found)
    )
    print_table(("rotated", "bytes", "file"), rows, to_the_right=["bytes"])
    return DONE


def _facts(path: Path) -> dict[str, Any]:
    at = rotated_at(path)
    try:
        size_bytes = path.stat().st_size
    except OSError:  # rotated or deleted at this moment
        size_bytes = 0
    return {
        "path": str(path),
        "size_bytes": size_bytes,
        "rotated": None if at is None else f"{at:%Y-%m-%dT%H:%M:%SZ}",
    }

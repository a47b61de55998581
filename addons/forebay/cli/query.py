"""``forebay query``: SQL over the traffic log."""

from __future__ import annotations

import argparse
import itertools
import json
import math
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from forebay.blocklist.verdict import visible
from forebay.cli import logdatabase
from forebay.cli.logsource import Source, add_source
from forebay.cli.output import DONE, guarded, opened
from forebay.export.csvrows import row

_NAME = "forebay query"
_ROWS_AT_ONCE = 1000
_CELL_CHARS = 200
_NUMBERS = ("INT", "DECIMAL", "DOUBLE", "FLOAT")


def run(arguments: list[str]) -> int:
    """Print what a statement finds; return 0, 1 without records, 2 for bad input."""
    parser = argparse.ArgumentParser(
        prog=_NAME,
        description="Ask the traffic log by SQL (DuckDB's; wants the extra duckdb). The table log "
        "has a row for each record; forebay query 'DESCRIBE log' shows its columns. Statements "
        "cannot reach files or the network.",
        epilog="Exit status: 0 done, 1 no records, 2 bad input.",
    )
    parser.add_argument(
        "sql", metavar="SQL", help="such as: SELECT status, count(*) FROM log GROUP BY 1"
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print a JSON object a line")
    form.add_argument("--csv", action="store_true", help="print comma-separated values")
    add_source(parser)
    given = parser.parse_args(arguments)
    return guarded(_NAME, lambda: _query(given))


def _query(given: argparse.Namespace) -> int:
    source = Source(given)
    logdatabase.check(given.sql)
    with logdatabase.opened(source) as database:
        source.report(_NAME)
        logdatabase.seal(database)
        found = database.execute(given.sql)
        names = _unique([column[0] for column in found.description or ()])
        types = [str(column[1]) for column in found.description or ()]
        rows = itertools.chain.from_iterable(iter(lambda: found.fetchmany(_ROWS_AT_ONCE), []))
        if given.json:
            made = _objects(names, types, rows)
        elif given.csv:
            made = _separated(names, rows)
        else:
            made = _table(names, types, rows)
        with opened(None) as out:
            for piece in made:
                out.write(piece)
    return DONE


def _unique(names: Sequence[str]) -> list[str]:
    """Return *names*, those that come again with a number.

    >>> _unique(["a", "b", "a"])
    ['a', 'b', 'a_1']
    """
    found: list[str] = []
    for name in names:
        numbered = (name if not number else f"{name}_{number}" for number in itertools.count())
        found.append(next(each for each in numbered if each not in found))
    return found


def _objects(
    names: Sequence[str], types: Sequence[str], rows: Iterator[Sequence[Any]]
) -> Iterator[bytes]:
    for values in rows:
        members = {
            name: json.loads(value) if kind == "JSON" and isinstance(value, str) else _plain(value)
            for name, kind, value in zip(names, types, values, strict=True)
        }
        yield json.dumps(members).encode() + b"\n"


def _plain(value: Any) -> Any:
    """Return a value of DuckDB as JSON has it; what JSON lacks is text, or null if no number."""
    match value:
        case float() if not math.isfinite(value):
            return None
        case None | bool() | int() | float() | str():
            return value
        case Decimal():
            return float(value)
        case list() | tuple():
            return [_plain(each) for each in value]
        case dict():
            return {str(key): _plain(each) for key, each in value.items()}
        case _:
            return _text(value)


def _text(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool() | list() | tuple() | dict():
            return json.dumps(_plain(value), ensure_ascii=False)
        case bytes():
            return value.hex()
        case _ if hasattr(value, "isoformat"):
            return str(value.isoformat())
        case _:
            return str(value)


def _separated(names: Sequence[str], rows: Iterator[Sequence[Any]]) -> Iterator[bytes]:
    yield row(names)
    for values in rows:
        yield row(map(_plain, values))


def _table(
    names: Sequence[str], types: Sequence[str], rows: Iterator[Sequence[Any]]
) -> Iterator[bytes]:
    """Yield aligned lines; the first rows say how wide the columns are, which may be many."""
    to_the_right = [kind.endswith(_NUMBERS) or kind.startswith("DECIMAL") for kind in types]
    cells = ([visible(_text(value), _CELL_CHARS) for value in values] for values in rows)
    first = [[visible(name) for name in names], *itertools.islice(cells, _ROWS_AT_ONCE)]
    widths = [max(map(len, column)) for column in zip(*first, strict=True)]
    for line in itertools.chain(first, cells):
        aligned = [
            text.rjust(width) if right else text.ljust(width)
            for text, width, right in zip(line, widths, to_the_right, strict=True)
        ]
        yield "  ".join(aligned).rstrip().encode("utf-8", "backslashreplace") + b"\n"

"""``forebay export``: the traffic log as HAR, CSV, combined log or Parquet."""

from __future__ import annotations

import argparse
from pathlib import Path

import forebay
from forebay.cli.logsource import Source, add_source
from forebay.cli.output import DONE, draft_of, guarded, opened
from forebay.errors import ForebayError
from forebay.export.combined import Combined
from forebay.export.converter import Converter, in_words
from forebay.export.csvrows import COLUMNS, CsvRows
from forebay.export.har import Har
from forebay.paths import expanded

_NAME = "forebay export"


def run(arguments: list[str]) -> int:
    """Write the log in another format; return 0, 1 for nothing to export, 2 for bad input."""
    given = _parser().parse_args(arguments)
    return guarded(_NAME, lambda: _parquet(given) if given.format == "parquet" else _text(given))


def _parser() -> argparse.ArgumentParser:
    shared = argparse.ArgumentParser(add_help=False)
    add_source(shared)
    shared.add_argument("-o", "--output", metavar="OUT", help="a file, else the standard output")
    parser = argparse.ArgumentParser(
        prog=_NAME,
        description="Write the traffic log in another format.",
        epilog="Exit status: 0 done, 1 nothing to export, 2 bad input.",
    )
    formats = parser.add_subparsers(dest="format", required=True, metavar="FORMAT")
    formats.add_parser("har", parents=[shared], help="HTTP Archive 1.2, for browsers and mitmproxy")
    rows = formats.add_parser(
        "csv", parents=[shared], help="comma-separated values, a row a record"
    )
    rows.add_argument("--columns", metavar="NAMES", help="names as in the log, with commas between")
    formats.add_parser(
        "combined", parents=[shared], help="Apache's and NGINX's combined log, for GoAccess"
    )
    formats.add_parser("parquet", parents=[shared], help="Apache Parquet; wants forebay[duckdb]")
    return parser


def _converter(given: argparse.Namespace) -> Converter:
    match given.format:
        case "har":
            return Har(forebay.__version__)
        case "csv":
            return CsvRows(COLUMNS if given.columns is None else given.columns.split(","))
        case _:
            return Combined()


def _output(given: argparse.Namespace) -> Path | None:
    return None if given.output is None else expanded("--output", given.output)


def _text(given: argparse.Namespace) -> int:
    converter, source, path = _converter(given), Source(given), _output(given)
    with opened(path) as out:
        for made in source.read(converter.convert):
            if source.count == 1:
                out.write(converter.head())
            out.write(made)
        if source.count:
            out.write(converter.tail())
        source.report(_NAME, in_words(converter.left_out))
    return DONE


def _parquet(given: argparse.Namespace) -> int:
    source, path = Source(given), _output(given)
    if path is None or (path.exists() and not path.is_file()):
        raise ForebayError("--output: expected a file for parquet, found none")
    from forebay.cli import logdatabase

    with logdatabase.opened(source) as database:
        source.report(_NAME)
        with draft_of(path) as draft:
            logdatabase.write_parquet(database, draft)
    return DONE

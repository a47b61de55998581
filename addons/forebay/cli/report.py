"""``forebay report``: what the traffic log says, as tables, as JSON, as one HTML file."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from forebay.blocklist.verdict import visible
from forebay.cli.output import (
    BAD_INPUT,
    DONE,
    INTERRUPTED,
    NOTHING,
    close_output,
    opened,
)
from forebay.cli.places import add_home, home_folder
from forebay.errors import ForebayError
from forebay.paths import expanded
from forebay.report.document import Damaged, Summary
from forebay.report.line import decode
from forebay.report.selection import Selection, moment, network
from forebay.report.summary import summarize
from forebay.report.tally import Tally
from forebay.trafficlog.logfiles import default_files
from forebay.trafficlog.reader import STDIN, Damages, read

_MOST_ROWS = 1000
_LARGE_BYTES = 50_000_000
_PROGRESS_BYTES = 4_000_000


def run(arguments: list[str]) -> int:
    """Print the report; return 0 when done, 1 without any record, 2 for bad input."""
    given = _parser().parse_args(arguments)
    try:
        status = _report(given)
        sys.stdout.flush()
    except ForebayError as error:
        _say(str(error))
        return BAD_INPUT
    except KeyboardInterrupt:
        _say("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        close_output()  # whoever reads has seen enough
        return DONE
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="forebay report",
        description="Say what the traffic log says. Bounded memory, however long the log.",
        epilog="WHEN is RFC 3339 (2026-01-31T08:00:00Z), a date (UTC) or an age (90m, 2h, 7d). "
        "Exit status: 0 done, 1 no record found, 2 bad input.",
    )
    parser.add_argument("files", nargs="*", metavar="FILE",
                        help="plain, gzip or zstd; - is the standard input; "
                        "without any, the log in --home with what was rotated")  # fmt: skip
    parser.add_argument("--since", metavar="WHEN", help="records that began then or later")
    parser.add_argument("--until", metavar="WHEN", help="records that began before then")
    parser.add_argument("--host", help="those about this host; .HOST: and all below it")
    parser.add_argument("--user", help="those of this proxy user")
    parser.add_argument("--client", metavar="ADDRESS", help="those of this client or network")
    parser.add_argument("--top", type=_rows, default=10, metavar="N",
                        help=f"rows of each table, 1 to {_MOST_ROWS} (default: 10)")  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--html", metavar="OUT", help="write one self-contained HTML file")
    add_home(parser)
    return parser


def _rows(text: str) -> int:
    if text.isdecimal() and len(text) < 9 and 1 <= int(text) <= _MOST_ROWS:
        return int(text)
    raise argparse.ArgumentTypeError(f"expected a number from 1 to {_MOST_ROWS}, found {text!r}")


def _report(given: argparse.Namespace) -> int:
    now = datetime.now(UTC)
    selection = Selection(
        since=moment("--since", given.since, now) if given.since else None,
        until=moment("--until", given.until, now) if given.until else None,
        host=given.host,
        user=given.user,
        client=network("--client", given.client) if given.client else None,
    )
    files = [expanded("FILE", each) for each in given.files] or default_files(home_folder(given))
    out = expanded("--html", given.html) if given.html else None
    if not files:
        _say(f"found no traffic log in {home_folder(given) / 'log'}")
        return NOTHING
    if out is not None and any(_is_same(out, each) for each in files):
        raise ForebayError(f"--html: expected a file to write, found {out}, which is to be read")
    tally, damages = Tally(selection, slowest=given.top), Damages()
    add = tally.add
    with _progress(files) as progress:
        for line in read(files, decode, damages, progress):
            add(line)
    summary = summarize(
        tally,
        made_at=now,
        files=[str(each) for each in files],
        selection=_options(given),
        damaged=Damaged(damages.count, [str(each) for each in damages.first]),
        top=given.top,
    )
    if out is not None:
        _write(out, summary)
    if given.json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(summary)).decode() + "\n")
    elif out is None and tally.records:
        _show(summary)
    if not tally.records:
        fitting = " that fits" if tally.others else ""
        broken = f"; the first damaged line: {damages.first[0]}" if damages.count else ""
        _say(f"found no record{fitting}{broken}")
        return NOTHING
    return DONE


def _options(given: argparse.Namespace) -> dict[str, str]:
    names = ("since", "until", "host", "user", "client")
    return {name: getattr(given, name) for name in names if getattr(given, name)}


def _show(summary: Summary) -> None:
    from rich.console import Console

    from forebay.report import terminal

    is_terminal = sys.stdout.isatty()
    width = None if is_terminal else int(os.environ.get("COLUMNS") or terminal.PIPE_COLUMNS)
    terminal.show(
        summary, Console(width=width, highlight=False, markup=False, emoji=False, soft_wrap=False)
    )


def _write(out: Path, summary: Summary) -> None:
    from forebay.report.page import render

    page = render(summary).encode()
    try:
        with opened(out) as file:
            file.write(page)
    except ForebayError as error:
        raise ForebayError(f"--html: {error}") from None


def _is_same(out: Path, file: Path) -> bool:
    try:
        return out.samefile(file)
    except (OSError, ValueError):
        return False


@contextmanager
def _progress(files: list[Path]) -> Iterator[Callable[[int], object]]:
    """Yield what is to be told how many bytes were read; it shows them where that helps."""
    total = sum(_size(each) for each in files if each != STDIN)
    if total < _LARGE_BYTES or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

    columns = (BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task("", total=total)
        waiting = 0

        def advance(count: int) -> None:
            nonlocal waiting
            waiting += count
            if waiting >= _PROGRESS_BYTES:
                shown.advance(task, waiting)
                waiting = 0

        yield advance


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except (OSError, ValueError):
        return 0


def _say(text: str) -> None:
    print(f"forebay report: {visible(text, 500)}", file=sys.stderr)

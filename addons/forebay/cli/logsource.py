"""Which records of the traffic log a command works on, and what it could not use."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from forebay.blocklist.verdict import visible
from forebay.cli.output import NothingError
from forebay.cli.places import add_home, home_folder
from forebay.export import lines
from forebay.paths import expanded
from forebay.report.line import Line
from forebay.report.selection import Selection, moment
from forebay.trafficlog.logfiles import default_files, still_there
from forebay.trafficlog.reader import Damages, read
from forebay.trafficlog.record import Record


def add_source(parser: argparse.ArgumentParser) -> None:
    """Add the files and what chooses among their records."""
    parser.add_argument(
        "files",
        nargs="*",
        metavar="FILE",
        help="a traffic log, plain, gzip or zstd; - is the standard input; "
        "without any, all of log/ in --home",
    )
    parser.add_argument("--since", metavar="WHEN", help="a time, a date (UTC) or an age: 2h, 7d")
    parser.add_argument("--until", metavar="WHEN", help="likewise; not included")
    parser.add_argument("--host", help="only this host; with a dot in front, all below it too")
    add_home(parser)


class Source:
    """The records that the arguments of `add_source` name.

    Raises:
        ForebayError: when they name none that can be.
    """

    def __init__(self, given: argparse.Namespace) -> None:
        now = datetime.now(UTC)
        since, until = (
            None if text is None else moment(option, text, now)
            for option, text in (("--since", given.since), ("--until", given.until))
        )
        self._wanted = Selection(since=since, until=until, host=given.host)
        self._home = home_folder(given)
        self._named = [
            Path(name) if name == "-" else expanded("FILE", name) for name in given.files
        ]
        self._damages = Damages()
        self._lost = 0
        self.count = 0
        """Records that were converted so far."""

    def read[T](self, convert: Callable[[Record], T | None]) -> Iterator[T]:
        """Yield what *convert* makes of each record, save None; one it cannot convert is damaged.

        Raises:
            NothingError: when there are no files.
            ForebayError: when one cannot be read.
        """

        def converted(line: bytes) -> T | None:
            record = lines.decode(line)
            if not isinstance(record, Record):
                self._lost += record.lost
                return None
            # A record has all that a line of the report has.
            return convert(record) if self._wanted.covers(cast(Line, record)) else None

        for made in read(self._files(), converted, self._damages):
            if made is not None:
                self.count += 1
                yield made

    def _files(self) -> Iterable[Path]:
        if self._named:
            return self._named
        found = default_files(self._home)
        if not found:
            raise NothingError(f"expected a traffic log, found none in {self._home / 'log'}")
        return still_there(found)

    def report(self, command: str, left_out: str = "") -> None:
        """Say on the standard error how many records there were, and what could not be used.

        Raises:
            NothingError: when there was no record; the error says the same.
        """
        for damage in self._damages.first:
            print(f"{command}: {visible(str(damage), 500)}", file=sys.stderr)
        notes = []
        if left_out:
            notes.append(f"left out: {left_out}")
        if self._damages.count:
            notes.append(f"damaged lines skipped: {self._damages.count:,}")
        if self._lost:
            notes.append(f"missing in the log: {self._lost:,}")
        rest = "".join(f"; {visible(note, 500)}" for note in notes)
        if not self.count:
            raise NothingError(f"expected records, found none{rest}")
        print(f"{command}: records: {self.count:,}{rest}", file=sys.stderr)

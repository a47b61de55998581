"""Read the lists: what ships, then the user's own, then those that an option names.

A downloaded list holds lines that are of no use here, so a bad line costs that
line only.  A list that cannot be read at all is an error, since rules that are
silently missing let requests pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

from forebay.blocklist.matcher import Matcher
from forebay.blocklist.parse import LONGEST_LINE, UnsupportedRuleError, parse_line
from forebay.blocklist.rule import Source
from forebay.blocklist.verdict import visible
from forebay.errors import ForebayError, RuleError

_REPORTED = 3
_BOM = b"\xef\xbb\xbf"

type Stamp = tuple[tuple[str, int, int, int] | tuple[str], ...]


@dataclass(frozen=True, slots=True)
class Places:
    """Where lists are: *folders* with ``*.txt``, which need not exist, and named *files*."""

    folders: tuple[Path, ...] = ()
    files: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class RuleSet:
    """All that was loaded: swapped as one.

    Args:
        matcher: the rules.
        counts: the number of rules of each list, by path.
        warnings: one line for each list in which lines were left out.
    """

    matcher: Matcher
    counts: dict[Path, int]
    warnings: tuple[str, ...]

    def summary(self) -> str:
        """Return the size in words, such as ``12 rules from 1 list``."""
        rules, lists = sum(self.counts.values()), len(self.counts)
        return f"{rules} rule{'s' * (rules != 1)} from {lists} list{'s' * (lists != 1)}"


def load(places: Places) -> RuleSet:
    """Read all lists of *places*.

    Raises:
        ForebayError: when a folder or a list cannot be read.
    """
    matcher = Matcher()
    counts: dict[Path, int] = {}
    warnings: list[str] = []
    named = [("blocklist_files", path) for path in places.files]
    found = [("blocklist", path) for folder in places.folders for path in _lists_in(folder)]
    for option, path in found + named:
        if path in counts:
            continue
        report = _Report(path)
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise ForebayError(
                f"{option}: cannot read {path}: expected a file, found a device or a pipe"
            )
        try:
            with path.open("rb") as file:
                counts[path] = _fill(matcher, path, file, report)
        except OSError as error:
            raise _unreadable(option, path, error) from None
        warnings += report.lines()
    return RuleSet(matcher, counts, tuple(warnings))


def stamp(places: Places) -> Stamp:
    """Return what tells one state of the files from another, without reading them."""
    try:
        paths = [path for folder in places.folders for path in _lists_in(folder)]
    except ForebayError as error:
        return ((str(error),),)
    return tuple(map(_stamp_of, (*paths, *places.files)))


def refuse_loss(before: RuleSet, after: RuleSet) -> None:
    """Refuse a reload in which a list with rules has vanished or run empty.

    Editors and downloads truncate, or rename away, before they write: for that
    moment, or after a failed download, requests would pass unfiltered.

    Raises:
        ForebayError: naming the lists.
    """
    lost = [
        str(path) for path, count in before.counts.items() if count and not after.counts.get(path)
    ]
    if lost:
        raise ForebayError(
            f"expected rules in {visible(', '.join(lost))}, found none "
            "(to drop a list, set blocklist=false and then true, or restart)"
        )


class _Report:
    """What was left out of one list."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._first: list[str] = []
        self._unsupported = 0
        self._malformed = 0

    def add(self, line: int, error: RuleError) -> None:
        if isinstance(error, UnsupportedRuleError):
            self._unsupported += 1
        else:
            self._malformed += 1
        if len(self._first) < _REPORTED:
            self._first.append(f"line {line}: {error.message}")

    def lines(self) -> list[str]:
        left_out = self._unsupported + self._malformed
        if not left_out:
            return []
        return [
            f"blocklist: {visible(str(self._path))}: left out {left_out} "
            f"line{'s' * (left_out != 1)} ({self._unsupported} unsupported, "
            f"{self._malformed} malformed): {'; '.join(self._first)}"
            + (" …" if left_out > _REPORTED else "")
        ]


def _fill(matcher: Matcher, path: Path, file: BinaryIO, report: _Report) -> int:
    source = Source(path.stem, str(path))
    matcher.add_source(source)
    count = 0
    for raw in _lines(file):
        number = source.append(raw)
        try:
            # The replacement character is in no host, so bad bytes cost their line.
            rule = parse_line(raw.decode("utf-8", "replace"))
        except RuleError as error:
            report.add(number, error)
            continue
        if rule is not None:
            matcher.add(rule, number)
            count += 1
    return count


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """Yield each line, of one that is too long only as much as proves it."""
    if file.read(len(_BOM)) != _BOM:
        file.seek(0)
    read = partial(file.readline, 4 * LONGEST_LINE + 2)
    for line in iter(read, b""):
        yield line
        rest = line
        while len(rest) > 4 * LONGEST_LINE and not rest.endswith(b"\n"):
            rest = read()


def _lists_in(folder: Path) -> list[Path]:
    # Not glob(), which takes a folder that it may not read for an empty one.
    try:
        found = [path for path in folder.iterdir() if path.suffix == ".txt"]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise _unreadable("blocklist", folder, error) from None
    return sorted(path for path in found if not path.name.startswith("."))


def _stamp_of(path: Path) -> tuple[str, int, int, int] | tuple[str]:
    try:
        status = path.stat()
    except OSError:
        return (str(path),)
    return str(path), status.st_mtime_ns, status.st_size, status.st_ino


def _unreadable(option: str, path: Path, error: OSError) -> ForebayError:
    return ForebayError(f"{option}: cannot read {visible(str(path))}: {error.strerror}")

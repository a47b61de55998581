"""Read one list, and the files that it includes, line by line.

A bad line costs that line only; what was left out is reported.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

from forebay.blocklist.directives import Directives
from forebay.blocklist.matcher import Matcher
from forebay.blocklist.options import UnsupportedRuleError
from forebay.blocklist.parse import LONGEST_LINE, parse_line
from forebay.blocklist.rule import Source
from forebay.blocklist.verdict import visible
from forebay.errors import ForebayError, RuleError
from forebay.regularfile import open_regular

MOST_LINES = 3_000_000
"""Lines that a list may have; rules for ten times as many hosts would fill the memory."""
MOST_INCLUDED = 64
"""Files that a list may include, those that these include among them."""
MOST_INCLUDED_BYTES = 64_000_000
"""Their size in all."""
_LINES_AT_ONCE = 100
_REPORTED = 3
_BOM = b"\xef\xbb\xbf"

type Standing = tuple[str, str, bool, bool]
type Stamp = tuple[tuple[str, int, int, int] | tuple[str], ...]


@dataclass(frozen=True, slots=True)
class ListFile:
    """One list to read.

    Args:
        name: what verdicts call it.
        path: its file.
        option: what is to blame when it cannot be read.
        group: what policies switch on and off.
        trusted: whether it is the user's own.
        enabled: whether it acts where no policy says otherwise.
        remote: whether it is downloaded, so that it may not be there yet.
        in_folder: whether it is known only because it lies in a folder.
    """

    name: str
    path: Path
    option: str = "blocklist"
    group: str = ""
    trusted: bool = True
    enabled: bool = True
    remote: bool = False
    in_folder: bool = False


def stamp(paths: Iterable[Path]) -> Stamp:
    """Return what tells one state of the files from another, without reading them."""
    return tuple(map(_stamp_of, paths))


def _stamp_of(path: Path) -> tuple[str, int, int, int] | tuple[str]:
    try:
        status = path.stat()
    except (OSError, ValueError):
        return (str(path),)
    return str(path), status.st_mtime_ns, status.st_size, status.st_ino


class Report:
    """What was left out of one list.

    Attributes:
        path: the list.
        owner: the list that it counts with: itself, or the one that includes it.
        rules: how many rules it holds, where they count with those of another.
        mistakes: how many lines are mistakes.
    """

    def __init__(self, path: Path, owner: Path | None = None) -> None:
        self.path = path
        self.owner = path if owner is None else owner
        self.rules = 0
        self.mistakes = 0
        self._first: list[str] = []
        self._kinds: Counter[str] = Counter()

    def add(self, line: int, error: RuleError) -> None:
        """Count what is wrong with a line."""
        if isinstance(error, UnsupportedRuleError):
            self._kinds[error.kind] += 1
            return
        self.mistakes += 1
        if len(self._first) < _REPORTED:
            self._first.append(f"line {line}: {error.message}")

    @property
    def unsupported(self) -> int:
        """How many lines a proxy cannot follow."""
        return self._kinds.total()

    def warnings(self) -> list[str]:
        """Return a line about the mistakes, if there are any."""
        if not self.mistakes:
            return []
        return [
            f"blocklist: {visible(str(self.path))}: left out {self.mistakes:,} malformed "
            f"line{'s' * (self.mistakes != 1)}: {'; '.join(self._first)}"
            + (" …" if self.mistakes > _REPORTED else "")
        ]

    def notes(self) -> list[str]:
        """Return a line about what a proxy cannot follow, if there is any."""
        if not self._kinds:
            return []
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in self._kinds.most_common())
        return [f"blocklist: {visible(str(self.path))}: left out what a proxy cannot do: {kinds}"]


@dataclass(frozen=True, slots=True)
class Include:
    """A file that a list includes: its path, and where it is named."""

    path: Path
    by: Report
    line: int

    def fail(self, found: str) -> None:
        """Report that it is not included, as that was *found*."""
        self.by.add(
            self.line,
            RuleError(f"expected to include {visible(self.path.name)}, found {visible(found)}"),
        )


def source_of(each: ListFile, path: Path | None = None) -> Source:
    """Return what rules of *each* are from, or of the file *path* that it includes."""
    name = each.name if path is None else path.stem
    return Source(
        name, str(path or each.path), each.group, trusted=each.trusted, enabled=each.enabled
    )


def standing(source: Source) -> Standing:
    """Return the file of *source*, and as what it is read.

    To read it as the same again adds nothing; for other clients, or with more or
    less trust, it does.
    """
    return source.path, source.group, source.trusted, source.enabled


class Parts:
    """The files that one list includes, and those that these include, each once."""

    def __init__(self, each: ListFile, read: dict[Standing, Report]) -> None:
        self.asked: list[Include] = []
        self.reports: list[Report] = []
        self.stamps: list[Stamp] = []
        self._each = each
        self._known = read
        self._room_bytes = MOST_INCLUDED_BYTES

    def read(self, matcher: Matcher, pause: Callable[[], None]) -> None:
        """Read them; a mistake costs the line that names the file."""
        while self.asked:
            include = self.asked.pop(0)
            if self._each.remote:
                # Its other parts are where it is from, and not beside the copy.
                kind = "include of a downloaded list"
                include.by.add(include.line, UnsupportedRuleError("expected no !#include", kind))
            elif standing(source_of(self._each, include.path)) in self._known:
                continue  # its rules are there, and it may be about to include itself
            elif len(self.stamps) >= MOST_INCLUDED:
                include.fail(f"{MOST_INCLUDED} files in this list already")
            else:
                self._read(matcher, include, pause)

    def _read(self, matcher: Matcher, include: Include, pause: Callable[[], None]) -> None:
        path, report = include.path, Report(include.path, self._each.path)
        source = source_of(self._each, path)
        self._known[standing(source)] = report
        self.stamps.append(stamp((path,)))
        try:
            with open_regular(path) as file:
                check_list(path, file)
                self._room_bytes -= file.seek(0, 2)
                file.seek(0)
                if self._room_bytes < 0:
                    include.fail(f"more than {MOST_INCLUDED_BYTES:,} bytes in all")
                    return
                report.rules = fill(matcher, source, file, report, pause, self.asked)
        except ForebayError as error:
            include.fail(str(error).removeprefix(f"{visible(str(path))}: "))
        except (OSError, ValueError) as error:
            include.fail(getattr(error, "strerror", None) or str(error))
        else:
            self.reports.append(report)


def check_list(path: Path, file: BinaryIO) -> None:
    """Refuse what is no list of a size that can be dealt with."""
    # Web pages and messages of programs: their lines would pass for patterns.
    if file.read(64).removeprefix(_BOM).lstrip()[:1] in (b"<", b"{"):
        raise ForebayError(f"{visible(str(path))}: expected a filter list, found HTML, XML or JSON")
    file.seek(0)
    lines = 0
    for block in iter(partial(file.read, 1 << 20), b""):
        lines += block.count(b"\n")
        if lines > MOST_LINES:
            raise ForebayError(
                f"{visible(str(path))}: expected at most {MOST_LINES:,} lines in a list, found more"
            )
    file.seek(0)


def fill(
    matcher: Matcher,
    source: Source,
    file: BinaryIO,
    report: Report,
    pause: Callable[[], None],
    asked: list[Include],
) -> int:
    """Add the rules in *file* to *matcher*, and return how many; *asked* gets what it includes."""
    matcher.add_source(source)
    directives = Directives()
    count = 0
    for raw in _lines(file):
        number = source.append(raw)
        if not number % _LINES_AT_ONCE:
            pause()
        try:
            if raw.startswith(b"!#"):
                name = directives.take(raw.decode("utf-8", "replace"), number)
                if name is not None:
                    asked.append(Include(report.path.parent / name, report, number))
                continue
            if directives.skips:
                continue
            # The replacement character is in no host, so bad bytes cost their line.
            rule = parse_line(raw.decode("utf-8", "replace"))
            if rule is not None:
                matcher.add(rule, number)
                count += 1
        except RuleError as error:
            report.add(number, error)
    for number, unended in directives.ended():
        report.add(number, unended)
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

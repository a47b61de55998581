"""Read lists from files into one set of rules.

A downloaded list holds lines that are of no use here, so a bad line costs that
line only.  A list that cannot be read at all is an error, since rules that are
silently missing let requests pass.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import BinaryIO

from forebay.blocklist.matcher import Matcher
from forebay.blocklist.options import UnsupportedRuleError
from forebay.blocklist.parse import LONGEST_LINE, parse_line
from forebay.blocklist.rule import Source
from forebay.blocklist.verdict import visible
from forebay.errors import ForebayError, RuleError
from forebay.regularfile import open_regular

MOST_LINES = 3_000_000
"""Lines that a list may have; rules for ten times as many hosts would fill the memory."""
_LINES_AT_ONCE = 100
_REPORTED = 3
_BOM = b"\xef\xbb\xbf"
WAY_OUT = "to drop them all the same, set blocklist=false and then true, or restart"
_FEW = 20

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


@dataclass(frozen=True, slots=True)
class RuleSet:
    """All that was loaded: swapped as one.

    Args:
        matcher: the rules.
        lists: what was to be read.
        counts: the number of rules of each list, by path.
        warnings: a line for each list with mistakes.
        notes: a line for each list in which lines are of no use to a proxy.
        unfiltered: the names of remote lists that were never fetched.
        left_out: of each list, by path, how many lines are mistakes, and how many a
            proxy cannot follow.
    """

    matcher: Matcher
    lists: tuple[ListFile, ...]
    counts: dict[Path, int]
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    unfiltered: tuple[str, ...] = ()
    left_out: dict[Path, tuple[int, int]] = field(default_factory=dict)

    def summary(self) -> str:
        """Return the size in words, such as ``12 rules from 1 list``."""
        rules, lists = sum(self.counts.values()), len(self.counts)
        said = f"{rules:,} rule{'s' * (rules != 1)} from {lists} list{'s' * (lists != 1)}"
        if self.unfiltered:
            said += f" (unfiltered, as never fetched: {', '.join(self.unfiltered)})"
        return said


def load(lists: tuple[ListFile, ...], pause: Callable[[], None] = lambda: None) -> RuleSet:
    """Read *lists*; *pause* is called about each millisecond, for a thread beside others.

    Raises:
        ForebayError: when a list cannot be read.
    """
    matcher = Matcher()
    counts: dict[Path, int] = {}
    reports: list[_Report] = []
    unfiltered: list[str] = []
    for each in lists:
        if each.path in counts:
            continue
        report = _Report(each.path)
        source = Source(
            each.name, str(each.path), each.group, trusted=each.trusted, enabled=each.enabled
        )
        try:
            with open_regular(each.path) as file:
                _check(each.path, file)
                counts[each.path] = _fill(matcher, source, file, report, pause)
        except FileNotFoundError as error:
            if not each.remote:
                raise _unreadable(each.option, each.path, error) from None
            unfiltered.append(each.name)
        except OSError as error:
            raise _unreadable(each.option, each.path, error) from None
        except ValueError as error:  # a NUL or a lone surrogate in the name
            raise _unnamable(each, error) from None
        reports.append(report)
    by_path = {report.path: report for report in reports}
    for source, line, no_room in matcher.seal():
        path = Path(source.path)
        by_path[path].add(line, no_room)
        counts[path] -= 1
        pause()
    return RuleSet(
        matcher,
        lists,
        counts,
        tuple(line for report in reports for line in report.warnings()),
        tuple(line for report in reports for line in report.notes()),
        tuple(unfiltered),
        {report.path: (report.mistakes, report.unsupported) for report in reports},
    )


def check(lists: tuple[ListFile, ...]) -> None:
    """See that *lists* can be opened.

    Raises:
        ForebayError: when one cannot.
    """
    for each in lists:
        try:
            open_regular(each.path).close()
        except FileNotFoundError as error:
            if not each.remote:
                raise _unreadable(each.option, each.path, error) from None
        except OSError as error:
            raise _unreadable(each.option, each.path, error) from None
        except ValueError as error:
            raise _unnamable(each, error) from None


def measure(path: Path) -> tuple[int, int]:
    """Return how many rules the list *path* holds, and how many lines are mistakes.

    Raises:
        ForebayError: when it cannot be read, or is no list at all.
    """
    matcher, report = Matcher(), _Report(path)
    with open_regular(path) as file:
        _check(path, file)
        rules = _fill(matcher, Source(path.stem, str(path)), file, report, lambda: None)
    return rules, report.mistakes


def stamp(paths: Iterable[Path]) -> Stamp:
    """Return what tells one state of the files from another, without reading them."""
    return tuple(map(_stamp_of, paths))


def refuse_loss(before: RuleSet, after: RuleSet) -> None:
    """Refuse a reload in which a list with rules has vanished, run empty or shrunk below half.

    Editors and downloads truncate, or rename away, before they write: for that
    moment, or after a failed download, requests would pass unfiltered.  A list
    that lists.yaml no longer names was meant to go, and of few rules most may be.

    Raises:
        ForebayError: naming the lists.
    """
    wanted = {each.path for each in after.lists}
    lost, shrunk = [], []
    for each in before.lists:
        had, has = before.counts.get(each.path, 0), after.counts.get(each.path, 0)
        if not had or not (each.in_folder or each.path in wanted):
            continue
        if not has:
            lost.append(str(each.path))
        elif had > _FEW and 2 * has < had:
            shrunk.append(f"{each.path} ({had:,} before, {has:,} now)")
    if lost:
        raise ForebayError(f"expected rules in {visible(', '.join(lost))}, found none ({WAY_OUT})")
    if shrunk:
        raise ForebayError(
            f"expected at least half of the rules in {visible(', '.join(shrunk))} ({WAY_OUT})"
        )


def lists_in(folder: Path) -> list[Path]:
    """Return the lists in *folder*, ``*.txt``, in the order of their names.

    Raises:
        ForebayError: when the folder is there and cannot be read.
    """
    # Not glob(), which takes a folder that it may not read for an empty one.
    try:
        found = [path for path in folder.iterdir() if path.suffix == ".txt"]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise _unreadable("blocklist", folder, error) from None
    return sorted(path for path in found if not path.name.startswith("."))


class _Report:
    """What was left out of one list."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.mistakes = 0
        self._first: list[str] = []
        self._kinds: Counter[str] = Counter()

    def add(self, line: int, error: RuleError) -> None:
        if isinstance(error, UnsupportedRuleError):
            self._kinds[error.kind] += 1
            return
        self.mistakes += 1
        if len(self._first) < _REPORTED:
            self._first.append(f"line {line}: {error.message}")

    @property
    def unsupported(self) -> int:
        return self._kinds.total()

    def warnings(self) -> list[str]:
        if not self.mistakes:
            return []
        return [
            f"blocklist: {visible(str(self.path))}: left out {self.mistakes:,} malformed "
            f"line{'s' * (self.mistakes != 1)}: {'; '.join(self._first)}"
            + (" …" if self.mistakes > _REPORTED else "")
        ]

    def notes(self) -> list[str]:
        if not self._kinds:
            return []
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in self._kinds.most_common())
        return [f"blocklist: {visible(str(self.path))}: left out what a proxy cannot do: {kinds}"]


def _check(path: Path, file: BinaryIO) -> None:
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


def _fill(
    matcher: Matcher, source: Source, file: BinaryIO, report: _Report, pause: Callable[[], None]
) -> int:
    matcher.add_source(source)
    count = 0
    for raw in _lines(file):
        number = source.append(raw)
        if not number % _LINES_AT_ONCE:
            pause()
        try:
            # The replacement character is in no host, so bad bytes cost their line.
            rule = parse_line(raw.decode("utf-8", "replace"))
            if rule is not None:
                matcher.add(rule, number)
                count += 1
        except RuleError as error:
            report.add(number, error)
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


def _stamp_of(path: Path) -> tuple[str, int, int, int] | tuple[str]:
    try:
        status = path.stat()
    except (OSError, ValueError):
        return (str(path),)
    return str(path), status.st_mtime_ns, status.st_size, status.st_ino


def _unnamable(each: ListFile, error: ValueError) -> ForebayError:
    return ForebayError(f"{each.option}: cannot read {str(each.path)!r}: {error}")


def _unreadable(option: str, path: Path, error: OSError) -> ForebayError:
    return ForebayError(f"{option}: cannot read {visible(str(path))}: {error.strerror}")

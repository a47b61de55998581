"""Read lists from files into one set of rules.

A downloaded list holds lines that are of no use here, so a bad line costs that
line only.  A list that cannot be read at all is an error, since rules that are
silently missing let requests pass.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from forebay.blocklist.matcher import Matcher
from forebay.blocklist.reading import (
    ListFile,
    Parts,
    Report,
    Stamp,
    Standing,
    check_list,
    fill,
    source_of,
    standing,
)
from forebay.blocklist.rule import Source
from forebay.blocklist.verdict import visible
from forebay.errors import ForebayError
from forebay.regularfile import open_regular

WAY_OUT = "to drop them all the same, set blocklist=false and then true, or restart"
_FEW = 20


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
        included: the files that lists include, as they were when they were read.
    """

    matcher: Matcher
    lists: tuple[ListFile, ...]
    counts: dict[Path, int]
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    unfiltered: tuple[str, ...] = ()
    left_out: dict[Path, tuple[int, int]] = field(default_factory=dict)
    included: Stamp = ()

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
    reports: list[Report] = []
    unfiltered: list[str] = []
    read: dict[Standing, Report] = {}
    included: list[Stamp] = []
    for each in lists:
        source = source_of(each)
        if each.path in counts or standing(source) in read:
            continue
        report = Report(each.path)
        parts = Parts(each, read)
        try:
            with open_regular(each.path) as file:
                check_list(each.path, file)
                counts[each.path] = fill(matcher, source, file, report, pause, parts.asked)
        except FileNotFoundError as error:
            if not each.remote:
                raise _unreadable(each.option, each.path, error) from None
            unfiltered.append(each.name)
        except OSError as error:
            raise _unreadable(each.option, each.path, error) from None
        except ValueError as error:  # a NUL or a lone surrogate in the name
            raise _unnamable(each, error) from None
        reports.append(report)
        read[standing(source)] = report
        parts.read(matcher, pause)
        included += parts.stamps
        reports += parts.reports
        for part in parts.reports:
            counts[each.path] += part.rules
    for source, line, no_room in matcher.seal():
        report = read[standing(source)]
        report.add(line, no_room)
        counts[report.owner] -= 1
        pause()
    return RuleSet(
        matcher,
        lists,
        counts,
        tuple(line for report in reports for line in report.warnings()),
        tuple(line for report in reports for line in report.notes()),
        tuple(unfiltered),
        _left_out(reports),
        tuple(chain.from_iterable(included)),
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
    matcher, report = Matcher(), Report(path)
    with open_regular(path) as file:
        check_list(path, file)
        rules = fill(matcher, Source(path.stem, str(path)), file, report, lambda: None, [])
    return rules, report.mistakes


def refuse_loss(before: RuleSet, after: RuleSet) -> None:
    """Refuse a reload in which a list with rules has vanished, run empty or shrunk below half.

    Editors and downloads truncate, or rename away, before they write: for that
    moment, or after a failed download, requests would pass unfiltered.  A list
    that lists.yaml no longer names was meant to go, and of few rules most may be.

    Raises:
        ForebayError: naming the lists.
    """
    wanted = {each.path for each in after.lists}
    included = {Path(each[0]) for each in after.included}  # counted with the list that has them
    lost, shrunk = [], []
    for each in before.lists:
        had, has = before.counts.get(each.path, 0), after.counts.get(each.path, 0)
        if not had or each.path in included or not (each.in_folder or each.path in wanted):
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


def _left_out(reports: list[Report]) -> dict[Path, tuple[int, int]]:
    found: dict[Path, tuple[int, int]] = {}
    for report in reports:
        mistakes, unsupported = found.get(report.owner, (0, 0))
        found[report.owner] = (mistakes + report.mistakes, unsupported + report.unsupported)
    return found


def _unnamable(each: ListFile, error: ValueError) -> ForebayError:
    return ForebayError(f"{each.option}: cannot read {str(each.path)!r}: {error}")


def _unreadable(option: str, path: Path, error: OSError) -> ForebayError:
    return ForebayError(f"{option}: cannot read {visible(str(path))}: {error.strerror}")

r"""Regular expressions for paths, refused when a path could make one take long.

Python's engine tries alternatives one after the other and cannot be stopped,
so one regex could stall every connection.  Counted is in how many ways a
regex can be tried on a path of `LIMIT_CHARS`: each repeat multiplies them,
unless what follows it tells where it ends (``[^/]+/``).  Refused is what
needs much more than the square of the path's length.

Pure: no mitmproxy, no clock, no files.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any, Self

from forebay.errors import RuleError
from forebay.rewrite.charsets import ALL, REPEATS, Beginnings, inside

LIMIT_CHARS = 2048
LIMIT_PATTERN = 1000
LIMIT_STEPS = 16 * LIMIT_CHARS**2

_ANCHORS = ((op.AT, op.AT_BEGINNING), (op.AT, op.AT_BEGINNING_STRING))


@dataclass(frozen=True, slots=True)
class Regex:
    """A regex that is searched for, in a text of at most `LIMIT_CHARS` characters.

    It is not found in a longer one.
    """

    pattern: re.Pattern[str]

    @classmethod
    def of(cls, text: str) -> Self:
        """Return the regex *text*.

        Raises:
            RuleError: when it is none, or one that could stall the proxy.
        """
        if len(text) > LIMIT_PATTERN:
            raise RuleError(f"expected a regex of at most {LIMIT_PATTERN} characters, found more")
        try:
            with warnings.catch_warnings():
                # What Python will read otherwise one day is refused today.
                warnings.simplefilter("error", FutureWarning)
                tree = parser.parse(text)
            bound = _Bound(ignores_case=bool(tree.state.flags & re.IGNORECASE))
            if bound.search(list(tree)) <= LIMIT_STEPS:
                return cls(re.compile(text))
        except (re.error, OverflowError, RecursionError, FutureWarning) as error:
            raise RuleError(f"expected a regex, found {text!r:.70}: {error}") from None
        raise RuleError(
            f"expected a regex that takes little time on any path, found {text!r:.70}: begin it "
            "with ^, end repeats by a character they cannot contain as in [^/]+/, and repeat no "
            "repeat; or use a path with * and no regex"
        )

    def matches(self, text: str) -> bool:
        """Return whether it is found in *text*."""
        return len(text) <= LIMIT_CHARS and self.pattern.search(text) is not None


@dataclass(frozen=True, slots=True)
class _Cost:
    """In how many ways an item can match at one place, and the steps to try them all."""

    ways: int = 1
    steps: int = 1


_ENDLESS = _Cost(LIMIT_STEPS + 1, LIMIT_STEPS + 1)


class _Bound:
    """Bounds the work of a parsed regex; every doubt makes it larger."""

    def __init__(self, *, ignores_case: bool) -> None:
        self._begins = Beginnings(ignores_case=ignores_case).of

    def search(self, items: list[Any]) -> int:
        """Return a bound for the steps of a search in `LIMIT_CHARS` characters."""
        starts = 1 if items and items[0] in _ANCHORS else LIMIT_CHARS
        return starts * self._sequence(items, 0).steps

    def _sequence(self, items: list[Any], follow: int) -> _Cost:
        """Return the cost of *items*, after which a character of *follow* comes."""
        ways, steps = 1, 1
        for i, item in enumerate(items):
            after, may_end = self._begins(items[i + 1 :])
            cost = self._item(item, after | follow if may_end else after)
            steps += ways * cost.steps
            ways *= cost.ways
            if steps > LIMIT_STEPS:
                return _ENDLESS
        return _Cost(ways, steps)

    def _item(self, item: Any, follow: int) -> _Cost:
        kind, value = item
        if kind in REPEATS:
            low, high, body = value
            return self._repeat(low, high, list(body), follow)
        if kind is op.BRANCH:
            branches = [list(branch) for branch in value[1]]
            costs = [self._sequence(branch, follow) for branch in branches]
            ways = [cost.ways for cost in costs]
            told = self._is_told(branches, follow)
            return _Cost(max(ways) if told else sum(ways), sum(cost.steps for cost in costs))
        if kind is op.SUBPATTERN and any(value[1:3]):
            raise RuleError("expected flags at the beginning of a regex only, as in (?i)")
        if kind is op.SUBPATTERN or kind is op.ATOMIC_GROUP:
            return self._sequence(inside(kind, value), follow)
        if kind is op.ASSERT or kind is op.ASSERT_NOT:
            return _Cost(1, self._sequence(list(value[1]), ALL).steps)
        if kind is op.GROUPREF or kind is op.GROUPREF_EXISTS:
            return _ENDLESS  # what it stands for is not known here
        return _Cost()

    def _repeat(self, low: int, high: int, body: list[Any], follow: int) -> _Cost:
        low, high = min(int(low), LIMIT_CHARS), min(int(high), LIMIT_CHARS)
        first, may_be_empty = self._begins(body)
        inner = self._sequence(body, follow | first)
        if inner.ways > 1 or may_be_empty:
            # Each round multiplies: only a few rounds of a few ways are harmless.
            ways = (inner.ways + may_be_empty) ** min(high, 64)
            return _ENDLESS if ways > LIMIT_STEPS else _Cost(ways, ways * inner.steps)
        # Where the next character tells the end, only one of all ends can go on.
        ways = high - low + 1 if first & follow else 1
        return _Cost(ways, high * inner.steps)

    def _is_told(self, branches: list[list[Any]], follow: int) -> bool:
        """Return whether the next character tells which of *branches* it is."""
        seen = 0
        for branch in branches:
            first, may_be_empty = self._begins(branch)
            if may_be_empty:
                first |= follow
            if first & seen:
                return False
            seen |= first
        return True

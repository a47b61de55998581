r"""Regular expressions that rules bring along, refused when a text could make one take long.

Python's engine tries alternatives one after the other and cannot be stopped,
so one regex could stall every connection.  Counted is in how many ways a
regex can be tried on a text of so many characters: each repeat multiplies
them, unless what follows it tells where it ends (``[^/]+/``); a literal lets
on only as many as there are places for it.  What needs much more than the
square of the text's length is refused, or sees less of the text.

Pure: no mitmproxy, no clock, no files.
"""

from __future__ import annotations

import importlib
import re
import warnings
from dataclasses import dataclass
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any, Protocol, Self

from forebay.charsets import ALL, REPEATS, Beginnings, inside
from forebay.errors import RuleError

re2: Any
try:  # takes time linear in the text, whatever the regex
    re2 = importlib.import_module("re2")
except ImportError:
    re2 = None

LIMIT_CHARS = 2048
LIMIT_PATTERN = 1000
LIMIT_STEPS = 64 * LIMIT_CHARS**2
"""A step takes about a nanosecond."""

_SURROGATES = re.compile("[\ud800-\udfff]")
_TOO_MANY = 1 << 40
_NO_LIMIT = 1 << 30
# In steps: to look at one letter, at another item; to go on from one more end of a
# repeat; one more round of a group; and one more character that a repeat takes.
_LETTER, _CHECK, _RETRY, _ROUND = 1, 3, 4, 20
_SCAN = {op.ANY: 1, op.LITERAL: 3, op.NOT_LITERAL: 3, op.IN: 3}
_LAZY_SCAN = 4
# The second is the beginning of each line where (?m) says so.
_ANCHORS = ((op.AT, op.AT_BEGINNING_STRING), (op.AT, op.AT_BEGINNING))


class CostlyRegexError(RuleError):
    """A regex that could stall the proxy."""


type Found = re.Match[str]
"""Where a regex was found; re2's own matches have the same methods."""


class _Pattern(Protocol):
    def search(self, text: str, /, pos: int = 0, endpos: int = ...) -> Found | None: ...


@dataclass(frozen=True, slots=True)
class _Linear:
    """A regex of re2, which takes UTF-8 only."""

    compiled: Any

    def search(self, text: str, /, pos: int = 0, endpos: int = _NO_LIMIT) -> Found | None:
        try:
            found: Found | None = self.compiled.search(text, pos, min(endpos, len(text)))
            return found
        except UnicodeEncodeError:
            # Bytes of a path that are no UTF-8 are single surrogates.
            return self.search(_SURROGATES.sub("\ufffd", text), pos, endpos)


@dataclass(frozen=True, slots=True)
class Regex:
    """A regex that is searched for, in a text of at most *limit_chars* characters."""

    pattern: _Pattern
    limit_chars: int = LIMIT_CHARS

    @classmethod
    def of(
        cls,
        text: str,
        *,
        ignore_case: bool = False,
        ascii_only: bool = False,
        flags: int = 0,
        limit_steps: int = LIMIT_STEPS,
        least_chars: int = LIMIT_CHARS,
        most_chars: int = LIMIT_CHARS,
    ) -> Self:
        r"""Return the regex *text*.

        Args:
            text: as Python's `re` reads it.
            ignore_case: whether the case of letters does not count.
            ascii_only: whether classes such as ``\w`` are about ASCII only.
            flags: more flags of Python's `re`, for the whole of it.
            limit_steps: about how many steps a search may take.
            least_chars: how many characters of a text must be searched at least;
                one that takes long may see less than *most_chars*.
            most_chars: how many are searched at most.

        Raises:
            RuleError: when it is none, or one that could stall the proxy.
        """
        if len(text) > LIMIT_PATTERN:
            raise RuleError(f"expected a regex of at most {LIMIT_PATTERN} characters, found more")
        flags |= (re.IGNORECASE if ignore_case else 0) | (re.ASCII if ascii_only else 0)
        try:
            with warnings.catch_warnings():
                # What Python will read otherwise one day is refused today.
                warnings.simplefilter("error", FutureWarning)
                tree = parser.parse(text, flags)
            limit = most_chars
            while limit >= least_chars:
                bound = _Bound(limit, tree.state.flags)
                if (
                    bound.search(list(tree)) <= limit_steps
                    or bound.spread(list(tree)) <= limit_steps
                ):
                    return cls(re.compile(text, flags), limit)
                limit //= 2
        except (re.error, OverflowError, RecursionError, FutureWarning) as error:
            raise RuleError(f"expected a regex, found {text!r:.70}: {error}") from None
        raise CostlyRegexError(
            f"expected a regex that takes little time on any text, found {text!r:.70}: begin it "
            "with ^, end repeats by a character they cannot contain as in [^/]+/, and repeat no "
            "repeat; or use * and no regex where that will do"
        )

    @classmethod
    def linear(cls, text: str, *, ignore_case: bool = False) -> Self | None:
        """Return the regex for the engine that takes linear time, None where that cannot be.

        google-re2 must be installed, and knows neither lookaround nor back references.
        """
        if re2 is None or len(text) > LIMIT_PATTERN:
            return None
        options = re2.Options()
        options.case_sensitive = not ignore_case
        options.log_errors = False
        try:
            return cls(_Linear(re2.compile(text, options)), _NO_LIMIT)
        except (re2.error, UnicodeEncodeError):
            return None

    def search(self, text: str, at: int = 0) -> Found | None:
        """Return where it is first found from *at* on; nowhere in a text beyond its limit."""
        return None if len(text) > self.limit_chars else self.pattern.search(text, at)

    def matches(self, text: str, *, cut: bool = False) -> bool:
        """Return whether it is found in *text*; with *cut* in the beginning of a longer one.

        Without, it is not found in a text that is longer than its limit.
        """
        if len(text) > self.limit_chars:
            return cut and self.pattern.search(text, 0, self.limit_chars) is not None
        return self.pattern.search(text) is not None


@dataclass(frozen=True, slots=True)
class _Cost:
    """In how many ways an item can match at one place, and the steps to try them all."""

    ways: int = 1
    steps: int = _CHECK


_ENDLESS = _Cost(_TOO_MANY, _TOO_MANY)


class _Bound:
    """Bounds the work of a parsed regex; every doubt makes it larger."""

    def __init__(self, limit_chars: int, flags: int) -> None:
        self._limit_chars = limit_chars
        self._is_multiline = bool(flags & re.MULTILINE)
        self._begins = Beginnings(
            ignores_case=bool(flags & re.IGNORECASE), is_multiline=self._is_multiline
        ).of

    def search(self, items: list[Any]) -> int:
        """Return a bound for the steps of a search in as many characters as are seen."""
        anchors = _ANCHORS[:1] if self._is_multiline else _ANCHORS
        starts = 1 if items and items[0] in anchors else self._limit_chars
        return self._sequence(items, 0, _CHECK, starts).steps

    def spread(self, items: list[Any]) -> int:
        """Return another bound for the steps of a search, for a regex of single characters.

        When no repeat can take a character with which a match begins, the parts
        of the text that attempts at different places look at overlap no more
        than there are other items: all attempts together read it a few times.
        """
        items = _flat(items)
        first, may_be_empty = self._begins(items[:1])
        if len(items) == 1 and not may_be_empty and _is_one_character(items[0]):
            return self._limit_chars * _LAZY_SCAN  # whatever begins with it is found
        if not items or may_be_empty or _is_one_character(items[0]):
            return _TOO_MANY
        overlaps = 1
        for i, item in enumerate(items):
            kind, value = item
            if kind in REPEATS:
                taken = self._begins(list(value[2]))[0]
                after, may_end = self._begins(items[i + 1 :])
                is_told = not taken & after and (not may_end or i + 1 == len(items))
                if not _is_one_character(item) or not is_told or taken & first:
                    return _TOO_MANY
            elif kind in _SCAN:
                overlaps += 1
            else:
                return _TOO_MANY
        return self._limit_chars * (_CHECK + overlaps * (_RETRY + _LAZY_SCAN))

    def _sequence(self, items: list[Any], follow: int, refuted: int, starts: int = 1) -> _Cost:
        """Return the cost of *items*, tried at *starts* places.

        After them comes a character of *follow*, or *refuted* steps tell that it does not.
        """
        items = _flat(items)
        ways, steps = starts, 0
        choices = most = starts
        literal: list[str] = []
        for i, item in enumerate(items):
            rest = items[i + 1 :]
            after, may_end = self._begins(rest)
            cost = self._item(item, after | follow if may_end else after, rest, refuted)
            steps += ways * cost.steps
            ways *= cost.ways
            if steps > _TOO_MANY or ways > _TOO_MANY:
                return _ENDLESS
            if item[0] is op.LITERAL:
                # So many places the text can have for it; a way leads to one of them, and
                # all lengths but one tell the last.
                literal.append(chr(item[1]).casefold())
                places = self._limit_chars // _period(literal) + 1
                ways = min(ways, places * (choices // most))
                continue
            literal = []
            if ways > 1:
                lengths = self._lengths([item])
                choices *= lengths
                if _is_one_character(item):
                    most = max(most, lengths)
        return _Cost(ways, steps)

    def _item(self, item: Any, follow: int, rest: list[Any], refuted: int) -> _Cost:
        kind, value = item
        if kind in REPEATS:
            return self._repeat(kind, value, follow, self._refuted(rest, refuted))
        if kind is op.BRANCH:
            refuted = self._refuted(rest, refuted)
            branches = [list(branch) for branch in value[1]]
            costs = [self._sequence(branch, follow, refuted) for branch in branches]
            ways = [cost.ways for cost in costs]
            told = self._is_told(branches, follow)
            return _Cost(
                max(ways) if told else sum(ways), sum(_CHECK + cost.steps for cost in costs)
            )
        if kind is op.SUBPATTERN:
            raise RuleError("expected flags at the beginning of a regex only, as in (?i)")
        if kind is op.ATOMIC_GROUP:
            return self._sequence(inside(kind, value), follow, self._refuted(rest, refuted))
        if kind is op.ASSERT or kind is op.ASSERT_NOT:
            return _Cost(1, _ROUND + self._sequence(list(value[1]), ALL, _CHECK).steps)
        if kind is op.GROUPREF or kind is op.GROUPREF_EXISTS:
            return _ENDLESS  # what it stands for is not known here
        return _Cost(1, _LETTER if kind is op.LITERAL else _CHECK)

    def _repeat(self, kind: Any, value: Any, follow: int, refuted: int) -> _Cost:
        low, high = (min(int(n), self._limit_chars) for n in value[:2])
        body = list(value[2])
        first, may_be_empty = self._begins(body)
        inner = self._sequence(body, follow | first, refuted)
        if inner.ways > 1 or may_be_empty:
            # Each round multiplies: only a few rounds of a few ways are harmless.
            ways = (inner.ways + may_be_empty) ** min(high, 64)
            return _ENDLESS if ways > _TOO_MANY else _Cost(ways, ways * (_ROUND + inner.steps))
        ends = high - low + 1
        one = _ROUND + inner.steps
        if len(body) == 1 and body[0][0] in _SCAN:
            one = _LAZY_SCAN if kind is op.MIN_REPEAT else _SCAN[body[0][0]]
        steps = high * one + ends * _RETRY
        # Where the next character tells the end, only one of all ends can go on,
        # but each is tried.
        return _Cost(ends, steps) if first & follow else _Cost(1, steps + ends * refuted)

    def _refuted(self, items: list[Any], refuted: int) -> int:
        """Return the steps that tell that the next character does not begin *items*."""
        steps = 0
        for item in items:
            kind, value = item
            if kind in REPEATS:
                steps += _CHECK + self._refuted(list(value[2]), 0)
            elif kind is op.BRANCH:
                steps += sum(_CHECK + self._refuted(list(branch), 0) for branch in value[1])
            elif kind is op.SUBPATTERN or kind is op.ATOMIC_GROUP:
                steps += _CHECK + self._refuted(inside(kind, value), 0)
            else:
                steps += self._item(item, ALL, [], 0).steps
            if not self._begins([item])[1]:
                return steps
        return steps + refuted

    def _lengths(self, items: list[Any]) -> int:
        """Return a bound for the number of ways in which *items* can have a length."""
        found = 1
        for kind, value in items:
            if kind in REPEATS:
                low, high = (min(int(n), self._limit_chars) for n in value[:2])
                inner = self._lengths(list(value[2]))
                found *= high - low + 1 if inner == 1 else _TOO_MANY
            elif kind is op.BRANCH:
                found *= sum(self._lengths(list(branch)) for branch in value[1])
            elif kind is op.SUBPATTERN or kind is op.ATOMIC_GROUP:
                found *= self._lengths(inside(kind, value))
            if found > _TOO_MANY:
                return _TOO_MANY
        return found

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


def _flat(items: list[Any]) -> list[Any]:
    """Return *items* with those of plain groups in the place of these."""
    found: list[Any] = []
    for item in items:
        kind, value = item
        if kind is op.SUBPATTERN and not any(value[1:3]):
            found += _flat(inside(kind, value))
        else:
            found.append(item)
    return found


def _is_one_character(item: Any) -> bool:
    """Return whether *item* repeats one character, so that its length is its only choice."""
    kind, value = item
    return kind in REPEATS and len(value[2]) == 1 and value[2][0][0] in _SCAN


def _period(literal: list[str]) -> int:
    """Return how far apart two places of *literal* are at least.

    >>> _period(list("abcab")), _period(list("aaa")), _period(list("ab."))
    (3, 1, 3)
    """
    return next(n for n in range(1, len(literal) + 1) if literal[n:] == literal[:-n])

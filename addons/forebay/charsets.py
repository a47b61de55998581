"""With which characters a parsed regex can begin.

Sets of characters are bits: one for each of Latin-1, and one for all others.

Pure: no mitmproxy, no clock, no files.
"""

from __future__ import annotations

import re
from functools import lru_cache
from re import _constants as op  # type: ignore[attr-defined]
from typing import Any

ALL = (1 << 257) - 1
OTHERS = 1 << 256
_CLASSES = {
    "CATEGORY_DIGIT": r"\d",
    "CATEGORY_NOT_DIGIT": r"\D",
    "CATEGORY_SPACE": r"\s",
    "CATEGORY_NOT_SPACE": r"\S",
    "CATEGORY_WORD": r"\w",
    "CATEGORY_NOT_WORD": r"\W",
}
REPEATS = {op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT}


class Beginnings:
    """The first characters of items as ``re`` parses them; every doubt makes them more."""

    def __init__(self, *, ignores_case: bool, is_multiline: bool = False) -> None:
        self._ignores_case = ignores_case
        self._is_multiline = is_multiline

    def of(self, items: list[Any]) -> tuple[int, bool]:
        """Return the characters *items* can begin with, and whether they can match none."""
        found = 0
        for kind, value in items:
            if kind is op.AT:
                if value is op.AT_END_STRING or (value is op.AT_END and not self._is_multiline):
                    return found, False  # no character follows the end
                continue
            if kind in REPEATS:
                first, may_be_empty = self.of(list(value[2]))
                may_be_empty = may_be_empty or value[0] == 0
            elif kind is op.BRANCH:
                firsts = [self.of(list(branch)) for branch in value[1]]
                first, may_be_empty = 0, any(empty for _, empty in firsts)
                for one, _ in firsts:
                    first |= one
            elif kind is op.SUBPATTERN or kind is op.ATOMIC_GROUP:
                first, may_be_empty = self.of(inside(kind, value))
            else:
                first, may_be_empty = self._characters(kind, value)
            found |= first
            if not may_be_empty:
                return found, False
        return found, True

    def _characters(self, kind: Any, value: Any) -> tuple[int, bool]:
        if kind in {op.LITERAL, op.NOT_LITERAL}:
            return self._set([(kind, value)]), False
        if kind is op.IN:
            return self._set(list(value)), False
        if kind is op.ANY:
            return ALL, False
        return ALL, True  # assertions and references: anything may come

    def _set(self, members: list[Any]) -> int:
        found, is_negated = 0, False
        for kind, value in members:
            if kind is op.NEGATE:
                is_negated = True
            elif kind is op.LITERAL:
                found |= self._range(value, value)
            elif kind is op.NOT_LITERAL:
                found |= ALL & ~self._range(value, value) | OTHERS
            elif kind is op.RANGE:
                found |= self._range(*value)
            else:
                found |= _class(_CLASSES[str(value)])
        return ALL & ~found | OTHERS if is_negated else found

    def _range(self, low: int, high: int) -> int:
        found = OTHERS if high > 255 else 0
        for code in range(low, min(high, 255) + 1):
            found |= 1 << code
            if self._ignores_case:
                for char in chr(code).lower(), chr(code).upper():
                    found |= 1 << min(ord(char[0]), 256)
        return found


def inside(kind: Any, value: Any) -> list[Any]:
    """Return the items of a group."""
    return list(value if kind is op.ATOMIC_GROUP else value[-1])


@lru_cache
def _class(pattern: str) -> int:
    found = OTHERS
    for code in range(256):
        if re.match(pattern, chr(code)):
            found |= 1 << code
    return found

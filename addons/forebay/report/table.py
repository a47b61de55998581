"""Rows by key, of which a bounded number is kept: whoever writes a log may invent keys.

Pure.  When there are too many rows the less used half becomes one row, *rest*.
Sums over all rows stay exact.  A key that comes back begins anew, so that what
a kept row counts may be low, by no more than *undercount* in all.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Protocol, Self, cast

LONGEST_KEY = 300
"""Characters beyond which a key is cut, so that memory is bounded too."""


class Row(Protocol):
    """What a table holds for a key."""

    @property
    def count(self) -> int:
        """How often the key was used."""

    @property
    def cells(self) -> int:
        """How many numbers of its own the row holds, beyond a few."""

    def merge(self, other: Self) -> None:
        """Add what *other* has counted."""


class Table[K: Hashable, R: Row]:
    """At most *capacity* rows; keys are texts, or tuples of texts that are bounded already.

    Args:
        make: returns an empty row.
        capacity: how many rows are kept.
        most_cells: how many cells they may hold in all; looked at by `trim`.

    Attributes:
        rows: those that are kept.
        rest: all others in one.
        undercount: what a kept row may have lost at most.
    """

    def __init__(
        self, make: Callable[[], R], capacity: int = 8192, most_cells: int = 1_000_000
    ) -> None:
        self._make = make
        self._capacity = capacity
        self._most_cells = most_cells
        self.rows: dict[K, R] = {}
        self.rest = make()
        self.undercount = 0
        self.is_exact = True

    def row(self, key: K) -> R:
        """Return the row of *key*, a new one if there is none."""
        found = self.rows.get(key)
        return self._new(key) if found is None else found

    def _new(self, key: K) -> R:
        if isinstance(key, str) and len(key) > LONGEST_KEY:
            return self.row(cast(K, key[:LONGEST_KEY]))
        if len(self.rows) >= self._capacity:
            self._halve()
        made = self.rows[key] = self._make()
        return made

    def trim(self) -> None:
        """Keep fewer rows when they hold too much in all."""
        while len(self.rows) > 1 and sum(r.cells for r in self.rows.values()) > self._most_cells:
            self._halve()

    def _halve(self) -> None:
        by_use = sorted(self.rows.items(), key=lambda item: item[1].count, reverse=True)
        kept = len(by_use) // 2
        self.undercount += by_use[kept][1].count
        self.is_exact = False
        for _, row in by_use[kept:]:
            self.rest.merge(row)
        self.rows = dict(by_use[:kept])

    def top(self, number: int, by: Callable[[R], float] | None = None) -> list[tuple[K, R]]:
        """Return the *number* rows with the most use, or the most of what *by* says."""
        measure = by or (lambda row: row.count)
        chosen = sorted(self.rows.items(), key=lambda item: str(item[0]))
        chosen.sort(key=lambda item: measure(item[1]), reverse=True)
        return chosen[:number]

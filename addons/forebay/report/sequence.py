"""Which numbers of records are missing, where no gap record says so.

Pure.  Each process numbers its records from 1 and leaves none out, so a hole
between two numbers is a loss.  What is missing before the first is not: older
files may have been deleted.  Files may be read in any order.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

MOST_RANGES = 2000
"""Holes of one process that are told apart; smaller ones are forgotten first."""


@dataclass(frozen=True, slots=True)
class Hole:
    """Numbers *from_seq* to *to_seq* of a process's records, which are not there."""

    instance: str
    from_seq: int
    to_seq: int

    @property
    def lost(self) -> int:
        """How many they are."""
        return self.to_seq - self.from_seq + 1


class Sequence:
    """The numbers seen of one process, as ranges without overlap, in order.

    Attributes:
        repeated: how many numbers came more than once.
        is_exact: whether no hole was forgotten.
    """

    __slots__ = ("_ends", "_last", "_starts", "is_exact", "repeated")

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._last = -1  # where the range ends that grows
        self.repeated = 0
        self.is_exact = True

    def add(self, seq: int) -> None:
        """Note a record's number."""
        ends = self._ends
        if ends and seq == ends[self._last] + 1 and self._last == len(ends) - 1:
            ends[self._last] = seq  # nearly always
        else:
            self.add_range(seq, seq)

    def add_range(self, from_seq: int, to_seq: int, *, is_gap: bool = False) -> None:
        """Note all numbers from *from_seq* to *to_seq*; a *gap* repeats nothing."""
        if to_seq < from_seq:
            return
        starts, ends = self._starts, self._ends
        first = bisect_right(ends, from_seq - 2)  # the first range that touches or follows
        last = bisect_right(starts, to_seq + 1)
        if first < last:
            if not is_gap:
                self.repeated += sum(
                    max(0, min(ends[at], to_seq) - max(starts[at], from_seq) + 1)
                    for at in range(first, last)
                )
            from_seq, to_seq = min(starts[first], from_seq), max(ends[last - 1], to_seq)
        starts[first:last] = [from_seq]
        ends[first:last] = [to_seq]
        self._last = first
        if len(starts) > MOST_RANGES:
            self._forget()

    def _forget(self) -> None:
        """Close the smallest hole."""
        at = min(range(1, len(self._starts)), key=lambda at: self._starts[at] - self._ends[at - 1])
        self._ends[at - 1] = self._ends.pop(at)
        del self._starts[at]
        self._last = len(self._starts) - 1
        self.is_exact = False

    def holes(self, instance: str) -> list[Hole]:
        """Return what is missing between the numbers seen.

        >>> seen = Sequence()
        >>> for seq in (7, 8, 12, 10):
        ...     seen.add(seq)
        >>> [(hole.from_seq, hole.to_seq) for hole in seen.holes("i")]
        [(9, 9), (11, 11)]
        """
        return [
            Hole(instance, end + 1, start - 1)
            for end, start in zip(self._ends, self._starts[1:], strict=False)
        ]

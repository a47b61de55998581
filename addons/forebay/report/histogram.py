"""Percentiles of durations without keeping the durations.

Pure.  Buckets grow by 4 %, so that a percentile is off by 2 % at most, or by
0.1 ms where that is more; a histogram holds at most 471 numbers.
"""

from __future__ import annotations

import math

LEAST_S = 1e-4
"""Shorter durations share one bucket."""
MOST_S = 1e4
"""Longer ones too; the largest of all is known exactly."""
RELATIVE_ERROR = 0.02

_GROWTH = 1.04  # (1.04 - 1) / (1.04 + 1) < 0.02
_SCALE = 1 / math.log(_GROWTH)
_OFFSET = -math.log(LEAST_S) * _SCALE
_TOP = math.ceil(math.log(MOST_S / LEAST_S) * _SCALE)


def bucket(value_s: float) -> int:
    """Return the bucket of a duration, 0 for what is no positive number.

    >>> bucket(0.00001), bucket(1.01) == bucket(1.02), bucket(1.0) == bucket(1.1)
    (0, True, False)
    """
    if not value_s > LEAST_S:
        return 0
    if value_s >= MOST_S:
        return _TOP
    return math.ceil(math.log(value_s) * _SCALE + _OFFSET)


class Histogram:
    """How many durations fell into each bucket, and the largest.

    Attributes:
        counts: bucket to number of durations.
        max_s: the largest duration.
    """

    __slots__ = ("counts", "max_s")

    def __init__(self) -> None:
        self.counts: dict[int, int] = {}
        self.max_s = 0.0

    def add(self, index: int, value_s: float) -> None:
        """Count *value_s*, whose bucket is *index*: it is the same in many histograms."""
        counts = self.counts
        counts[index] = counts.get(index, 0) + 1
        if value_s > self.max_s:
            self.max_s = value_s

    def merge(self, other: Histogram) -> None:
        """Count all that *other* has counted."""
        counts = self.counts
        for index, count in other.counts.items():
            counts[index] = counts.get(index, 0) + count
        self.max_s = max(self.max_s, other.max_s)

    @property
    def count(self) -> int:
        """How many durations were counted."""
        return sum(self.counts.values())

    def percentiles(self, *shares: float) -> list[float] | None:
        """Return, for each of the rising *shares*, the duration that so many do not exceed.

        None without any duration.

        >>> some = Histogram()
        >>> for value_s in (0.1, 0.2, 0.3):
        ...     some.add(bucket(value_s), value_s)
        >>> [round(value_s, 2) for value_s in some.percentiles(0.5, 1)]
        [0.2, 0.3]
        """
        count = self.count
        if not count:
            return None
        found: list[float] = []
        wanted = iter(shares)
        share = next(wanted, None)
        seen = 0
        for index in sorted(self.counts):
            seen += self.counts[index]
            while share is not None and seen >= share * count:
                found.append(min(_middle(index), self.max_s))
                share = next(wanted, None)
        return found


def _middle(index: int) -> float:
    """Return the value that is off by the same share at both ends of the bucket."""
    if index == 0:
        return LEAST_S
    if index == _TOP:
        return math.inf  # only the largest value is known then
    upper_s: float = LEAST_S * _GROWTH**index
    return 2 * upper_s / (_GROWTH + 1)

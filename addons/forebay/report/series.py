"""What happened when: counts in intervals that widen as the time that is covered grows.

Pure.  There are never more than `MOST_INTERVALS` with anything in them; those
without are not held, so that a single wrong date costs one.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from forebay.report.histogram import Histogram

MOST_INTERVALS = 480
WIDTHS_S = (1, 2, 10, 30, 60, 300, 900, 1800, 3600, 10_800, 21_600, 43_200, 86_400, 604_800)
"""Each divides the next; beyond the last they double."""
CLASSES = ("1xx", "2xx", "3xx", "4xx", "5xx", "none")
"""Classes of status codes; ``none``: no response, or a status that is none."""


@dataclass(slots=True)
class Interval:
    """What began within an interval of time.

    Attributes:
        classes: exchanges by class of status, in the order of `CLASSES`.
        errors: records that failed.
        bytes_up: from clients.
        bytes_down: to clients.
        lookups: exchanges for which the cache was looked into.
        hits: those of them that it answered, or only revalidated.
        durations: of HTTP exchanges.
    """

    classes: list[int] = field(default_factory=lambda: [0] * len(CLASSES))
    errors: int = 0
    bytes_up: int = 0
    bytes_down: int = 0
    lookups: int = 0
    hits: int = 0
    durations: Histogram = field(default_factory=Histogram)

    @property
    def requests(self) -> int:
        """How many exchanges began."""
        return sum(self.classes)

    def merge(self, other: Interval) -> None:
        """Add what *other* has counted."""
        self.classes = [a + b for a, b in zip(self.classes, other.classes, strict=True)]
        self.errors += other.errors
        self.bytes_up += other.bytes_up
        self.bytes_down += other.bytes_down
        self.lookups += other.lookups
        self.hits += other.hits
        self.durations.merge(other.durations)


class Series:
    """Intervals by their number: the POSIX time at which one begins, divided by *width_s*."""

    def __init__(self) -> None:
        self.width_s = WIDTHS_S[0]
        self.intervals: dict[int, Interval] = {}

    def at(self, time_s: float) -> Interval:
        """Return the interval around a POSIX time."""
        found = self.intervals.get(int(time_s // self.width_s))
        return self._new(time_s) if found is None else found

    def _new(self, time_s: float) -> Interval:
        while len(self.intervals) >= MOST_INTERVALS:
            self._widen()
        return self.intervals.setdefault(int(time_s // self.width_s), Interval())

    def _widen(self) -> None:
        before_s = self.width_s
        self.width_s = next((wider for wider in WIDTHS_S if wider > before_s), before_s * 2)
        times = self.width_s // before_s
        before, self.intervals = self.intervals, {}
        for number, interval in before.items():
            into = self.intervals.setdefault(number // times, interval)
            if into is not interval:
                into.merge(interval)

    def steps(self, most: int) -> Steps:
        """Return at most *most* intervals of one width without a hole between them.

        Single intervals far away from all others (a clock that was wrong) are
        left out and counted.
        """
        numbers = sorted(self.intervals)
        if not numbers:
            return Steps(0, self.width_s, [], 0)
        first, last = _densest(numbers, {n: self.intervals[n].requests for n in numbers})
        times = max(1, -(-(last - first + 1) // most))
        origin = first - first % times  # a round time, where that costs no step too many
        if (last - origin) // times >= most:
            origin = first
        steps = [Interval() for _ in range((last - origin) // times + 1)]
        outside = 0
        for number in numbers:
            if first <= number <= last:
                steps[(number - origin) // times].merge(self.intervals[number])
            else:
                outside += self.intervals[number].requests
        return Steps(origin * self.width_s, times * self.width_s, steps, outside)


@dataclass(frozen=True, slots=True)
class Steps:
    """Intervals one after the other.

    Attributes:
        start_s: POSIX time at which the first begins.
        width_s: seconds that each is long.
        intervals: the intervals.
        outside: exchanges that began too far away from all others to be shown.
    """

    start_s: int
    width_s: int
    intervals: list[Interval]
    outside: int


def _densest(numbers: list[int], weights: dict[int, int]) -> tuple[int, int]:
    """Return the first and last number, without ends that are far off and weigh little."""
    first, last = 0, len(numbers) - 1
    allowed = sum(weights.values()) // 1000
    while last > first:
        span = numbers[last] - numbers[first]
        gap_before = numbers[first + 1] - numbers[first]
        gap_behind = numbers[last] - numbers[last - 1]
        at = first if gap_before >= gap_behind else last
        if max(gap_before, gap_behind) * 2 < span or weights[numbers[at]] > allowed:
            break
        allowed -= weights[numbers[at]]
        first, last = (first + 1, last) if at == first else (first, last - 1)
    return numbers[first], numbers[last]

"""Axes: which values are marked, and where they lie between 0 and 1.

Pure.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from forebay.report import figures

_ROUND_S = (
    *(1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800),
    *(3600, 7200, 10_800, 14_400, 21_600, 43_200),
    *(86_400, 172_800, 259_200, 604_800, 1_209_600, 2_592_000, 7_776_000, 31_536_000),
)


@dataclass(frozen=True, slots=True)
class Mark:
    """A value on an axis: where it lies, from 0 to 1, and its label."""

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Axis:
    """Marks, and where any value lies."""

    marks: tuple[Mark, ...]
    place: Callable[[float], float]


def linear(most: float, label: Callable[[float], str], *, base: float = 1) -> Axis:
    """Return an axis from 0 to at least *most*, with three to six round marks.

    >>> [mark.label for mark in linear(870, lambda value: f"{value:g}").marks]
    ['0', '200', '400', '600', '800', '1000']
    """
    most = max(most, base)
    power = 10.0 ** math.floor(math.log10(most))
    step = next(
        part * power for part in (0.1, 0.2, 0.25, 0.5, 1, 2, 2.5) if most / (part * power) <= 5
    )
    step = max(step, base)
    count = math.ceil(most / step - 1e-9)
    top = count * step
    marks = tuple(Mark(n / count, label(n * step)) for n in range(count + 1))
    return Axis(marks, lambda value: min(max(value / top, 0.0), 1.0))


def logarithmic(least_s: float, most_s: float) -> Axis:
    """Return an axis of durations, marked at powers of ten.

    >>> [mark.label for mark in logarithmic(0.002, 0.5).marks]
    ['1 ms', '10 ms', '100 ms', '1 s']
    """
    low = math.floor(math.log10(max(least_s, 1e-4)) + 1e-9)
    high = max(math.ceil(math.log10(max(most_s, 1e-4)) - 1e-9), low + 1)
    marks = tuple(Mark((n - low) / (high - low), _power_of_ten(n)) for n in range(low, high + 1))

    def place(value: float) -> float:
        if value <= 0:
            return 0.0
        return min(max((math.log10(value) - low) / (high - low), 0.0), 1.0)

    return Axis(marks, place)


def _power_of_ten(power: int) -> str:
    return f"{10 ** (power + 3):g} ms" if power < 0 else f"{10**power:,} s"


def times(starts: list[datetime], width_s: int, most: int = 6) -> tuple[Mark, ...]:
    """Return marks for steps that begin at *starts*, each as long as its unit asks for.

    >>> from datetime import UTC, timedelta
    >>> begin = datetime(2026, 3, 2, tzinfo=UTC)
    >>> steps = [begin + timedelta(hours=n) for n in range(24)]
    >>> [mark.label for mark in times(steps, 3600, most=4)]
    ['00:00', '06:00', '12:00', '18:00']
    """
    count = len(starts)
    span_s = count * width_s
    if span_s <= 120:
        form = "%H:%M:%S"
    elif span_s <= 2 * 86_400:
        form = "%H:%M"
    elif span_s <= 300 * 86_400:
        form = "%d %b"
    else:
        form = "%b %Y"
    chosen = _round_times(starts, span_s, most)
    return tuple(Mark(number / count, f"{starts[number]:{form}}") for number in chosen)


def _round_times(starts: list[datetime], span_s: int, most: int) -> list[int]:
    """Return the numbers of steps in which a round time lies, *most* at most."""
    unit_s = next((unit for unit in _ROUND_S if span_s / unit <= most), -(-span_s // most))
    found: list[int] = []
    before: int | None = None
    for number, start in enumerate(starts):
        which = int(start.timestamp() // unit_s)
        is_round = start.timestamp() % unit_s == 0
        if before is None:
            found += [number] if is_round or unit_s > span_s else []
        elif which != before:
            found.append(number)
        before = which
    return found or [0]


def bytes_axis(most: float) -> Axis:
    """Return a linear axis of bytes."""
    return linear(most, figures.size)


def counts_axis(most: float) -> Axis:
    """Return a linear axis of whole numbers."""
    return linear(most, lambda value: figures.count(round(value)))

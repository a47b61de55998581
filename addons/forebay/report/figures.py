"""Numbers as people read them: few digits, with their unit.

Pure.
"""

from __future__ import annotations

from datetime import UTC, datetime

NONE = "-"
"""Stands where there is no number."""

_BYTES = ("B", "kB", "MB", "GB", "TB", "PB", "EB")


def count(number: int) -> str:
    """Return a count with its thousands apart.

    >>> count(1234567), count(10**21)
    ('1,234,567', '1.0e+21')
    """
    return f"{number:,}" if number < 10**15 else f"{number:.1e}"


def size(bytes_: float) -> str:
    """Return bytes in the unit that leaves one to three digits before the point.

    >>> size(0), size(999), size(1234), size(999_999), size(5.6e10)
    ('0 B', '999 B', '1.23 kB', '1 MB', '56 GB')
    """
    value = float(bytes_)
    for unit in _BYTES:
        if value < 999.5 or unit == _BYTES[-1]:
            return f"{_three(value)} {unit}" if value < 1e6 else f"{value:.1e} {unit}"
        value /= 1000
    raise AssertionError("unreachable")


def seconds(span_s: float | None) -> str:
    """Return a span of time.

    >>> seconds(0.00012), seconds(0.0421), seconds(12.345), seconds(3723), seconds(259_200)
    ('0.12 ms', '42.1 ms', '12.3 s', '1 h 2 min', '3 d')
    """
    if span_s is None:
        return NONE
    if span_s < 0.9995:
        return f"{_three(span_s * 1000)} ms"
    if span_s < 99.95:
        return f"{_three(span_s)} s"
    minutes = round(span_s / 60)
    if minutes < 60:
        return _two(round(span_s), 60, "min", "s")
    if minutes < 48 * 60:
        return _two(minutes, 60, "h", "min")
    return _two(round(span_s / 3600), 24, "d", "h")


def percent(share: float | None) -> str:
    """Return a ratio in percent; only all is 100 %, and only nothing is 0 %.

    >>> percent(0.4567), percent(0.99999), percent(0.0001), percent(1), percent(None)
    ('45.7 %', '>99.9 %', '<0.1 %', '100 %', '-')
    """
    if share is None:
        return NONE
    if 0 < share < 0.0005:
        return "<0.1 %"
    if 0.9995 <= share < 1:
        return ">99.9 %"
    return f"{share * 100:.0f} %" if share in (0, 1) else f"{share * 100:.1f} %"


def rate(per_s: float | None) -> str:
    """Return how often a second, a minute, an hour or a day something happens.

    >>> rate(12.345), rate(0.05), rate(0.0001)
    ('12.3/s', '3/min', '8.64/day')
    """
    if per_s is None:
        return NONE
    for unit, unit_s in (("s", 1), ("min", 60), ("h", 3600)):
        if per_s * unit_s >= 1:
            return f"{_three(per_s * unit_s)}/{unit}"
    return f"{_three(per_s * 86_400)}/day"


def time(at: datetime | None) -> str:
    """Return a time in UTC, to the second.

    >>> time(datetime(2026, 1, 2, 3, 4, 5, 600, UTC))
    '2026-01-02 03:04:05'
    """
    return NONE if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def plural(number: int, noun: str) -> str:
    """Return a count with its noun.

    >>> plural(1, "record"), plural(2000, "record")
    ('1 record', '2,000 records')
    """
    return f"{count(number)} {noun}{'' if number == 1 else 's'}"


def _two(number: int, times: int, large: str, small: str) -> str:
    """Return *number* of the small unit in both, or in the large one when it is round."""
    whole, rest = divmod(number, times)
    return f"{count(whole)} {large}" + (f" {rest} {small}" if rest else "")


def _three(value: float) -> str:
    """Return *value* with three digits, without zeros that say nothing."""
    if value >= 999.5:
        return f"{value:,.0f}"
    places = 0 if value >= 99.95 else 1 if value >= 9.995 else 2
    text = f"{value:.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text

"""How long a copy of a downloaded list is good for, and when the list is due again.

Lists say it themselves in a comment near their top, such as
``! Expires: 4 days (update frequency)``.

Pure: no clock, no files.  Spans are in seconds.
"""

from __future__ import annotations

import re

from forebay.errors import RuleError

HOUR_S = 3600
DAY_S = 24 * HOUR_S
SHORTEST_S = HOUR_S
LONGEST_S = 14 * DAY_S
DEFAULT_S = 4 * DAY_S
RETRY_S = HOUR_S
"""How long after a failed try the next one is made."""
HEADER_LINES = 50

_SPAN = r"([0-9]{1,9})\s*(hours?|h|days?|d)\b"
_WHOLE_SPAN = re.compile(_SPAN, re.IGNORECASE).fullmatch
_HEADER = re.compile(rf"\s*[!#]+\s*expires\s*:\s*{_SPAN}", re.IGNORECASE).match


def span_s(text: str) -> int:
    """Return the span *text* in seconds.

    Raises:
        RuleError: when it is none, or not between 1 hour and 14 days.

    >>> span_s("4 days"), span_s("12h")
    (345600, 43200)
    """
    found = _WHOLE_SPAN(text)
    seconds = _seconds(found[1], found[2]) if found else 0
    if not SHORTEST_S <= seconds <= LONGEST_S:
        raise RuleError(
            f"expected 1 hour to 14 days, such as 4 days or 12h, found {text[:100]!r:.70}"
        )
    return seconds


def header_s(text: str) -> int | None:
    r"""Return what the list *text* says in its first 50 lines, between 1 hour and 14 days.

    >>> header_s("! Title: ads\n! Expires: 5 days (update frequency)\n||ads.example^")
    432000
    >>> header_s("! Expires: 1000 days") == LONGEST_S
    True
    """
    for line in text.removeprefix("\ufeff").split("\n", HEADER_LINES)[:HEADER_LINES]:
        if found := _HEADER(line):
            return min(max(_seconds(found[1], found[2]), SHORTEST_S), LONGEST_S)
    return None


def due(
    checked_at_s: float | None, expires_s: float, now_s: float, *, failed: bool = False
) -> bool:
    """Return whether a list that was last asked for at *checked_at_s* is to be asked for again.

    A time in the future is that of a clock that was wrong: due.

    Args:
        checked_at_s: None when the list was never asked for.
        expires_s: how long an answer holds; a failed try holds for ``RETRY_S`` instead.
        now_s: the time.
        failed: whether the last try failed.
    """
    if checked_at_s is None:
        return True
    return not 0 <= now_s - checked_at_s < (RETRY_S if failed else expires_s)


def _seconds(number: str, unit: str) -> int:
    return int(number) * (HOUR_S if unit[0] in "hH" else DAY_S)

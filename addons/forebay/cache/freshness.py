"""How old a stored response is and how long it stays fresh (RFC 9111 §4.2).

Every time is a POSIX timestamp in seconds, every span is in seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

from forebay.cache import dates
from forebay.cache.directives import MAX_SECONDS, clamped
from forebay.cache.headers import Head
from forebay.cache.statuses import HEURISTIC, is_final
from forebay.cache.targeted import governing

_INVALID_S = float("-inf")
_HEURISTIC_SHARE = 0.1  # of the time since the last change (§4.2.2)
HEURISTIC_LIMIT_S = 7 * 86400
"""The longest lifetime that is guessed."""


@dataclass(frozen=True, slots=True)
class Validity:
    """What one response says about its own age and lifetime.

    Args:
        date_s: its Date, or when it was received if that says nothing.
        requested_at_s: when the request for it was sent.
        received_at_s: when its head was received.
        age_field_s: its Age field.
        expires_s: its Expires; minus infinity when that cannot be read.
        heuristic_s: the lifetime to guess when the origin gives none.
        forced_s: the lifetime by the user's own rules, in place of all others.
    """

    date_s: float
    requested_at_s: float
    received_at_s: float
    age_field_s: int = 0
    max_age_s: int | None = None
    s_maxage_s: int | None = None
    expires_s: float | None = None
    heuristic_s: int = 0
    forced_s: int | None = None

    @property
    def is_explicit(self) -> bool:
        """Whether it was said how long it stays fresh, even if not for a moment."""
        return not (self.max_age_s is self.s_maxage_s is self.expires_s is self.forced_s is None)


def validity(
    head: Head,
    *,
    requested_at_s: float,
    received_at_s: float,
    status: int = 200,
    targeted: bool = False,
    forced_s: int | None = None,
) -> Validity:
    """Return what a response says about its age and lifetime.

    Args:
        head: its head.
        requested_at_s: when the request for it was sent.
        received_at_s: when its head was received.
        status: its status code.
        targeted: whether CDN-Cache-Control is obeyed (RFC 9213).
        forced_s: its lifetime by the user's own rules.
    """
    found = governing(head, targeted=targeted)
    control = found.control
    date = head.only(b"date")
    date_s = None if date is None else dates.parse(date, received_at_s)
    expires_s: float | None = None
    if b"expires" in head and not found.is_targeted:
        # Two lines are as bad as an unreadable one: in the past (§5.3).
        expires = head.only(b"expires")
        parsed = None if expires is None else dates.parse(expires, received_at_s)
        expires_s = _INVALID_S if parsed is None else parsed
    return Validity(
        date_s=received_at_s if date_s is None else date_s,
        requested_at_s=requested_at_s,
        received_at_s=received_at_s,
        age_field_s=age_field(head),
        max_age_s=control.seconds("max-age"),
        s_maxage_s=control.seconds("s-maxage"),
        expires_s=expires_s,
        heuristic_s=(
            _heuristic_s(head, received_at_s if date_s is None else date_s, received_at_s)
            if status in HEURISTIC or (is_final(status) and control.grants("public"))
            else 0
        ),
        forced_s=forced_s if status in HEURISTIC else None,
    )


def _heuristic_s(head: Head, date_s: float, now_s: float) -> int:
    """Return a tenth of the time for which the response had not changed (§4.2.2)."""
    modified = head.only(b"last-modified")
    modified_s = None if modified is None else dates.parse(modified, now_s)
    if modified_s is None or modified_s >= date_s:
        return 0
    return int(min((date_s - modified_s) * _HEURISTIC_SHARE, HEURISTIC_LIMIT_S))


def age_field(head: Head) -> int:
    """Return the Age field in seconds (§5.1): the first member of the first line, else 0.

    >>> age_field(Head([(b"Age", b"30, 7200"), (b"Age", b"9")]))
    30
    >>> age_field(Head([(b"Age", b"-5")]))
    0
    """
    lines = head.lines(b"age")
    if not lines:
        return 0
    first = lines[0].partition(b",")[0].strip(b" \t")
    return clamped(first.decode("ascii")) if first.isdigit() else 0


def lifetime(v: Validity) -> int:
    """Return the freshness lifetime in seconds (§4.2.1); never negative.

    The first rule that applies wins: the user's, ``s-maxage``, ``max-age``,
    ``Expires`` minus ``Date``, then the heuristic of §4.2.2.

    >>> lifetime(Validity(0, 0, 0, max_age_s=60, s_maxage_s=5))
    5
    """
    if v.forced_s is not None:
        return v.forced_s
    if v.s_maxage_s is not None:
        return v.s_maxage_s
    if v.max_age_s is not None:
        return v.max_age_s
    if v.expires_s is not None:
        return int(min(max(0.0, v.expires_s - v.date_s), MAX_SECONDS))
    return v.heuristic_s


def initial_age(v: Validity) -> float:
    """Return the corrected initial age in seconds (§4.2.3): the age on arrival."""
    apparent = max(0.0, v.received_at_s - v.date_s)
    delay = max(0.0, v.received_at_s - v.requested_at_s)
    return max(apparent, v.age_field_s + delay)


def current_age(v: Validity, now_s: float) -> float:
    """Return the current age in seconds (§4.2.3)."""
    return initial_age(v) + max(0.0, now_s - v.received_at_s)


def time_to_live(v: Validity, now_s: float) -> float:
    """Return for how many seconds more the response is fresh; it is stale at 0 and below.

    A response from the future is stale: the clock was set back, and how long
    it has been here cannot be known.
    """
    if now_s < v.received_at_s:
        return min(0.0, now_s - v.received_at_s)
    return lifetime(v) - current_age(v, now_s)


def is_fresh(v: Validity, now_s: float) -> bool:
    """Return whether the lifetime exceeds the age; equality is stale (§4.2)."""
    return time_to_live(v, now_s) > 0

"""When a stale response may be served (RFC 9111 §4.2.4, RFC 5861).

Only what the origin does not forbid: ``must-revalidate``, ``proxy-revalidate``,
``s-maxage`` (§5.2.2.10) and ``no-cache`` all do.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from forebay.cache.directives import Directives

_FORBIDDING = ("must-revalidate", "proxy-revalidate", "s-maxage", "no-cache")


class Failure(StrEnum):
    """How the origin failed."""

    UNREACHABLE = "unreachable"
    """No byte of an answer came: no connection, or one that broke off."""
    SERVER_ERROR = "server error"
    """It answered 500, 502, 503 or 504."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one response says about being served stale; spans in seconds past its lifetime."""

    is_forbidden: bool = False
    while_revalidate_s: int = 0
    if_error_s: int = 0

    def covers_refresh(self, stale_s: float) -> bool:
        """Return whether it may be served now and validated afterwards (RFC 5861 §3)."""
        return not self.is_forbidden and stale_s < self.while_revalidate_s

    def covers_failure(self, failure: Failure, stale_s: float, *, request_s: int = 0) -> bool:
        """Return whether it may stand in for the origin's answer (RFC 5861 §4).

        Args:
            failure: what kept the origin from answering.
            stale_s: for how long it has been stale.
            request_s: the request's own ``stale-if-error``.
        """
        if self.is_forbidden:
            return False
        return failure is Failure.UNREACHABLE or stale_s < max(self.if_error_s, request_s)


def allowance(control: Directives) -> Allowance:
    """Return what the directives *control* of a response say."""
    return _shared(
        any(control.has(name) for name in _FORBIDDING),
        control.seconds("stale-while-revalidate") or 0,
        control.seconds("stale-if-error") or 0,
    )


@lru_cache(maxsize=256)
def _shared(is_forbidden: bool, while_revalidate_s: int, if_error_s: int) -> Allowance:
    # Few are different, and each stored response holds one.
    return Allowance(is_forbidden, while_revalidate_s, if_error_s)

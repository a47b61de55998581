"""A circuit breaker: stop asking a disk that keeps failing (time comes in as ``now_s``)."""

from __future__ import annotations


class Breaker:
    """Open for *rest_s* seconds after *limit* failures in a row, then on trial.

    >>> breaker = Breaker(limit=1, rest_s=30)
    >>> breaker.failed(100.0)
    >>> breaker.is_open(129.9), breaker.is_open(130.0)
    (True, False)
    """

    __slots__ = ("_failures", "_limit", "_opened_at_s", "_rest_s")

    def __init__(self, *, limit: int, rest_s: float) -> None:
        self._limit = limit
        self._rest_s = rest_s
        self._failures = 0
        self._opened_at_s: float | None = None

    def is_open(self, now_s: float) -> bool:
        """Return whether the disk is to be left alone."""
        opened = self._opened_at_s
        # A clock that was set back must not keep it open.
        return opened is not None and opened <= now_s < opened + self._rest_s

    def failed(self, now_s: float) -> None:
        """Count a failure; while on trial, one is enough."""
        self._failures += 1
        if self._failures >= self._limit:
            self._opened_at_s = now_s

    def succeeded(self) -> None:
        """Forget the failures."""
        self._failures = 0
        self._opened_at_s = None

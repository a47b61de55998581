"""Which records are written, where not all are: a rate for each kind of them.

Pure.  The same flow always meets the same fate, so that what belongs together
stays together.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from forebay.errors import RuleError

BLOCKED, FAILED, HIT = "blocked", "failed", "hit"
KINDS = frozenset({"http", "websocket", "tunnel", "tcp", "udp", "tls", "dns", "malformed"})
_STATUS = re.compile(r"[1-5](?:xx|[0-9]{2})", re.ASCII).fullmatch
_RATE = re.compile(r"[01]|[01]?\.[0-9]{1,9}", re.ASCII).fullmatch
_ID = re.compile(r"[0-9a-f]{8}").match


@dataclass(frozen=True, slots=True)
class Sampling:
    """Rates by what a record is about, from 0 (none) to 1 (all).

    Attributes:
        rates: by ``blocked``, ``failed``, ``hit``, a status (``404``), a class
            of them (``2xx``) or a kind of record.
        otherwise: for all that these do not name, blocked and failed ones excepted.
    """

    rates: dict[str, float] = field(default_factory=dict)
    otherwise: float = 1.0

    @property
    def is_all(self) -> bool:
        """Whether all records are written."""
        return not self.rates and self.otherwise == 1.0

    def rate(
        self, kind: str, status: int | None, *, blocked: bool, failed: bool, hit: bool
    ) -> float:
        """Return the rate for a record; of several that fit, the first as listed above counts.

        >>> few = parse(["0.1", "5xx=1"])
        >>> few.rate("http", 200, blocked=False, failed=False, hit=False)
        0.1
        >>> few.rate("http", 403, blocked=True, failed=False, hit=False)
        1.0
        """
        if blocked:
            return self.rates.get(BLOCKED, 1.0)
        if failed:
            return self.rates.get(FAILED, 1.0)
        keys = [HIT] if hit else []
        if status is not None:
            keys += str(status), f"{status // 100}xx"
        for key in (*keys, kind):
            if key in self.rates:
                return self.rates[key]
        return self.otherwise


def parse(texts: Iterable[str]) -> Sampling:
    """Return what *texts* such as ``0.1`` or ``2xx=0.01`` say.

    Raises:
        RuleError: when one is neither.
    """
    rates: dict[str, float] = {}
    otherwise = 1.0
    for text in texts:
        name, equals, rate = text.rpartition("=")
        name = name.strip().lower()
        number = float(rate) if _RATE(rate.strip()) else 2.0
        if number > 1 or (
            equals and name not in {BLOCKED, FAILED, HIT, *KINDS} and not _STATUS(name)
        ):
            raise RuleError(
                "expected a rate from 0 to 1 such as 0.1, or one for a status, a kind of record, "
                f"hit, blocked or failed, such as 2xx=0.01, found {text!r:.70}"
            )
        if equals:
            rates[name] = number
        else:
            otherwise = number
    return Sampling(rates, otherwise)


def takes(flow_id: str, rate: float) -> bool:
    """Return whether what has this id, a random UUID, is among the share *rate*.

    >>> takes("00000000-…", 0.01), takes("7fffffff-…", 0.5), takes("80000000-…", 0.5)
    (True, True, False)
    """
    if rate >= 1 or not _ID(flow_id):
        return rate > 0
    return int(flow_id[:8], 16) < rate * 2**32

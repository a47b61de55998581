"""What a format has to offer: what comes before the records, for each, and after them."""

from __future__ import annotations

from collections import Counter
from typing import Protocol

from forebay.trafficlog.record import Record


class Converter(Protocol):
    """One format, for one file; records are given in their order.

    Attributes:
        left_out: how many records have no place in the format, by the reason.
    """

    left_out: Counter[str]

    def head(self) -> bytes:
        """Return what the file begins with."""
        ...

    def convert(self, record: Record) -> bytes | None:
        """Return what stands for *record*; null when it is left out, which is counted."""
        ...

    def tail(self) -> bytes:
        """Return what the file ends with."""
        ...


def in_words(counts: Counter[str]) -> str:
    """Return counts in words, the largest first.

    >>> in_words(Counter(dns=1, tunnel=20))
    '20 tunnel, 1 dns'
    """
    return ", ".join(f"{count} {what}" for what, count in counts.most_common())

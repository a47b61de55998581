"""What became of the requests that the cache has seen.

Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

STALE, REFETCHED, MISS, BYPASS = "stale", "refetched", "miss", "bypass"
HITS = ("hit", STALE, "revalidated")
"""Answered from the store; from the store as the origin could not; from there after a 304."""
RESULTS = (*HITS, REFETCHED, MISS, BYPASS)
"""And by a new response in place of a stale one; by the origin, or not at all; without the store:
the words of the report."""


class Counts:
    """Counts outcomes of flows.

    >>> counts = Counts()
    >>> counts.add({"cache": {"result": "hit", "age_s": 1}})
    >>> counts.add({"cache": {"result": "stale", "age_s": None, "stored": True}})
    >>> [(name, count) for name, count in counts.status().items() if count]
    [('hit', 1), ('refetched', 1), ('stored', 1), ('hit_ratio', 0.5)]
    """

    def __init__(self) -> None:
        self._results: Counter[str] = Counter()
        self._stored = 0
        self._background = 0

    def add(self, notes: Mapping[str, Any]) -> None:
        """Count the outcome *notes*, unless the cache has no part in it."""
        found = notes.get("cache")
        if not found:
            return
        if found.get("stored"):
            self._stored += 1
        if notes.get("background"):
            self._background += 1
            return
        result = found.get("result", MISS)
        if result == STALE and found.get("age_s") is None:
            result = REFETCHED  # the origin has sent another, or nothing
        self._results[result] += 1

    def status(self) -> dict[str, Any]:
        """Return the counts, and which share of the requests that were looked up were hits."""
        counts = {name: self._results[name] for name in RESULTS}
        looked_up = sum(counts.values()) - counts[BYPASS]
        hits = sum(counts[name] for name in HITS)
        return {
            **counts,
            "stored": self._stored,
            "refreshed": self._background,
            "hit_ratio": round(hits / looked_up, 4) if looked_up else None,
        }

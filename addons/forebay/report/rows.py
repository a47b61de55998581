"""What is counted for a host, a client, a rule: the rows of the report's tables.

Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from forebay.report.histogram import Histogram


@dataclass(slots=True)
class Plain:
    """Records, and what failed or was blocked among them."""

    records: int = 0
    requests: int = 0
    errors: int = 0
    blocked: int = 0
    bytes_up: int = 0
    bytes_down: int = 0

    @property
    def count(self) -> int:
        """How many records there are."""
        return self.records

    @property
    def cells(self) -> int:
        """None beyond these."""
        return 0

    def merge(self, other: Plain) -> None:
        """Add what *other* has counted."""
        self.records += other.records
        self.requests += other.requests
        self.errors += other.errors
        self.blocked += other.blocked
        self.bytes_up += other.bytes_up
        self.bytes_down += other.bytes_down


@dataclass(slots=True)
class Host(Plain):
    """The same of a host, with what the cache did and how long it took.

    Attributes:
        lookups: exchanges for which the cache was looked into.
        hits: those that it answered, or only revalidated.
        durations: of HTTP exchanges.
        first_bytes: seconds to the first byte of the response.
        origin_count: exchanges that the origin answered.
        origin_s: how long they took in all.
        served_count: exchanges that the cache answered without asking anyone.
        served_s: how long they took in all.
    """

    lookups: int = 0
    hits: int = 0
    durations: Histogram = field(default_factory=Histogram)
    first_bytes: Histogram = field(default_factory=Histogram)
    origin_count: int = 0
    origin_s: float = 0.0
    served_count: int = 0
    served_s: float = 0.0

    @property
    def cells(self) -> int:
        """The buckets of its histograms."""
        return len(self.durations.counts) + len(self.first_bytes.counts)

    @property
    def saved_s(self) -> float:
        """Seconds saved by the cache, if the origin had taken its mean time for each answer.

        >>> Host(origin_count=2, origin_s=1.0, served_count=3, served_s=0.3).saved_s
        1.2
        """
        if not self.origin_count:
            return 0.0
        mean_s = self.origin_s / self.origin_count
        return max(0.0, self.served_count * mean_s - self.served_s)

    def merge(self, other: Plain) -> None:
        """Add what *other* has counted."""
        Plain.merge(self, other)
        if isinstance(other, Host):
            self.lookups += other.lookups
            self.hits += other.hits
            self.durations.merge(other.durations)
            self.first_bytes.merge(other.first_bytes)
            self.origin_count += other.origin_count
            self.origin_s += other.origin_s
            self.served_count += other.served_count
            self.served_s += other.served_s


@dataclass(slots=True)
class Kept(Plain):
    """The same by what the cache did, with how long it took."""

    durations: Histogram = field(default_factory=Histogram)

    @property
    def cells(self) -> int:
        """The buckets of its histogram."""
        return len(self.durations.counts)

    def merge(self, other: Plain) -> None:
        """Add what *other* has counted."""
        Plain.merge(self, other)
        if isinstance(other, Kept):
            self.durations.merge(other.durations)


@dataclass(slots=True)
class Edits:
    """How often a rewrite rule applied, and how often it could not, or only would have."""

    applied: int = 0
    failed: int = 0
    skipped: int = 0
    shadow: int = 0

    @property
    def count(self) -> int:
        """How often it matched."""
        return self.applied + self.failed + self.skipped + self.shadow

    @property
    def cells(self) -> int:
        """None beyond these."""
        return 0

    def merge(self, other: Edits) -> None:
        """Add what *other* has counted."""
        self.applied += other.applied
        self.failed += other.failed
        self.skipped += other.skipped
        self.shadow += other.shadow

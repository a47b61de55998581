"""What a report says: one value for the tables, the HTML file and ``--json``.

Pure.  The names of the fields are those of the JSON document; they are stable
within one ``format``.  Units are in the names (``_s`` seconds, ``bytes_``);
ratios are from 0 to 1; what is not known is null.  Everything but ``loss`` and
``files`` is about the records that were selected.

``format``           number of this layout: 1
``made_at``          when the report was made
``files``            what was read: path, or ``-``
``selection``        options that left records out, by name; ``others``: how many
``period``           ``from``, ``to``, ``span_s``: the first and the last record
``traffic``          records, exchanges (HTTP, WebSocket), their number a second,
                     errors, blocked, bytes up (from clients) and down (bodies and
                     messages, without heads); ``background`` and ``replays`` are
                     counted nowhere else
``kinds``            the same by kind of record
``statuses``         responses by status; ``status_classes``: ``1xx`` … ``5xx``,
                     ``none`` without one
``errors``           records by ``error.type``; a 5xx without one by its status
``latency``          of HTTP exchanges: percentiles of the duration, of the time to
                     the first byte, and of the duration by what the cache did
``cache``            see `CacheSummary`
``hosts`` …          tables: ``rows`` are the most used; ``distinct`` how many there
                     are; unless ``is_exact`` there are more, and a row's counts may
                     be low by up to ``undercount``; ``rest`` sums all that have no row
``slowest``          the slowest exchanges
``loss``             gap records, numbers missing without one, records read twice
``sampling``         records that stand for several, and for how many all stand
``damaged``          lines that were skipped: count, and the first with their place
``series``           the same over time, in steps of ``width_s``
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from forebay.report.histogram import RELATIVE_ERROR

FORMAT = 1


class Percentiles(msgspec.Struct, frozen=True):
    """Durations; the percentiles are off by ``relative_error`` at most, the maximum is exact."""

    count: int
    p50_s: float
    p90_s: float
    p99_s: float
    max_s: float
    relative_error: float = RELATIVE_ERROR


class Period(msgspec.Struct, frozen=True, rename={"from_": "from"}):
    """The first and the last record."""

    from_: datetime | None
    to: datetime | None
    span_s: float | None


class Counts(msgspec.Struct, frozen=True):
    """Records, and what they carried."""

    records: int
    requests: int
    errors: int
    blocked: int
    bytes_up: int
    bytes_down: int


class Traffic(msgspec.Struct, frozen=True):
    """All that was counted."""

    records: int
    exchanges: int
    exchanges_per_s: float | None
    errors: int
    blocked: int
    bytes_up: int
    bytes_down: int
    background: Counts
    replays: Counts
    retried: int
    truncated: int


class Named(msgspec.Struct, frozen=True):
    """A row of a table: *name* is a kind, an error, a client, a user, a type, a list."""

    name: str
    records: int
    requests: int
    errors: int
    blocked: int
    bytes_up: int
    bytes_down: int


class HostRow(msgspec.Struct, frozen=True):
    """A host; ``hit_ratio`` is null where the cache was not looked into."""

    host: str
    records: int
    requests: int
    errors: int
    blocked: int
    bytes_up: int
    bytes_down: int
    hit_ratio: float | None
    duration: Percentiles | None
    first_byte: Percentiles | None


class BlockRow(msgspec.Struct, frozen=True):
    """A rule that blocked; without one it is the reason that is named."""

    rule: str
    list: str
    path: str
    line: int
    blocked: int


class RewriteRow(msgspec.Struct, frozen=True):
    """A rewrite rule: ``shadow`` counts what it would have done."""

    id: str
    file: str
    line: int
    applied: int
    failed: int
    skipped: int
    shadow: int


class Top[R](msgspec.Struct, frozen=True):
    """The most used rows of a table."""

    distinct: int
    is_exact: bool
    undercount: int
    rest: int
    rows: list[R]


class CacheRow(msgspec.Struct, frozen=True):
    """What the cache did: ``result`` and how often, how much, how long."""

    result: str
    requests: int
    bytes_down: int
    duration: Percentiles | None


class ReasonRow(msgspec.Struct, frozen=True):
    """Why the cache did so."""

    result: str
    reason: str
    requests: int


class CacheSummary(msgspec.Struct, frozen=True):
    """What the cache was good for.

    Attributes:
        lookups: exchanges for which it was looked into: all but bypassed ones.
        hits: answered from the store (fresh or stale) or only revalidated.
        hit_ratio: hits of lookups.
        byte_hit_ratio: the same by bytes of bodies.
        bytes_saved: bodies of hits, which no origin sent.
        saved_s: an estimate: what answers from the store would have taken at the mean
            time of the same host's origin, less what they took.
        results: by what it did.
        reasons: by why.
    """

    lookups: int
    hits: int
    hit_ratio: float | None
    byte_hit_ratio: float | None
    bytes_saved: int
    saved_s: float
    results: list[CacheRow]
    reasons: Top[ReasonRow]


class Latency(msgspec.Struct, frozen=True):
    """Percentiles over all hosts."""

    duration: Percentiles | None
    first_byte: Percentiles | None


class Slow(msgspec.Struct, frozen=True):
    """One of the slowest exchanges."""

    timestamp: datetime | None
    duration_s: float
    first_byte_s: float | None
    method: str | None
    url: str
    status: int | None
    client: str | None
    bytes_down: int
    cache: str | None
    answered_by: str | None


class Missing(msgspec.Struct, frozen=True):
    """Numbers of records that are not there."""

    instance: str
    from_seq: int
    to_seq: int
    lost: int


class Loss(msgspec.Struct, frozen=True):
    """What the files do not hold, whichever records were selected.

    Attributes:
        gap_records: gap records.
        lost: records they say are lost.
        gaps: the first of them.
        jumps: holes between numbers of one process that no gap record explains.
        missing: records in them.
        first_jumps: the first of them.
        repeated: records that are there more than once.
        is_exact: false where there were too many processes or holes to follow all of
            them; then more may be missing.
    """

    gap_records: int
    lost: int
    gaps: list[Missing]
    jumps: int
    missing: int
    first_jumps: list[Missing]
    repeated: int
    is_exact: bool


class Sampling(msgspec.Struct, frozen=True):
    """Records with a ``forebay.sample_rate``; all counts are of what was written."""

    sampled: int
    represented: int


class Damaged(msgspec.Struct, frozen=True):
    """Lines that were skipped."""

    count: int
    first: list[str]


class Step(msgspec.Struct, frozen=True):
    """What began within a step."""

    at: datetime
    classes: dict[str, int]
    errors: int
    bytes_up: int
    bytes_down: int
    hit_ratio: float | None
    duration: Percentiles | None


class Timeline(msgspec.Struct, frozen=True):
    """All steps; ``outside``: exchanges too far away from all others to be in one."""

    width_s: int
    outside: int
    steps: list[Step]


class Summary(msgspec.Struct, frozen=True):
    """The report; see the module."""

    format: int
    made_at: datetime
    files: list[str]
    selection: dict[str, str]
    others: int
    period: Period
    traffic: Traffic
    kinds: list[Named]
    statuses: dict[str, int]
    status_classes: dict[str, int]
    errors: Top[Named]
    latency: Latency
    cache: CacheSummary
    hosts: Top[HostRow]
    clients: Top[Named]
    users: Top[Named]
    content_types: Top[Named]
    blocked_lists: Top[Named]
    blocked_rules: Top[BlockRow]
    rewrite_rules: Top[RewriteRow]
    slowest: list[Slow]
    loss: Loss
    sampling: Sampling
    damaged: Damaged
    series: Timeline

"""From counts to what a report says.

Pure.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from forebay.report.document import (
    FORMAT,
    BlockRow,
    CacheRow,
    CacheSummary,
    Counts,
    Damaged,
    HostRow,
    Latency,
    Loss,
    Missing,
    Named,
    Percentiles,
    Period,
    ReasonRow,
    RewriteRow,
    Sampling,
    Slow,
    Step,
    Summary,
    Timeline,
    Top,
    Traffic,
)
from forebay.report.histogram import Histogram
from forebay.report.line import Line, cache_word
from forebay.report.rows import Host, Kept, Plain
from forebay.report.selection import host_of
from forebay.report.series import CLASSES, Interval
from forebay.report.table import Row, Table
from forebay.report.tally import HITS, LOOKUPS, Tally

MOST_STEPS = 96
_MOST_NAMED = 20


def summarize(
    tally: Tally,
    *,
    made_at: datetime,
    files: list[str],
    selection: dict[str, str],
    damaged: Damaged,
    top: int = 10,
) -> Summary:
    """Return what *tally* has counted, with the *top* rows of each table."""
    return Summary(
        format=FORMAT,
        made_at=made_at,
        files=files,
        selection=selection,
        others=tally.others,
        period=_period(tally),
        traffic=_traffic(tally),
        kinds=[_named(name, row) for name, row in tally.kinds.top(64)],
        statuses={str(status): tally.statuses[status] for status in sorted(tally.statuses)},
        status_classes=_classes(tally),
        errors=_top(tally.errors, top, _named),
        latency=_latency(tally),
        cache=_cache(tally, top),
        hosts=_top(tally.hosts, top, _host),
        clients=_top(tally.clients, top, _named),
        users=_top(tally.users, top, _named),
        content_types=_top(tally.content_types, top, _named),
        blocked_lists=_top(tally.block_lists, top, _named),
        blocked_rules=_top(tally.block_rules, top, lambda key, row: BlockRow(*key, row.blocked)),
        rewrite_rules=_top(
            tally.rewrites,
            top,
            lambda key, row: RewriteRow(*key, row.applied, row.failed, row.skipped, row.shadow),
        ),
        slowest=[_slow(line) for line in tally.slowest()],
        loss=_loss(tally),
        sampling=Sampling(tally.sampled, round(tally.represented)),
        damaged=damaged,
        series=_timeline(tally),
    )


def _top[K, R: Row, T](table: Table[K, R], number: int, make: Callable[[K, R], T]) -> Top[T]:
    chosen = table.top(number)
    total = sum(row.count for row in table.rows.values()) + table.rest.count
    return Top(
        distinct=len(table.rows),
        is_exact=table.is_exact,
        undercount=table.undercount,
        rest=total - sum(row.count for _, row in chosen),
        rows=[make(key, row) for key, row in chosen],
    )


def _total(table: Table[str, Plain]) -> Plain:
    total = Plain()
    for row in (*table.rows.values(), table.rest):
        total.merge(row)
    return total


def _latency(tally: Tally) -> Latency:
    total = Host()
    for row in (*tally.hosts.rows.values(), tally.hosts.rest):
        total.merge(row)
    return Latency(_percentiles(total.durations), _percentiles(total.first_bytes))


def _counts(row: Plain) -> Counts:
    return Counts(row.records, row.requests, row.errors, row.blocked, row.bytes_up, row.bytes_down)


def _named(name: str, row: Plain) -> Named:
    return Named(
        name, row.records, row.requests, row.errors, row.blocked, row.bytes_up, row.bytes_down
    )


def _host(name: str, row: Host) -> HostRow:
    return HostRow(
        name,
        row.records,
        row.requests,
        row.errors,
        row.blocked,
        row.bytes_up,
        row.bytes_down,
        ratio(row.hits, row.lookups),
        _percentiles(row.durations),
        _percentiles(row.first_bytes),
    )


def _percentiles(found: Histogram) -> Percentiles | None:
    values_s = found.percentiles(0.5, 0.9, 0.99)
    if values_s is None:
        return None
    p50_s, p90_s, p99_s = (round(each, 6) for each in values_s)
    return Percentiles(found.count, p50_s, p90_s, p99_s, round(found.max_s, 6))


def ratio(part: int, whole: int) -> float | None:
    """Return *part* of *whole*, null of nothing."""
    return round(part / whole, 6) if whole else None


def time_of(at_s: float | None) -> datetime | None:
    """Return a POSIX time as UTC."""
    return None if at_s is None else datetime.fromtimestamp(at_s, UTC)


def _period(tally: Tally) -> Period:
    if tally.first_s is None or tally.last_s is None:
        return Period(None, None, None)
    span_s = round(tally.last_s - tally.first_s, 6)
    return Period(time_of(tally.first_s), time_of(tally.last_s), span_s)


def _traffic(tally: Tally) -> Traffic:
    total = _total(tally.kinds)
    span_s = (tally.last_s or 0) - (tally.first_s or 0)
    return Traffic(
        records=tally.records,
        exchanges=total.requests,
        exchanges_per_s=round(total.requests / span_s, 3) if span_s > 0 else None,
        errors=total.errors,
        blocked=total.blocked,
        bytes_up=total.bytes_up,
        bytes_down=total.bytes_down,
        background=_counts(tally.background),
        replays=_counts(tally.replays),
        retried=tally.retried,
        truncated=tally.truncated,
    )


def _classes(tally: Tally) -> dict[str, int]:
    found = dict.fromkeys(CLASSES, 0)
    for status, count in tally.statuses.items():
        found[CLASSES[status // 100 - 1]] += count
    found["none"] = _total(tally.kinds).requests - sum(found.values())
    return found


def _cache(tally: Tally, top: int) -> CacheSummary:
    looked = [(word, row) for word, row in tally.cache.rows.items() if word in LOOKUPS]
    hits = [row for word, row in looked if word in HITS]
    bytes_saved = sum(row.bytes_down for row in hits)
    return CacheSummary(
        lookups=sum(row.requests for _, row in looked),
        hits=sum(row.requests for row in hits),
        hit_ratio=ratio(sum(r.requests for r in hits), sum(r.requests for _, r in looked)),
        byte_hit_ratio=ratio(bytes_saved, sum(row.bytes_down for _, row in looked)),
        bytes_saved=bytes_saved,
        saved_s=round(
            sum(row.saved_s for row in tally.hosts.rows.values()) + tally.hosts.rest.saved_s, 3
        ),
        results=[_cache_row(word, row) for word, row in tally.cache.top(64)],
        reasons=_top(
            tally.cache_reasons, top, lambda key, row: ReasonRow(key[0], key[1], row.requests)
        ),
    )


def _cache_row(word: str, row: Kept) -> CacheRow:
    return CacheRow(word, row.requests, row.bytes_down, _percentiles(row.durations))


def _slow(line: Line) -> Slow:
    down = line.response_body_bytes if line.delivered_bytes is None else line.delivered_bytes
    return Slow(
        timestamp=line.timestamp,
        duration_s=line.duration_s or 0.0,
        first_byte_s=line.first_byte_s,
        method=line.method,
        url=line.url_full or f"{host_of(line)} {line.url_path or ''}".strip(),
        status=line.status,
        client=line.client_address,
        bytes_down=down or 0,
        cache=None if line.cache is None else cache_word(line.cache),
        answered_by=line.answered_by,
    )


def _loss(tally: Tally) -> Loss:
    holes = tally.holes()
    return Loss(
        gap_records=tally.gap_records,
        lost=tally.lost,
        gaps=[
            Missing(gap.instance, gap.from_seq, gap.to_seq, lost)
            for gap, lost in tally.gaps[:_MOST_NAMED]
        ],
        jumps=len(holes),
        missing=sum(hole.lost for hole in holes),
        first_jumps=[
            Missing(hole.instance, hole.from_seq, hole.to_seq, hole.lost)
            for hole in holes[:_MOST_NAMED]
        ],
        repeated=tally.repeated,
        is_exact=tally.knows_all_holes,
    )


def _timeline(tally: Tally) -> Timeline:
    found = tally.series.steps(MOST_STEPS)
    return Timeline(
        width_s=found.width_s,
        outside=found.outside,
        steps=[
            _step(found.start_s + number * found.width_s, interval)
            for number, interval in enumerate(found.intervals)
        ],
    )


def _step(at_s: int, interval: Interval) -> Step:
    # A wide step may begin before the first year that can be written.
    return Step(
        at=datetime.fromtimestamp(min(max(at_s, -62_135_596_800), 253_402_300_799), UTC),
        classes=dict(zip(CLASSES, interval.classes, strict=True)),
        errors=interval.errors,
        bytes_up=interval.bytes_up,
        bytes_down=interval.bytes_down,
        hit_ratio=ratio(interval.hits, interval.lookups),
        duration=_percentiles(interval.durations),
    )

"""The report's tables, as rows of text: the same on a terminal and in the HTML file.

Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from forebay.report import figures
from forebay.report.document import HostRow, Named, Percentiles, Summary, Top


@dataclass(frozen=True, slots=True)
class Cells:
    """A row: what it is about, a second line for that, its figures, and how long its bar is."""

    name: str
    values: tuple[str, ...]
    more: str = ""
    share: float | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """A table.

    Args:
        title: what it is about.
        head: labels of the columns; the first is that of the names.
        rows: its rows.
        note: what is to be said about it.
        texts: labels of columns that hold text and no figures.
        is_long: whether its names are long, or its columns many.
    """

    title: str
    head: tuple[str, ...]
    rows: Sequence[Cells]
    note: str = ""
    texts: frozenset[str] = field(default_factory=frozenset)
    is_long: bool = False


def listings(summary: Summary) -> list[Listing]:
    """Return all tables that have something to show."""
    found = [
        _hosts(summary),
        _latencies(summary),
        _cache(summary),
        _reasons(summary),
        _statuses(summary),
        _named("Errors", "error", summary.errors, "records"),
        _named("Clients", "client", summary.clients, "requests", "errors", "blocked", "up", "down"),
        _named("Users", "user", summary.users, "requests", "errors", "blocked", "up", "down"),
        _named("Content types", "type", summary.content_types, "requests", "down"),
        _kinds(summary),
        _named("Blocked by list", "list", summary.blocked_lists, "blocked"),
        _block_rules(summary),
        _rewrite_rules(summary),
        _slowest(summary),
        _missing(summary),
    ]
    return [each for each in found if each.rows]


def shown[R](top: Top[R], noun: str) -> str:
    """Return how many of how many rows are shown, and how exact they are.

    >>> shown(Top(distinct=300, is_exact=True, undercount=0, rest=5, rows=["a", "b"]), "host")
    'the first 2 of 300 hosts'
    """
    if not top.is_exact:
        return (
            f"the first {len(top.rows)} of more than {figures.plural(top.distinct, noun)}; "
            f"approximate, counts may be low by up to {figures.count(top.undercount)}"
        )
    if len(top.rows) < top.distinct:
        return f"the first {len(top.rows)} of {figures.plural(top.distinct, noun)}"
    return ""


def _hosts(summary: Summary) -> Listing:
    top = summary.hosts
    most = max((row.records for row in top.rows), default=1)
    rows = [
        Cells(
            row.host or "(none)",
            (
                figures.count(row.requests),
                figures.count(row.records - row.requests),
                figures.count(row.errors),
                figures.count(row.blocked),
                figures.percent(row.hit_ratio),
                figures.size(row.bytes_up),
                figures.size(row.bytes_down),
            ),
            share=row.records / most,
        )
        for row in top.rows
    ]
    head = ("host", "requests", "other", "errors", "blocked", "cache hits", "up", "down")
    note = shown(top, "host")
    return Listing("Top hosts", head, rows, note, is_long=True)


def _latencies(summary: Summary) -> Listing:
    rows = []
    overall = summary.latency
    if overall.duration is not None:
        rows.append(Cells("all hosts", _times(overall.duration, overall.first_byte)))
    timed = [row for row in summary.hosts.rows if row.duration is not None]
    rows += [_latency(row) for row in timed]
    head = (
        "host",
        "p50",
        "p90",
        "p99",
        "max",
        "first byte p50",
        "first byte p90",
        "first byte p99",
    )
    note = "HTTP exchanges; percentiles are off by 2 % at most, the maximum is exact"
    return Listing("Latency", head, rows, note, is_long=True)


def _latency(row: HostRow) -> Cells:
    assert row.duration is not None
    return Cells(row.host or "(none)", _times(row.duration, row.first_byte))


def _times(duration: Percentiles, first: Percentiles | None) -> tuple[str, ...]:
    values_s = [duration.p50_s, duration.p90_s, duration.p99_s, duration.max_s]
    values_s += [first.p50_s, first.p90_s, first.p99_s] if first else []
    return tuple(map(figures.seconds, values_s)) + (() if first else (figures.NONE,) * 3)


def _cache(summary: Summary) -> Listing:
    cache = summary.cache
    most = max((row.requests for row in cache.results), default=1)
    rows = [
        Cells(
            row.result,
            (
                figures.count(row.requests),
                figures.size(row.bytes_down),
                figures.seconds(row.duration.p50_s if row.duration else None),
                figures.seconds(row.duration.p99_s if row.duration else None),
            ),
            share=row.requests / most,
        )
        for row in cache.results
    ]
    note = (
        f"hit, stale and revalidated are hits: {figures.percent(cache.hit_ratio)} of "
        f"{figures.count(cache.lookups)} lookups, {figures.percent(cache.byte_hit_ratio)} of "
        f"bytes; saved {figures.size(cache.bytes_saved)} and, by an estimate, "
        f"{figures.seconds(cache.saved_s)} of waiting "
        "(mean time of the same host's origin, less that of the hits)"
    )
    return Listing("Cache", ("result", "requests", "down", "p50", "p99"), rows, note)


def _reasons(summary: Summary) -> Listing:
    top = summary.cache.reasons
    rows = [
        Cells(row.reason, (row.result, figures.count(row.requests)), share=None) for row in top.rows
    ]
    return Listing(
        "Why the cache did so",
        ("reason", "result", "requests"),
        rows,
        shown(top, "reason"),
        frozenset({"result"}),
    )


def _statuses(summary: Summary) -> Listing:
    most = max(summary.statuses.values(), default=1)
    total = max(1, summary.traffic.exchanges)
    by_use = sorted(summary.statuses.items(), key=lambda item: -item[1])
    rows = [
        Cells(status, (figures.count(number), figures.percent(number / total)), share=number / most)
        for status, number in by_use[:24]
    ]
    if none := summary.status_classes["none"]:
        values = (figures.count(none), figures.percent(none / total))
        rows.append(Cells("no response", values, share=none / most))
    note = "" if len(by_use) <= 24 else f"the first 24 of {len(by_use)} statuses"
    return Listing("Responses by status", ("status", "responses", "share"), rows, note)


_VALUES: dict[str, Callable[[Named], str]] = {
    "records": lambda row: figures.count(row.records),
    "requests": lambda row: figures.count(row.requests),
    "errors": lambda row: figures.count(row.errors),
    "blocked": lambda row: figures.count(row.blocked),
    "up": lambda row: figures.size(row.bytes_up),
    "down": lambda row: figures.size(row.bytes_down),
}


def _named(title: str, noun: str, top: Top[Named], *columns: str) -> Listing:
    most = max((row.records for row in top.rows), default=1)
    rows = [
        Cells(
            row.name or "(none)",
            tuple(_VALUES[column](row) for column in columns),
            share=row.records / most,
        )
        for row in top.rows
    ]
    return Listing(title, (noun, *columns), rows, shown(top, noun))


def _kinds(summary: Summary) -> Listing:
    columns = ("records", "errors", "blocked", "up", "down")
    rows = [
        Cells(row.name, tuple(_VALUES[column](row) for column in columns)) for row in summary.kinds
    ]
    traffic = summary.traffic
    for name, row in (("by the cache itself", traffic.background), ("replayed", traffic.replays)):
        if row.records:
            values = (row.records, row.errors, row.blocked)
            sizes = (row.bytes_up, row.bytes_down)
            rows.append(Cells(name, (*map(figures.count, values), *map(figures.size, sizes))))
    note = (
        "what the cache sent on its own account and what was replayed is counted here only"
        if traffic.background.records or traffic.replays.records
        else ""
    )
    return Listing("Records by kind", ("kind", *columns), rows, note)


def _block_rules(summary: Summary) -> Listing:
    top = summary.blocked_rules
    most = max((row.blocked for row in top.rows), default=1)
    rows = [
        Cells(
            row.rule or "(none)",
            (row.list, figures.count(row.blocked)),
            more=_place(row.path, row.line),
            share=row.blocked / most,
        )
        for row in top.rows
    ]
    head = ("rule", "list", "blocked")
    return Listing("Blocked by rule", head, rows, shown(top, "rule"), frozenset({"list"}))


def _rewrite_rules(summary: Summary) -> Listing:
    top = summary.rewrite_rules
    rows = [
        Cells(
            row.id or "(none)",
            tuple(map(figures.count, (row.applied, row.failed, row.skipped, row.shadow))),
            more=_place(row.file, row.line),
        )
        for row in top.rows
    ]
    head = ("rule", "applied", "failed", "skipped", "shadow")
    return Listing("Rewrite rules", head, rows, shown(top, "rule"))


def _place(path: str, line: int) -> str:
    return f"{path}:{line}" if path else ""


def _slowest(summary: Summary) -> Listing:
    most_s = max((row.duration_s for row in summary.slowest), default=1) or 1
    rows = [
        Cells(
            f"{row.method or ''} {row.url}".strip(),
            (
                figures.seconds(row.duration_s),
                figures.seconds(row.first_byte_s),
                figures.NONE if row.status is None else str(row.status),
                row.cache or row.answered_by or figures.NONE,
                figures.size(row.bytes_down),
            ),
            more=f"{figures.time(row.timestamp)}, {row.client or 'client unknown'}",
            share=row.duration_s / most_s,
        )
        for row in summary.slowest
    ]
    head = ("exchange", "duration", "first byte", "status", "answered", "down")
    return Listing("Slowest exchanges", head, rows, texts=frozenset({"answered"}), is_long=True)


def _missing(summary: Summary) -> Listing:
    loss = summary.loss
    rows = [
        Cells(
            f"{each.from_seq:,} to {each.to_seq:,}", (figures.count(each.lost), why, each.instance)
        )
        for why, group in (("gap record", loss.gaps), ("no gap record", loss.first_jumps))
        for each in group
    ]
    more = loss.gap_records + loss.jumps - len(rows)
    note = f"{figures.count(more)} more are not shown" if more else ""
    head = ("numbers", "lost", "known by", "process")
    texts = frozenset({"known by", "process"})
    return Listing("Lost records", head, rows, note, texts)


def warnings(summary: Summary) -> list[str]:
    """Return what makes the figures other than they seem."""
    found = []
    loss, traffic, damaged = summary.loss, summary.traffic, summary.damaged
    if summary.sampling.sampled:
        found.append(
            f"Sampled: {figures.plural(summary.sampling.sampled, 'record')} stand for several. "
            "Counts are of what was written; in all they stand for about "
            f"{figures.count(summary.sampling.represented)}."
        )
    if damaged.count:
        lines = figures.plural(damaged.count, "damaged line")
        found.append(f"Skipped {lines}; the first: {damaged.first[0]}")
    if loss.lost:
        found.append(
            f"Lost: {figures.plural(loss.lost, 'record')}, as "
            f"{figures.plural(loss.gap_records, 'gap record')} of the log say."
        )
    if loss.missing:
        found.append(
            f"Missing: {figures.plural(loss.missing, 'record')} in "
            f"{figures.plural(loss.jumps, 'hole')} that no gap record explains."
        )
    if not loss.is_exact:
        found.append("Too many processes or holes to follow all numbers: more may be missing.")
    if loss.repeated:
        found.append(f"Counted twice: {figures.plural(loss.repeated, 'record')} that came again.")
    if traffic.truncated:
        found.append(f"Cut: {figures.plural(traffic.truncated, 'record')} with a field too long.")
    if summary.series.outside:
        found.append(
            f"Not in the charts: {figures.plural(summary.series.outside, 'exchange')} "
            "at times far from all others."
        )
    return found


def tiles(summary: Summary) -> list[tuple[str, str, str]]:
    """Return the main figures: name, figure, and what is to be said beside it."""
    traffic, cache = summary.traffic, summary.cache
    duration = summary.latency.duration
    return [
        (
            "Exchanges",
            figures.count(traffic.exchanges),
            f"{figures.rate(traffic.exchanges_per_s)}, {figures.plural(traffic.records, 'record')}",
        ),
        (
            "Bytes to clients",
            figures.size(traffic.bytes_down),
            f"{figures.size(traffic.bytes_up)} from clients",
        ),
        (
            "Errors",
            figures.count(traffic.errors),
            f"{figures.percent(traffic.errors / max(1, traffic.records))} of records",
        ),
        (
            "Blocked",
            figures.count(traffic.blocked),
            f"{figures.percent(traffic.blocked / max(1, traffic.records))} of records",
        ),
        (
            "Cache hits",
            figures.percent(cache.hit_ratio),
            f"{figures.percent(cache.byte_hit_ratio)} of bytes",
        ),
        (
            "Saved by the cache",
            figures.size(cache.bytes_saved),
            f"about {figures.seconds(cache.saved_s)}" if cache.hits else "no hits",
        ),
        (
            "Median duration",
            figures.seconds(duration.p50_s if duration else None),
            f"p99 {figures.seconds(duration.p99_s if duration else None)}",
        ),
    ]

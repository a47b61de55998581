"""Add up a traffic log, record by record, in bounded memory.

Pure.  Counts are of what clients asked for: what the cache sent on its own
account (``background``) and what was sent once more by hand (``attempt`` above
1) is counted apart, and nowhere else.
"""

from __future__ import annotations

import heapq
from functools import lru_cache

from forebay import mediatype
from forebay.report.histogram import bucket
from forebay.report.line import Block, Line, cache_word
from forebay.report.rows import Edits, Host, Kept, Plain
from forebay.report.selection import Selection, host_of
from forebay.report.sequence import Hole, Sequence
from forebay.report.series import CLASSES, Interval, Series
from forebay.report.table import Table

HITS = frozenset({"hit", "stale", "revalidated"})
"""What the cache answered, or only had confirmed: the body did not come from the origin."""
LOOKUPS = HITS | {"miss", "refetched"}
"""All for which it was looked into."""

type RuleKey = tuple[str, str, int]
type BlockKey = tuple[str, str, str, int]

_MOST_GAPS = 50
_MOST_PROCESSES = 2000
_TRIM_EVERY = 20_000
_NO_CLASS = len(CLASSES) - 1


class Tally:
    """All that is counted.

    Args:
        selection: the records that count; numbers are followed in all.
        slowest: how many of the slowest exchanges are kept.

    Attributes:
        follows_all: whether there are not too many processes to follow the numbers of each.
        records: those that count.
        others: records that the selection leaves out.
        background: what the cache sent on its own account.
        replays: what was sent once more by hand.
        retried: requests that were sent again on a fresh connection.
        truncated: records with a field that was cut.
        sampled: records that stand for several.
        represented: how many exchanges all records stand for.
        gaps: the first gap records, and how many records each says are lost.
        gap_records: how many there are.
        lost: how many records they say are lost.
        first_s: POSIX time of the earliest record.
        last_s: the same of the latest.
    """

    def __init__(self, selection: Selection, slowest: int = 10) -> None:
        self._covers = None if selection.is_all else selection.covers
        self._most_slow = slowest
        self._slow: list[tuple[float, int, Line]] = []
        self._sequences: dict[str, Sequence] = {}
        self.follows_all = True
        self.records = 0
        self.others = 0
        self.background = Plain()
        self.replays = Plain()
        self.retried = 0
        self.truncated = 0
        self.sampled = 0
        self.represented = 0.0
        self.gaps: list[tuple[Hole, int]] = []
        self.gap_records = 0
        self.lost = 0
        self.first_s: float | None = None
        self.last_s: float | None = None
        self.statuses: dict[int, int] = {}
        self.series = Series()
        self.kinds: Table[str, Plain] = Table(Plain, 64)
        self.errors: Table[str, Plain] = Table(Plain, 256)
        self.hosts: Table[str, Host] = Table(Host)
        self.clients: Table[str, Plain] = Table(Plain)
        self.users: Table[str, Plain] = Table(Plain)
        self.content_types: Table[str, Plain] = Table(Plain, 1024)
        self.cache: Table[str, Kept] = Table(Kept, 64)
        self.cache_reasons: Table[tuple[str, str], Plain] = Table(Plain, 512)
        self.block_rules: Table[BlockKey, Plain] = Table(Plain)
        self.block_lists: Table[str, Plain] = Table(Plain, 1024)
        self.rewrites: Table[RuleKey, Edits] = Table(Edits)

    def add(self, line: Line) -> None:
        """Count one record, or a gap."""
        if line.kind == "gap":
            self._add_gap(line)
            return
        if line.instance is not None and line.seq is not None:
            sequence = self._sequences.get(line.instance)
            if sequence is None:
                sequence = self._sequence(line.instance)
            sequence.add(line.seq)
        if self._covers is not None and not self._covers(line):
            self.others += 1
            return
        self.records += 1
        if not self.records % _TRIM_EVERY:
            self.hosts.trim()
        if line.retried:
            self.retried += 1
        if line.truncated:
            self.truncated += 1
        if line.sample_rate is None:
            self.represented += 1
        else:
            self.sampled += 1
            self.represented += 1 / line.sample_rate
        self._add_record(line)

    def _sequence(self, instance: str) -> Sequence:
        if len(self._sequences) >= _MOST_PROCESSES:
            self.follows_all = False
            return Sequence()
        return self._sequences.setdefault(instance[:200], Sequence())

    def _add_gap(self, line: Line) -> None:
        lost, from_seq, to_seq = line.lost or 0, line.from_seq or 0, line.to_seq or 0
        self.gap_records += 1
        self.lost += lost
        if len(self.gaps) < _MOST_GAPS:
            self.gaps.append((Hole((line.instance or "")[:200], from_seq, to_seq), lost))
        if line.instance is not None:
            sequence = self._sequences.get(line.instance) or self._sequence(line.instance)
            sequence.add_range(from_seq, to_seq, is_gap=True)

    def _add_record(self, line: Line) -> None:
        kind, status, block = line.kind, line.status, line.block
        up, down = line.request_body_bytes or 0, line.delivered_bytes
        if down is None:
            down = line.response_body_bytes or 0
        if line.client_bytes is not None or line.server_bytes is not None:
            up += line.client_bytes or 0
            down += line.server_bytes or 0
        is_blocked = block is not None and block.action == "block"
        error = line.error_type
        if error is None and status is not None and 500 <= status <= 599:
            error = str(status)  # OpenTelemetry's word for it
        if is_blocked:
            error = None  # our doing
        is_exchange = kind in ("http", "websocket")
        facts = (is_exchange, error is not None, is_blocked, up, down)

        if line.background:
            _count([self.background], *facts)
            return
        if line.attempt is not None and line.attempt > 1:
            _count([self.replays], *facts)
            return
        host = self.hosts.row(host_of(line))
        rows: list[Plain] = [
            self.kinds.row(kind),
            host,
            self.clients.row(line.client_address or ""),
        ]
        if line.user is not None:
            rows.append(self.users.row(line.user))
        if error is not None:
            rows.append(self.errors.row(error))
        if block is not None and is_blocked:
            self._add_block(block, rows)
        if line.rewrite:
            self._add_rewrites(line)

        interval = None
        if line.timestamp is not None:
            time_s = line.timestamp.timestamp()
            if self.first_s is None or self.last_s is None:
                self.first_s = self.last_s = time_s
            elif time_s > self.last_s:
                self.last_s = time_s
            elif time_s < self.first_s:
                self.first_s = time_s
            interval = self.series.at(time_s)
            interval.bytes_up += up
            interval.bytes_down += down
            if error is not None:
                interval.errors += 1
        if is_exchange:
            self._add_exchange(line, host, interval, rows, is_error=error is not None)
        _count(rows, *facts)

    def _add_exchange(
        self,
        line: Line,
        host: Host,
        interval: Interval | None,
        rows: list[Plain],
        *,
        is_error: bool,
    ) -> None:
        """Count what only exchanges have, and add to *rows* those that count this one too."""
        status, duration_s = line.status, line.duration_s
        index = 0 if duration_s is None else bucket(duration_s)
        by_class = _NO_CLASS
        if status is not None and 100 <= status <= 599:
            by_class = status // 100 - 1
            self.statuses[status] = self.statuses.get(status, 0) + 1
        if line.response_content_type is not None:
            rows.append(self.content_types.row(media_type(line.response_content_type)))
        word = None
        if line.cache is not None:
            word = cache_word(line.cache)
            kept = self.cache.row(word)
            rows.append(kept)
            if duration_s is not None:
                kept.durations.add(index, duration_s)
            if line.cache.reason is not None:
                rows.append(self.cache_reasons.row((_short(word), _short(line.cache.reason))))
        is_lookup, is_hit = word in LOOKUPS, word in HITS
        host.lookups += is_lookup
        host.hits += is_hit
        if interval is not None:
            interval.classes[by_class] += 1
            interval.lookups += is_lookup
            interval.hits += is_hit
        if duration_s is None or line.kind != "http":
            return
        host.durations.add(index, duration_s)
        if interval is not None:
            interval.durations.add(index, duration_s)
        if line.first_byte_s is not None:
            index = bucket(line.first_byte_s)
            host.first_bytes.add(index, line.first_byte_s)
        if line.answered_by == "origin" and word != "revalidated" and not is_error:
            host.origin_count += 1
            host.origin_s += duration_s
        elif line.answered_by == "cache" and is_hit:
            host.served_count += 1
            host.served_s += duration_s
        slow = self._slow
        if len(slow) < self._most_slow:
            heapq.heappush(slow, (duration_s, -self.records, line))
        elif slow and duration_s > slow[0][0]:
            heapq.heapreplace(slow, (duration_s, -self.records, line))

    def _add_block(self, block: Block, rows: list[Plain]) -> None:
        name = _short(block.list)
        rule = _short(block.rule or block.reason)
        rows.append(self.block_rules.row((rule, name, _short(block.path), block.line or 0)))
        rows.append(self.block_lists.row(name))

    def _add_rewrites(self, line: Line) -> None:
        for applied in line.rewrite or ():
            row = self.rewrites.row((_short(applied.id), _short(applied.file), applied.line or 0))
            if applied.failed is not None:
                row.failed += 1
            elif applied.skipped is not None:
                row.skipped += 1
            elif applied.mode == "shadow":
                row.shadow += 1
            else:
                row.applied += 1

    def slowest(self) -> list[Line]:
        """Return the slowest exchanges, the slowest first."""
        return [line for _, _, line in sorted(self._slow, key=lambda each: each[:2], reverse=True)]

    def holes(self) -> list[Hole]:
        """Return the numbers that are missing, by process."""
        return [hole for name, seen in self._sequences.items() for hole in seen.holes(name)]

    @property
    def knows_all_holes(self) -> bool:
        """Whether there was room for the numbers of all processes."""
        return self.follows_all and all(seen.is_exact for seen in self._sequences.values())

    @property
    def repeated(self) -> int:
        """How many records are in the files more than once."""
        return sum(seen.repeated for seen in self._sequences.values())


def _count(
    rows: list[Plain], is_exchange: int, is_error: int, is_blocked: int, up: int, down: int
) -> None:
    # One loop for all of a record's rows: a call for each would cost as much as the counting.
    for row in rows:
        row.records += 1
        row.requests += is_exchange
        row.errors += is_error
        row.blocked += is_blocked
        row.bytes_up += up
        row.bytes_down += down


@lru_cache(maxsize=2048)
def media_type(text: str) -> str:
    """Return a Content-Type without its parameters.

    >>> media_type("Text/HTML; charset=utf-8")
    'text/html'
    """
    return mediatype.media_type(text[:200]) or "(none)"


def _short(text: str | None) -> str:
    return (text or "")[:300]

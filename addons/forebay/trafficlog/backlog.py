"""Records that wait for the disk, bounded by count and bytes; what does not fit becomes a gap.

Pure: no threads; the writer holds a lock around every call.
"""

from __future__ import annotations

from collections import deque

from forebay.trafficlog.record import Gap, Record


class Backlog:
    """A queue that never grows beyond its bounds and forgets no loss.

    Args:
        max_records: how many may wait.
        max_bytes: how much they may hold in all.
    """

    def __init__(self, max_records: int, max_bytes: int) -> None:
        self._max_records = max_records
        self._max_bytes = max_bytes
        self._items: deque[tuple[Record | Gap, int]] = deque()
        self._bytes = 0
        self._gap: Gap | None = None  # younger than all that waits

    def __bool__(self) -> bool:
        return bool(self._items) or self._gap is not None

    def __len__(self) -> int:
        return len(self._items)

    def add(self, record: Record, size_bytes: int) -> bool:
        """Let *record* wait, or note it as lost and return False when there is no room."""
        if len(self._items) >= self._max_records or self._bytes + size_bytes > self._max_bytes:
            self.lose(record.seq)
            return False
        self._queue_gap()
        self._items.append((record, size_bytes))
        self._bytes += size_bytes
        return True

    def lose(self, seq: int) -> None:
        """Note that the record numbered *seq* will not be written."""
        # Records between two losses would have queued the first as its own
        # gap, so the numbers are contiguous unless threads raced for them.
        gap = self._gap
        if gap is None:
            self._gap = Gap(lost=1, from_seq=seq, to_seq=seq)
        else:
            self._gap = Gap(
                lost=gap.lost + 1, from_seq=min(gap.from_seq, seq), to_seq=max(gap.to_seq, seq)
            )

    def take(self, limit: int) -> list[Record | Gap]:
        """Remove and return up to *limit* items, in order, gaps in their place."""
        if len(self._items) < limit:
            self._queue_gap()
        taken: list[Record | Gap] = []
        while self._items and len(taken) < limit:
            item, size_bytes = self._items.popleft()
            self._bytes -= size_bytes
            taken.append(item)
        return taken

    def _queue_gap(self) -> None:
        if self._gap is not None:
            self._items.append((self._gap, 0))
            self._gap = None

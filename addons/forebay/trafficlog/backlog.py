"""Records that wait for the disk, bounded by count and bytes; what does not fit becomes a gap.

Pure: no threads; the writer holds a lock around every call.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from forebay.trafficlog.record import Gap, Record

type Finish = Callable[[Record], Record]
"""Work on a record that is put off until it is written."""
type Waiting = tuple[Record | Gap, Finish | None]


class Backlog:
    """A queue that never grows beyond its bounds and forgets no loss.

    Args:
        max_records: how many may wait.
        max_bytes: how much they may hold in all.
        instance: whose records they are, for the gaps.

    Attributes:
        lost: how many were not queued, or noted as lost.
    """

    def __init__(self, max_records: int, max_bytes: int, instance: str | None = None) -> None:
        self._max_records = max_records
        self._max_bytes = max_bytes
        self._instance = instance
        self.lost = 0
        self._items: deque[tuple[Record | Gap, Finish | None, int]] = deque()
        self._bytes = 0
        self._gap: Gap | None = None  # younger than all that waits

    def __bool__(self) -> bool:
        return bool(self._items) or self._gap is not None

    def __len__(self) -> int:
        return len(self._items)

    @property
    def size_bytes(self) -> int:
        """How much is held by what waits."""
        return self._bytes

    @property
    def fill(self) -> float:
        """Which part of the room is taken, from 0 to about 1."""
        return max(len(self._items) / self._max_records, self._bytes / self._max_bytes)

    def add(self, record: Record, size_bytes: int, finish: Finish | None = None) -> bool:
        """Let *record* wait, or note it as lost and return False when there is no room."""
        if len(self._items) >= self._max_records or self._bytes + size_bytes > self._max_bytes:
            self.lose(record.seq)
            return False
        self._queue_gap()
        self._items.append((record, finish, size_bytes))
        self._bytes += size_bytes
        return True

    def lose(self, seq: int) -> None:
        """Note that the record numbered *seq* will not be written."""
        # Records between two losses would have queued the first as its own
        # gap, so the numbers are contiguous unless threads raced for them.
        self.lost += 1
        gap = self._gap
        first = last = seq
        if gap is not None:
            first, last = min(gap.from_seq, seq), max(gap.to_seq, seq)
        self._gap = Gap(
            lost=1 if gap is None else gap.lost + 1,
            from_seq=first,
            to_seq=last,
            instance=self._instance,
        )

    def take(self, limit: int, limit_bytes: int) -> list[Waiting]:
        """Remove and return up to *limit* items, in order, gaps in their place.

        No more than *limit_bytes* are held by them, but for the first one.
        """
        if len(self._items) < limit:
            self._queue_gap()
        taken: list[Waiting] = []
        while self._items and len(taken) < limit:
            item, finish, size_bytes = self._items[0]
            limit_bytes -= size_bytes
            if taken and limit_bytes < 0:
                break
            self._items.popleft()
            self._bytes -= size_bytes
            taken.append((item, finish))
        return taken

    def _queue_gap(self) -> None:
        if self._gap is not None:
            self._items.append((self._gap, None, 0))
            self._gap = None

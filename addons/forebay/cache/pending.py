"""What waits to be written: the last word on each key, bounded in count and bytes."""

from __future__ import annotations

from forebay.cache.entry import Record
from forebay.cache.ram import cost_bytes

type Change = Record | None
"""A record to store, or None for a key to delete."""


class Pending:
    """Changes in the order in which they came; the caller holds the lock.

    >>> pending = Pending(limit_records=1, limit_bytes=9999)
    >>> pending.delete(b"a"), b"a" in pending, pending.get(b"a")
    (None, True, None)
    """

    __slots__ = ("_changes", "_limit_bytes", "_limit_records", "size_bytes")

    def __init__(self, *, limit_records: int, limit_bytes: int) -> None:
        self._limit_records = limit_records
        self._limit_bytes = limit_bytes
        self._changes: dict[bytes, Change] = {}
        self.size_bytes = 0

    def __contains__(self, key: bytes) -> bool:
        return key in self._changes

    def __len__(self) -> int:
        return len(self._changes)

    def items(self) -> list[tuple[bytes, Change]]:
        """Return all changes."""
        return list(self._changes.items())

    def get(self, key: bytes) -> Change:
        """Return the record that waits for *key*, or None."""
        return self._changes.get(key)

    def offer(self, key: bytes, record: Record) -> bool:
        """Take *record* in place of an earlier change of *key*; return whether there is room."""
        self.forget(key)
        cost = cost_bytes(record)
        if len(self._changes) >= self._limit_records or self.size_bytes + cost > self._limit_bytes:
            return False
        self._changes[key] = record
        self.size_bytes += cost
        return True

    def delete(self, key: bytes) -> None:
        """Note that *key* is to be deleted, however full the queue is."""
        self.forget(key)
        self._changes[key] = None

    def forget(self, key: bytes) -> None:
        """Drop the change of *key*, if there is one."""
        earlier = self._changes.pop(key, None)
        if earlier is not None:
            self.size_bytes -= cost_bytes(earlier)

    def batch(self, *, limit_records: int, limit_bytes: int) -> dict[bytes, Change]:
        """Return the oldest changes within the limits, one at least; they stay until settled."""
        chosen: dict[bytes, Change] = {}
        size = 0
        for key, change in self._changes.items():
            size += 0 if change is None else cost_bytes(change)
            if chosen and (size > limit_bytes or len(chosen) >= limit_records):
                break
            chosen[key] = change
        return chosen

    def settle(self, written: dict[bytes, Change]) -> None:
        """Drop the changes in *written*, save those that a newer one has replaced."""
        for key, change in written.items():
            if key in self._changes and self._changes[key] is change:
                self.forget(key)

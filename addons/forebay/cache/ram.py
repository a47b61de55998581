"""Records in memory in front of the disk: bounded in bytes, the least recently used go first."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from forebay.cache.draft import Draft
from forebay.cache.entry import Entry, Record
from forebay.cache.largebody import LargeBody

# What CPython 3.12 and 3.13 take, measured with 20,000 entries; rounded up.
_OBJECT_BYTES = 33  # an empty bytes object
_PAIR_BYTES = 56 + 2 * _OBJECT_BYTES + 16  # a tuple of two, its bytes and their padding
_RECORD_BYTES = 750  # key, links, record, validity and its numbers
_LARGEST_SHARE = 4
"""A record may take up to this part (1/n) of all: one must not drive out all others."""


def cost_bytes(record: Record) -> int:
    """Return what *record* takes in memory, its place in the index included."""
    if isinstance(record, Entry):
        pairs = (*record.fields, *record.said)
        return (
            _RECORD_BYTES
            + len(record.body.digests if isinstance(record.body, LargeBody) else record.body)
            + len(record.reason)
            + len(record.url)
            + sum(_PAIR_BYTES + len(name) + len(value or b"") for name, value in pairs)
        )
    return _RECORD_BYTES + sum(
        _PAIR_BYTES + _OBJECT_BYTES + len(name) for names in record.name_sets for name in names
    )


class RamStore:
    """Records by key, together at most *limit_bytes*; for one thread."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._records: OrderedDict[bytes, tuple[Record, int]] = OrderedDict()
        self.size_bytes = 0

    def __len__(self) -> int:
        return len(self._records)

    def status(self) -> dict[str, Any]:
        """Return in plain types what is kept."""
        return {
            "ram_entries": len(self._records),
            "ram_bytes": self.size_bytes,
            "ram_limit_bytes": self._limit_bytes,
        }

    def peek(self, key: bytes) -> Record | None:
        """Return the record of *key*, now the most recently used one, or None."""
        found = self._records.get(key)
        if found is None:
            return None
        self._records.move_to_end(key)
        return found[0]

    async def get(self, key: bytes) -> Record | None:
        """Return the record of *key* or None."""
        return self.peek(key)

    def put(self, key: bytes, record: Record) -> None:
        """Keep *record*, in place of an earlier one, and drop the least recently used.

        One with its body in a file is not kept: whether the file is still there
        shows when it is opened.
        """
        self.delete(key)
        if isinstance(record, Entry) and isinstance(record.body, LargeBody):
            return
        cost = cost_bytes(record)
        if cost > self._limit_bytes // _LARGEST_SHARE:
            return
        self._records[key] = (record, cost)
        self.size_bytes += cost
        while self.size_bytes > self._limit_bytes:
            _, (_, freed) = self._records.popitem(last=False)
            self.size_bytes -= freed

    def delete(self, key: bytes, *, everywhere: bool = False) -> None:
        """Forget *key*; one that is not there is no error."""
        found = self._records.pop(key, None)
        if found is not None:
            self.size_bytes -= found[1]

    def draft(self) -> Draft | None:
        """Return None, as memory is not for large bodies."""
        return None

    def discard(self, body: LargeBody) -> None:
        """Do nothing, as there are no files."""

    def close(self, deadline_s: float) -> None:
        """Forget all."""
        self._records.clear()
        self.size_bytes = 0

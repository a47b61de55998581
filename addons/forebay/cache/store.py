"""Where records are kept: the protocol, and memory in front of a disk."""

from __future__ import annotations

from typing import Protocol

from forebay.cache.disk import DiskStore
from forebay.cache.entry import Record
from forebay.cache.ram import RamStore


class Store(Protocol):
    """Records by key.  No method blocks the event loop, and none raises for a fault of the disk."""

    def peek(self, key: bytes) -> Record | None:
        """Return the record of *key* if that needs no waiting, or None."""

    async def get(self, key: bytes) -> Record | None:
        """Return the record of *key*, or None when there is no intact one."""

    def put(self, key: bytes, record: Record) -> None:
        """Keep *record* in place of an earlier one; it may be dropped at any time."""

    def delete(self, key: bytes) -> None:
        """Forget *key*; at once for ``get``, and for good."""

    def close(self, deadline_s: float) -> None:
        """Finish what is under way, for at most *deadline_s* seconds; may come twice."""


class TieredStore:
    """Memory in front of a disk, which may be missing."""

    def __init__(self, ram: RamStore, disk: DiskStore | None) -> None:
        self.ram = ram
        self.disk = disk

    def start(self, deadline_s: float) -> None:
        """Open the disk; waits for it no longer than *deadline_s* seconds."""
        if self.disk is not None:
            self.disk.start(deadline_s)

    def peek(self, key: bytes) -> Record | None:
        """Return the record of *key* if it is in memory."""
        return self.ram.peek(key)

    async def get(self, key: bytes) -> Record | None:
        """Return the record of *key*, which is in memory from then on."""
        found = self.ram.peek(key)
        if found is not None or self.disk is None or not self.disk.has(key):
            return found
        read = await self.disk.get(key)
        newer = self.ram.peek(key)  # stored while we waited
        if newer is not None or read is None or not self.disk.has(key):
            return newer
        self.ram.put(key, read)
        return read

    def put(self, key: bytes, record: Record) -> None:
        """Keep *record* in memory, and have it written."""
        self.ram.put(key, record)
        if self.disk is not None:
            self.disk.put(key, record)

    def delete(self, key: bytes) -> None:
        """Forget *key* in both."""
        self.ram.delete(key)
        if self.disk is not None:
            self.disk.delete(key)

    def close(self, deadline_s: float) -> None:
        """Write what is queued, for at most *deadline_s* seconds."""
        if self.disk is not None:
            self.disk.close(deadline_s)
        self.ram.close(deadline_s)

"""Where records are kept: the protocol, and memory in front of a disk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from forebay.cache.disk import DiskStore
from forebay.cache.draft import Draft
from forebay.cache.entry import Entry, Record
from forebay.cache.largebody import LargeBody
from forebay.cache.ram import RamStore
from forebay.proxycore import source


class Store(Protocol):
    """Records by key.  No method blocks the event loop, and none raises for a fault of the disk."""

    def peek(self, key: bytes) -> Record | None:
        """Return the record of *key* if that needs no waiting, or None."""

    async def get(self, key: bytes) -> Record | None:
        """Return the record of *key*, or None when there is no intact one."""

    def put(self, key: bytes, record: Record) -> None:
        """Keep *record* in place of an earlier one; it may be dropped at any time."""

    def delete(self, key: bytes, *, everywhere: bool = False) -> None:
        """Forget *key*; at once for ``get``, and for good; with *everywhere* others are told."""

    def draft(self) -> Draft | None:
        """Return what writes a large body while it passes; None where none can be kept."""

    def discard(self, body: LargeBody) -> None:
        """Forget a large body that a draft has become and that no record names."""

    def close(self, deadline_s: float) -> None:
        """Finish what is under way, for at most *deadline_s* seconds; may come twice."""


class TieredStore:
    """Memory in front of a disk, which may be missing.

    Args:
        ram: the memory.
        disk: the disk.
        can_feed: whether large bodies can be sent from the disk.
    """

    def __init__(
        self,
        ram: RamStore,
        disk: DiskStore | None,
        can_feed: Callable[[], bool] = source.available,
    ) -> None:
        self.ram = ram
        self.disk = disk
        self._can_feed = can_feed

    def status(self) -> dict[str, Any]:
        """Return in plain types what both hold."""
        return {**self.ram.status(), **(self.disk.status() if self.disk is not None else {})}

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
        if isinstance(read, Entry) and isinstance(read.body, LargeBody):
            return read if self._can_feed() else None
        self.ram.put(key, read)
        return read

    def put(self, key: bytes, record: Record) -> None:
        """Keep *record* in memory, and have it written."""
        self.ram.put(key, record)
        if self.disk is not None:
            self.disk.put(key, record)

    def delete(self, key: bytes, *, everywhere: bool = False) -> None:
        """Forget *key* in both, with *everywhere* in other processes too."""
        self.ram.delete(key)
        if self.disk is not None:
            self.disk.delete(key, everywhere=everywhere)

    def draft(self) -> Draft | None:
        """Return what writes a large body while it passes; None without a disk."""
        return self.disk.draft() if self.disk is not None and self._can_feed() else None

    def discard(self, body: LargeBody) -> None:
        """Forget a large body that no record names."""
        if self.disk is not None:
            self.disk.discard(body)

    def close(self, deadline_s: float) -> None:
        """Write what is queued, for at most *deadline_s* seconds."""
        if self.disk is not None:
            self.disk.close(deadline_s)
        self.ram.close(deadline_s)

"""Rows for large bodies: the record in the row, the body in a value file that the row names.

The file is written before; the row makes it known, counts it, and takes it along
when it goes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diskcache.core import MODE_RAW

from forebay.cache.rawdisk import RawDisk


@dataclass(frozen=True, slots=True)
class FileRow:
    """A record, and the value file of *size_bytes* that belongs to it."""

    value: bytes
    name: str
    size_bytes: int


class FileDisk(RawDisk):
    """Values as ``RawDisk`` has them, and ``FileRow``."""

    def __init__(self, directory: str, **settings: Any) -> None:
        super().__init__(directory, **settings)
        self.kept: set[str] = set()
        """Files that new rows name, so that they outlive the old ones."""

    def store(
        self, value: object, read: bool, key: object = None
    ) -> tuple[int, int, str | None, memoryview | None]:
        """Return size, mode, file name and column of a value."""
        if isinstance(value, FileRow):
            return value.size_bytes, MODE_RAW, value.name, memoryview(value.value)
        return super().store(value, read, key)

    def remove(self, file_path: str) -> None:
        """Remove a value file, unless it is kept."""
        if file_path not in self.kept:
            super().remove(file_path)

    def path(self, name: str) -> Path:
        """Return the path of a value file.

        Raises:
            RefusedRowError: when *name* is none of ours.
        """
        return self._inside(name)

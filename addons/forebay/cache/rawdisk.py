"""diskcache's values as bytes only: nothing is unpickled, no path leads out of the folder.

diskcache 5.6.3 unpickles what a row says is a pickle (CVE-2025-69872, no fixed
release), and opens and unlinks any file name that a row holds.  Whoever can
write to the folder must not be able to run code or read files with that.
"""

from __future__ import annotations

import contextlib
import os
import re
from functools import partial
from pathlib import Path
from typing import Any

import diskcache
from diskcache.core import MODE_BINARY, MODE_RAW

_VALUE_FILE = re.compile(r"[0-9a-f]{2}[/\\][0-9a-f]{2}[/\\][0-9a-f]{28}\.val")


class RefusedRowError(Exception):
    """A row or value that none of ours is."""


class RawDisk(diskcache.Disk):  # type: ignore[misc]
    """Keys and values are bytes; a value is in its row or in a file of ours."""

    def __init__(self, directory: str, **settings: Any) -> None:
        super().__init__(directory, **settings)
        self.written: list[str] = []

    def put(self, key: object) -> tuple[memoryview, bool]:
        """Return the key as its column."""
        if type(key) is not bytes:
            raise RefusedRowError(f"expected a key of bytes, found {type(key).__name__}")
        return memoryview(key), True

    def get(self, key: object, raw: object) -> bytes:
        """Return the key from its column."""
        if type(key) is not bytes or not raw:
            raise RefusedRowError("expected a key of bytes, found another")
        return key

    def store(
        self, value: object, read: bool, key: object = None
    ) -> tuple[int, int, str | None, memoryview | None]:
        """Return size, mode, file name and column of a value; write its file if it is long."""
        if type(value) is not bytes or read:
            raise RefusedRowError(f"expected a value of bytes, found {type(value).__name__}")
        if len(value) < self.min_file_size:
            return 0, MODE_RAW, None, memoryview(value)
        name, path = self.filename(key, value)
        Path(path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.written.append(name)
        with open(path, "xb", opener=partial(os.open, mode=0o600)) as file:
            file.write(value)
        return len(value), MODE_BINARY, name, None

    def fetch(self, mode: int, filename: str | None, value: object, read: bool) -> bytes:
        """Return the value of a row."""
        if mode == MODE_RAW and type(value) is bytes and not read:
            return value
        if mode == MODE_BINARY and filename is not None and not read:
            return self._inside(filename).read_bytes()
        raise RefusedRowError(f"expected raw bytes or a file, found a row of mode {mode}")

    def remove(self, file_path: str) -> None:
        """Remove a value file, and nothing else."""
        with contextlib.suppress(RefusedRowError):
            self._inside(file_path)
            super().remove(file_path)

    def _inside(self, name: str) -> Path:
        root = Path(self._directory).resolve()
        path = root / name
        if not _VALUE_FILE.fullmatch(name) or path.resolve() != path:
            raise RefusedRowError(f"expected a value file, found {name!r}")
        return path

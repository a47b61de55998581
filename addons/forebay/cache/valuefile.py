"""The files of large bodies: opened for reading, drafted, swept.

A draft is locked for as long as its process writes it, so that a sweep by any
process tells it from one that a killed process left.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import threading
import weakref
from collections.abc import Callable
from pathlib import Path

from forebay.cache.checksum import checksum
from forebay.cache.largebody import PIECE_BYTES, DamagedBodyError

try:
    import fcntl
except ImportError:  # Windows, where a file that is open cannot be removed
    fcntl = None  # type: ignore[assignment]

DRAFTS = "drafts"
"""Name of the folder of the drafts, beside the value files."""

_BINARY: int = getattr(os, "O_BINARY", 0)
_UNLOCKED_AGE_S = 3600
"""Where files cannot be locked, a draft this old is one that nobody writes."""


def new_name() -> str:
    """Return a random name, in the form that diskcache gives its value files."""
    digits = secrets.token_hex(16)
    return str(Path(digits[:2], digits[2:4], f"{digits[4:]}.val"))


class OpenFile:
    """A value file that is read piece by piece, from any thread.

    Args:
        path: the file.
        total_bytes: the size it must have.
        damaged: called when it is not what was stored.

    Raises:
        DamagedBodyError: when it has another size.
        OSError: when it cannot be opened.
    """

    def __init__(self, path: Path, total_bytes: int, damaged: Callable[[], object]) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | _BINARY)
        weakref.finalize(self, os.close, self._descriptor)
        self._damaged = damaged
        self._lock = threading.Lock()  # guards the position
        found = os.fstat(self._descriptor).st_size
        if found != total_bytes:
            raise DamagedBodyError(f"expected a file of {total_bytes} bytes, found {found}")

    def piece(self, number: int, digest: bytes) -> bytes:
        """Return the piece of that number, proved by its digest.

        Raises:
            DamagedBodyError: when it is not what was stored.
            OSError: when it cannot be read.
        """
        with self._lock:
            os.lseek(self._descriptor, number * PIECE_BYTES, os.SEEK_SET)
            piece = os.read(self._descriptor, PIECE_BYTES)
        if checksum(piece) != digest:
            self._damaged()
            raise DamagedBodyError(f"expected piece {number} as it was stored")
        return piece


class DraftFile:
    """A new file of a random name in *folder*, which is made with its parent if missing.

    Raises:
        OSError: when it cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        folder.parent.mkdir(mode=0o700, exist_ok=True)  # or it fails until something else is stored
        folder.mkdir(mode=0o700, exist_ok=True)
        while True:
            self.path = folder / f"{secrets.token_hex(16)}.part"
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY
            self._descriptor: int | None = os.open(self.path, flags, 0o600)
            # A sweep may have come between the two.
            if _lock(self._descriptor) is not False and os.fstat(self._descriptor).st_nlink:
                return
            self.discard()

    def write(self, data: bytes) -> None:
        """Append *data*.

        Raises:
            OSError: when the disk fails; what is there is to be discarded then.
        """
        assert self._descriptor is not None
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]

    def keep_as(self, path: Path) -> None:
        """Give the finished file its place.

        Raises:
            OSError: when it cannot be moved there.
        """
        if fcntl is None:
            self._close()
        try:
            _move(self.path, path)
        finally:
            self._close()

    def discard(self) -> None:
        """Remove the file; it may be gone."""
        if fcntl is None:
            self._close()
        with contextlib.suppress(OSError):
            self.path.unlink()
        self._close()

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def _move(source: Path, target: Path) -> None:
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        source.replace(target)
    except FileNotFoundError:  # another process has removed the folder, as it was empty
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        source.replace(target)


def sweep_drafts(folder: Path, now_s: float) -> int:
    """Remove the drafts that nobody writes any more; return how many."""
    swept = 0
    for path in folder.glob("*.part"):
        with contextlib.suppress(OSError):
            swept += _removed(path, now_s)
    return swept


def _removed(path: Path, now_s: float) -> bool:
    if fcntl is None:
        path.unlink()  # fails for one that is open
        return True
    descriptor = os.open(path, os.O_RDWR)
    try:
        locked = _lock(descriptor)
        if locked is None:
            locked = os.fstat(descriptor).st_mtime < now_s - _UNLOCKED_AGE_S
        if locked:
            path.unlink()  # before it is unlocked: its writer looks after locking
        return locked
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool | None:
    """Lock a file; return whether, or None where that cannot be done."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True

"""Compress one rotated file, a slice at a time.

At each moment the disk holds the plain file or the whole compressed one, or
both: the latter is written under another name, synced, and renamed before the
plain one is removed.  What a crash leaves half done is done again.
"""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path
from typing import BinaryIO, cast

import zstandard

from forebay.trafficlog.filelock import Lock, lock
from forebay.trafficlog.logfile import sync_folder
from forebay.trafficlog.rotation import PACKED, PART

FRAME_BYTES = 1024 * 1024
"""How much goes into one frame: damage costs no more than one."""
LEVEL = 3

_READ = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_MAKE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


class Packing:
    """A file that is being compressed.

    Args:
        plain: the file; nobody writes to it any more.

    Raises:
        OSError: when it cannot be read, is another process's work, or no other
            can be written beside it.
    """

    def __init__(self, plain: Path) -> None:
        self.plain = plain
        self._part = plain.with_name(plain.name + PART)
        self._source = cast(BinaryIO, os.fdopen(os.open(plain, _READ), "rb"))
        self._target: BinaryIO | None = None
        with contextlib.ExitStack() as undo:
            undo.callback(self._source.close)
            self._found = os.fstat(self._source.fileno())
            if not stat.S_ISREG(self._found.st_mode):
                raise OSError(0, "No regular file")
            if lock(self._source.fileno()) is Lock.TAKEN:
                raise BlockingIOError(0, "Another process is at it")
            self._part.unlink(missing_ok=True)
            self._target = cast(BinaryIO, os.fdopen(os.open(self._part, _MAKE, 0o600), "wb"))
            undo.pop_all()
        self._compressor = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True)

    def step(self) -> bool:
        """Compress the next slice; return whether that was the last.

        Raises:
            OSError: when the disk refuses; `abandon` then.
        """
        assert self._target is not None
        data = self._source.read(FRAME_BYTES)
        if not data:
            self._finish()
            return True
        # A frame ends where a line does, so that damage to it costs whole lines.
        if len(data) == FRAME_BYTES and (end := data.rfind(b"\n") + 1):
            self._source.seek(end - len(data), os.SEEK_CUR)
            data = data[:end]
        self._target.write(self._compressor.compress(data))
        self._target.flush()
        # At each slice, as to sync all at the end would take too long.
        os.fsync(self._target.fileno())
        return False

    def _finish(self) -> None:
        assert self._target is not None
        part = os.fstat(self._target.fileno())
        self._target.close()
        # The plain file may have been deleted meanwhile, and is not to come
        # back; where nothing can be locked, ours may have been taken for a crash's.
        if not (_is_at(self.plain, self._found) and _is_at(self._part, part)):
            self.abandon()
            return
        self._part.replace(self.plain.with_name(self.plain.name + PACKED))
        sync_folder(self.plain.parent)
        self._source.close()  # first, for Windows
        self.plain.unlink(missing_ok=True)

    def abandon(self) -> None:
        """Leave the plain file as it is; may come after any error."""
        with contextlib.suppress(OSError):
            if self._target is not None:
                self._target.close()
        self._source.close()
        with contextlib.suppress(OSError):
            self._part.unlink(missing_ok=True)


def _is_at(path: Path, found: os.stat_result) -> bool:
    try:
        return os.path.samestat(path.lstat(), found)
    except FileNotFoundError:
        return False

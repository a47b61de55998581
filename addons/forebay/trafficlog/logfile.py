"""The file that the log is written to: ours alone, whole lines only, still there.

* Another process that writes the same file has locked it (``flock``, where the
  platform has it); then ours is ``traffic-<pid>.jsonl`` beside it.
* Every append is one ``os.write`` on an ``O_APPEND`` descriptor.
* A line that a crash, or a full disk, has torn is ended before the next one.
* When others have renamed or unlinked the file it is opened anew.  Truncated
  by others (``copytruncate``) it goes on at its new end.

What `LogFile.append` has returned for survives the end of the process,
``kill -9`` too.  A loss of power may cost what the system had not brought to
the disk, half a minute's worth on Linux, unless `LogFile.sync` came after it.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable
from pathlib import Path

from forebay.trafficlog.filelock import Lock, lock

LOOK_EVERY_S = 1.0
"""Seconds between two looks whether the file is still in its place."""

# O_NONBLOCK: a pipe without a reader is an error, not a start that hangs.
_FLAGS = (
    os.O_WRONLY
    | os.O_APPEND
    | os.O_CREAT
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_BINARY", 0)
)


class LogFile:
    """An append-only file of lines.

    Args:
        wanted: the path to write to; its folder is made with mode 0700 when
            missing, the file with mode 0600.
        clock: monotonic time in seconds.
    """

    def __init__(self, wanted: Path, clock: Callable[[], float]) -> None:
        self._wanted = wanted
        self._clock = clock
        self._fd: int | None = None
        self._torn = False
        self._looked_at_s = 0.0
        self.path = wanted
        """The file that is written to."""

    def open(self) -> None:
        """Open the file, or one of this process's own when another process holds it.

        Raises:
            OSError: when it cannot be written.
        """
        self._wanted.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        own = f"{self._wanted.stem}-{os.getpid()}"
        for stem in (self._wanted.stem, own, *(f"{own}-{number}" for number in range(2, 100))):
            path = self._wanted.with_name(stem + self._wanted.suffix)
            fd = _open_locked(path)
            if fd is not None:
                break
        else:
            raise BlockingIOError(0, "Every name for it is in use")
        self.close()
        self._fd, self.path = fd, path
        self._torn = _ends_torn(fd, path)
        self._looked_at_s = self._clock()

    def append(self, lines: bytes) -> tuple[int, OSError | None]:
        """Write *lines*, which end in a newline; return how many bytes came to lie on the disk.

        With less than all of them, the error says why.
        """
        try:
            if self._fd is None or self._is_gone():
                self.open()
        except OSError as error:
            return 0, error
        assert self._fd is not None
        before = b"\n" if self._torn else b""
        left = memoryview(before + lines)
        written = 0
        failure: OSError | None = None
        while left:
            try:
                count = os.write(self._fd, left)
            except OSError as error:
                failure = error
                break
            written += count
            left = left[count:]
        if written:
            written -= len(before)
            self._torn = written > 0 and lines[written - 1] != 0x0A
        return written, failure

    def sync(self) -> OSError | None:
        """Bring what was written to the disk itself; return what was wrong with that."""
        if self._fd is None or not stat.S_ISREG(os.fstat(self._fd).st_mode):
            return None  # a pipe or a device keeps nothing
        try:
            os.fsync(self._fd)
        except OSError as error:
            return error
        return None

    def found(self) -> os.stat_result | None:
        """Return the state of the file; None for what cannot be rotated.

        That is a pipe, a device, a link, and a file that is not in its place.
        """
        if self._fd is None:
            return None
        opened = os.fstat(self._fd)
        try:
            named = self.path.lstat()
        except OSError:
            return None
        same = stat.S_ISREG(named.st_mode) and os.path.samestat(opened, named)
        return opened if same else None

    def move_to(self, target: Path) -> None:
        """Give the file, as `found`, another name, and begin a new one in its place.

        Raises:
            OSError: when it cannot be renamed; then nothing has changed.
        """
        if os.name == "nt":
            self.close()  # what is open cannot be renamed there
        # Still locked: else another process might write to it, and be read too early.
        self.path.rename(target)
        self.close()
        with contextlib.suppress(OSError):  # the next append will tell
            self.open()

    def _is_gone(self) -> bool:
        now_s = self._clock()
        if self._fd is None or now_s - self._looked_at_s < LOOK_EVERY_S:
            return False
        self._looked_at_s = now_s
        try:
            return not os.path.samestat(self.path.stat(), os.fstat(self._fd))
        except OSError:
            return True

    def close(self) -> None:
        """Let go of the file; may come twice."""
        if self._fd is not None:
            with contextlib.suppress(OSError):
                os.close(self._fd)
            self._fd = None


def _open_locked(path: Path) -> int | None:
    """Return the open file, or None when it is another's.

    Where files cannot be locked it is ours: what is no regular file (a pipe, a
    terminal) may be shared, and elsewhere nobody can tell.
    """
    for _ in range(100):
        fd = os.open(path, _FLAGS, 0o600)
        with contextlib.ExitStack() as undo, contextlib.suppress(FileNotFoundError):
            undo.callback(os.close, fd)
            if lock(fd) is Lock.TAKEN:
                return None
            # Its writer may have renamed it between the two calls.
            if os.path.samestat(os.fstat(fd), path.stat()):
                undo.pop_all()
                return fd
    return None


def _ends_torn(fd: int, path: Path) -> bool:
    """Return whether the last line in the file has no end."""
    found = os.fstat(fd)
    if not stat.S_ISREG(found.st_mode) or not found.st_size:
        return False
    try:
        with path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) != b"\n"
    except OSError:
        return True  # may be written but not read; an empty line does no harm


def sync_folder(folder: Path) -> None:
    """Bring the names in *folder* to the disk, where the platform can."""
    with contextlib.suppress(OSError):
        fd = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

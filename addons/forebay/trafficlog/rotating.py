"""The log as files: one that is written to, and those that it was.

Used by one thread only, the writer's.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from forebay.trafficlog.archive import Archive
from forebay.trafficlog.logfile import LogFile, sync_folder
from forebay.trafficlog.rotation import Rotation

RETRY_S = 60.0
"""Seconds after which a rotation that failed is tried again."""
_LOOK_S = 60.0
"""Longest sleep: the clock by which periods are counted may be set."""


class RotatingFile:
    """A `LogFile` that makes room for the next one.

    Args:
        wanted: path of the log.
        clock: monotonic time in seconds.
        wall: POSIX time in seconds.
        warn: is told a cause, and what went wrong.

    Attributes:
        sync_every_s: seconds within which what was written is brought to the
            disk; 0: at once; None: when the system likes.
    """

    def __init__(
        self,
        wanted: Path,
        *,
        clock: Callable[[], float],
        wall: Callable[[], float],
        warn: Callable[[object, str], None],
    ) -> None:
        self.sync_every_s: float | None = None
        self._file = LogFile(wanted, clock)
        self._archive = Archive(wanted, warn)
        self._clock = clock
        self._wall = wall
        self._warn = warn
        self._written_at_s: float | None = None
        self._unsynced_since_s: float | None = None
        self._not_before_s = 0.0

    @property
    def path(self) -> Path:
        """The file that is written to."""
        return self._file.path

    @property
    def rotation(self) -> Rotation:
        """How the log is cut into files."""
        return self._archive.rotation

    @rotation.setter
    def rotation(self, rotation: Rotation) -> None:
        self._archive.rotation = rotation

    def open(self) -> None:
        """Open the file.

        Raises:
            OSError: when it cannot be written.
        """
        self._file.open()

    def begin(self) -> None:
        """Put in order what other processes, and crashes, have left."""
        if self._file.found() is None:
            return  # a pipe or a device has no others beside it
        rotation = self.rotation
        if rotation.total_bytes or rotation.at_bytes or rotation.every_s:
            self._archive.adopt(self.path, self._wall())
        self._archive.sweep()

    def append(self, lines: bytes) -> tuple[int, OSError | None]:
        """Write *lines*, perhaps to a new file; see `LogFile.append`.

        An error with all of them written: they may not be on the disk itself.
        With no lines, what was written before is tried to be brought there.
        """
        written = 0
        if lines:
            self.rotate_if_due(len(lines))
            written, error = self._file.append(lines)
            if written:
                self._written_at_s = self._wall()
                if self._unsynced_since_s is None:
                    self._unsynced_since_s = self._clock()
            if error is not None:
                return written, error
        return written, self._sync() if self.is_sync_due else None

    @property
    def is_sync_due(self) -> bool:
        """Whether something that was written is to be brought to the disk now."""
        since_s, every_s = self._unsynced_since_s, self.sync_every_s
        return since_s is not None and every_s is not None and self._clock() - since_s >= every_s

    def _sync(self) -> OSError | None:
        error = self._file.sync()
        if error is None:
            self._unsynced_since_s = None
        return error

    def rotate_if_due(self, more_bytes: int = 0) -> None:
        """Begin a new file when *more_bytes* are too many for this one, or its time is over."""
        found = self._file.found()
        if found is None or self._clock() < self._not_before_s:
            return
        # After a start, the file itself knows when it was written to at last.
        written_at_s = found.st_mtime if self._written_at_s is None else self._written_at_s
        if self.rotation.is_due(found.st_size, more_bytes, written_at_s, self._wall()):
            self.rotate()

    def rotate(self) -> None:
        """Begin a new file, unless nothing is in this one.

        Where that fails the old one is written on, and no record is lost.
        """
        found = self._file.found()
        if found is None:
            self._warn(
                "rotate", f"expected a regular file in its place to rotate, found {self.path}"
            )
            return
        if not found.st_size:
            return
        try:
            durable = self.sync_every_s is not None
            if durable and (error := self._sync()):
                raise error
            self._file.move_to(self._archive.name(self.path, self._wall()))
            if durable:
                sync_folder(self.path.parent)
        except OSError as error:
            self._not_before_s = self._clock() + RETRY_S
            self._warn(
                ("rotate", error.errno), f"expected to rotate {self.path}, found {error.strerror}"
            )
        else:
            self._archive.sweep()

    @property
    def is_busy(self) -> bool:
        """Whether `step` has something to do."""
        return self._archive.is_busy

    def step(self) -> None:
        """Compress one slice of what was rotated."""
        self._archive.step()

    def idle_s(self) -> float | None:
        """Return for how many seconds nothing has to be done; None: for ever."""
        waits = []
        if self._unsynced_since_s is not None and self.sync_every_s is not None:
            waits.append(self._unsynced_since_s + self.sync_every_s - self._clock())
        if every_s := self.rotation.every_s:
            waits += [every_s - self._wall() % every_s, _LOOK_S]
        return max(0.0, min(waits)) if waits else None

    def finish(self) -> None:
        """Do what is to be done at last, and may take its time."""
        if self.sync_every_s is not None:
            self._sync()
        self._archive.stop()

    def close(self) -> None:
        """Let go of the file; may come twice."""
        self._file.close()

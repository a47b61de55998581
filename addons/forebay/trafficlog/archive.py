"""The folder with the files of one log: what is left over, what goes, what is compressed.

All of it is done by the writer's thread, and never for long: a look at the
folder's names, or one slice of compression.
"""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

from forebay.trafficlog.filelock import Lock, lock
from forebay.trafficlog.packing import Packing
from forebay.trafficlog.rotation import PACKED, PART, Family, Rotated, Rotation

_OPEN = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


class Archive:
    """The files beside the one that is written to.

    Args:
        wanted: path of the log.
        warn: is told a cause, and what went wrong; nothing here is worth an end.

    Attributes:
        rotation: what is to be kept, and how.
    """

    def __init__(self, wanted: Path, warn: Callable[[object, str], None]) -> None:
        self.rotation = Rotation()
        self._folder = wanted.parent
        self._family = Family(wanted.name)
        self._warn = warn
        self._waiting: deque[str] = deque()
        self._packing: Packing | None = None
        self._number = 0

    def name(self, live: Path, now_s: float) -> Path:
        """Return the path for the file *live* once it is rotated."""
        found = (file.number for file in self._rotated())
        self._number = max(self._number, *found, 0) + 1
        return self._folder / self._family.name(live.name, now_s, self._number)

    def adopt(self, ours: Path, now_s: float) -> None:
        """Rotate the live files of processes that have died; *ours* is left alone."""
        names: list[str] = []
        with self._telling(self._folder):
            names = [name for name, _ in self._files() if self._family.is_of_a_process(name)]
        for name in names:
            if name != ours.name:
                with self._telling(name):
                    self._adopt(self._folder / name, now_s)

    def _adopt(self, path: Path, now_s: float) -> None:
        fd = os.open(path, _OPEN)
        try:
            if lock(fd) is not Lock.OURS or not os.path.samestat(os.fstat(fd), path.lstat()):
                return
            if os.fstat(fd).st_size:
                path.rename(self.name(path, now_s))
            else:
                path.unlink()
        finally:
            os.close(fd)

    def sweep(self) -> None:
        """Delete what is too much, and have compressed what is not."""
        with self._telling(self._folder):
            files = list(self._rotated())
            names = {file.name for file in files}
            for file in files:  # of a crash
                if file.ending == PART and not (self.rotation.pack and file.plain_name in names):
                    (self._folder / file.name).unlink(missing_ok=True)
            whole = [file for file in files if file.ending != PART]
            live = sum(size for name, size in self._files() if self._family.is_live(name))
            surplus = self.rotation.surplus(whole, live)
            for file in surplus:
                (self._folder / file.name).unlink(missing_ok=True)
            self._waiting = deque(
                file.name
                for file in sorted(set(whole).difference(surplus), key=lambda file: file.number)
                # One that has a compressed twin is to go, whatever is asked for.
                if not file.ending and (self.rotation.pack or file.name + PACKED in names)
            )

    @property
    def is_busy(self) -> bool:
        """Whether there is something to compress."""
        return self._packing is not None or bool(self._waiting)

    def step(self) -> None:
        """Compress one slice, if there is something to compress."""
        if self._packing is None:
            if self._waiting:
                name = self._waiting.popleft()
                with self._telling(name):
                    self._packing = Packing(self._folder / name)
            return
        with self._telling(self._packing.plain.name):
            if self._packing.step():
                self._packing = None
            return
        self._packing.abandon()  # the next sweep has it tried again
        self._packing = None

    def stop(self) -> None:
        """Leave what is half done for the next start."""
        self._waiting.clear()
        if self._packing is not None:
            self._packing.abandon()
            self._packing = None

    def _files(self) -> Iterator[tuple[str, int]]:
        """Yield name and size of the regular files of the folder; links are none."""
        with os.scandir(self._folder) as entries:
            for entry in entries:
                if entry.is_file(follow_symlinks=False):
                    with contextlib.suppress(FileNotFoundError):  # another process is at it too
                        yield entry.name, entry.stat(follow_symlinks=False).st_size

    def _rotated(self) -> Iterator[Rotated]:
        for name, size_bytes in self._files():
            file = self._family.rotated(name, size_bytes)
            if file is not None:
                yield file

    @contextlib.contextmanager
    def _telling(self, what: object) -> Iterator[None]:
        try:
            yield
        except (FileNotFoundError, BlockingIOError):
            pass  # another process was faster
        except Exception as error:  # the boundary: old files are never worth the new records
            reason = (error.strerror if isinstance(error, OSError) else None) or repr(error)
            self._warn(
                ("archive", reason),
                f"expected to rotate, compress or delete {what}, found {reason}",
            )

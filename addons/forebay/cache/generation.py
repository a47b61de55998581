"""How other processes tell that they deleted from a cache folder.

They replace the file ``generation`` in it.  What was deleted is gone from the
disk by then, but may still be in the memory of a proxy that is running.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

logger = logging.getLogger(__name__)

_FILE = "generation"
POLL_S = 0.5
"""Half of the second after which a deletion is to be seen."""

type _Sight = tuple[int, int] | None


def bump(folder: Path) -> None:
    """Tell every proxy that uses *folder* to forget what it holds in memory.

    Raises:
        OSError: when the file cannot be written.
    """
    path = folder / _FILE
    draft = path.with_name(f"{_FILE}.{os.getpid()}")
    try:
        with open(draft, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(b"%d\n" % time.time_ns())
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise


class Generation:
    """Call *changed* on the event loop soon after another process has called ``bump``.

    Args:
        folder: of the cache; it need not exist yet.
        changed: what it raises is logged as a warning, and looking goes on.
        poll_s: how often to look, in seconds.
    """

    def __init__(
        self, folder: Path, changed: Callable[[], None], *, poll_s: float = POLL_S
    ) -> None:
        self._path = folder / _FILE
        self._changed = changed
        self._poll_s = poll_s
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look, if there is an event loop running.  A second call changes nothing."""
        if self._task is not None:
            return
        with contextlib.suppress(RuntimeError):  # no loop, so nobody is served either
            loop = asyncio.get_running_loop()
            self._task = loop.create_task(self._follow(_look(self._path)))

    def stop(self) -> None:
        """Stop looking; may come twice, or before ``start``."""
        if self._task is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._task.cancel()
            self._task = None

    async def _follow(self, before: _Sight) -> None:
        while True:
            await asyncio.sleep(self._poll_s)
            # In a thread, as a disk that hangs must not hold up the event loop.
            after = await asyncio.to_thread(_look, self._path)
            if after == before:
                continue
            before = after
            try:
                self._changed()
            except Exception as error:
                logger.warning("cache: not emptied after a purge: %s", error)


def _look(path: Path) -> _Sight:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns

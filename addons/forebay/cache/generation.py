"""How other processes tell that they deleted from a cache folder.

Commands replace the file ``generation`` in it, each proxy one of its own name.
What was deleted is gone from the disk by then, but may still be in the memory
of another proxy.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

from forebay import wholefile

logger = logging.getLogger(__name__)

_FILE = "generation"
POLL_S = 0.5
"""Half of the second after which a deletion is to be seen."""

_STALE_S = 86400  # of a file of a proxy that was killed

type _Sight = frozenset[tuple[str, int, int]]


def bump(folder: Path, who: str = "") -> None:
    """Tell every proxy that uses *folder*, save *who*, to forget what it holds in memory.

    Raises:
        OSError: when the file cannot be written.
    """
    path = folder / (f"{_FILE}-{who}" if who else _FILE)
    wholefile.write(path, b"%d\n" % time.time_ns(), mode=0o600)


class Generation:
    """Call *changed* on the event loop soon after another process has called ``bump``.

    Args:
        folder: of the cache; it need not exist yet.
        changed: what it raises is logged as a warning, and looking goes on.
        who: whose bumps do not count, being one's own.
        poll_s: how often to look, in seconds.
    """

    def __init__(
        self,
        folder: Path,
        changed: Callable[[], None],
        *,
        who: str = "",
        poll_s: float = POLL_S,
    ) -> None:
        self._folder = folder
        self._own = f"{_FILE}-{who}"
        self._changed = changed
        self._poll_s = poll_s
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look, if there is an event loop running.  A second call changes nothing."""
        if self._task is not None:
            return
        with contextlib.suppress(RuntimeError):  # no loop, so nobody is served either
            loop = asyncio.get_running_loop()
            self._task = loop.create_task(self._follow(_look(self._folder, self._own)))

    def stop(self) -> None:
        """Stop looking; may come twice, or before ``start``."""
        if self._task is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._task.cancel()
            self._task = None
            with contextlib.suppress(OSError):
                (self._folder / self._own).unlink(missing_ok=True)

    async def _follow(self, before: _Sight) -> None:
        while True:
            await asyncio.sleep(self._poll_s)
            # In a thread, as a disk that hangs must not hold up the event loop.
            after = await asyncio.to_thread(_look, self._folder, self._own)
            is_news = bool(after - before)  # not that a proxy has ended
            before = after
            if not is_news:
                continue
            try:
                self._changed()
            except Exception as error:
                logger.warning("cache: not emptied after a purge: %s", error)


def _look(folder: Path, own: str) -> _Sight:
    found = set()
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if not entry.name.startswith(_FILE) or entry.name == own:
                    continue
                with contextlib.suppress(OSError):
                    status = entry.stat()
                    found.add((entry.name, status.st_ino, status.st_mtime_ns))
                    if time.time() - status.st_mtime > _STALE_S and entry.name != _FILE:
                        Path(entry.path).unlink(missing_ok=True)
    except OSError:
        pass
    return frozenset(found)

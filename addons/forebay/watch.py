"""Notice that rule files were edited, and call whoever reads them.

mitmproxy's own reload (of the script file) can drop a filter, so rules are
watched by ourselves; what a change leads to is the reader's affair.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

logger = logging.getLogger(__name__)


def only(files: set[Path] | None) -> Callable[[object, str], bool]:
    """Return a filter of changes: those of *files*, or with None all."""
    return lambda _, path: files is None or Path(path) in files


class Watcher:
    """Await *changed* after anything below one of *folders* was written.

    Args:
        folders: returns what to watch: folders with all that is below them,
            and single files.  What is missing is left out.
        changed: awaited once for a burst of changes; what it raises is logged
            as a warning, and watching goes on.
    """

    def __init__(
        self, folders: Callable[[], list[Path]], changed: Callable[[], Awaitable[None]]
    ) -> None:
        self._folders = folders
        self._changed = changed
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to watch; needs a running event loop.  A second call is no second watch."""
        if self._tasks:
            return
        paths = self._folders()
        folders = {path for path in paths if path.is_dir()}
        # A file is watched through its folder: editors replace files by others of the same name.
        files = {path.absolute() for path in paths if path.is_file()}
        beside = {file.parent for file in files}
        loop = asyncio.get_running_loop()
        if folders:
            self._tasks.append(loop.create_task(self._watch(folders, None)))
        if beside:
            self._tasks.append(loop.create_task(self._watch(beside, files)))

    def stop(self) -> None:
        """Stop watching; may come twice, or before ``start``."""
        while self._tasks:
            self._tasks.pop().cancel()

    async def _watch(self, folders: set[Path], files: set[Path] | None) -> None:
        # Imported late: it costs start-up time and nothing waits for it.
        from watchfiles import awatch

        try:
            async for _ in awatch(
                *folders, watch_filter=only(files), debounce=200, step=50, recursive=files is None
            ):
                try:
                    await self._changed()
                except Exception as error:
                    logger.warning("rules: not reloaded: %s", error)
        except (OSError, RuntimeError) as error:
            logger.warning(
                "rules: expected to watch %s, found %s: edits take effect at the next start",
                ", ".join(map(str, folders)),
                error,
            )

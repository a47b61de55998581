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


class Watcher:
    """Await *changed* after anything below one of *folders* was written.

    Args:
        folders: returns the folders to watch; missing ones are left out.
        changed: awaited once for a burst of changes; what it raises is logged
            as a warning, and watching goes on.
    """

    def __init__(
        self, folders: Callable[[], list[Path]], changed: Callable[[], Awaitable[None]]
    ) -> None:
        self._folders = folders
        self._changed = changed
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to watch; needs a running event loop.  A second call is no second watch."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(
                self._watch(), name="forebay rules watcher"
            )

    def stop(self) -> None:
        """Stop watching; may come twice, or before ``start``."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _watch(self) -> None:
        # Imported late: it costs start-up time and nothing waits for it.
        from watchfiles import awatch

        folders = [folder for folder in self._folders() if folder.is_dir()]
        if not folders:
            return
        try:
            async for _ in awatch(*folders, debounce=200, step=50):
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

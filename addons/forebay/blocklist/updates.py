"""Fetch lists when they expire, beside the traffic (option ``blocklist_update``)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from mitmproxy import ctx

from forebay import settings
from forebay.blocklist.load import measure
from forebay.blocklist.sources import used_entries
from forebay.errors import ForebayError

logger = logging.getLogger(__name__)

_CHECK_EACH_S = 900


class Updates:
    """Looks each quarter of an hour which lists are due; a new copy is noticed by the watcher."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, or end, as the option says; needs a running event loop."""
        if not (ctx.options.blocklist and ctx.options.blocklist_update):
            self.stop()
        elif self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    def stop(self) -> None:
        """End; may come twice, or before ``start``."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _run(self) -> None:
        while True:
            try:
                shipped, user = settings.shipped_rules(), settings.user_rules()
                folder = settings.home() / "lists"
                lines = await asyncio.to_thread(update_due, shipped, user, folder, self._clock())
            except ForebayError as error:
                lines = [(logging.WARNING, f"lists are not updated: {error}")]
            for level, line in lines:
                logger.log(level, "blocklist: %s", line)
            await asyncio.sleep(_CHECK_EACH_S)


def update_due(shipped: Path, user: Path, folder: Path, now_s: float) -> list[tuple[int, str]]:
    """Fetch the lists that are due; return what became of each: a level and a line for the log.

    Raises:
        ForebayError: when it cannot be told which lists there are.
    """
    from forebay.blocklist import download  # imports pydantic

    return [
        (
            logging.WARNING if result.status in ("refused", "failed") else logging.INFO,
            f"{result.name}: {result.status}: {result.message}",
        )
        for entry in used_entries(shipped, user)
        if entry.url and download.is_due(entry, folder, now_s)
        for result in [download.update(entry, folder, measure, now_s=now_s)]
    ]

"""The user's rules in force, and their files watched."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from forebay import settings
from forebay.cache.load import Source, Stamp, load, sources, stamp
from forebay.cache.rule import Rule
from forebay.errors import ForebayError
from forebay.watch import Watcher

logger = logging.getLogger(__name__)

OPTIONS = frozenset({"cache", "forebay_home", "forebay_rules"})


class Rulebook:
    """The rules in force; they change whole, and stay when an edit is a mistake."""

    def __init__(self) -> None:
        self.rules: tuple[Rule, ...] = ()
        self._sources: tuple[Source, ...] = ()
        self._stamp: Stamp = ()
        self._watcher = Watcher(self._folders, self._changed)

    def configure(self, *, on: bool, running: bool) -> None:
        """Read the files, or forget them.

        Raises:
            ForebayError: with all that is wrong in them.
        """
        files = sources(settings.shipped_rules(), settings.user_rules()) if on else ()
        before = stamp(files)
        self.rules = load(files)
        self._sources, self._stamp = files, before
        if running:  # the folders may be others now
            self.stop()
            self.start()

    def start(self) -> None:
        """Begin to watch the files."""
        self._watcher.start()

    def stop(self) -> None:
        """Stop watching."""
        self._watcher.stop()

    def _folders(self) -> list[Path]:
        return list(dict.fromkeys(source.path.absolute().parent for source in self._sources))

    async def _changed(self) -> None:
        """Read the rules again if their files were edited."""
        files = self._sources
        found = await asyncio.to_thread(stamp, files)
        if found == self._stamp:
            return  # some other file of the folder
        try:
            rules = await asyncio.to_thread(load, files)
        except ForebayError as error:
            if files is self._sources:
                self._stamp = found  # say it once
                for line in str(error).splitlines():
                    logger.warning("cache: rules not reloaded: %s", line)
            return
        if files is self._sources:  # else options were changed meanwhile
            self._stamp, self.rules = found, rules
            logger.info("cache: %d rule%s (reloaded)", len(rules), "" if len(rules) == 1 else "s")

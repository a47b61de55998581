"""The rules in force: built whole, exchanged as one, kept while the next ones are bad."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from mitmproxy import ctx

from forebay import settings
from forebay.blocklist import load
from forebay.errors import ForebayError

logger = logging.getLogger(__name__)


class Current:
    """Holds the one set of rules that all decisions look at; None while there is none."""

    def __init__(self) -> None:
        self.rules: load.RuleSet | None = None
        self._stamp: load.Stamp | None = None

    def build(self) -> tuple[load.RuleSet, load.Stamp]:
        """Return what the options ask for, without putting it in force.

        The rules in force are returned when no file has changed: the start
        configures more than once, and not all options change the rules.

        Raises:
            ForebayError: when a folder or a list cannot be read.
        """
        places = _places()
        stamp = load.stamp(places)
        if self.rules is not None and stamp == self._stamp:
            return self.rules, stamp
        return load.load(places), stamp

    def put(self, rules: load.RuleSet, stamp: load.Stamp) -> bool:
        """Put *rules* in force; returns whether they are others than before."""
        others = rules is not self.rules
        self.rules, self._stamp = rules, stamp
        if others:
            for line in rules.warnings:
                logger.warning("%s", line)
        return others

    def drop(self) -> None:
        """Have no rules, and read them anew when next asked for."""
        self.rules = self._stamp = None

    def folders(self) -> list[Path]:
        """Return what to watch: the folders, and the files that the option names."""
        try:
            places = _places()
        except ForebayError:
            return []  # build() has said so
        return [*places.folders, *places.files]

    async def renew(self) -> None:
        """Read lists that were edited, in a thread; on any error the last good rules stay."""
        before, stamp = self.rules, self._stamp
        try:
            places = _places()
            stamp = await asyncio.to_thread(load.stamp, places)
            if stamp == self._stamp:
                return  # some other file beside the lists
            after = await asyncio.to_thread(load.load, places)
            if before is not None:
                load.refuse_loss(before, after)
        except ForebayError as error:
            self._stamp = stamp  # said once, until something changes again
            logger.warning("blocklist: kept the last good rules: %s", error)
            return
        if self.rules is not before:
            return  # an option was changed meanwhile: its rules are newer
        self.put(after, stamp)
        logger.info("blocklist: %s (reloaded)", after.summary())


def _places() -> load.Places:
    return load.Places(
        (settings.shipped_rules() / "blocklists", settings.user_rules() / "blocklists"),
        tuple(settings.path("blocklist_files", text) for text in ctx.options.blocklist_files),
    )

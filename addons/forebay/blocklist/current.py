"""The rules in force: built whole, exchanged as one, kept while the next ones are bad."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mitmproxy import ctx

from forebay import rulefiles, settings
from forebay.blocklist import load, reading
from forebay.blocklist.judge import active_lists
from forebay.blocklist.policies import Policies, Policy
from forebay.blocklist.sources import Sources, gather
from forebay.blocklist.verdict import visible
from forebay.errors import ForebayError

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rules:
    """All that decisions look at."""

    lists: load.RuleSet
    policies: Policies
    speaking: frozenset[Path] = frozenset()
    _active: dict[str | None, int] = field(default_factory=dict)

    def active(self, policy: Policy | None) -> int:
        """Return the bit set of the lists that are used under *policy*."""
        key = None if policy is None else policy.id
        found = self._active.get(key)
        if found is None:
            found = self._active[key] = active_lists(self.lists.matcher, policy)
        return found


class Current:
    """Holds the one set of rules that all decisions look at; None while there is none.

    Attributes:
        rules: that set.
        refused: what is wrong with an edit which is not in force for it.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.rules: Rules | None = None
        self.refused = ""
        self._clock = clock
        self._stamp: reading.Stamp | None = None
        self._read_at_s: float | None = None

    def build(self) -> tuple[Rules, reading.Stamp]:
        """Return what the options ask for, without putting it in force.

        The rules in force are returned when no file has changed: the start
        configures more than once, and not all options change the rules.

        Raises:
            ForebayError: when a folder or a list cannot be read.
        """
        sources = _sources()
        stamp = sources.stamp()
        if self.rules is not None and self._is_as_read(stamp):
            return self.rules, stamp
        return _built(sources), stamp

    def check(self) -> None:
        """See that what the options ask for can be read, without reading all of it.

        Raises:
            ForebayError: when a folder or a list cannot be read.
        """
        load.check(_sources().lists)

    def put(self, rules: Rules, stamp: reading.Stamp) -> bool:
        """Put *rules* in force; returns whether they are others than before."""
        others = rules is not self.rules
        self.rules, self._stamp, self.refused = rules, stamp, ""
        if others:
            self._read_at_s = self._clock()
            # Rules are no garbage: without this each full collection goes through all of
            # them, and holds up every connection meanwhile.
            gc.freeze()
            for line in rules.lists.warnings:
                logger.warning("%s", line)
            for line in rules.lists.notes:
                logger.info("%s", line)
            if rules.lists.unfiltered:
                logger.warning(
                    "blocklist: unfiltered, as never fetched: %s; get them by: "
                    "forebay lists update",
                    ", ".join(rules.lists.unfiltered),
                )
        return others

    def _is_as_read(self, stamp: reading.Stamp) -> bool:
        """Return whether no list is another than it was, nor a file that one includes."""
        if stamp != self._stamp:
            return False
        included = () if self.rules is None else self.rules.lists.included
        return reading.stamp(Path(each[0]) for each in included) == included

    def drop(self) -> None:
        """Have no rules, and read them anew when next asked for."""
        self.rules = self._stamp = self._read_at_s = None
        self.refused = ""

    def status(self) -> dict[str, Any]:
        """Return in plain types which lists are in force, and what is wrong with an edit."""
        rules = self.rules
        if rules is None:
            return {"rules": 0, "lists": []}
        lists, problems = rules.lists, []
        if lists.unfiltered:
            problems.append(
                f"unfiltered, as never fetched: {', '.join(lists.unfiltered)}; get them by: "
                "forebay lists update"
            )
        problems += rulefiles.refusals(self.refused.splitlines())
        return {
            "rules": sum(lists.counts.values()),
            "read_at_s": self._read_at_s,
            "lists": _told(lists, self._stamp or ()),
            "unfiltered": list(lists.unfiltered),
            "policies": [policy.id for policy in rules.policies.policies],
            "problems": problems,
        }

    def watched(self) -> list[Path]:
        """Return the folders and files in which rules are."""
        try:
            return _sources().watched
        except ForebayError:
            # build() has said so; its mending is to be noticed.
            return [settings.user_rules()]

    async def renew(self, *, by_option: bool = False) -> None:
        """Read lists that were edited, in a thread; on any error the last good rules stay.

        With *by_option* other lists were asked for, so that none of those before is missed.
        """
        before, stamp = self.rules, self._stamp
        try:
            sources = await asyncio.to_thread(_sources)
            stamp = await asyncio.to_thread(sources.stamp)
            if self._is_as_read(stamp):
                return  # some other file beside the lists
            after = await asyncio.to_thread(_built, sources, _pause)
            if before is not None and not by_option:
                _refuse_silence(before, after)
                load.refuse_loss(before.lists, after.lists)
        except ForebayError as error:
            self._stamp = stamp  # said once, until something changes again
            self.refused = str(error)
            logger.warning("blocklist: kept the last good rules: %s", error)
            return
        if self.rules is not before:
            return  # an option was changed meanwhile: its rules are newer
        self.put(after, stamp)
        logger.info("blocklist: %s (reloaded)", after.lists.summary())
        if before is not None:
            threading.Thread(
                target=before.lists.matcher.release, args=(_pause,), daemon=True
            ).start()


def _told(lists: load.RuleSet, stamp: reading.Stamp) -> list[dict[str, Any]]:
    modified_ns = {each[0]: each[1] for each in stamp if len(each) > 1}
    once = {each.path: each for each in reversed(lists.lists) if each.path in lists.counts}
    return [
        {
            "name": each.name,
            "group": each.group or None,
            "enabled": each.enabled,
            "rules": lists.counts[path],
            "mistakes": lists.left_out[path][0],
            "unsupported": lists.left_out[path][1],
            "modified_at_s": modified_ns[str(path)] / 1e9 if str(path) in modified_ns else None,
            "path": str(path),
        }
        for path, each in reversed(once.items())
    ]


def _refuse_silence(before: Rules, after: Rules) -> None:
    """Refuse that a file with entries has none left, or is gone: see `load.refuse_loss`.

    Raises:
        ForebayError: naming the files.
    """
    silent = before.speaking - after.speaking
    if silent:
        raise ForebayError(
            f"expected entries in {visible(', '.join(map(str, sorted(silent))))}, found none "
            f"({load.WAY_OUT})"
        )


def _sources() -> Sources:
    return gather(
        shipped=settings.shipped_rules(),
        user=settings.user_rules(),
        downloads=settings.path("forebay_home", ctx.options.forebay_home) / "lists",
        files=tuple(settings.path("blocklist_files", text) for text in ctx.options.blocklist_files),
    )


def _built(sources: Sources, pause: Callable[[], None] = lambda: None) -> Rules:
    lists = load.load(sources.lists, pause)
    _require(lists)
    return Rules(lists, sources.policies, sources.speaking)


def _require(lists: load.RuleSet) -> None:
    if lists.unfiltered and ctx.options.blocklist_require_lists:
        raise ForebayError(
            f"blocklist_require_lists: expected every list, found none fetched of "
            f"{', '.join(lists.unfiltered)} (forebay lists update)"
        )


def _pause() -> None:
    """Let other threads run: all of them wait while one builds."""
    time.sleep(0.001)

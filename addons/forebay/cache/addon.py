"""The cache's hooks: look up in ``request``, copy the origin's head in ``responseheaders``.

The head is copied there before anybody edits it for the client; the body comes
through ``proxycore.bodies``.  A 304 to our own validation becomes the stored
response in ``responseheaders``, so that whoever looks later sees that, and gets
its body in ``response``, since the core empties it in between.

Any exception lets the traffic pass uncached.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from mitmproxy import command, connection, exceptions, http
from mitmproxy.addonmanager import Loader

from forebay import outcome, settings
from forebay.cache import config, purge, selection
from forebay.cache.background import Background
from forebay.cache.collapse import Release
from forebay.cache.counts import Counts
from forebay.cache.crowd import Crowd
from forebay.cache.disk import DiskStore
from forebay.cache.generation import Generation, bump
from forebay.cache.intake import Intake
from forebay.cache.invalidation import is_unsafe
from forebay.cache.lookup import look_up, stand_in_for_origin
from forebay.cache.notices import Notices
from forebay.cache.plan import Plan, begin, notes_of, remove_conditions
from forebay.cache.ram import RamStore
from forebay.cache.rulebook import OPTIONS as RULE_OPTIONS
from forebay.cache.rulebook import Rulebook
from forebay.cache.store import TieredStore
from forebay.errors import ForebayError
from forebay.proxycore import unreachable

_START_DEADLINE_S = 2.0
_CLOSE_DEADLINE_S = 5.0


class CacheAddon:
    """Answer from stored responses, and store what the origin sends (RFC 9111)."""

    name = "forebay.cache"

    def __init__(
        self,
        clock: Callable[[], float] = time.time,
        answer: Callable[[http.HTTPFlow, http.Response], bool] = unreachable.answer,
    ) -> None:
        self._clock = clock
        self._answer = answer
        self._config: config.Config | None = None
        self._store: TieredStore | None = None
        self._intake: Intake | None = None
        self._notices = Notices()
        self._counts = Counts()
        self._rulebook = Rulebook()
        self._plans: weakref.WeakKeyDictionary[http.HTTPFlow, tuple[Plan, Intake]] = (
            weakref.WeakKeyDictionary()
        )
        self._crowd = Crowd(clock)
        self._background = Background(self._failed)
        self._generation: Generation | None = None
        self._running = False

    def load(self, loader: Loader) -> None:
        """Declare the options."""
        config.declare(loader)

    def configure(self, updated: set[str]) -> None:
        """Read the options, and change the store if it has to be another."""
        if not updated & (config.ALL_OPTIONS | RULE_OPTIONS):
            return
        try:
            new = config.read()
            if updated & RULE_OPTIONS:
                self._rulebook.configure(on=new is not None, running=self._running)
        except ForebayError as error:
            settings.reject(error, running=self._running)
            return
        if new == self._config and (new is None) == (self._store is None):
            return  # a refused value was rolled back: what is in memory stays
        before = self._store
        if updated & config.STORE_OPTIONS:
            self._store = None if new is None else self._new_store(new)
        self._config, self._intake = new, None
        if new is not None and self._store is not None:
            self._intake = Intake(self._store, new.max_object_bytes, new.set_cookie, self._failed)
        if self._store is not before:
            if self._running and self._store is not None:
                self._store.start(0)
                self._follow_purges()
            if before is not None:  # its last writes must not hold up the event loop
                threading.Thread(
                    target=before.close, args=(_CLOSE_DEADLINE_S,), name="cache closer", daemon=True
                ).start()

    def _new_store(self, new: config.Config) -> TieredStore:
        ram = RamStore(new.ram_bytes)
        if new.folder is None:
            return TieredStore(ram, None)
        disk = DiskStore(
            new.folder, limit_bytes=new.size_bytes, clock=self._clock, notices=self._notices
        )
        return TieredStore(ram, disk)

    def running(self) -> None:
        """Open the store."""
        self._running = True
        if self._store is not None:
            self._store.start(_START_DEADLINE_S)
            self._follow_purges()
        self._rulebook.start()

    def done(self) -> None:
        """Write what waits and let go; may come twice."""
        self._rulebook.stop()
        if self._generation is not None:
            self._generation.stop()
        self._crowd.clear()
        self._background.stop()
        store, self._store, self._intake = self._store, None, None
        if store is not None:
            store.close(_CLOSE_DEADLINE_S)

    def _follow_purges(self) -> None:
        """Forget what is in memory whenever another process deleted from the folder."""
        if self._generation is not None:
            self._generation.stop()
        self._generation, store = None, self._store
        folder = None if self._config is None else self._config.folder
        if store is not None and store.disk is not None and folder is not None:
            who = f"{os.getpid()}-{id(store):x}"
            self._generation = Generation(folder, lambda: self._forget_all(store), who=who)
            self._generation.start()
            store.disk.tell = partial(bump, folder, who)

    def _forget_all(self, store: TieredStore) -> None:
        """Forget what is in memory or on its way: somebody has deleted from the folder."""
        store.ram.close(0)
        if store.disk is not None:
            store.disk.drop_pending()
        if self._intake is not None:
            self._intake.outdate(self._clock())

    @command.command("forebay.cache.purge")  # type: ignore[untyped-decorator]
    def purge_command(self, url_or_host: str) -> str:
        """Delete the stored responses of a URL or of a host."""
        store, options = self._store, self._config
        if store is None or options is None:
            raise exceptions.CommandError("expected the cache to be on, found it off")
        try:
            wanted = selection.of_url_or_host(url_or_host, self._rulebook.rules)
        except ForebayError as error:
            raise exceptions.CommandError(str(error)) from None
        purge.forget(store, wanted)
        self._forget_all(store)
        if options.folder is not None:
            threading.Thread(
                target=self._purge, args=(options.folder, wanted), name="cache purge", daemon=True
            ).start()
        return f"purging {url_or_host}"

    def _purge(self, folder: Path, wanted: selection.Selection) -> None:
        try:
            purge.purge(folder, wanted)
        except ForebayError as error:
            self._notices.warn("purge", str(error))

    def summary(self) -> str:
        """Return this addon's part of the start line."""
        return config.summary(self._config)

    def status(self) -> dict[str, Any]:
        """Return in plain types what is stored, what became of requests, and what is wrong."""
        store, options = self._store, self._config
        if store is None or options is None:
            return {"on": False}
        stored, rules = store.status(), self._rulebook.status()
        problems = [*stored.pop("problems", []), *rules.pop("problems")]
        if options.folder is None and options.size_bytes:
            problems.append("expected a folder that can be written, found none: in memory only")
        return {
            "on": True,
            **self._counts.status(),
            "refreshing": len(self._background),
            **stored,
            "faults": sum(self._notices.counts.values()),
            **rules,
            "problems": problems,
        }

    async def request(self, flow: http.HTTPFlow) -> None:
        """Answer from the store, or make the request conditional."""
        intake, options = self._intake, self._config
        is_refresh = self._mark(flow)
        if intake is None or options is None:
            return
        if flow.response is not None or flow.error is not None or not flow.live:
            return
        self._crowd.end(flow, Release.AGAIN)  # of an attempt before this one
        try:
            plan = await look_up(
                flow,
                intake.store,
                self._clock(),
                rules=self._rulebook.rules,
                targeted=options.targeted,
                crowd=None if is_refresh else self._crowd,
                background=None if is_refresh else self._background,
            )
        except Exception as error:
            self._crowd.end(flow, Release.ALONE)
            self._failed("request", error)
        else:
            if plan is not None:
                # What was begun with this store ends with it: a 304 has to be
                # undone even when the cache was switched off meanwhile.
                self._plans[flow] = plan, intake

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        """Have the origin's response stored, or make the stored one of its 304."""
        try:
            planned = self._plans.get(flow) or self._late(flow)
            if planned is None or flow.response is None:
                return
            plan, intake = planned
            remove_conditions(flow.request, plan)
            # A body at this point means that another addon answered after us.
            if flow.response.raw_content is None and not outcome.answered_by(flow):
                intake.take(flow, plan, self._clock(), self._crowd.releaser(flow))
                self._crowd.head(flow, plan)
            else:
                self._crowd.end(flow, Release.ALONE)
        except Exception as error:
            self._crowd.end(flow, Release.ALONE)
            self._failed("responseheaders", error)

    def _late(self, flow: http.HTTPFlow) -> tuple[Plan, Intake] | None:
        """Return the plan for an upload that was answered before its end, so before ``request``."""
        intake, options = self._intake, self._config
        if intake is None or options is None or not is_unsafe(flow.request.data.method):
            return None
        if outcome.answered_by(flow) or not flow.live:
            return None
        rules, now_s = self._rulebook.rules, self._clock()
        return begin(flow, now_s, rules=rules, targeted=options.targeted), intake

    def response(self, flow: http.HTTPFlow) -> None:
        """Finish a refreshed response."""
        planned = self._plans.pop(flow, None)
        if planned is not None:
            self._finish(flow, *planned)
        self._count(flow)

    def _finish(self, flow: http.HTTPFlow, plan: Plan, intake: Intake) -> None:
        try:
            intake.finish(flow, plan)
        except Exception as error:
            self._failed("response", error)
        finally:
            is_stored = notes_of(flow).get("stored")
            self._crowd.end(flow, Release.AGAIN if is_stored else Release.ALONE)

    def error(self, flow: http.HTTPFlow) -> None:
        """Answer from the store where the origin did not, or forget the plan of the flow."""
        self._stand_in(flow)
        if not unreachable.is_answered(flow):  # else ``response`` follows
            self._count(flow)

    def _count(self, flow: http.HTTPFlow) -> None:
        """Count an attempt at its end; a flow that was loaded from a file is none of ours."""
        if flow.live:
            self._counts.add(outcome.of(flow))

    def _stand_in(self, flow: http.HTTPFlow) -> None:
        is_refresh = self._mark(flow)
        self._crowd.end(flow, Release.AGAIN)
        planned = self._plans.pop(flow, None)
        if planned is None:
            return
        try:
            remove_conditions(flow.request, planned[0])
            if is_refresh:
                return  # nobody waits for an answer
            stand_in_for_origin(flow, planned[0], self._clock(), self._answer)
        except Exception as error:
            self._failed("error", error)

    def client_disconnected(self, client: connection.Client) -> None:
        """Let its requests wait no more."""
        self._crowd.left(client)

    def _mark(self, flow: http.HTTPFlow) -> bool:
        """Say in the outcome of a refresh of ours that it is one; return whether it is."""
        if flow.is_replay is None or not self._background.has(flow):
            return False
        outcome.of(flow)["background"] = True
        return True

    def _failed(self, where: str, error: Exception) -> None:
        self._notices.warn(
            f"{where} {type(error).__name__}",
            f"{where} failed, the traffic goes on uncached: {type(error).__name__}: {error}",
        )

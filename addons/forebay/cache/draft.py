"""Large bodies written to files while they pass; one thread, and nobody waits for it.

An origin that is faster than the disk is held back for it, a second at most in
all, and none is while the disk has made no room for a second: they may share a
connection.  What the disk does not take even then is given up: the storing,
never the traffic.  A failure gives the body up, is told once, and keeps others
away for a while.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable
from pathlib import Path

from forebay.cache.breaker import Breaker
from forebay.cache.largebody import Digester, LargeBody
from forebay.cache.notices import Notices
from forebay.cache.valuefile import DRAFTS, DraftFile, new_name
from forebay.proxycore import pressure

_LARGEST_SHARE = 4
"""All drafts together may take this part (1/n) of the cache, besides what is stored."""
_MOST_DRAFTS = 64
_WRITE_BYTES = 4 * 2**20
PATIENCE_S = 1.0
"""How long the origin of one body is held back for the disk, in all, and any of them at a time."""
_INTERVAL_S = 0.004

type _Job = Callable[[], None]
type HoldBack = Callable[[Callable[[], Awaitable[None]]], None]
"""Has what it is given awaited before more of the body that passes is read."""


class Draft:
    """One body on its way to a file; for the event loop."""

    __slots__ = (
        "_digester",
        "_drafts",
        "_file",
        "_hold_back",
        "_patience_s",
        "is_given_up",
        "size_bytes",
        "waiting",
    )

    def __init__(self, drafts: Drafts, hold_back: HoldBack) -> None:
        self._drafts = drafts
        self._hold_back = hold_back
        self._patience_s = PATIENCE_S
        self._file: DraftFile | None = None
        self._digester = Digester()
        self.size_bytes = 0
        self.is_given_up = False
        self.waiting: deque[bytes] = deque()

    def feed(self, data: bytes) -> None:
        """Have the next bytes written."""
        if not self.is_given_up:
            self._drafts.take(self, data)
            if self._is_to_wait():
                self._hold_back(self._until_there_is_room)

    def _is_to_wait(self) -> bool:
        return self._patience_s > 0 and not self.is_given_up and self._drafts.is_filling()

    async def _until_there_is_room(self) -> None:
        while self._is_to_wait():
            started = time.monotonic()
            await asyncio.sleep(_INTERVAL_S)
            self._patience_s -= time.monotonic() - started

    def finish(self, done: Callable[[LargeBody], object]) -> bool:
        """Have the file put in place and *done* called in this event loop.

        Returns:
            Whether that is to be expected.
        """
        if self.is_given_up:
            return False
        loop = asyncio.get_running_loop()

        def tell(body: LargeBody) -> None:
            loop.call_soon_threadsafe(done, body)

        self._drafts.add(lambda: self._keep(tell))
        return True

    def give_up(self) -> None:
        """Have what was written removed; may come twice."""
        if not self.is_given_up:
            self.is_given_up = True
            self._drafts.add(self.remove)

    # What follows runs in the thread.

    def write(self) -> None:
        """Write some of what waits, many pieces at once: each step may wait for the event loop."""
        data = self._drafts.next_of(self)
        if self.is_given_up or not data:
            return
        if self._file is None:
            self._file = DraftFile(self._drafts.objects / DRAFTS)
        self._file.write(data)
        self._digester.update(data)

    def _keep(self, tell: Callable[[LargeBody], None]) -> None:
        if self.is_given_up or self._file is None:
            return
        name = new_name()
        file, self._file = self._file, None
        try:
            file.keep_as(self._drafts.objects / name)
        except OSError:
            file.discard()
            raise
        finally:
            self._drafts.ended(self)
        try:
            tell(LargeBody(name, self.size_bytes, self._digester.digests()))
        except RuntimeError:  # the loop is closed
            (self._drafts.objects / name).unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove what was written."""
        file, self._file = self._file, None
        if file is not None:
            file.discard()
        self._drafts.ended(self)


class Drafts:
    """The drafts of one folder.

    Args:
        objects: the folder of the value files.
        limit_bytes: size of the whole cache.
        clock: POSIX seconds, for how long a failing disk is left alone.
        notices: where faults are told.
        queue_bytes: how much may wait to be written.
        hold_back: holds the origin of a body back.
    """

    def __init__(
        self,
        objects: Path,
        *,
        limit_bytes: int,
        clock: Callable[[], float],
        notices: Notices,
        queue_bytes: int = 8 * 2**20,
        hold_back: HoldBack = pressure.before_reading_on,
    ) -> None:
        self._hold_back = hold_back
        self.objects = objects
        self._limit_bytes = limit_bytes // _LARGEST_SHARE
        self._clock = clock
        self._notices = notices
        self._queue_limit_bytes = queue_bytes
        self._changed = threading.Condition()  # guards what follows
        self._jobs: deque[tuple[_Job, Draft | None]] = deque()
        self._queued_bytes = 0
        self._filling_since_s: float | None = None
        self._under_way: set[Draft] = set()
        self._breaker = Breaker(limit=1, rest_s=30)
        self._is_closing = self._is_over = False
        self._thread: threading.Thread | None = None

    def begin(self) -> Draft | None:
        """Return a new draft, or None when there can be none now."""
        with self._changed:
            if (
                self._is_closing
                or len(self._under_way) >= _MOST_DRAFTS
                or self._breaker.is_open(self._clock())
            ):
                return None
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="cache large bodies", daemon=True
                )
                self._thread.start()
            draft = Draft(self, self._hold_back)
            self._under_way.add(draft)
        return draft

    def take(self, draft: Draft, data: bytes) -> None:
        """Queue bytes of *draft*, or give it up when there is no room."""
        with self._changed:
            is_late = self._queued_bytes + len(data) > self._queue_limit_bytes
            taken = len(data) + sum(each.size_bytes for each in self._under_way)
            if not is_late and taken <= self._limit_bytes:
                draft.size_bytes += len(data)
                self._queued_bytes += len(data)
                if self._is_half_full() and self._filling_since_s is None:
                    self._filling_since_s = time.monotonic()
                if not draft.waiting:  # else a job for it is queued
                    self._jobs.append((draft.write, draft))
                    self._changed.notify_all()
                draft.waiting.append(data)
                return
        if is_late:
            self._notices.warn("large slow", f"{self.objects} is too slow for a large body")
        draft.give_up()

    def is_filling(self) -> bool:
        """Return whether there is soon no room, and may be when it is waited for."""
        since_s = self._filling_since_s
        return since_s is not None and time.monotonic() - since_s < PATIENCE_S

    def _is_half_full(self) -> bool:
        return self._queued_bytes > self._queue_limit_bytes // 2

    def next_of(self, draft: Draft) -> bytes:
        """Take from the queue what is written of *draft* at once."""
        pieces: list[bytes] = []
        size_bytes = 0
        with self._changed:
            while draft.waiting and size_bytes < _WRITE_BYTES:
                pieces.append(draft.waiting.popleft())
                size_bytes += len(pieces[-1])
            self._queued_bytes -= size_bytes
            if not self._is_half_full():
                self._filling_since_s = None
            if draft.waiting:
                self._jobs.appendleft((draft.write, draft))  # before what ends it
        return b"".join(pieces)

    def discard(self, body: LargeBody) -> None:
        """Have the file of *body* removed, as no row will name it."""

        def job() -> None:
            (self.objects / body.name).unlink(missing_ok=True)

        with self._changed:
            is_over = self._is_over
            if not is_over:
                self.add(job)
        if is_over:  # the proxy ends: nobody else will
            with contextlib.suppress(OSError):
                job()

    def add(self, job: _Job) -> None:
        """Queue *job*, however full the queue is."""
        with self._changed:
            if self._thread is None:
                return  # nothing was ever written
            self._jobs.append((job, None))
            self._changed.notify_all()

    def ended(self, draft: Draft) -> None:
        """Forget *draft*."""
        with self._changed:
            self._under_way.discard(draft)

    def close(self, deadline_s: float) -> None:
        """Put finished files in place, for at most *deadline_s* seconds; give the others up."""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        if self._thread is not None and self._thread.is_alive():
            self._thread.join(deadline_s)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._jobs or self._is_closing)
                if not self._jobs:
                    self._is_over = True
                    break
                job, draft = self._jobs.popleft()
            try:
                job()
            except Exception as error:  # a thread that dies would take all drafts with it
                self._failed(draft, error)
        for left in tuple(self._under_way):
            left.is_given_up = True
            left.remove()

    def _failed(self, draft: Draft | None, error: Exception) -> None:
        with self._changed:
            self._breaker.failed(self._clock())
        if draft is not None:
            with contextlib.suppress(OSError):
                draft.give_up()
        self._notices.warn("large", f"a large body is not stored in {self.objects}: {error}")

"""The body of a response on its way to the store."""

from __future__ import annotations

from collections.abc import Callable

from forebay.cache.draft import Draft
from forebay.cache.largebody import KEPT_BYTES, Body


class Collector:
    """A body consumer that hands a whole body over; a long one as a file, a little later.

    Args:
        limit_bytes: a longer body is given up as soon as it shows.
        expected_bytes: the announced length; another one is no whole body.
        commit: called once with a whole body, in the event loop.
        draft: begins the file of a body that is longer than *kept_bytes*; may
            have none.
        promised: called when a whole body is about to become a file.
        grown: called once the body proves longer than *kept_bytes*.
        kept_bytes: how much may lie in memory.
    """

    __slots__ = (
        "_commit",
        "_draft",
        "_expected_bytes",
        "_grown",
        "_kept_bytes",
        "_limit_bytes",
        "_new_draft",
        "_pieces",
        "_promised",
        "_size_bytes",
        "is_given_up",
    )

    def __init__(
        self,
        *,
        limit_bytes: int,
        expected_bytes: int | None,
        commit: Callable[[Body], object],
        draft: Callable[[], Draft | None] = lambda: None,
        promised: Callable[[], object] = lambda: None,
        grown: Callable[[], object] = lambda: None,
        kept_bytes: int = KEPT_BYTES,
    ) -> None:
        self._limit_bytes = limit_bytes
        self._expected_bytes = expected_bytes
        self._commit = commit
        self._new_draft = draft
        self._promised = promised
        self._grown = grown
        self._kept_bytes = kept_bytes
        self._pieces: list[bytes] = []
        self._size_bytes = 0
        self._draft: Draft | None = None
        self.is_given_up = False
        if expected_bytes is not None and expected_bytes > kept_bytes:
            self._begin_draft()

    def feed(self, data: bytes) -> None:
        """Keep the next piece, or let go of all."""
        if self.is_given_up:
            return
        self._size_bytes += len(data)
        if self._size_bytes > self._limit_bytes:
            self.abort()
        elif self._draft is not None:
            self._draft.feed(data)
        else:
            self._pieces.append(data)
            if self._size_bytes > self._kept_bytes:
                self._grown()
                self._begin_draft()

    def _begin_draft(self) -> None:
        pieces, self._pieces = self._pieces, []
        self._draft = self._new_draft()
        if self._draft is None:
            self.is_given_up = True
            return
        for piece in pieces:
            self._draft.feed(piece)

    def end(self) -> None:
        """Hand the body over, if it is whole."""
        if self.is_given_up:
            return
        if self._expected_bytes not in (None, self._size_bytes):
            self.abort()
        elif self._draft is None:
            self._commit(b"".join(self._pieces))
        elif self._draft.finish(self._commit):
            self._promised()
        self._pieces = []

    def abort(self) -> None:
        """Forget the body."""
        self.is_given_up = True
        self._pieces = []
        if self._draft is not None:
            self._draft.give_up()

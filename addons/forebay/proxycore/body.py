"""One body on its way, and those who want its bytes.

A consumer that fails is left behind with a warning: neither the traffic nor
the other consumers wait for it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

logger = logging.getLogger(__name__)


class BodyConsumer(Protocol):
    """Somebody who wants the bytes of one body; exactly one of end and abort is called."""

    def feed(self, data: bytes) -> None:
        """Take the next piece."""

    def end(self) -> None:
        """Learn that the whole body was fed, its end proved by the framing."""

    def abort(self) -> None:
        """Learn that the message broke off."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Somebody who wants a body whole before it is passed on, if it has *limit_bytes* at most.

    *passed* is called when it has more and is passed on as it comes.  Without
    *is_announced* the Content-Length is not that of the body that comes.
    """

    limit_bytes: int
    passed: Callable[[], object]
    is_announced: bool = True


class Body:
    """One body on its way; called by mitmproxy with each piece of a streamed one.

    With *instead* its receiver gets that, once, and nothing of the body itself.
    """

    __slots__ = (
        "capture", "consumers", "finished", "inner", "instead", "is_given", "size_bytes", "wanted",
    )  # fmt: skip

    def __init__(self) -> None:
        self.consumers: list[BodyConsumer] = []
        self.size_bytes = 0
        self.finished = False
        self.capture: Capture | None = None
        self.wanted: tuple[Wanted, ...] = ()
        self.inner: Callable[[bytes], Iterable[bytes] | bytes] | None = None
        self.instead: bytes | None = None
        self.is_given = False

    def __call__(self, data: bytes) -> Iterable[bytes] | bytes:
        """Take the next piece and return what is passed on."""
        # An empty piece is not the end: an HTTP/2 origin may send an empty
        # frame anywhere.  It must not be passed on either, since an empty
        # chunk ends a chunked message.
        if data:
            self.size_bytes += len(data)
            self._feed(data)
        if self.instead is not None:
            was_given, self.is_given = self.is_given, True
            return [] if was_given else self.instead or []
        if self.inner is None:
            return data or []
        passed = self.inner(data)
        pieces = [passed] if isinstance(passed, bytes) else passed
        return [piece for piece in pieces if piece]

    def _feed(self, data: bytes) -> None:
        for consumer in tuple(self.consumers):
            try:
                consumer.feed(data)
            except Exception as error:
                self.consumers.remove(consumer)
                _abort(consumer)
                logger.warning("body: %s left after an error: %s", type(consumer).__name__, error)

    @property
    def is_replaced(self) -> bool:
        """Whether somebody wants it of whom the Content-Length speaks no more."""
        return not all(each.is_announced for each in self.wanted)

    def pass_on(self) -> None:
        """Tell those who wanted the body whole that they do not get it so."""
        wanted, self.wanted = self.wanted, ()
        for each in wanted:
            each.passed()

    def complete(self, raw_content: bytes | None) -> None:
        """Finish with the buffered body, or with None for a streamed one."""
        if self.finished:
            return
        self.finished = True
        if raw_content and not self.size_bytes:
            self.size_bytes = len(raw_content)
            self._feed(raw_content)
        for consumer in self.consumers:
            try:
                consumer.end()
            except Exception as error:
                logger.warning("body: %s failed at the end: %s", type(consumer).__name__, error)
        self._let_go()

    def break_off(self) -> None:
        """Finish a message that will not be completed."""
        if self.finished:
            return
        self.finished = True
        for consumer in self.consumers:
            _abort(consumer)
        self._let_go()

    def _let_go(self) -> None:
        self.consumers.clear()
        self.wanted = ()
        self.inner = None  # it may hold the flow that we are held by


def _abort(consumer: BodyConsumer) -> None:
    try:
        consumer.abort()
    except Exception as error:
        logger.warning("body: %s failed to let go: %s", type(consumer).__name__, error)


class Capture:
    """Keeps a body for those who look at flows, unless it grows beyond the limit.

    Attributes:
        size_bytes: how much was fed.
        has_ended: whether that was all of it, as the framing proves.
    """

    __slots__ = ("_limit_bytes", "_pieces", "has_ended", "size_bytes")

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._pieces: list[bytes] | None = []
        self.size_bytes = 0
        self.has_ended = False

    def feed(self, data: bytes) -> None:
        """Keep the next piece, or let go of all."""
        self.size_bytes += len(data)
        if self.size_bytes > self._limit_bytes:
            self._pieces = None
        if self._pieces is not None:
            self._pieces.append(data)

    def end(self) -> None:
        """Note it; what was kept is asked for later."""
        self.has_ended = True

    def abort(self) -> None:
        """Do nothing: of a body that broke off they see what came."""

    def whole(self) -> bytes | None:
        """Return what was fed, or None when it was too large."""
        return None if self._pieces is None else b"".join(self._pieces)

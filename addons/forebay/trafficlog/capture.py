"""Keep the beginnings of bodies on their way past, for the log.

Glue.  What is kept is bounded for each message; which of it goes into a record
is decided at the end, when all is known about the exchange.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import msgspec
from mitmproxy import http

from forebay.mediatype import media_type
from forebay.proxycore import bodies
from forebay.rewrite.patterns import Glob
from forebay.trafficlog import sampling
from forebay.trafficlog.record import Record
from forebay.trafficlog.redact import Redactor

if TYPE_CHECKING:
    from forebay.trafficlog.bodyrecord import Captured

type Finish = Callable[[Record], Record]


@dataclass(frozen=True, slots=True)
class Wish:
    """Which bodies are wanted.

    Attributes:
        types: patterns of media types.
        limit_bytes: how much of each is kept, as transferred and decoded.
        rate: of which share of the flows.
        only: of which flows.
    """

    types: tuple[Glob, ...] = ()
    limit_bytes: int = 65536
    rate: float = 1.0
    only: Callable[[object], bool] | None = None


class _Kept:
    """A consumer that keeps the beginning of a body."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._pieces: list[bytes] = []
        self._size_bytes = 0
        self._is_whole = False

    def feed(self, data: bytes) -> None:
        room = self._limit_bytes - min(self._size_bytes, self._limit_bytes)
        if room:
            self._pieces.append(data[:room])
        self._size_bytes += len(data)

    def end(self) -> None:
        self._is_whole = self._size_bytes <= self._limit_bytes

    def abort(self) -> None:
        pass  # what came is kept

    def captured(self, message: http.Message) -> Captured:
        from forebay.trafficlog.bodyrecord import Captured

        return Captured(
            b"".join(self._pieces),
            self._is_whole,
            message.headers.get("content-type", "")[:300],
            message.headers.get("content-encoding", "")[:300],
        )

    @property
    def is_empty(self) -> bool:
        return not self._size_bytes


@dataclass(slots=True)
class _Both:
    request: _Kept | None = None
    response: _Kept | None = None


@dataclass(slots=True)
class Capture:
    """Keeps bodies as *wish* says, by flow."""

    wish: Wish = Wish()
    _kept: weakref.WeakKeyDictionary[http.HTTPFlow, _Both] = field(
        default_factory=weakref.WeakKeyDictionary
    )

    def request(self, flow: http.HTTPFlow) -> None:
        """Begin to keep the request's body, at its head."""
        if self._kept:
            self._kept.pop(flow, None)  # of an earlier attempt
        if self._wants(flow, flow.request):
            kept = _Kept(self.wish.limit_bytes)
            self._kept[flow] = _Both(request=kept)
            bodies.consume_request(flow, kept)

    def response(self, flow: http.HTTPFlow) -> None:
        """Begin to keep the response's body, at its head."""
        if flow.response is not None and self._wants(flow, flow.response):
            kept = _Kept(self.wish.limit_bytes)
            self._kept.setdefault(flow, _Both()).response = kept
            bodies.consume_response(flow, kept)

    def _wants(self, flow: http.HTTPFlow, message: http.Message) -> bool:
        wish = self.wish
        if not wish.types or not sampling.takes(flow.id, wish.rate):
            return False
        kind = media_type(message.headers.get("content-type", ""))
        return any(each.matches(kind) for each in wish.types)

    def finish(self, flow: http.HTTPFlow, redactor: Redactor) -> tuple[Finish | None, int]:
        """Return what puts the bodies of *flow* into its record, and the bytes it holds."""
        both = self._kept.pop(flow, None) if self._kept else None
        if both is None or (self.wish.only is not None and not self.wish.only(flow)):
            return None, 0
        request = response = None
        if both.request is not None and not both.request.is_empty:
            request = both.request.captured(flow.request)
        if both.response is not None and flow.response and not both.response.is_empty:
            response = both.response.captured(flow.response)
        if request is None and response is None:
            return None, 0
        held = sum(len(each.data) for each in (request, response) if each is not None)
        return partial(_with_bodies, request, response, self.wish.limit_bytes, redactor), held


def _with_bodies(
    request: Captured | None,
    response: Captured | None,
    limit_bytes: int,
    redactor: Redactor,
    record: Record,
) -> Record:
    # Imported late: no start waits for it.
    from forebay.trafficlog.bodyrecord import described

    if request is not None:
        said, size = described(request, limit_bytes, redactor)
        record = msgspec.structs.replace(record, request_body=said, request_decoded_bytes=size)
    if response is not None:
        said, size = described(response, limit_bytes, redactor)
        record = msgspec.structs.replace(record, response_body=said, response_decoded_bytes=size)
    return record

"""Responses that a client gets from stored ones."""

from __future__ import annotations

from dataclasses import dataclass

from mitmproxy import http

from forebay.cache import cache_status, ranges
from forebay.cache.conditional import fields_of_304
from forebay.cache.decision import Serve
from forebay.cache.entry import Entry
from forebay.cache.headers import Fields, without
from forebay.cache.largebody import Body, LargeBody
from forebay.cache.ranges import Part
from forebay.cache.shape import Shape
from forebay.proxycore import source

_STATUS = b"Cache-Status"
TEXT_UNSTORED: Fields = (
    (b"Content-Type", b"text/plain; charset=utf-8"),
    (b"Cache-Control", b"no-store"),
)
"""The head of an answer of our own that explains a failure."""
_WITHOUT_LENGTH = frozenset({204})  # RFC 9110 §8.6
_AGE = frozenset({b"age"})


@dataclass(frozen=True, slots=True)
class Formed:
    """A response as it is sent, save Age and Cache-Status."""

    status: int
    reason: bytes
    fields: Fields
    body: Body


def formed(entry: Entry, shape: Shape) -> Formed:
    """Return the stored response in that form."""
    fields: Fields
    match shape.status:
        case 304:
            return Formed(304, b"Not Modified", fields_of_304(entry.fields), b"")
        case 416:
            fields = (b"Content-Range", b"bytes */%d" % len(entry.body)), (b"Content-Length", b"0")
            return Formed(416, b"Range Not Satisfiable", fields, b"")
        case 206:
            assert shape.part is not None
            size = len(entry.body)
            stored = entry.part or Part(0, size - 1, size)
            fields = ranges.fields_of(shape.part, without(entry.fields, _AGE))
            return Formed(206, b"Partial Content", fields, stored.slice(entry.body, shape.part))
    fields = framed(entry.fields, entry.status, len(entry.body))
    return Formed(entry.status, entry.reason, fields, entry.body)


def from_entry(
    entry: Entry, serve: Serve, now_s: float, *, with_body: bool, detail: str | None = None
) -> http.Response:
    """Return the answer that *serve* describes; to HEAD without its body."""
    return _response(entry, serve, now_s, with_body, cache_status.hit(serve.ttl_s, detail))


def standing_in(
    entry: Entry, serve: Serve, now_s: float, *, with_body: bool, status: bytes
) -> http.Response:
    """Return the stored answer in place of one that the origin failed to give."""
    return _response(entry, serve, now_s, with_body, status)


def _response(
    entry: Entry, serve: Serve, now_s: float, with_body: bool, status: bytes
) -> http.Response:
    form = formed(entry, serve.shape)
    fields = (*form.fields, (b"Age", b"%d" % serve.age_s), (_STATUS, status))
    return http.Response(
        b"HTTP/1.1",
        form.status,
        form.reason,
        http.Headers(fields),
        form.body if with_body and isinstance(form.body, bytes) else b"",
        None,
        now_s,
        now_s,
    )


def feed(flow: http.HTTPFlow, entry: Entry, shape: Shape, *, over_wire: bool = False) -> None:
    """Have the body of the flow's response, made of *entry*, sent from its file, if it has one.

    Args:
        flow: one that has just got that response.
        entry: the stored response, its file open.
        shape: the form in which it answers.
        over_wire: whether it takes the place of the origin's.
    """
    body = formed(entry, shape).body
    if isinstance(body, LargeBody) and flow.request.data.method == b"GET":
        source.attach(flow, len(body), source.in_thread(body.read, len(body)), over_wire=over_wire)


def framed(fields: Fields, status: int, body_bytes: int) -> Fields:
    """Return stored fields less Age, with a Content-Length, which a chunked original lacks."""
    kept: list[tuple[bytes, bytes]] = []
    needs_length = status not in _WITHOUT_LENGTH
    for field in fields:
        lowered = field[0].lower()
        if lowered == b"content-length":
            needs_length = False
        elif lowered == b"age":
            continue
        kept.append(field)
    if needs_length:
        kept.append((b"Content-Length", b"%d" % body_bytes))
    return tuple(kept)


def gateway_timeout() -> http.Response:
    """Return the 504 for a client that wants only what is stored (RFC 9111 §5.2.1.7)."""
    fields = (*TEXT_UNSTORED, (_STATUS, cache_status.refused("only-if-cached")))
    return http.Response.make(504, b"Nothing stored answers this request.\n", fields)


def mark(response: http.Response, value: bytes) -> None:
    """Add our member to the Cache-Status field, after those of caches nearer the origin."""
    # mitmproxy passes the field names of an HTTP/2 response on as they are.
    name = _STATUS if response.data.http_version.startswith(b"HTTP/1") else _STATUS.lower()
    response.headers.fields = (*response.headers.fields, (name, value))

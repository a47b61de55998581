"""Responses that a client gets from stored ones."""

from __future__ import annotations

from mitmproxy import http

from forebay.cache import cache_status
from forebay.cache.decision import Serve
from forebay.cache.entry import Entry
from forebay.cache.headers import Fields

_STATUS = b"Cache-Status"
_WITHOUT_LENGTH = frozenset({204})  # RFC 9110 §8.6


def from_entry(entry: Entry, serve: Serve, now_s: float, *, with_body: bool) -> http.Response:
    """Return the stored response with its Age (RFC 9111 §5.1); to HEAD without its body."""
    fields = (
        *framed(entry.fields, entry.status, len(entry.body)),
        (b"Age", b"%d" % serve.age_s),
        (_STATUS, cache_status.hit(serve.ttl_s)),
    )
    return http.Response(
        b"HTTP/1.1",
        entry.status,
        entry.reason,
        http.Headers(fields),
        entry.body if with_body else b"",
        None,
        now_s,
        now_s,
    )


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
    fields = (
        (b"Content-Type", b"text/plain; charset=utf-8"),
        (b"Cache-Control", b"no-store"),
        (_STATUS, cache_status.refused("only-if-cached")),
    )
    return http.Response.make(504, b"Nothing stored answers this request.\n", fields)


def mark(response: http.Response, value: bytes) -> None:
    """Add our member to the Cache-Status field, after those of caches nearer the origin."""
    # mitmproxy passes the field names of an HTTP/2 response on as they are.
    name = _STATUS if response.data.http_version.startswith(b"HTTP/1") else _STATUS.lower()
    response.headers.fields = (*response.headers.fields, (name, value))

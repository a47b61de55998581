"""What is kept of a message: decoded, redacted, and without what is other each time.

Pure.  Requests that come in while a recording is played are cleaned likewise,
so that what was masked in the one is masked in the other, and they still match.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from forebay import contentcoding
from forebay.contentcoding import CodingError
from forebay.mediatype import media_type
from forebay.recording.interaction import (
    Headers,
    Interaction,
    Message,
    Request,
    Response,
    WebSocket,
)
from forebay.trafficlog import redactbody
from forebay.trafficlog.redact import Mode, Redactor

type Fields = Iterable[tuple[bytes, bytes]]

# For one connection only (RFC 9110 §7.6.1), or made anew for what is kept.
_HOP_BY_HOP = frozenset(
    {"connection", "content-length", "keep-alive", "proxy-authenticate", "proxy-authorization"}
    | {"proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
)
# Of one WebSocket (RFC 6455 §11.3): keys, and what is agreed about how messages are sent.
_HANDSHAKE = frozenset(
    {"sec-websocket-accept", "sec-websocket-extensions", "sec-websocket-key"}
    | {"sec-websocket-version"}
)
_TRACES = frozenset(
    {"baggage", "newrelic", "request-id", "sentry-trace", "traceparent", "tracestate"}
    | {"x-amzn-trace-id", "x-b3-parentspanid", "x-b3-sampled", "x-b3-spanid", "x-b3-traceid"}
    | {"x-cloud-trace-context", "x-correlation-id", "x-datadog-parent-id", "x-datadog-trace-id"}
    | {"x-datadog-sampling-priority", "x-request-id", "x-trace-id"}
)
VOLATILE_REQUEST = (
    _HOP_BY_HOP
    | _HANDSHAKE
    | _TRACES
    | {"accept-encoding", "date", "host", "priority", "user-agent"}
)
"""Request fields that are not kept: they differ by client version, or from run to run."""
VOLATILE_RESPONSE = (
    _HOP_BY_HOP
    | _HANDSHAKE
    | _TRACES
    | {"age", "alt-svc", "cf-cache-status", "cf-ray", "date", "expect-ct", "nel", "report-to"}
    | {"reporting-endpoints", "server-timing", "via", "x-amz-cf-id", "x-amz-cf-pop", "x-amz-id-2"}
    | {
        "x-amz-request-id",
        "x-cache",
        "x-cache-hits",
        "x-github-request-id",
        "x-ratelimit-remaining",
    }
    | {"x-ratelimit-reset", "x-ratelimit-used", "x-runtime", "x-served-by", "x-timer"}
)
"""Response fields that are not kept."""
_MOST_HEADER_BYTES = 256 * 1024
_EXPIRES = re.compile(r"; *expires=(?![^;]*\b1970\b)[^;]*", re.IGNORECASE)


def unkeyed(redactor: Redactor) -> Redactor:
    """Return what masks where *redactor* hashes: with another key nothing would match."""
    if redactor.policy.mode is not Mode.HASH:
        return redactor
    return Redactor(replace(redactor.policy, mode=Mode.MASK))


def request(
    redactor: Redactor, method: str, url: str, fields: Fields, body: bytes, limit_bytes: int
) -> Request:
    """Return what is kept of a request.

    Args:
        redactor: masks secrets.
        method: as sent.
        url: absolute.
        fields: the header fields.
        body: as transferred.
        limit_bytes: a body that is longer without its codings stays coded.
    """
    headers, content, kind = _parts(redactor, fields, body, VOLATILE_REQUEST, limit_bytes)
    return Request(method, redactor.target(url), headers, _redacted(redactor, content, kind))


def response(
    redactor: Redactor,
    status: int,
    fields: Fields,
    body: bytes,
    limit_bytes: int,
    *,
    is_open: bool = False,
) -> Response:
    """Return what is kept of a response; see `request`.

    Args:
        redactor: masks secrets.
        status: as sent.
        fields: the header fields.
        body: as transferred.
        limit_bytes: a body that is longer without its codings stays coded.
        is_open: whether more of the body would have come.
    """
    headers, content, kind = _parts(
        redactor, fields, body, VOLATILE_RESPONSE, limit_bytes, is_cut=is_open
    )
    return Response(status, headers, _redacted(redactor, content, kind), is_open)


def message(redactor: Redactor, found: Message) -> Message:
    """Return what is kept of a message."""
    return replace(found, content=_redacted(redactor, found.content, ""))


def websocket(redactor: Redactor, found: WebSocket) -> WebSocket:
    """Return what is kept of a WebSocket."""
    return replace(
        found,
        messages=tuple(message(redactor, each) for each in found.messages),
        reason=redactor.text(found.reason),
    )


def again(redactor: Redactor, found: Interaction) -> Interaction:
    """Return an interaction with what *redactor* masks masked; nothing changes where nothing is."""
    asked, answered = found.request, found.response
    return Interaction(
        Request(
            asked.method,
            redactor.target(asked.url),
            _headers(redactor, _raw(asked.headers), frozenset()),
            _redacted(redactor, asked.body, asked.header("content-type") or ""),
        ),
        Response(
            answered.status,
            _headers(redactor, _raw(answered.headers), frozenset()),
            _redacted(redactor, answered.body, answered.header("content-type") or ""),
            answered.is_open,
        ),
        None if found.websocket is None else websocket(redactor, found.websocket),
    )


def _raw(headers: Headers) -> list[tuple[bytes, bytes]]:
    return [
        (name.encode("utf-8", "surrogateescape"), value.encode("utf-8", "surrogateescape"))
        for name, value in headers
    ]


def _parts(
    redactor: Redactor,
    fields: Fields,
    body: bytes,
    volatile: frozenset[str],
    limit_bytes: int,
    *,
    is_cut: bool = False,
) -> tuple[Headers, bytes, str]:
    fields = tuple(fields)
    coding = _value(fields, b"content-encoding")
    if coding:
        try:
            if is_cut:
                body, _ = contentcoding.beginning(body, coding, limit_bytes, is_cut=True)
            else:
                body = contentcoding.decoded(body, coding, limit_bytes)
        except CodingError:
            pass  # kept as it is, with the field
        else:
            volatile |= {"content-encoding"}
    return _headers(redactor, fields, volatile), body, _value(fields, b"content-type")


def _value(fields: Fields, name: bytes) -> str:
    values = [value for each, value in fields if each.lower() == name]
    return b", ".join(values).decode("utf-8", "surrogateescape")


def _headers(redactor: Redactor, fields: Fields, volatile: frozenset[str]) -> Headers:
    named = {
        name.strip().lower()
        for each, value in fields
        if each.lower() == b"connection"
        for name in value.decode("latin-1").split(",")
    }
    kept, _ = redactor.fields(fields, _MOST_HEADER_BYTES)
    return tuple(
        (name, _EXPIRES.sub("", value) if name == "set-cookie" else value)
        for name, values in sorted(kept.items())
        if name not in volatile and name not in named
        for value in values
    )


def _redacted(redactor: Redactor, body: bytes, content_type: str) -> bytes:
    if not body:
        return body
    text = body.decode("utf-8", "surrogateescape")
    kind = media_type(content_type)
    is_text = "\0" not in text[:4096] and not any("\udc80" <= c <= "\udcff" for c in text[:4096])
    if is_text or kind.startswith("multipart/"):
        return redactbody.body(redactor, text, content_type).encode("utf-8", "surrogateescape")
    clean = redactor.looks.replaced(body.decode("latin-1"), redactor.mask)
    return clean.encode("latin-1")

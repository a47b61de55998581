"""The schema of the traffic log, and its one line of JSON.

Pure.  Names follow OpenTelemetry's semantic conventions for HTTP where those
have one; our own begin with ``forebay.``, save the envelope (``v``, ``kind``,
``seq``, ``timestamp``) that every line begins with.  What is not known is null.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from forebay.trafficlog import redact

VERSION = 1
"""Number of the schema; a reader refuses lines with a higher one."""

type Verdict = dict[str, Any]

_NAMES = {
    "method": "http.request.method",
    "url_full": "url.full",
    "url_scheme": "url.scheme",
    "url_path": "url.path",
    "url_query": "url.query",
    "server_address": "server.address",
    "server_port": "server.port",
    "client_address": "client.address",
    "client_port": "client.port",
    "protocol_version": "network.protocol.version",
    "request_body_bytes": "http.request.body.size",
    "status": "http.response.status_code",
    "response_body_bytes": "http.response.body.size",
    "user_agent": "user_agent.original",
    "user": "user.name",
    "instance": "service.instance.id",
    "error_type": "error.type",
    "error_message": "error.message",
    "tls_version": "tls.protocol.version",
    "server_name": "tls.client.server_name",
    "dns_question": "dns.question.name",
    "request_headers": "http.request.header",
    "response_headers": "http.response.header",
    "host": "forebay.request.host",
    "server_protocol_version": "forebay.server.protocol.version",
    "server_tls_version": "forebay.server.tls.version",
    "duration_s": "forebay.duration_s",
    "connect_s": "forebay.connect_s",
    "tls_s": "forebay.tls_s",
    "first_byte_s": "forebay.first_byte_s",
    "transfer_s": "forebay.transfer_s",
    "request_content_type": "forebay.request.content_type",
    "response_content_type": "forebay.response.content_type",
    "request_header_bytes": "forebay.request.header.size",
    "response_header_bytes": "forebay.response.header.size",
    "request_decoded_bytes": "forebay.request.body.decoded_size",
    "response_decoded_bytes": "forebay.response.body.decoded_size",
    "delivered_bytes": "forebay.response.delivered_size",
    "request_body": "forebay.request.body",
    "response_body": "forebay.response.body",
    "sample_rate": "forebay.sample_rate",
    "connection_id": "forebay.connection.id",
    "server_connection_id": "forebay.server.connection.id",
    "flow_id": "forebay.flow.id",
    "attempt": "forebay.attempt",
    "retried": "forebay.retried",
    "background": "forebay.background",
    "answered_by": "forebay.answered_by",
    "bypass": "forebay.bypass",
    "block": "forebay.block",
    "edits": "forebay.edits",
    "rewrite": "forebay.rewrite",
    "cache": "forebay.cache",
    "client_messages": "forebay.client.messages",
    "server_messages": "forebay.server.messages",
    "client_bytes": "forebay.client.bytes",
    "server_bytes": "forebay.server.bytes",
    "close_code": "forebay.websocket.close_code",
    "truncated": "forebay.truncated",
}


class Record(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename=_NAMES):
    """One attempt at an exchange.

    Attributes:
        v: the schema's number.
        kind: what was attempted: ``http``; ``websocket``; ``tunnel`` (CONNECT
            or SOCKS whose content was not intercepted, or that was refused);
            ``tcp``, ``udp`` (raw bytes otherwise); ``tls`` (the handshake with
            the client failed); ``dns``; ``malformed`` (not even a request).
        seq: number of the record, counted from 1 without a gap by each process.
        timestamp: when it began, RFC 3339 in UTC with microseconds.
        instance: the process that wrote it; ``seq`` counts within it.
        method: the request method as sent.
        url_full: the address asked for, redacted; null when the request names
            none, as CONNECT does.
        url_scheme: ``http`` or ``https``.
        url_path: the path, byte for byte but redacted.
        url_query: what follows the first ``?``, redacted; null without one.
        server_address: name or address that was asked for.
        server_port: its port.
        client_address: the client's IP address.
        client_port: its port.
        protocol_version: HTTP version spoken with the client, such as ``1.1`` or ``2``.
        request_body_bytes: bytes of the request's body as transferred.
        status: status code of the response, even if its body broke off.
        response_body_bytes: bytes of the response's body as transferred.
        request_content_type: the request's Content-Type field.
        response_content_type: the same of the response.
        request_header_bytes: bytes of the request's head as HTTP/1.1 would send it: request
            line, fields, empty line.
        response_header_bytes: the same of the response.
        request_decoded_bytes: bytes of the request's body without its content codings; null
            unless something decoded all of it anyway.
        response_decoded_bytes: the same of the response.
        delivered_bytes: bytes of the response's body, as rules have left it, that were handed
            to the client's connection; null when it broke off or where nobody counted.
        user_agent: the User-Agent field.
        user: name by which the client has authenticated with the proxy.
        error_type: why the attempt failed, one word; see ``failure``; null when it did not.
        error_message: the same in mitmproxy's words, redacted, at most 1,000 characters.
        tls_version: TLS version spoken with the client, such as ``1.3``.
        server_name: server name that the client's TLS handshake asked for (SNI).
        dns_question: name asked for in a DNS query.
        request_headers: with ``trafficlog_headers``, name in lower case to values, redacted.
        response_headers: the same for the response.
        host: the Host field (or ``:authority``) where it differs from server address and port.
        server_protocol_version: HTTP version the server answered in.
        server_tls_version: TLS version spoken with the server.
        duration_s: from the first byte of the request to the end, in seconds.
        connect_s: seconds until the connection to the server stood; null when an
            open one was used.
        tls_s: seconds that the TLS handshake with the server took; null likewise.
        first_byte_s: seconds from the first byte of the request to that of the response.
        transfer_s: seconds from the first byte of the origin's response to its last.
        connection_id: the client's connection; shared by all that came over it.
        server_connection_id: the connection to the server, when one was made.
        flow_id: mitmproxy's id of the flow.
        attempt: from 1; a replayed flow keeps its id and is a new attempt.
        retried: whether the request was sent once more, after a stale connection.
        background: true for a request that the cache sent on its own account, to
            refresh what is stored; the client named is the one it answered before.
        answered_by: ``origin``, or which addon of ours (or ``replay``) answered.
        bypass: where the request had the field X-Forebay-Bypass: ``asked``, ``done`` (what
            was gone round) and ``ignored`` (why the rest was not).
        block: verdict of the blocklist; its action is ``bypass`` where a rule would have blocked.
        edits: what rules of the blocklist have changed without blocking: parameters that they took
            out of the query (url_full is what was sent), fields that they added.
        rewrite: the rewrite rules that applied.
        cache: verdict of the cache.
        client_messages: messages from the client (websocket), or pieces (raw bytes).
        server_messages: the same from the server.
        client_bytes: payload bytes from the client (websocket, raw bytes).
        server_bytes: the same from the server.
        close_code: close code of the WebSocket (RFC 6455 §7.4).
        request_body: with ``trafficlog_bodies``, what was captured of the request's body,
            without its content codings and redacted: ``text``, or ``base64`` of what is no
            text; ``size`` in bytes; ``truncated`` when there was more; ``coding`` when it is
            still coded, and ``note`` why; ``redacted`` where secrets were masked, and
            otherwise ``sha256`` of a whole body as transferred.
        response_body: the same of the response.
        sample_rate: which part of such records is written, where not all are.
        truncated: names of the fields that were too long and are cut.
    """

    v: int = VERSION
    kind: str
    seq: int
    timestamp: datetime | None = None
    instance: str | None = None
    method: str | None = None
    url_full: str | None = None
    status: int | None = None
    error_type: str | None = None
    duration_s: float | None = None
    answered_by: str | None = None
    client_address: str | None = None
    client_port: int | None = None
    server_address: str | None = None
    server_port: int | None = None
    url_scheme: str | None = None
    url_path: str | None = None
    url_query: str | None = None
    host: str | None = None
    protocol_version: str | None = None
    server_protocol_version: str | None = None
    request_body_bytes: int | None = None
    response_body_bytes: int | None = None
    request_content_type: str | None = None
    response_content_type: str | None = None
    request_header_bytes: int | None = None
    response_header_bytes: int | None = None
    request_decoded_bytes: int | None = None
    response_decoded_bytes: int | None = None
    delivered_bytes: int | None = None
    user_agent: str | None = None
    user: str | None = None
    error_message: str | None = None
    tls_version: str | None = None
    server_name: str | None = None
    server_tls_version: str | None = None
    connect_s: float | None = None
    tls_s: float | None = None
    first_byte_s: float | None = None
    transfer_s: float | None = None
    connection_id: str | None = None
    server_connection_id: str | None = None
    flow_id: str | None = None
    attempt: int | None = None
    retried: bool | None = None
    background: bool | None = None
    bypass: Verdict | None = None
    block: Verdict | None = None
    edits: list[Any] | None = None
    rewrite: list[Any] | None = None
    cache: Verdict | None = None
    client_messages: int | None = None
    server_messages: int | None = None
    client_bytes: int | None = None
    server_bytes: int | None = None
    close_code: int | None = None
    dns_question: str | None = None
    request_headers: dict[str, list[str]] | None = None
    response_headers: dict[str, list[str]] | None = None
    request_body: dict[str, Any] | None = None
    response_body: dict[str, Any] | None = None
    sample_rate: float | None = None
    truncated: list[str] | None = None


class Gap(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    gc=False,
    rename={"instance": "service.instance.id"},
):
    """Stands in the log where records should: *lost* of those numbered from_seq to to_seq.

    Attributes:
        v: the schema's number.
        kind: ``gap``.
        lost: how many records there should be.
        from_seq: number of the first of them.
        to_seq: number of the last.
        instance: the process whose records they are.
    """

    v: int = VERSION
    kind: str = "gap"
    lost: int
    from_seq: int
    to_seq: int
    instance: str | None = None


_ENCODER = msgspec.json.Encoder()


def encode(item: Record | Gap, needles: Sequence[str] = ()) -> bytes:
    r"""Return *item* as one line of ASCII that is one JSON object and ends in a newline.

    Whatever the strings hold, they cannot end the line: control characters are
    escaped, and so is all that is not ASCII.  Bytes that were no UTF-8 (lone
    surrogates, which strict readers refuse) become the text ``\xff``.

    What *needles* says is masked, wherever it stands.

    >>> encode(Gap(lost=2, from_seq=4, to_seq=5))
    b'{"v":1,"kind":"gap","lost":2,"from_seq":4,"to_seq":5,"service.instance.id":null}\n'
    """
    try:
        line = b"\xff" if needles else _ENCODER.encode(item)
    except UnicodeEncodeError:
        line = b"\xff"
    if not line.isascii():
        plain = _well_formed(redact.without(msgspec.to_builtins(item), needles))
        line = json.dumps(plain, ensure_ascii=True, separators=(",", ":")).encode("ascii")
    return line + b"\n"


def _well_formed(value: Any) -> Any:
    """Return *value* with nothing that strict readers of JSON refuse."""
    match value:
        case str():
            return _text(value)
        case dict():
            return {_text(str(key)): _well_formed(item) for key, item in value.items()}
        case list():
            return [_well_formed(item) for item in value]
        case float() if not math.isfinite(value):
            return None  # as msgspec has it
        case _:
            return value


def _text(value: str) -> str:
    try:
        raw = value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # a surrogate that stands for no byte
        raw = value.encode("utf-8", "backslashreplace")
    return raw.decode("utf-8", "backslashreplace")


def weight(record: Record) -> int:
    """Return about how many bytes *record* holds while it waits."""
    total = 2048 + 2 * len(record.url_full or record.url_path or "")
    for headers in (record.request_headers, record.response_headers):
        if headers:
            total += sum(len(name) + sum(map(len, values)) for name, values in headers.items())
    return total

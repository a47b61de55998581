"""Make the record of an HTTP exchange, a WebSocket, or a CONNECT.

Glue: reads mitmproxy's flow, each property once, since this runs for every
exchange on the event loop.  Everything is redacted and bounded here, before
anything is queued.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from mitmproxy import connection, http
from mitmproxy import flow as mflow

from forebay import outcome
from forebay.proxycore import bodies
from forebay.proxycore.passed import Traffic
from forebay.trafficlog import failure, parts
from forebay.trafficlog.parts import Draft
from forebay.trafficlog.record import Record
from forebay.trafficlog.redact import Redactor

HEADER_BYTES = 65536
"""Header fields beyond this, for each message, are left out."""


class Ending(NamedTuple):
    """How an attempt ended, where the flow itself does not say.

    Attributes:
        at_s: POSIX timestamp.
        error: what went wrong, in words.
        error_type: the same in one word; null: to be found by the words.
    """

    at_s: float
    error: str | None = None
    error_type: str | None = None


def of_http(
    draft: Draft,
    flow: http.HTTPFlow,
    kind: str,
    failures: Mapping[str, str],
    *,
    headers: bool = False,
    traffic: Traffic | None = None,
    ending: Ending | None = None,
    sample_rate: float | None = None,
) -> Record:
    """Return the record that *draft* begins.

    Args:
        draft: its number, and what redacts it.
        flow: the exchange.
        kind: ``http``, ``websocket`` or ``tunnel``.
        failures: text of a failed server connection to its type.
        headers: whether header fields are recorded.
        traffic: what passed after the exchange, where that is known.
        ending: how it ended if no hook of its own said so.
        sample_rate: which share of such records is written; None for all.
    """
    redactor = draft.redactor
    request = flow.request
    response = flow.response
    client = flow.client_conn
    server = flow.server_conn
    notes = outcome.of(flow)
    truncated: list[str] = []

    started_s = request.timestamp_start
    server_started_s = server.timestamp_start
    # An open connection cost this exchange nothing.
    opened_here = server_started_s is not None and server_started_s >= started_s
    answered_by = notes.get("answer")
    if answered_by is None and response is not None and kind != "tunnel":
        if flow.is_replay == "response":
            answered_by = "replay"
        elif server_started_s is not None:
            answered_by = "origin"
    is_origins = answered_by == "origin" and response is not None
    error, error_type, ended_s = _ending(flow, kind, failures, ending)
    if error is not None and len(error) > parts.MESSAGE_CHARS:
        truncated.append("error.message")

    method = request.data.method.decode("utf-8", "backslashreplace")  # .method is upper-cased
    host = request.host
    port = request.port
    named_host, user_agent, request_type, request_bytes = named(request)
    target = request.data.path
    request_bytes += len(request.data.method) + len(target) + 14  # two spaces, HTTP/1.1, CRLFs
    if user_agent is not None and len(user_agent) > parts.USER_AGENT_CHARS:
        truncated.append("user_agent.original")
    full = path = query = scheme = None
    is_connect = request.method == "CONNECT"
    if is_connect:
        request_bytes += len(request.data.authority)
    else:
        scheme = request.scheme or None
        if len(target) > parts.TARGET_CHARS:
            truncated.append("url.full")
        full, path, query = parts.urls(
            redactor, scheme, host, port, target.decode("utf-8", "surrogateescape")
        )
    response_type = response_bytes = delivered_bytes = None
    if response is not None:
        response_type, response_bytes = _response_head(response)
        if error is None and not is_connect:
            delivered_bytes = bodies.delivered_size(flow)
    request_headers = response_headers = None
    if headers:
        request_headers = _headers(redactor, request, "http.request.header", truncated)
        if response is not None:
            response_headers = _headers(redactor, response, "http.response.header", truncated)
    client_address, client_port = peer(client)
    client_tls = client.timestamp_tls_setup is not None
    return Record(
        kind=kind,
        seq=draft.seq,
        timestamp=parts.time_of(started_s),
        instance=draft.instance,
        method=method[:64],
        url_full=full,
        status=None if response is None else response.status_code,
        error_type=error_type,
        duration_s=parts.span(started_s, ended_s),
        answered_by=answered_by,
        client_address=client_address,
        client_port=client_port,
        server_address=host[:255] or None,
        server_port=port or None,
        url_scheme=scheme,
        url_path=path,
        url_query=query,
        host=parts.other_host(redactor, named_host, host, port),
        protocol_version=parts.version(request.http_version),
        server_protocol_version=(
            parts.version(response.http_version) if is_origins and response is not None else None
        ),
        request_body_bytes=None if is_connect else bodies.request_size(flow),
        # What follows an accepted CONNECT is no body (RFC 9110 §9.3.6).
        response_body_bytes=(
            None
            if is_connect and response is not None and 200 <= response.status_code < 300
            else bodies.response_size(flow)
        ),
        request_content_type=parts.excerpt(redactor, request_type, parts.LABEL_CHARS),
        response_content_type=parts.excerpt(redactor, response_type, parts.LABEL_CHARS),
        request_header_bytes=request_bytes,
        response_header_bytes=response_bytes,
        delivered_bytes=delivered_bytes,
        user_agent=parts.excerpt(redactor, user_agent, parts.USER_AGENT_CHARS),
        user=_user(flow),
        error_message=parts.excerpt(redactor, error, parts.MESSAGE_CHARS),
        tls_version=parts.tls_version(client.tls_version) if client_tls else None,
        server_name=parts.server_name(client.sni) if client_tls else None,
        server_tls_version=(
            None if server.timestamp_tls_setup is None else parts.tls_version(server.tls_version)
        ),
        connect_s=parts.span(server_started_s, server.timestamp_tcp_setup) if opened_here else None,
        tls_s=(
            parts.span(server.timestamp_tcp_setup, server.timestamp_tls_setup)
            if opened_here
            else None
        ),
        first_byte_s=None if response is None else parts.span(started_s, response.timestamp_start),
        transfer_s=(
            parts.span(response.timestamp_start, response.timestamp_end)
            if is_origins and response is not None
            else None
        ),
        connection_id=client.id,
        server_connection_id=None if server_started_s is None else server.id,
        flow_id=flow.id,
        attempt=notes.get("attempt"),
        retried=notes.get("retried"),
        background=notes.get("background"),
        bypass=parts.verdict(redactor, notes, "bypass"),
        block=parts.verdict(redactor, notes, "block"),
        edits=parts.verdict(redactor, notes, "edits"),
        rewrite=parts.verdict(redactor, notes, "rewrite"),
        cache=parts.verdict(redactor, notes, "cache"),
        client_messages=None if traffic is None else traffic.client_messages,
        server_messages=None if traffic is None else traffic.server_messages,
        client_bytes=None if traffic is None else traffic.client_bytes,
        server_bytes=None if traffic is None else traffic.server_bytes,
        close_code=None if flow.websocket is None else flow.websocket.close_code,
        request_headers=request_headers,
        response_headers=response_headers,
        sample_rate=sample_rate,
        truncated=truncated or None,
    )


def _ending(
    flow: http.HTTPFlow, kind: str, failures: Mapping[str, str], ending: Ending | None
) -> tuple[str | None, str | None, float | None]:
    """Return the error's text, its type, and when the attempt ended."""
    found = flow.error
    if found is not None:
        return found.msg, error_type_of(flow, failures), found.timestamp
    ended_s: float | None
    if ending is not None:
        error, error_type, ended_s = ending.error, ending.error_type, ending.at_s
    else:
        message = flow.response if flow.websocket is None else flow.websocket
        error, error_type = None, None
        ended_s = None if message is None else message.timestamp_end
    if error is None and kind == "tunnel":
        error = flow.server_conn.error  # the answer to a CONNECT is mitmproxy's own then
    if error is not None and error_type is None:
        error_type = failure.error_type(error, failures)
    return error, error_type, ended_s


def error_type_of(flow: mflow.Flow, failures: Mapping[str, str]) -> str | None:
    """Return the type of the flow's failure, whose client is there yet or is not; None for none.

    Args:
        flow: the flow, at the time at which it fails.
        failures: text of a failed server connection to its type.
    """
    if flow.error is None:
        return None
    found = failure.error_type(flow.error.msg, failures)
    is_waited_for = flow.is_replay is None and not outcome.of(flow).get("background")
    if found in failure.BROKEN_OFF and is_waited_for and not flow.client_conn.connected:
        return failure.LEFT
    return found


def named(request: http.Request) -> tuple[str | None, str | None, str | None, int]:
    """Return the fields Host (or ``:authority``), User-Agent and Content-Type, and all their bytes.

    The bytes are those of HTTP/1.1, which always has a Host field.
    """
    host: bytes | None = None
    user_agent: bytes | None = None
    content_type: bytes | None = None
    total = 0
    for name, value in request.data.headers.fields:
        size = len(name)
        total += size + len(value) + 4
        if size == 10:
            if user_agent is None and name.lower() == b"user-agent":
                user_agent = value
        elif size == 4:
            if host is None and name.lower() == b"host":
                host = value
        elif size == 12 and content_type is None and name.lower() == b"content-type":
            content_type = value
    if host is None and request.data.authority:
        host = request.data.authority
        total += len(host) + 8
    return _text(host), _text(user_agent), _text(content_type), total


def _response_head(response: http.Response) -> tuple[str | None, int]:
    """Return the Content-Type, and the bytes of the head in HTTP/1.1."""
    content_type: bytes | None = None
    total = 17 + len(response.data.reason)  # HTTP/1.1, a space, the status, a space, CRLFs
    for name, value in response.data.headers.fields:
        size = len(name)
        total += size + len(value) + 4
        if size == 12 and content_type is None and name.lower() == b"content-type":
            content_type = value
    return _text(content_type), total


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("utf-8", "surrogateescape")


def _user(flow: http.HTTPFlow) -> str | None:
    """Return whom mitmproxy's ``proxyauth`` has let in; the password is beside the name."""
    found = flow.metadata.get("proxyauth")
    return str(found[0])[: parts.LABEL_CHARS] if found else None


def peer(client: connection.Client) -> tuple[str | None, int | None]:
    """Return the client's address and port; a client may be gone before they are known."""
    address: tuple[str, int] | None = client.peername
    return (None, None) if address is None else (address[0], address[1])


def _headers(
    redactor: Redactor, message: http.Message, name: str, truncated: list[str]
) -> dict[str, list[str]]:
    found, cut = redactor.fields(message.data.headers.fields, HEADER_BYTES)
    if cut:
        truncated.append(name)
    return found

"""Make the record of an HTTP exchange, a WebSocket, or a CONNECT.

Glue: reads mitmproxy's flow, each property once, since this runs for every
exchange on the event loop.  Everything is redacted and bounded here, before
anything is queued.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from mitmproxy import connection, http

from forebay import outcome
from forebay.proxycore import bodies
from forebay.trafficlog import failure, parts, redact
from forebay.trafficlog.clients import Traffic
from forebay.trafficlog.record import Record

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
    seq: int,
    flow: http.HTTPFlow,
    kind: str,
    failures: Mapping[str, str],
    *,
    headers: bool = False,
    traffic: Traffic | None = None,
    ending: Ending | None = None,
) -> Record:
    """Return the record numbered *seq*.

    Args:
        seq: the record's number.
        flow: the exchange.
        kind: ``http``, ``websocket`` or ``tunnel``.
        failures: text of a failed server connection to its type.
        headers: whether header fields are recorded.
        traffic: what passed after the exchange, where that is known.
        ending: how it ended if no hook of its own said so.
    """
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
    error, error_type, ended_s = _ending(flow, kind, failures, ending)
    if error is not None and len(error) > parts.MESSAGE_CHARS:
        truncated.append("error.message")

    method = request.data.method.decode("utf-8", "backslashreplace")  # .method is upper-cased
    host = request.host
    port = request.port
    named_host, user_agent = named(request)
    if user_agent is not None and len(user_agent) > parts.USER_AGENT_CHARS:
        truncated.append("user_agent.original")
    full = path = query = scheme = None
    is_connect = request.method == "CONNECT"
    if not is_connect:
        scheme = request.scheme or None
        target = request.path
        if len(target) > parts.TARGET_CHARS:
            truncated.append("url.full")
        full, path, query = parts.urls(scheme, host, port, target)
    request_headers = response_headers = None
    if headers:
        request_headers = _headers(request, "http.request.header", truncated)
        if response is not None:
            response_headers = _headers(response, "http.response.header", truncated)
    client_address, client_port = peer(client)
    client_tls = client.timestamp_tls_setup is not None
    return Record(
        kind=kind,
        seq=seq,
        timestamp=parts.time_of(started_s),
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
        host=parts.other_host(named_host, host, port),
        protocol_version=parts.version(request.http_version),
        server_protocol_version=(
            parts.version(response.http_version)
            if response is not None and answered_by == "origin"
            else None
        ),
        request_body_bytes=None if is_connect else bodies.request_size(flow),
        # What follows an accepted CONNECT is no body (RFC 9110 §9.3.6).
        response_body_bytes=(
            None
            if is_connect and response is not None and 200 <= response.status_code < 300
            else bodies.response_size(flow)
        ),
        user_agent=parts.user_agent(user_agent),
        error_message=parts.message(error),
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
        connection_id=client.id,
        server_connection_id=None if server_started_s is None else server.id,
        flow_id=flow.id,
        attempt=notes.get("attempt"),
        retried=notes.get("retried"),
        background=notes.get("background"),
        block=parts.verdict(notes, "block"),
        rewrite=parts.verdict(notes, "rewrite"),
        cache=parts.verdict(notes, "cache"),
        client_messages=None if traffic is None else traffic.client_messages,
        server_messages=None if traffic is None else traffic.server_messages,
        client_bytes=None if traffic is None else traffic.client_bytes,
        server_bytes=None if traffic is None else traffic.server_bytes,
        close_code=None if flow.websocket is None else flow.websocket.close_code,
        request_headers=request_headers,
        response_headers=response_headers,
        truncated=truncated or None,
    )


def _ending(
    flow: http.HTTPFlow, kind: str, failures: Mapping[str, str], ending: Ending | None
) -> tuple[str | None, str | None, float | None]:
    """Return the error's text, its type, and when the attempt ended."""
    found = flow.error
    if found is not None:
        return found.msg, failure.error_type(found.msg, failures), found.timestamp
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


def named(request: http.Request) -> tuple[str | None, str | None]:
    """Return the Host field (or ``:authority``) and the User-Agent field."""
    host: bytes | None = None
    user_agent: bytes | None = None
    for name, value in request.headers.fields:
        size = len(name)
        if size == 4 and host is None and name.lower() == b"host":
            host = value
        elif size == 10 and user_agent is None and name.lower() == b"user-agent":
            user_agent = value
    return (
        (request.authority or None) if host is None else host.decode("utf-8", "surrogateescape"),
        None if user_agent is None else user_agent.decode("utf-8", "surrogateescape"),
    )


def peer(client: connection.Client) -> tuple[str | None, int | None]:
    """Return the client's address and port; a client may be gone before they are known."""
    address: tuple[str, int] | None = client.peername
    return (None, None) if address is None else (address[0], address[1])


def _headers(message: http.Message, name: str, truncated: list[str]) -> dict[str, list[str]]:
    found, cut = redact.fields(message.headers.fields, HEADER_BYTES)
    if cut:
        truncated.append(name)
    return found

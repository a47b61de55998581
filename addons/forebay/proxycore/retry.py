"""Send a request once more when a reused connection turned out to be closed.

An origin may close an idle connection at the very moment the next request is
sent on it.  A browser going direct would retry (RFC 9110 §9.2.2, RFC 9112
§9.3.1); mitmproxy answers 502.  With connections opened lazily and reused,
that race is common.

The request is repeated once, on a fresh connection, when the connection had
served a request before, no byte of a response has arrived, the method is
idempotent and the body is still whole in memory.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from mitmproxy import options
from mitmproxy.connection import Connection, Server
from mitmproxy.proxy import events, layer
from mitmproxy.proxy.layers.http import (
    ErrorCode,
    GetHttpConnection,
    HttpLayer,
    HTTPMode,
    HttpStream,
    RequestData,
    RequestEndOfMessage,
    RequestHeaders,
    RequestProtocolError,
    RequestTrailers,
    ResponseProtocolError,
    SendHttp,
)

from forebay import outcome
from forebay.proxycore.patch import CoreMismatchError, Patch
from forebay.proxycore.sansio import Driver, client_context

type Handler = Callable[..., layer.CommandGenerator[Any]]

IDEMPOTENT = frozenset({b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE"})
"""RFC 9110 §9.2.2."""

# What mitmproxy says when a peer closed before any byte of the response.
_CLOSED = ("server closed connection", "peer closed connection", "HTTP/2 connection closed")

_requests: weakref.WeakKeyDictionary[Server, int] = weakref.WeakKeyDictionary()


def _count(server: Server) -> None:
    _requests[server] = _requests.get(server, 0) + 1


class _FreshConnection(GetHttpConnection):
    """A request for a connection that no existing one satisfies."""

    def connection_spec_matches(self, connection: Connection) -> bool:
        return False


def _make_server_connection(original: Handler) -> Handler:
    def make_server_connection(self: HttpStream) -> layer.CommandGenerator[bool]:
        connected: bool = yield from original(self)
        if connected:
            _count(self.flow.server_conn)
        return connected

    return make_server_connection


def _may_retry(stream: HttpStream, event: RequestProtocolError | ResponseProtocolError) -> bool:
    if not isinstance(event, ResponseProtocolError) or not event.message.startswith(_CLOSED):
        return False
    flow = stream.flow
    return (
        stream.server_state == stream.state_wait_for_response_headers
        and stream.client_state == stream.state_done
        and flow.response is None
        and flow.error is None
        and flow.request.raw_content is not None  # not streamed away
        and flow.request.data.method in IDEMPOTENT  # .method is upper-cased
        and _requests.get(flow.server_conn, 0) > 1
        and not outcome.of(flow).get("retried")
    )


def _handle_protocol_error(original: Handler) -> Handler:
    def handle_protocol_error(
        self: HttpStream, event: RequestProtocolError | ResponseProtocolError
    ) -> layer.CommandGenerator[None]:
        if _may_retry(self, event):
            error = yield from send_again(self)
            if error is None:
                return
            event = ResponseProtocolError(self.stream_id, error, ErrorCode.CONNECT_FAILED)
        yield from original(self, event)

    return handle_protocol_error


def send_again(stream: HttpStream) -> layer.CommandGenerator[str | None]:
    """Send the request of *stream* on a fresh connection; return why that failed, or None."""
    flow = stream.flow
    request = flow.request
    outcome.of(flow)["retried"] = True
    connection, error = yield _FreshConnection(
        (request.host, request.port),
        request.scheme == "https",
        flow.server_conn.via,
        flow.server_conn.transport_protocol,
    )
    if error:
        return str(error)
    stream.context.server = flow.server_conn = connection
    _count(connection)
    content = request.raw_content
    head_is_all = not (content or request.trailers)
    yield SendHttp(RequestHeaders(stream.stream_id, request, head_is_all), connection)
    if content:
        yield SendHttp(RequestData(stream.stream_id, content), connection)
    if request.trailers:
        yield SendHttp(RequestTrailers(stream.stream_id, request.trailers), connection)
    yield SendHttp(RequestEndOfMessage(stream.stream_id), connection)
    return None


PATCH = Patch(
    "retry",
    (
        (HttpStream, "make_server_connection", _make_server_connection),
        (HttpStream, "handle_protocol_error", _handle_protocol_error),
    ),
)


def statuses_over_a_stale_connection(opts: options.Options) -> list[bytes]:
    """Drive two requests, the connection of the first being stale; return both status codes."""
    context = client_context(opts)
    driver = Driver(HttpLayer(context, HTTPMode.regular))
    driver.feed(events.Start())
    get = b"GET http://192.0.2.9/ HTTP/1.1\r\nHost: 192.0.2.9\r\n\r\n"
    ok = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    driver.data(context.client, get)
    driver.data(driver.opened[0], ok)
    driver.data(context.client, get)
    driver.peer_closes(driver.opened[0])
    if len(driver.opened) > 1:
        driver.data(driver.opened[1], ok)
    lines = bytes(driver.sent[context.client]).split(b"\r\n")
    return [line[9:12] for line in lines if line.startswith(b"HTTP/1.1 ")]


def self_test(opts: options.Options) -> None:
    """See a request survive a stale connection.

    Raises:
        CoreMismatchError: when it does not.
    """
    found = statuses_over_a_stale_connection(opts)
    if found != [b"200", b"200"]:
        raise CoreMismatchError(f"retry: expected two answers 200, found {found}")

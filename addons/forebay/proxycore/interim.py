"""Pass interim responses on, and go on waiting for the final one.

mitmproxy takes an interim response (1xx) of an HTTP/1 origin for the answer:
the client gets that alone and waits for ever.  Those of an HTTP/2 origin it
swallows.  Here they reach the client (RFC 9110 §15.2) and no hook runs for
them; what is left out of them are fields that frame a message or are for one
hop, and fields that a client would remember, which only count once our rules
have seen them in the final response.
"""

from __future__ import annotations

import re
import weakref
from collections.abc import Callable
from typing import Any

import h2.events
from mitmproxy import http, options
from mitmproxy.connection import ConnectionState
from mitmproxy.net.http import http1, status_codes
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers.http import (
    ErrorCode,
    HttpLayer,
    HTTPMode,
    HttpStream,
    ReceiveHttp,
    RequestProtocolError,
    ResponseHeaders,
    ResponseProtocolError,
    SendHttp,
)
from mitmproxy.proxy.layers.http._events import HttpEvent
from mitmproxy.proxy.layers.http._http1 import Http1Client, Http1Server
from mitmproxy.proxy.layers.http._http2 import Http2Client, parse_h2_response_headers

from forebay.proxycore import hopbyhop
from forebay.proxycore.patch import CoreMismatchError, Patch
from forebay.proxycore.sansio import Driver, client_context

type Handler = Callable[..., layer.CommandGenerator[Any]]

LIMIT = 20
"""How many interim responses an origin may send before the final one."""
LIMIT_BYTES = 16 * 1024
"""The largest head of one."""

_DROPPED = frozenset(
    b"connection upgrade te trailer transfer-encoding content-length "
    b"alt-svc clear-site-data set-cookie set-cookie2 strict-transport-security".split()
)
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_BREAK = re.compile(rb"[\0\r\n]")
_BEGINNING = re.compile(rb"HTTP/1\.[01] +1(?!01)[0-9][0-9]\b")


class InterimHeaders(ResponseHeaders):
    """The head of an interim response, which has no body."""


def is_interim(response: http.Response) -> bool:
    """Return whether another response follows; 101 is the last of its connection.

    >>> [is_interim(http.Response.make(status)) for status in (100, 101, 103, 200)]
    [True, False, True, False]
    """
    return 100 <= response.status_code < 200 and response.status_code != 101


def passed_on(response: http.Response) -> http.Response:
    """Return what of an interim response a client gets."""
    found = response.copy()
    hopbyhop.clean_response(found)
    found.headers.fields = tuple(
        (name, value)
        for name, value in found.headers.fields
        if name.lower() not in _DROPPED and _NAME.fullmatch(name) and not _BREAK.search(value)
    )
    return found


def _interim(command: commands.Command) -> ResponseHeaders | None:
    if (
        isinstance(command, ReceiveHttp)
        and isinstance(command.event, ResponseHeaders)
        and is_interim(command.event.response)
    ):
        return command.event
    return None


def _read_headers(original: Handler) -> Handler:
    def read_headers(
        self: Http1Client, event: events.ConnectionEvent
    ) -> layer.CommandGenerator[None]:
        # In a loop, as one segment may hold thousands of them.
        while True:
            found = None
            for command in original(self, event):
                found = _interim(command)
                if found is not None:
                    break  # the core would read a body next
                yield command
            if found is None:
                break
            self.response = None
            yield ReceiveHttp(InterimHeaders(found.stream_id, found.response))
            if not self.buf or self.conn.state is ConnectionState.CLOSED:
                return
            event = events.DataReceived(self.conn, b"")
        if (
            len(self.buf) > LIMIT_BYTES
            and self.stream_id is not None
            and self.state == self.read_headers
            and _BEGINNING.match(self.buf._data[:32])
        ):
            yield commands.CloseConnection(self.conn)
            yield ReceiveHttp(
                ResponseProtocolError(
                    self.stream_id, _too_large(len(self.buf)), ErrorCode.GENERIC_SERVER_ERROR
                )
            )

    return read_headers


def _too_large(size_bytes: int) -> str:
    return f"interim response: expected at most {LIMIT_BYTES} bytes, found {size_bytes}"


def _handle_h2_event(original: Handler) -> Handler:
    def handle_h2_event(self: Http2Client, event: h2.events.Event) -> layer.CommandGenerator[bool]:
        if not isinstance(event, h2.events.InformationalResponseReceived):
            return bool((yield from original(self, event)))
        try:
            status, headers = parse_h2_response_headers(event.headers)
        except ValueError as error:
            yield from self.protocol_error(f"Invalid HTTP/2 response headers: {error}")
            return True
        response = http.Response(b"HTTP/2.0", status, b"", headers, None, None, 0, None)
        if is_interim(response):  # HTTP/2 has no 101 (RFC 9113 §8.6)
            yield ReceiveHttp(InterimHeaders(event.stream_id, response))
        return False

    return handle_h2_event


_counts: weakref.WeakKeyDictionary[HttpStream, int] = weakref.WeakKeyDictionary()


def _wait_for_response_headers(original: Handler) -> Handler:
    def state_wait_for_response_headers(
        self: HttpStream, event: ResponseHeaders
    ) -> layer.CommandGenerator[None]:
        if not isinstance(event, InterimHeaders):
            yield from original(self, event)
            return
        count = _counts[self] = _counts.get(self, 0) + 1
        size = sum(len(name) + len(value) + 4 for name, value in event.response.headers.fields)
        if count <= LIMIT and size <= LIMIT_BYTES:
            head = InterimHeaders(event.stream_id, passed_on(event.response))
            yield SendHttp(head, self.context.client)
            return
        message = (
            _too_large(size)
            if size > LIMIT_BYTES
            else f"interim responses: expected at most {LIMIT}, found more"
        )
        code = ErrorCode.GENERIC_SERVER_ERROR
        yield SendHttp(RequestProtocolError(self.stream_id, message, code), self.context.server)
        yield from self.handle_protocol_error(ResponseProtocolError(self.stream_id, message, code))

    return state_wait_for_response_headers


def _send(original: Handler) -> Handler:
    def send(self: Http1Server, event: HttpEvent) -> layer.CommandGenerator[None]:
        if not _is_interim_head(event):
            yield from original(self, event)
            return
        assert isinstance(event, ResponseHeaders)
        old = self.request is not None and self.request.data.http_version < b"HTTP/1.1"
        if old or event.stream_id != self.stream_id:
            return  # HTTP/1.0 has none
        response = event.response.copy()
        response.data.http_version = b"HTTP/1.1"
        response.reason = status_codes.RESPONSES.get(response.status_code, "")
        yield commands.SendData(self.conn, http1.assemble_response_head(response))

    return send


def _is_interim_head(event: HttpEvent) -> bool:
    """Return whether *event* is one of ours, or the core's own 100 (Continue).

    The core would take the latter for the answer when an error is to be sent.
    """
    return isinstance(event, InterimHeaders) or (
        isinstance(event, ResponseHeaders)
        and event.response.status_code == 100
        and not event.response.headers.fields
    )


PATCH = Patch(
    "interim",
    (
        (Http1Client, "read_headers", _read_headers),
        (Http2Client, "handle_h2_event", _handle_h2_event),
        (HttpStream, "state_wait_for_response_headers", _wait_for_response_headers),
        (Http1Server, "send", _send),
    ),
)


def statuses_after_early_hints(opts: options.Options) -> tuple[list[bytes], list[str]]:
    """Drive a 103 before a 200; return the statuses that the client got, and the hooks."""
    context = client_context(opts)
    driver = Driver(HttpLayer(context, HTTPMode.regular))
    driver.feed(events.Start())
    driver.data(context.client, b"GET http://192.0.2.9/ HTTP/1.1\r\nHost: 192.0.2.9\r\n\r\n")
    driver.data(
        driver.opened[0],
        b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    )
    lines = bytes(driver.sent[context.client]).split(b"\r\n")
    statuses = [line[9:12] for line in lines if line.startswith(b"HTTP/1.1 ")]
    return statuses, driver.hooks


def self_test(opts: options.Options) -> None:
    """See both responses arrive, and the hooks run for the second only.

    Raises:
        CoreMismatchError: when they do not.
    """
    statuses, hooks = statuses_after_early_hints(opts)
    if statuses != [b"103", b"200"] or hooks.count("response") != 1:
        raise CoreMismatchError(f"interim: expected the answers 103 and 200, found {statuses}")

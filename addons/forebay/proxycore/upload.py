"""Answer a request at its head, and drop the upload that belongs to it.

mitmproxy keeps the whole body of a request in memory before it looks at the
response that an addon set in ``requestheaders``, sends that response only
then, and fails with a traceback when the request was to be streamed.  Here the
answer leaves at once and the body is read and thrown away, so that a client
which sends before it listens is not cut off (RFC 9110 §10.1.1, RFC 9112 §9.3).
"""

from __future__ import annotations

import time
import types
from collections.abc import Callable
from typing import Any

from mitmproxy import http, options
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers.http import (
    DropStream,
    HttpLayer,
    HTTPMode,
    HttpRequestHook,
    HttpResponseHeadersHook,
    HttpStream,
    RequestEndOfMessage,
    RequestHeaders,
    ResponseEndOfMessage,
    SendHttp,
)

from forebay.proxycore.patch import CoreMismatchError, Patch
from forebay.proxycore.sansio import Driver, client_context

type Handler = Callable[..., layer.CommandGenerator[None]]


def _discard_upload(self: HttpStream, event: events.Event) -> layer.CommandGenerator[None]:
    """Stand in for a client state: read to the end of the request, keep nothing."""
    if isinstance(event, RequestEndOfMessage):
        self.client_state = self.state_done
        self.flow.live = False
        yield DropStream(self.stream_id)


def _answer_now(self: HttpStream) -> layer.CommandGenerator[None]:
    self.flow.request.timestamp_end = time.time()
    self.client_state = types.MethodType(_discard_upload, self)
    yield HttpRequestHook(self.flow)
    if (yield from self.check_killed(True)):
        return
    assert self.flow.response is not None
    self.flow.response.timestamp_start = time.time()
    yield HttpResponseHeadersHook(self.flow)
    if (yield from self.check_killed(True)):
        return
    yield from self.send_response()
    if self.server_state == self.state_done:
        yield SendHttp(ResponseEndOfMessage(self.stream_id), self.context.client)


def _wait_for_request_headers(original: Handler) -> Handler:
    def state_wait_for_request_headers(
        self: HttpStream, event: RequestHeaders
    ) -> layer.CommandGenerator[None]:
        yield from original(self, event)
        if (
            not event.end_stream
            and self.client_state == self.state_consume_request_body
            and self.flow.response is not None
        ):
            yield from _answer_now(self)

    return state_wait_for_request_headers


def _start_request_stream(original: Handler) -> Handler:
    def start_request_stream(self: HttpStream) -> layer.CommandGenerator[None]:
        if self.flow.response is None:
            yield from original(self)
        else:  # a later script answered; the caller above takes it from here
            self.flow.request.stream = False
            self.client_state = self.state_consume_request_body

    return start_request_stream


PATCH = Patch(
    "upload",
    (
        (HttpStream, "state_wait_for_request_headers", _wait_for_request_headers),
        (HttpStream, "start_request_stream", _start_request_stream),
    ),
)


def answered_before_the_body(opts: options.Options) -> tuple[bool, int]:
    """Drive a refused upload; return whether the answer came first, and the bytes kept of it."""
    context = client_context(opts)

    def refuse(hook: commands.StartHook) -> None:
        if hook.name == "requestheaders":
            (flow,) = hook.args()
            flow.response = http.Response.make(403, b"no")

    driver = Driver(HttpLayer(context, HTTPMode.regular), refuse)
    driver.feed(events.Start())
    driver.data(
        context.client,
        b"POST http://192.0.2.9/ HTTP/1.1\r\nHost: 192.0.2.9\r\nContent-Length: 2\r\n\r\n",
    )
    answered = driver.sent[context.client].startswith(b"HTTP/1.1 403")
    driver.data(context.client, b"x")
    kept = _kept_bytes(driver.top)
    driver.data(context.client, b"x")
    return answered, kept


def _kept_bytes(top: Any) -> int:
    return sum(len(stream.request_body_buf) for stream in top.streams.values())


def self_test(opts: options.Options) -> None:
    """See a refused upload answered at once and not kept.

    Raises:
        CoreMismatchError: when it is not.
    """
    answered, kept = answered_before_the_body(opts)
    if not answered or kept:
        raise CoreMismatchError(
            "upload: expected the answer before the body and none of it kept, "
            f"found answered={answered}, {kept} bytes kept"
        )

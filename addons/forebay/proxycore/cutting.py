"""Put an answer in the place of a response whose head has come, and break that off.

mitmproxy reads a response to its end before its client may go on, also one of
which the client shall get nothing.  Here the client gets the answer at once,
and the rest is told off: the connection is closed (HTTP/1), the stream reset
(HTTP/2).  While the client still sends its request nothing is broken off.
"""

from __future__ import annotations

import types
import weakref
from collections.abc import Callable

from mitmproxy import http, options
from mitmproxy.proxy import events, layer
from mitmproxy.proxy.commands import StartHook
from mitmproxy.proxy.layers.http import (
    ErrorCode,
    HttpLayer,
    HTTPMode,
    HttpStream,
    RequestProtocolError,
    ResponseHeaders,
    SendHttp,
)

from forebay.proxycore.patch import CoreMismatchError, Patch
from forebay.proxycore.sansio import Driver, client_context

type Handler = Callable[..., layer.CommandGenerator[None]]

_to_cut: weakref.WeakSet[http.Response] = weakref.WeakSet()
_cut: weakref.WeakSet[http.Response] = weakref.WeakSet()


def cut(response: http.Response) -> None:
    """Have *response* sent with the content that it has, whatever body is to come.

    To be called while the head passes, for a response that is to be streamed.
    """
    _to_cut.add(response)


def is_cut(response: http.Response) -> bool:
    """Return whether what was to come has been broken off."""
    return response in _cut


def _ignore(self: HttpStream, event: events.Event) -> layer.CommandGenerator[None]:
    """Stand in for a stream that is done."""
    yield from ()


def _answer(self: HttpStream) -> layer.CommandGenerator[None]:
    response = self.flow.response
    assert response is not None
    error = RequestProtocolError(self.stream_id, "The response is not wanted.", ErrorCode.CANCEL)
    yield SendHttp(error, self.context.server)
    response.stream = False
    _cut.add(response)
    yield from self.send_response()
    # What has come while the hooks ran waits for this stream.
    self._handle_event = types.MethodType(_ignore, self)


def _may_cut(self: HttpStream) -> bool:
    return self.flow.response in _to_cut and self.client_state == self.state_done


def _start_response_stream(original: Handler) -> Handler:
    def start_response_stream(self: HttpStream) -> layer.CommandGenerator[None]:
        yield from _answer(self) if _may_cut(self) else original(self)

    return start_response_stream


def _wait_for_response_headers(original: Handler) -> Handler:
    def state_wait_for_response_headers(
        self: HttpStream, event: ResponseHeaders
    ) -> layer.CommandGenerator[None]:
        yield from original(self, event)
        if (
            event.response.status_code == 101  # no body, and no end either
            and self.server_state == self.state_consume_response_body
            and _may_cut(self)
        ):
            yield from _answer(self)

    return state_wait_for_response_headers


PATCH = Patch(
    "cutting",
    (
        (HttpStream, "start_response_stream", _start_response_stream),
        (HttpStream, "state_wait_for_response_headers", _wait_for_response_headers),
    ),
)


def answered(opts: options.Options) -> tuple[bytes, int]:
    """Drive a response that is replaced at its head.

    Returns:
        What the client got before any of its body came, and how many connections were closed.
    """
    context = client_context(opts)

    def on_hook(hook: StartHook) -> None:
        if hook.name == "responseheaders":
            (flow,) = hook.args()
            flow.response = http.Response.make(403, b"no")
            flow.response.stream = True
            cut(flow.response)

    driver = Driver(HttpLayer(context, HTTPMode.regular), on_hook)
    driver.feed(events.Start())
    driver.data(context.client, b"GET http://192.0.2.9/ HTTP/1.1\r\nHost: 192.0.2.9\r\n\r\n")
    (origin,) = driver.opened
    driver.data(origin, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
    driver.data(origin, b"secret")
    return bytes(driver.sent[context.client]), len(driver.closed)


def self_test(opts: options.Options) -> None:
    """See a response replaced at once, and its connection closed.

    Raises:
        CoreMismatchError: when it is otherwise.
    """
    sent, closed = answered(opts)
    if not sent.startswith(b"HTTP/1.1 403") or not sent.endswith(b"no") or closed != 1:
        raise CoreMismatchError(
            "cutting: expected the answer at once and one connection closed, "
            f"found {sent[-20:]!r} and {closed}"
        )

"""Keep a body of unknown length whole up to a limit, and stream it when it grows beyond.

mitmproxy decides at the head whether a message is streamed or kept whole, and
what is kept has no bound.  Whoever wants to edit a body does not know at the
head how long a chunked one will be.  Here the head waits while the body is
collected; when there is more of it than wanted, head and body go on as a
stream, before anything is lost.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mitmproxy import http, options
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers.http import (
    HttpLayer,
    HTTPMode,
    HttpStream,
    RequestData,
    ResponseData,
)

from forebay.proxycore.body import Body
from forebay.proxycore.patch import CoreMismatchError, Patch
from forebay.proxycore.sansio import Driver, client_context

type Handler = Callable[..., layer.CommandGenerator[None]]


@dataclass(frozen=True, slots=True)
class _Held:
    limit_bytes: int
    body: Body
    outgrown: Callable[[], object]


_held: weakref.WeakKeyDictionary[http.Message, _Held] = weakref.WeakKeyDictionary()


def available() -> bool:
    """Return whether bodies can be held up to a limit in this mitmproxy."""
    return PATCH.installed


def hold(
    message: http.Message, limit_bytes: int, body: Body, outgrown: Callable[[], object]
) -> None:
    """Have the body of *message* kept whole, unless there is more of it than *limit_bytes*.

    To be called while its head passes.

    Args:
        message: a request or a response whose ``stream`` is not set.
        limit_bytes: how much is kept.
        body: what takes the pieces once it is streamed after all.
        outgrown: called at that moment, before the head goes on, and may kill
            the flow; must not refer to the message.
    """
    _held[message] = _Held(limit_bytes, body, outgrown)


def _outgrows(message: http.Message | None, collected_bytes: int) -> bool:
    """Turn *message* into a streamed one if so much is too much; return whether."""
    held = None if message is None else _held.get(message)
    if message is None or held is None or collected_bytes <= held.limit_bytes:
        return False
    del _held[message]
    held.outgrown()
    message.stream = held.body
    return True


def _consume_response(original: Handler) -> Handler:
    def state_consume_response_body(
        self: HttpStream, event: events.Event
    ) -> layer.CommandGenerator[None]:
        yield from original(self, event)
        if (
            isinstance(event, ResponseData)
            and self.server_state == self.state_consume_response_body
            and _outgrows(self.flow.response, len(self.response_body_buf))
        ):
            collected = bytes(self.response_body_buf)
            self.response_body_buf.clear()
            if (yield from self.check_killed(True)):
                return
            yield from self.start_response_stream()
            yield from self.handle_event(ResponseData(self.stream_id, collected))

    return state_consume_response_body


def _consume_request(original: Handler) -> Handler:
    def state_consume_request_body(
        self: HttpStream, event: events.Event
    ) -> layer.CommandGenerator[None]:
        yield from original(self, event)
        if (
            isinstance(event, RequestData)
            and self.client_state == self.state_consume_request_body
            and self.flow.response is None
            and _outgrows(self.flow.request, len(self.request_body_buf))
        ):
            collected = bytes(self.request_body_buf)
            self.request_body_buf.clear()
            if (yield from self.check_killed(True)):
                return
            yield from self.start_request_stream()
            if self.client_state == self.state_stream_request_body:
                yield from self.handle_event(RequestData(self.stream_id, collected))

    return state_consume_request_body


def _start_response_stream(original: Handler) -> Handler:
    def start_response_stream(self: HttpStream) -> layer.CommandGenerator[None]:
        # Another script's doing, or an option's: whoever wanted it whole is told.
        held = None if self.flow.response is None else _held.pop(self.flow.response, None)
        if held is not None:
            held.outgrown()
            if (yield from self.check_killed(True)):
                return
        yield from original(self)

    return start_response_stream


PATCH = Patch(
    "holding",
    (
        (HttpStream, "start_response_stream", _start_response_stream),
        (HttpStream, "state_consume_response_body", _consume_response),
        (HttpStream, "state_consume_request_body", _consume_request),
    ),
)

_CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"


def bytes_kept(opts: options.Options, limit_bytes: int, size_bytes: int) -> tuple[int, bytes]:
    """Drive a chunked answer that is held up to a limit.

    Returns:
        How much was kept before its end came, and all that the client got.
    """
    context = client_context(opts)

    def on_hook(hook: commands.StartHook) -> None:
        if hook.name == "responseheaders":
            (flow,) = hook.args()
            hold(flow.response, limit_bytes, Body(), lambda: None)

    driver = Driver(HttpLayer(context, HTTPMode.regular), on_hook)
    driver.feed(events.Start())
    driver.data(context.client, b"GET http://192.0.2.9/ HTTP/1.1\r\nHost: 192.0.2.9\r\n\r\n")
    (origin,) = driver.opened
    driver.data(origin, b"HTTP/1.1 200 OK\r\n" + _CHUNKED)
    for _ in range(size_bytes):
        driver.data(origin, b"1\r\nx\r\n")
    kept = _kept_bytes(driver.top)
    driver.data(origin, b"0\r\n\r\n")
    return kept, bytes(driver.sent[context.client])


def _kept_bytes(top: Any) -> int:
    return sum(len(stream.response_body_buf) for stream in top.streams.values())


def self_test(opts: options.Options) -> None:
    """See a short body held, and a longer one let go.

    Raises:
        CoreMismatchError: when either is otherwise.
    """
    short, _ = bytes_kept(opts, 2, 2)
    long, sent = bytes_kept(opts, 2, 4)
    _, _, body = sent.partition(b"\r\n\r\n")
    if short != 2 or long or body.count(b"x") != 4 or not body.endswith(b"0\r\n\r\n"):
        raise CoreMismatchError(
            f"holding: expected 2 bytes held and none of 4, found {short} and {long}"
        )

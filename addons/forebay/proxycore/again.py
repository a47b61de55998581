"""Ask an origin once more whose answer is of no use, before anybody has seen it.

A cache asks for a part of what the client wants and puts the rest to it.  When
the origin answers with something else, nothing of that can be given to the
client, who has not asked for it.  No hook runs for such an answer: it is read
and thrown away, and the request is sent once more, as it should have been.
"""

from __future__ import annotations

import types
import weakref
from collections.abc import Callable
from dataclasses import dataclass

from mitmproxy import http, options
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers.http import (
    ErrorCode,
    HttpLayer,
    HTTPMode,
    HttpStream,
    ResponseEndOfMessage,
    ResponseHeaders,
    ResponseProtocolError,
)

from forebay.proxycore.patch import CoreMismatchError, Patch
from forebay.proxycore.retry import send_again
from forebay.proxycore.sansio import Driver, client_context

type Handler = Callable[..., layer.CommandGenerator[None]]


@dataclass(frozen=True, slots=True)
class _Condition:
    fits: Callable[[http.Response], bool]
    prepare: Callable[[http.Request], None]


_conditions: weakref.WeakKeyDictionary[http.HTTPFlow, _Condition] = weakref.WeakKeyDictionary()


def available() -> bool:
    """Return whether an origin can be asked again in this mitmproxy."""
    return PATCH.installed


def unless(
    flow: http.HTTPFlow,
    fits: Callable[[http.Response], bool],
    prepare: Callable[[http.Request], None],
) -> None:
    """Have the request of *flow* sent once more unless its answer *fits*.

    To be called in the hook ``request``, of a request that has no body.

    Args:
        flow: its flow; neither function may refer to it.
        fits: asked once, with the head of the answer.
        prepare: makes the request what is to be sent then.
    """
    _conditions[flow] = _Condition(fits, prepare)


def _wait_for_response_headers(original: Handler) -> Handler:
    def state_wait_for_response_headers(
        self: HttpStream, event: ResponseHeaders
    ) -> layer.CommandGenerator[None]:
        asked = _conditions.pop(self.flow, None)
        if asked is None or asked.fits(event.response):
            yield from original(self, event)
            return

        def discard(self: HttpStream, event: events.Event) -> layer.CommandGenerator[None]:
            if not isinstance(event, ResponseEndOfMessage):
                return
            asked.prepare(self.flow.request)
            self.server_state = self.state_wait_for_response_headers
            error = yield from send_again(self)
            if error is not None:
                failed = ResponseProtocolError(self.stream_id, error, ErrorCode.CONNECT_FAILED)
                yield from self.handle_protocol_error(failed)

        self.server_state = types.MethodType(discard, self)

    return state_wait_for_response_headers


PATCH = Patch(
    "again",
    ((HttpStream, "state_wait_for_response_headers", _wait_for_response_headers),),
)


def asked_twice(opts: options.Options) -> tuple[list[bytes], bytes]:
    """Drive a request whose first answer does not fit; return what was asked, and the answer."""
    context = client_context(opts)

    def on_hook(hook: commands.StartHook) -> None:
        if hook.name == "request":
            (flow,) = hook.args()
            unless(flow, lambda response: response.status_code == 200, _without_range)

    driver = Driver(HttpLayer(context, HTTPMode.regular), on_hook)
    driver.feed(events.Start())
    driver.data(
        context.client,
        b"GET http://192.0.2.9/ HTTP/1.1\r\nHost: 192.0.2.9\r\nRange: bytes=5-\r\n\r\n",
    )
    driver.data(driver.opened[0], b"HTTP/1.1 416 No\r\nContent-Length: 2\r\n\r\nno")
    if len(driver.opened) > 1:
        driver.data(driver.opened[1], b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes")
    asked = [bytes(driver.sent[connection]) for connection in driver.opened]
    return asked, bytes(driver.sent[context.client])


def _without_range(request: http.Request) -> None:
    del request.headers["range"]


def self_test(opts: options.Options) -> None:
    """See an answer that does not fit thrown away, and the second one arrive.

    Raises:
        CoreMismatchError: when either is otherwise.
    """
    asked, answer = asked_twice(opts)
    if len(asked) != 2 or b"Range" in asked[1] or not answer.endswith(b"\r\n\r\nyes"):
        raise CoreMismatchError(f"again: expected two requests and yes, found {answer[:60]!r}")

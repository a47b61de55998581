"""Let an addon answer in the ``error`` hook, where mitmproxy would send 502.

When an origin cannot be reached, or breaks off or sends what is no response
before a byte of it has gone to the client, a cache may serve what it has (RFC 9111 §4.2.4); but
mitmproxy does not look at a response that is set in that hook.

An addon calls ``answer(flow, response)`` there.  Addons behind it in the chain
see ``is_answered(flow)`` in the same hook: this attempt is not over.  After
the hook ``flow.error`` is cleared, and ``responseheaders`` and ``response``
run for the answer as for any other; should the client have left meanwhile,
``error`` runs once more, with no answer pending.
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mitmproxy import flow as mflow
from mitmproxy import http, options
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers.http import (
    DropStream,
    ErrorCode,
    HttpErrorHook,
    HttpLayer,
    HTTPMode,
    HttpResponseHeadersHook,
    HttpStream,
    RequestProtocolError,
    ResponseEndOfMessage,
    ResponseProtocolError,
    SendHttp,
)

from forebay.proxycore import bodies
from forebay.proxycore.patch import CoreMismatchError, Patch
from forebay.proxycore.sansio import Driver, client_context

type Handler = Callable[..., layer.CommandGenerator[Any]]


@dataclass(slots=True)
class _Open:
    """An ``error`` hook that is running, and what was answered in it."""

    response: http.Response | None = None


_open: weakref.WeakKeyDictionary[http.HTTPFlow, _Open] = weakref.WeakKeyDictionary()
_answered: weakref.WeakSet[HttpStream] = weakref.WeakSet()


def answer(flow: http.HTTPFlow, response: http.Response) -> bool:
    """Have *response* sent in place of the error; to be called in the hook ``error``.

    Returns:
        Whether it will be: False when something was sent already, the client
        has left, the flow was killed, or this guard is switched off.
    """
    asked = _open.get(flow)
    if asked is None or asked.response is not None:
        return False
    asked.response = flow.response = response
    return True


def is_answered(flow: http.HTTPFlow) -> bool:
    """Return whether an answer is pending, so that ``error`` is not the end of the attempt."""
    asked = _open.get(flow)
    return asked is not None and asked.response is not None


def _may_answer(stream: HttpStream) -> bool:
    return (
        stream.client_state != stream.state_errored
        and stream.server_state
        not in (stream.state_stream_response_body, stream.state_done, stream.state_errored)
        and stream.flow.request.method != "CONNECT"
        and stream.flow.error is None
    )


def _handle_protocol_error(original: Handler) -> Handler:
    def handle_protocol_error(
        self: HttpStream, event: RequestProtocolError | ResponseProtocolError
    ) -> layer.CommandGenerator[None]:
        of_origin = isinstance(event, ResponseProtocolError)
        if of_origin and self in _answered:
            return  # a connection that broke off and is closed tells of both
        if of_origin and event.code is not ErrorCode.HTTP_1_1_REQUIRED and _may_answer(self):
            yield from _watch(self, original(self, event))
        else:  # the client's error, or one upon which it will come again
            yield from original(self, event)

    return handle_protocol_error


def _check_invalid(original: Handler) -> Handler:
    def check_invalid(self: HttpStream, request: bool) -> layer.CommandGenerator[bool]:
        if request or not _may_answer(self):
            return bool((yield from original(self, request)))
        return bool((yield from _watch(self, original(self, request))))

    return check_invalid


def _watch(stream: HttpStream, inner: layer.CommandGenerator[Any]) -> layer.CommandGenerator[Any]:
    """Run *inner* up to the hook ``error``; return what it returns, True when answered.

    It is watched instead of written anew, as another guard may stand below
    this one, and only where the hook runs the answer counts.
    """
    flow = stream.flow
    reply = None
    while True:
        try:
            command = inner.send(reply)
        except StopIteration as end:
            return end.value
        if not isinstance(command, HttpErrorHook):
            reply = yield command
            continue
        asked = _open[flow] = _Open()
        try:
            reply = yield command
        finally:
            del _open[flow]
        if asked.response is None:
            continue
        if not _is_killed(flow):
            inner.close()
            yield from _send_answer(stream, asked.response)
            return True
        yield HttpErrorHook(flow)  # who saw an answer pending has not taken note


def _is_killed(flow: http.HTTPFlow) -> bool:
    return flow.error is not None and flow.error.msg == mflow.Error.KILLED_MESSAGE


def _send_answer(stream: HttpStream, response: http.Response) -> layer.CommandGenerator[None]:
    flow = stream.flow
    _answered.add(stream)
    flow.response = response
    flow.error = None
    stream.response_body_buf.clear()
    bodies.restart_response(flow)
    if (yield from stream.check_killed(True)):
        return
    response.timestamp_start = time.time()
    yield HttpResponseHeadersHook(flow)
    if (yield from stream.check_killed(True)):
        return
    yield from stream.send_response()
    if stream.server_state != stream.state_done:
        return
    stream.server_state = stream.state_errored  # what the origin may still send is not read
    if stream.client_state != stream.state_done:
        # The rest of the upload is read and thrown away (RFC 9112 §9.3).
        stream.client_state = stream.state_errored
        flow.live = False
        yield SendHttp(ResponseEndOfMessage(stream.stream_id), stream.context.client)
        yield DropStream(stream.stream_id)


PATCH = Patch(
    "unreachable",
    (
        (HttpStream, "handle_protocol_error", _handle_protocol_error),
        (HttpStream, "check_invalid", _check_invalid),
    ),
)


def answered_in_error(opts: options.Options) -> tuple[bytes, list[str]]:
    """Drive an answer to an origin that closes; return the status, and the hooks that ran."""
    context = client_context(opts)

    def stale(hook: commands.StartHook) -> None:
        if hook.name == "error":
            (flow,) = hook.args()
            answer(flow, http.Response.make(203, b"stale"))

    driver = Driver(HttpLayer(context, HTTPMode.regular), stale)
    driver.feed(events.Start())
    driver.data(context.client, b"GET http://192.0.2.9/ HTTP/1.1\r\nHost: 192.0.2.9\r\n\r\n")
    driver.peer_closes(driver.opened[0])
    return bytes(driver.sent[context.client][9:12]), driver.hooks


def self_test(opts: options.Options) -> None:
    """See the answer sent, and both response hooks run for it.

    Raises:
        CoreMismatchError: when it is not.
    """
    status, hooks = answered_in_error(opts)
    if status != b"203" or hooks[-3:] != ["error", "responseheaders", "response"]:
        raise CoreMismatchError(
            f"unreachable: expected the answer 203 after the hook error, found {status!r}"
        )

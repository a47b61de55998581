"""Who touches a body: the one place that sets ``message.stream``.

Other addons register consumers while the head passes (``consume_request`` in
``requestheaders``, ``consume_response`` in ``responseheaders``).  The addon
``Bodies`` stands last in the chain and decides then, once:

1. A message that an addon of ours answered has no upload to forward.
2. A short body of known length is buffered: mitmproxy sends head and body in
   one piece, which is faster, and at most ``BUFFER_BYTES`` lie in memory.
3. An addon of ours that edits a body has *wanted* it whole, up to a size of its
   own (``want_request``, ``want_response``).  Up to the largest such size it is
   buffered, or *held* when its length is not known (see ``holding``): beyond,
   it is streamed, and whoever wanted it is told so.
4. Where somebody wants to see whole bodies (mitmweb, ``-w``, HAR) or to edit
   them (``modify_body``, another script), known lengths up to
   ``forebay_view_body_bytes`` are buffered too.  A body of unknown length is
   captured up to that size on its way past for those who look, and held for
   those who edit (an event stream excepted, as it has no end to wait for).
5. All else is streamed, piece by piece and never held.

``stream_large_bodies`` is left unset: its late check overrides addons.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable

from mitmproxy import http
from mitmproxy.addonmanager import Loader

from forebay import outcome, settings
from forebay.errors import ForebayError
from forebay.proxycore import audience, cutting, holding
from forebay.proxycore.body import Body, Capture, Wanted
from forebay.proxycore.body import BodyConsumer as BodyConsumer  # noqa: PLC0414  (re-exported)

BUFFER_BYTES = 64 * 1024
"""A body of known length up to this size is sent in one piece with its head."""


class _Bodies:
    __slots__ = ("request", "response", "upload_discarded")

    def __init__(self) -> None:
        self.request = Body()
        self.response = Body()
        self.upload_discarded = False


_flows: weakref.WeakKeyDictionary[http.HTTPFlow, _Bodies] = weakref.WeakKeyDictionary()


def _of(flow: http.HTTPFlow) -> _Bodies:
    bodies = _flows.get(flow)
    if bodies is None:
        bodies = _flows[flow] = _Bodies()
    return bodies


def consume_request(flow: http.HTTPFlow, consumer: BodyConsumer) -> None:
    """Give *consumer* the request's body; to be called in ``requestheaders``."""
    _of(flow).request.consumers.append(consumer)


def consume_response(flow: http.HTTPFlow, consumer: BodyConsumer) -> None:
    """Give *consumer* the response's body; to be called in ``responseheaders``."""
    _of(flow).response.consumers.append(consumer)


def want_request(flow: http.HTTPFlow, limit_bytes: int, passed: Callable[[], object]) -> None:
    """Have the request's body kept whole for the hook ``request``; to be called at its head.

    Args:
        flow: its flow.
        limit_bytes: a longer one is passed on as it comes.
        passed: called when it is, before its head goes on.
    """
    _of(flow).request.wanted += (Wanted(limit_bytes, passed),)


def want_response(
    flow: http.HTTPFlow,
    limit_bytes: int,
    passed: Callable[[], object],
    *,
    is_announced: bool = True,
) -> None:
    """Have the response's body kept whole for the hook ``response``; see ``want_request``.

    Without *is_announced* the head has been edited: its Content-Length is not
    that of the body that comes.
    """
    _of(flow).response.wanted += (Wanted(limit_bytes, passed, is_announced),)


def replace_response(flow: http.HTTPFlow, before: http.Response) -> None:
    """Have the client get what *flow* has for a response now, and nothing of the body of *before*.

    To be called in ``responseheaders``, where the head of *before* has come and
    an addon has just set another response.  A long body is broken off, where
    that can be done (see `cutting`), and so its consumers learn; any other is
    read, by them too, and dropped.
    """
    response, body = flow.response, _of(flow).response
    assert response is not None
    response.timestamp_start = before.timestamp_start
    body.wanted = ()  # whoever wants it will not get it
    if flow.request.data.method == b"HEAD":
        response.data.content = b""  # Content-Length stays (RFC 9110 §9.3.2)
    body.instead = response.raw_content or b""
    length, _ = framing(before.headers)
    if length is None or length > BUFFER_BYTES:
        cutting.cut(response)


def request_size(flow: http.HTTPFlow) -> int | None:
    """Return the bytes of the request's body as transferred, or None when not known."""
    bodies = _of(flow)
    if bodies.upload_discarded:
        return None
    if bodies.request.size_bytes:
        return bodies.request.size_bytes
    content = flow.request.raw_content
    if content is not None:
        return len(content)
    return 0 if bodies.request.finished else None


def response_size(flow: http.HTTPFlow) -> int | None:
    """Return the bytes of the response's body as transferred, or None when not known."""
    if flow.response is None:
        return None
    body = _of(flow).response
    if body.size_bytes or body.finished:
        return body.size_bytes  # what addons have made of it since does not count
    content = flow.response.raw_content
    return 0 if content is None else len(content)


def delivered_size(flow: http.HTTPFlow) -> int | None:
    """Return the bytes of the response's body handed to the client's connection, if known.

    To be asked at the end, when addons have edited what is kept whole.
    """
    if flow.response is None:
        return None
    content = flow.response.raw_content
    if content is not None:
        return len(content)
    body = _of(flow).response
    # Nobody counts what another script's stream returns.
    return body.size_bytes if body.inner is None and body.finished else None


# The four below are called by proxycore's addon, which stands first in the
# chain, so that consumers have seen the end before any other hook asks.


def begin(flow: http.HTTPFlow) -> None:
    """Forget what an earlier attempt of the same flow left."""
    _flows[flow] = _Bodies()


def finish_request(flow: http.HTTPFlow) -> None:
    """End the request's body; in the hook ``request``."""
    bodies = _of(flow)
    content = flow.request.raw_content
    if flow.response is not None and content is None and not flow.request.stream:
        # Answered at the head: the upload is being discarded unseen.
        bodies.upload_discarded = True
        bodies.request.break_off()
        return
    bodies.request.complete(content)
    _show(flow.request, bodies.request)


def finish_response(flow: http.HTTPFlow) -> None:
    """End the response's body; in the hook ``response``."""
    assert flow.response is not None
    body = _of(flow).response
    if body.instead is not None:
        _finish_replaced(flow.response, body)
        return
    stream = flow.response.stream
    if flow.response.raw_content is None and stream and stream is not body:
        body.break_off()  # another script has it streamed, so it was not seen, or not all of it
    body.complete(flow.response.raw_content)
    _show(flow.response, body)


def _finish_replaced(response: http.Response, body: Body) -> None:
    """End a body in whose place the client gets another."""
    response.trailers = None
    response.data.content = body.instead  # where it was not streamed, what is sent now
    if cutting.is_cut(response):
        body.break_off()
    else:
        body.complete(None)


def _show(message: http.Message, body: Body) -> None:
    """Give those who look at *message* what was captured of its body."""
    capture, body.capture = body.capture, None
    if capture is not None and message.raw_content is None:
        message.data.content = capture.whole()


def break_off(flow: http.HTTPFlow) -> None:
    """End both bodies of a flow that failed; in the hook ``error``."""
    bodies = _of(flow)
    bodies.request.break_off()
    bodies.response.break_off()


def restart_response(flow: http.HTTPFlow) -> None:
    """Begin the response's body anew, when another response takes the place of a failed one."""
    bodies = _of(flow)
    bodies.response.break_off()
    bodies.response = Body()


def sending(flow: http.HTTPFlow) -> Body:
    """Return what takes each piece of an answer that is sent from a source."""
    assert flow.response is not None
    body = _of(flow).response
    stream = flow.response.stream
    if callable(stream) and not isinstance(stream, Body):
        body.inner = stream  # another script's
    return body


class Bodies:
    """Decide for each message, after all others of ours, how its body travels."""

    name = "forebay.bodies"

    def __init__(self) -> None:
        self._view_bytes = 5_000_000
        self._running = False

    def load(self, loader: Loader) -> None:
        """Declare the options."""
        settings.declare(loader)
        loader.add_option(
            "forebay_view_body_bytes",
            str,
            "5m",
            "Largest body that is kept whole for those who look at flows or edit them "
            "(mitmweb, -w, HAR, modify_body, other scripts); larger ones pass through unseen.",
        )

    def configure(self, updated: set[str]) -> None:
        """Read the size option."""
        if "forebay_view_body_bytes" in updated:
            try:
                self._view_bytes = settings.size_bytes("forebay_view_body_bytes")
            except ForebayError as error:
                settings.reject(error, running=self._running)

    def running(self) -> None:
        """Note that errors no longer refuse the start."""
        self._running = True

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Set the request's ``stream``."""
        request = flow.request
        if flow.response is not None or flow.error is not None:
            request.stream = False
            # Else the core would invite the upload of a request that is answered.
            request.headers.pop("expect", None)
            return
        length, coded = framing(request.headers)
        if length is None and not coded and request.data.http_version.startswith(b"HTTP/1"):
            return  # no body (RFC 9112 §6.3)
        request.stream = self._plan(request, _of(flow).request, length)

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        """Set the response's ``stream``."""
        response = flow.response
        if response is not None and _of(flow).response.instead is not None:
            response.stream = _of(flow).response
            return
        if response is None or outcome.answered_by(flow):
            return
        if response.raw_content is not None and not _of(flow).response.is_replaced:
            return
        length, _ = framing(response.headers)
        response.stream = self._plan(response, _of(flow).response, length)

    def _plan(self, message: http.Message, body: Body, length: int | None) -> bool | Body:
        if callable(message.stream) and not isinstance(message.stream, Body):
            body.inner = message.stream  # another script's; it sees what it would have seen
            body.pass_on()
            return body
        audience_ = audience.present()
        is_replaced = body.is_replaced
        if is_replaced:
            length = None  # what the head says now is not about the body that comes
        whole_bytes = max((each.limit_bytes for each in body.wanted), default=0)
        if audience_ is audience.Audience.EDITOR or (length is not None and audience_):
            whole_bytes = max(whole_bytes, self._view_bytes)
        if length is not None:
            if length <= max(whole_bytes, BUFFER_BYTES):
                return False
        elif is_replaced or (whole_bytes and not _is_event_stream(message)):
            if holding.available():
                keeps = self._view_bytes if audience_ else None
                holding.hold(message, whole_bytes, body, lambda: _pass_on(body, keeps))
                return False
            if is_replaced or audience_ is audience.Audience.EDITOR:
                return False
        _pass_on(body, self._view_bytes if audience_ and length is None else None)
        return body


def _pass_on(body: Body, capture_bytes: int | None) -> None:
    """Have a body streamed, and captured up to a size for those who look."""
    body.pass_on()
    if capture_bytes is not None:
        body.capture = Capture(capture_bytes)
        body.consumers.append(body.capture)


def _is_event_stream(message: http.Message) -> bool:
    kind: str = message.headers.get("content-type", "")
    return kind.lower().startswith("text/event-stream")


def framing(headers: http.Headers) -> tuple[int | None, bool]:
    """Return the Content-Length, if it can be relied on, and whether a transfer coding is named.

    A transfer coding overrides the length (RFC 9112 §6.3).

    >>> framing(http.Headers([(b"Content-Length", b"5")]))
    (5, False)
    >>> framing(http.Headers([(b"Transfer-Encoding", b"chunked")]))
    (None, True)
    """
    length: int | None = None
    for name, value in headers.fields:
        if len(name) == 14 and name.lower() == b"content-length":
            length = int(value) if value.isdigit() and len(value) < 19 else None
        elif len(name) == 17 and name.lower() == b"transfer-encoding":
            return None, True
    return length, False

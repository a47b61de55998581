"""Record what servers answer, streams of events and WebSockets among it.

A stream that goes on when the client leaves, or when the recording ends, is
recorded up to there; so is a WebSocket.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mitmproxy import http

from forebay import outcome
from forebay.mediatype import EVENTS, media_type
from forebay.names import authority
from forebay.proxycore import bodies
from forebay.proxycore.body import Capture
from forebay.recording import clean
from forebay.recording.interaction import NO_CODE, SWITCHED, Message, Side, WebSocket
from forebay.recording.sockettext import CODES
from forebay.recording.talk import Talk
from forebay.trafficlog import failure

if TYPE_CHECKING:
    from forebay.recording.session import Session


@dataclass(slots=True)
class _Kept:
    """The head of a response as the server sent it, and what keeps the rest.

    Attributes:
        status: as sent.
        fields: the header fields.
        body: keeps the body.
        talk: keeps the messages of a WebSocket.
    """

    status: int
    fields: clean.Fields
    body: Capture
    talk: Talk | None = None


class Recorder:
    """Keeps what is answered until it has ended, and then hands it to its recording.

    Attributes:
        limit_bytes: longer bodies are not recorded, nor more in all messages of a WebSocket.
        most_messages: WebSockets with more are not recorded.
    """

    def __init__(self) -> None:
        self.limit_bytes = 10 * 2**20
        self.most_messages = 10_000
        self._slots: weakref.WeakKeyDictionary[http.HTTPFlow, tuple[Session, int]] = (
            weakref.WeakKeyDictionary()
        )
        self._kept: weakref.WeakKeyDictionary[http.HTTPFlow, _Kept] = weakref.WeakKeyDictionary()

    def begin(self, flow: http.HTTPFlow, session: Session, slot: int) -> None:
        """Record what is answered to a request, as number *slot* of *session*'s tape."""
        self._slots[flow] = session, slot

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        """Keep the head as the server sent it, and have its body kept."""
        if self._slots and flow in self._slots and flow.response is not None:
            head, body = flow.response, Capture(self.limit_bytes)
            self._kept[flow] = _Kept(head.status_code, head.headers.fields, body)
            bodies.consume_response(flow, body)

    def response(self, flow: http.HTTPFlow) -> None:
        """Record an answer; where a WebSocket begins with it, that comes first."""
        kept = self._kept.get(flow) if self._kept else None
        if kept is not None and flow.websocket is not None:
            kept.talk = Talk(self.limit_bytes, self.most_messages)
        else:
            self.finish(flow)

    def websocket_message(self, flow: http.HTTPFlow) -> None:
        """Keep a message."""
        kept = self._kept.get(flow) if self._kept else None
        if kept is not None and kept.talk is not None and flow.websocket is not None:
            said = flow.websocket.messages[-1]
            side = Side.CLIENT if said.from_client else Side.SERVER
            kept.talk.add(Message(side, said.content, said.is_text))

    def error(self, flow: http.HTTPFlow) -> None:
        """Forget an exchange that failed, but for a stream that the client has left."""
        if not self._slots or flow not in self._slots:
            return
        kept = self._kept.get(flow)
        if kept is not None and _is_stream(kept) and _has_left(flow):
            self.finish(flow, is_open=True)
        else:
            session, _ = self._slots[flow]
            self._skip(session, flow, session.redactor.text(str(flow.error)))

    def keep_open(self, session: Session) -> None:
        """Record the streams and WebSockets that go on while the recording ends."""
        for flow, (its, _) in list(self._slots.items()):
            kept = self._kept.get(flow)
            if its is session and kept is not None and (kept.talk or _is_stream(kept)):
                self.finish(flow, is_open=True)

    def finish(self, flow: http.HTTPFlow, *, is_open: bool = False) -> None:
        """Record an exchange; *is_open* where its server would have said more."""
        found = self._slots.get(flow) if self._slots else None
        if found is None:
            return
        kept = self._kept.get(flow)
        session, slot = found
        talk = None if kept is None else kept.talk
        if kept is None or outcome.answered_by(flow) is not None:
            self._drop(flow)
        elif talk is not None and talk.excess:
            self._skip(session, flow, talk.excess)
        elif talk is None and kept.status == SWITCHED:
            self._skip(session, flow, "expected an answer or a WebSocket, found another protocol")
        elif talk is None and not (is_open or kept.body.has_ended):
            self._drop(flow)
        elif (body := kept.body.whole()) is None:
            self._skip(
                session,
                flow,
                f"expected a body of at most {self.limit_bytes:,} bytes "
                f"(recording_max_body_bytes), found {kept.body.size_bytes:,}",
            )
        else:
            is_stream = talk is None and is_open
            answered = clean.response(
                session.redactor,
                kept.status,
                kept.fields,
                body,
                self.limit_bytes,
                is_open=is_stream,
            )
            said = None if talk is None else _ended(flow, talk)
            if said is not None:
                said = clean.websocket(session.redactor, said)
            session.tape.finish(slot, answered, said)
            self._drop(flow)

    def _skip(self, session: Session, flow: http.HTTPFlow, why: str) -> None:
        """Note why an exchange is not recorded, and forget it."""
        url = url_of(flow.request)
        session.skipped.append(f"{flow.request.method} {session.redactor.target(url)}: {why}")
        self._drop(flow)

    def _drop(self, flow: http.HTTPFlow) -> None:
        session, slot = self._slots.pop(flow)
        self._kept.pop(flow, None)
        session.tape.finish(slot, None)


def url_of(request: http.Request) -> str:
    """Return the URL of a request; of the handshake of a WebSocket that of one (RFC 6455 §3)."""
    path = request.path if request.path[:1] == "/" else "/"
    scheme = request.scheme
    if request.headers.get("upgrade", "").strip().lower() == "websocket":
        scheme = scheme.replace("http", "ws")
    return f"{scheme}://{authority(request.scheme, request.host, request.port)}{path}"


def _is_stream(kept: _Kept) -> bool:
    return any(
        name.lower() == b"content-type" and media_type(value.decode("latin-1")) == EVENTS
        for name, value in kept.fields
    )


def _has_left(flow: http.HTTPFlow) -> bool:
    """Return whether it was the client that broke off."""
    found = failure.error_type(flow.error.msg if flow.error else "", {})
    is_gone = found in failure.BROKEN_OFF and not flow.client_conn.connected
    return is_gone or found in (failure.LEFT, failure.RESET)


def _ended(flow: http.HTTPFlow, talk: Talk) -> WebSocket:
    found = flow.websocket
    if found is None or found.closed_by_client is None:
        return talk.ended(None, NO_CODE, "")
    side = Side.CLIENT if found.closed_by_client else Side.SERVER
    code = found.close_code or NO_CODE
    return talk.ended(side, code if code in CODES else NO_CODE, found.close_reason or "")

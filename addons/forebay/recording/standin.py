"""What is said in place of a server: streams that stay open, and WebSockets.

Glue between what was recorded and a connection from our own proxy.
"""

from __future__ import annotations

import asyncio
import http
from collections.abc import Callable, Iterator

from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    Ping,
    Request,
    TextMessage,
)
from wsproto.frame_protocol import CloseReason
from wsproto.utilities import RemoteProtocolError

from forebay.recording.conversation import Conversation
from forebay.recording.interaction import BROKEN_OFF, NO_CODE, Message, Response, Side, WebSocket

type Clean = Callable[[Message], Message]

_PIECE_BYTES = 2**16
_LONGEST_HEAD_BYTES = 2**20
_UNEXPECTED = 1011
"""Close code of a server that cannot go on (RFC 6455 §7.4.1)."""
_PROTOCOL = "sec-websocket-protocol"


async def stream(
    response: Response, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Answer at once with all that was recorded, and then say nothing until the client leaves."""
    head = bytearray()
    while b"\r\n\r\n" not in head and len(head) < _LONGEST_HEAD_BYTES:
        piece = await reader.read(_PIECE_BYTES)
        if not piece:
            return
        head += piece
    writer.write(_head(response))
    if response.body:
        writer.write(b"%x\r\n%b\r\n" % (len(response.body), response.body))
    try:
        await writer.drain()
        while await reader.read(_PIECE_BYTES):
            pass  # the rest of a body
    except asyncio.CancelledError:
        writer.write(b"0\r\n\r\n")  # the recording ends, and with it the stream
        raise


def _head(response: Response) -> bytes:
    try:
        reason = http.HTTPStatus(response.status).phrase
    except ValueError:
        reason = ""
    fields = "".join(f"{name}: {value}\r\n" for name, value in response.headers)
    head = f"HTTP/1.1 {response.status} {reason}\r\n{fields}Transfer-Encoding: chunked\r\n\r\n"
    return head.encode("utf-8", "surrogateescape")


class Standin:
    """The server of a WebSocket that is played.

    Args:
        response: to the handshake.
        conversation: what is said.
        clean: masks in a message what is masked in recordings.
    """

    def __init__(self, response: Response, conversation: Conversation, clean: Clean) -> None:
        self._response = response
        self._conversation = conversation
        self._clean = clean
        self._core = WSConnection(ConnectionType.SERVER)
        self._pieces: list[bytes] = []
        self._is_closing = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Say what was recorded, as far as the client says what it did."""
        talk = self._conversation
        try:
            while not talk.is_over and (data := await reader.read(_PIECE_BYTES)):
                self._core.receive_data(data)
                for event in self._core.events():
                    for answer in self._answers(event):
                        writer.write(self._core.send(answer))
                await writer.drain()
                if talk.closes and talk.recorded.code == BROKEN_OFF:
                    writer.transport.abort()
                    break
        except RemoteProtocolError:
            pass  # the proxy has broken it off
        finally:
            talk.is_over = True

    def _answers(self, event: Event) -> Iterator[Event]:
        match event:
            case Request():
                yield self._accepted(event)
                yield from self._due()
            case Ping():
                yield event.response()
            case CloseConnection():
                if not self._is_closing:
                    yield event.response()
                self._conversation.is_over = True
            case TextMessage() | BytesMessage() if not self._is_closing:
                data = event.data
                self._pieces.append(data.encode() if isinstance(data, str) else bytes(data))
                if event.message_finished:
                    is_text = isinstance(data, str)
                    said = Message(Side.CLIENT, b"".join(self._pieces), is_text)
                    self._pieces.clear()
                    yield from self._heard(said)

    def _accepted(self, asked: Request) -> AcceptConnection:
        protocol = self._response.header(_PROTOCOL)
        return AcceptConnection(
            subprotocol=protocol if protocol in asked.subprotocols else None,
            extra_headers=[
                (name.encode("utf-8", "surrogateescape"), value.encode("utf-8", "surrogateescape"))
                for name, value in self._response.headers
                if name != _PROTOCOL
            ],
        )

    def _due(self) -> Iterator[Event]:
        talk = self._conversation
        for each in talk.due():
            if each.is_text:
                yield TextMessage(each.content.decode("utf-8", "replace"))
            else:
                yield BytesMessage(each.content)
        if talk.closes and talk.recorded.code != BROKEN_OFF:
            self._is_closing = True
            yield _closing(talk.recorded)

    def _heard(self, said: Message) -> Iterator[Event]:
        talk = self._conversation
        if talk.hear(self._clean(said)):
            yield from self._due()
        else:
            self._is_closing = True
            reason = f"Forebay: message {talk.at + 1} is not in the recording"
            yield CloseConnection(_UNEXPECTED, reason)


def _closing(recorded: WebSocket) -> CloseConnection:
    # Only by this very object does the library send no code.
    none_was_sent = recorded.code == NO_CODE
    code = CloseReason.NO_STATUS_RCVD if none_was_sent else recorded.code
    return CloseConnection(code, None if none_was_sent else recorded.reason or None)

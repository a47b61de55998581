"""Send a large answer of ours piece by piece, at the pace of its client.

mitmproxy sends a response that an addon set in one go, whole in memory.  An
answer with a *source* attached is read as the client takes it: each piece is a
hook of our own, which waits until the client's buffer (HTTP/1) or the windows
of its stream (HTTP/2, see ``pressure``) have room, and only then reads.

Other addons see ``raw_content`` None, as with every streamed response, and the
hook ``response`` comes at the end.  A read that fails breaks the message off.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import weakref
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, ClassVar

from mitmproxy import flow as mflow
from mitmproxy import http, options
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers.http import (
    DropStream,
    ErrorCode,
    HttpErrorHook,
    HttpLayer,
    HTTPMode,
    HttpStream,
    ResponseData,
    ResponseHeaders,
    ResponseProtocolError,
    SendHttp,
)
from mitmproxy.proxy.layers.http._base import HttpConnection
from mitmproxy.proxy.layers.http._http2 import Http2Connection, Http2Server
from mitmproxy.proxy.layers.http._http_h2 import BufferedH2Connection
from mitmproxy.proxy.server import ConnectionHandler

from forebay.proxycore import bodies, pressure
from forebay.proxycore.patch import CoreMismatchError, Patch
from forebay.proxycore.sansio import Driver, client_context

logger = logging.getLogger(__name__)

PIECE_BYTES = 2**17
"""How much is sent at a time."""
BLOCK_BYTES = 2**20
"""How much a thread reads at a time."""
READ_DEADLINE_S = 10.0
"""How long a thread may take to read a block."""
MOST_AHEAD = 16
"""How many answers at once hold the block that is sent and the next; others read as they send."""
# Not the event loop's own threads: names are resolved there, and a disk may hang.
_THREADS = ThreadPoolExecutor(4, thread_name_prefix="forebay source")
MOST_KEPT_BYTES = 2**21
"""With more waiting for one HTTP/2 client, each of its streams has at most one piece waiting."""
RECHECK_S = 1.0
"""How long a client's windows are waited for before it is looked whether it is still there."""

type Generator = layer.CommandGenerator[Any]
type Read = Callable[[int, int], Awaitable[bytes]]
"""From an offset at most so many bytes, at least one."""


@dataclass(frozen=True, slots=True)
class _Source:
    response: http.Response
    size_bytes: int
    read: Read
    close: Callable[[], object]
    over_wire: bool = False


_sources: weakref.WeakKeyDictionary[http.HTTPFlow, _Source] = weakref.WeakKeyDictionary()


def available() -> bool:
    """Return whether answers can be sent this way in this mitmproxy."""
    return PATCH.installed


def attach(
    flow: http.HTTPFlow,
    size_bytes: int,
    read: Read,
    close: Callable[[], object] | None = None,
    *,
    over_wire: bool = False,
) -> None:
    """Have the body of ``flow.response`` read from *read* when it is sent.

    To be called where the response is set, before ``responseheaders`` runs for
    it.  The response loses its content and gets a Content-Length.

    Args:
        flow: an exchange whose response an addon has just set.
        size_bytes: length of the body.
        read: called with an offset and a number of bytes.
        close: called once, when the source is no longer needed, however the
            exchange ends; must not refer to the flow.
        over_wire: whether it is the origin's response that has been made ours
            in ``responseheaders``; its own body is read and thrown away.

    Raises:
        CoreMismatchError: when it is not ``available``.
    """
    if not available():
        raise CoreMismatchError("source: expected the guard in place, found it switched off")
    response = flow.response
    assert response is not None
    discard(flow)
    response.data.content = b"" if over_wire else None  # with content it is not streamed
    response.headers.pop("transfer-encoding", None)
    response.headers["content-length"] = str(size_bytes)
    once = weakref.finalize(flow, _close, close)
    once.atexit = False
    _sources[flow] = _Source(response, size_bytes, read, once, over_wire)


def discard(flow: http.HTTPFlow) -> None:
    """Close what is attached to a flow and not being sent; in the hook ``error``."""
    source = _sources.pop(flow, None)
    if source is not None:
        source.close()


def size_bytes(flow: http.HTTPFlow) -> int | None:
    """Return the length of what is attached to *flow*; None when nothing is."""
    found = _sources.get(flow)
    return None if found is None or flow.response is not found.response else found.size_bytes


async def take(flow: http.HTTPFlow) -> bool:
    """Make what is attached to *flow* the content of its response, and close it.

    Returns whether it could: not where the origin's response stays in place.

    Raises:
        Exception: what reading raises; then it is still attached.
    """
    found = _sources.get(flow)
    if found is None or found.over_wire or flow.response is not found.response:
        return False
    body = bytearray()
    while len(body) < found.size_bytes:
        piece = await found.read(len(body), min(PIECE_BYTES, found.size_bytes - len(body)))
        if not piece:
            raise OSError(f"expected {found.size_bytes} bytes, found {len(body)}")
        body += piece
    found.response.raw_content = bytes(body)
    discard(flow)
    return True


def in_thread(read: Callable[[int, int], bytes], size_bytes: int) -> Read:
    """Return *read*, which may block, as one that runs in a thread, a block ahead of what is sent.

    Args:
        read: from an offset at most so many bytes, at least one.
        size_bytes: where the last block ends.
    """
    return _Ahead(read, size_bytes)


class _Ahead:
    """The block that is being sent, and the one behind it that is being read.

    With too many of them in use one holds nothing, so that clients that do not
    read cost no memory.
    """

    __slots__ = ("__weakref__", "_block", "_next", "_read", "_size_bytes", "_start")

    holding: ClassVar[weakref.WeakSet[_Ahead]] = weakref.WeakSet()

    def __init__(self, read: Callable[[int, int], bytes], size_bytes: int) -> None:
        self._read = read
        self._size_bytes = size_bytes
        self._start, self._block = 0, b""
        self._next: tuple[int, asyncio.Future[bytes]] | None = None

    async def __call__(self, offset: int, limit_bytes: int) -> bytes:
        if self not in self.holding:
            if len(self.holding) >= MOST_AHEAD:
                return await _in_time(self._begin(offset, limit_bytes))
            self.holding.add(self)
        if not self._start <= offset < self._start + len(self._block):
            reading, self._next = self._next, None
            if reading is None or reading[0] != offset:
                reading = offset, self._begin(offset, BLOCK_BYTES)
            self._start, self._block = offset, await _in_time(reading[1])
            behind = offset + len(self._block)
            if self._block and behind < self._size_bytes:
                self._next = behind, self._begin(behind, BLOCK_BYTES)
        at = offset - self._start
        return self._block[at : at + limit_bytes]

    def _begin(self, offset: int, limit_bytes: int) -> asyncio.Future[bytes]:
        wanted = min(limit_bytes, self._size_bytes - offset)
        reading = asyncio.get_running_loop().run_in_executor(_THREADS, self._read, offset, wanted)
        reading.add_done_callback(_seen)  # nobody may come for it
        return reading


async def _in_time(reading: asyncio.Future[bytes]) -> bytes:
    done, _ = await asyncio.wait((reading,), timeout=READ_DEADLINE_S)
    if not done:
        raise TimeoutError(f"expected to read within {READ_DEADLINE_S:g} s")
    return reading.result()


def _seen(reading: asyncio.Future[bytes]) -> None:
    if not reading.cancelled():
        reading.exception()


def _close(close: Callable[[], object] | None) -> None:
    if close is not None:
        try:
            close()
        except Exception as error:
            logger.warning("source: not closed: %s", error)


def _taken(flow: http.HTTPFlow) -> _Source | None:
    """Return the source of the response that is to be sent, if it is still that one."""
    source = _sources.pop(flow, None)
    if source is None:
        return None
    if flow.response is source.response:
        if source.over_wire:
            source.response.data.content = None  # what the core has read
        if source.response.raw_content is None:
            return source
    source.close()  # another addon replaced the response, or its body
    return None


class Piece:
    """One piece that is to be read, and what became of it."""

    __slots__ = ("data", "error", "offset", "receiver", "source", "stream_id")

    def __init__(self, source: _Source, offset: int, stream: HttpStream) -> None:
        self.source = source
        self.offset = offset
        self.stream_id = stream.stream_id
        self.receiver = _receiver(stream)
        self.data = b""
        self.error: str | None = "nobody has read it"

    async def read(self) -> None:
        """Fill in the data or the error."""
        wanted = min(PIECE_BYTES, self.source.size_bytes - self.offset)
        try:
            self.data = await self.source.read(self.offset, wanted)
        except Exception as error:
            self.error = str(error) or type(error).__name__
            return
        if not 0 < len(self.data) <= wanted:
            self.error = f"expected {wanted} bytes at {self.offset}, found {len(self.data)}"
        else:
            self.error = None


def _receiver(stream: HttpStream) -> HttpConnection:
    layers = stream.context.layers
    parent = layers[layers.index(stream) - 1]
    assert isinstance(parent, HttpLayer)
    receiver = parent.connections[stream.context.client]
    assert isinstance(receiver, HttpConnection)
    return receiver


@dataclass(eq=False)
class NextPiece(commands.StartHook):
    """Read the next piece; for no addon, hence without a name."""

    name = ""
    piece: Piece


def _send_response(original: Callable[..., Generator]) -> Callable[..., Generator]:
    def send_response(self: HttpStream, already_streamed: bool = False) -> Generator:
        source = None if already_streamed else _taken(self.flow)
        if source is None:
            yield from original(self, already_streamed)
            return
        sent = False
        try:
            sent = yield from _send(self, source)
        finally:
            source.close()
        if sent:
            yield from original(self, already_streamed=True)

    return send_response


def _send(stream: HttpStream, source: _Source) -> layer.CommandGenerator[bool]:
    """Send head and body; return whether both went out whole."""
    response = source.response
    client = stream.context.client
    bodiless = (
        not source.size_bytes
        or stream.flow.request.method == "HEAD"
        or response.status_code in (204, 304)
    )
    yield SendHttp(ResponseHeaders(stream.stream_id, response, bodiless), client)
    if bodiless:
        return True
    stream.server_state = stream.state_stream_response_body  # no other answer from now on
    body = bodies.sending(stream.flow)
    offset = 0
    while offset < source.size_bytes:
        piece = Piece(source, offset, stream)
        yield NextPiece(piece)
        if (yield from stream.check_killed(True)):
            return False
        if piece.error is not None:
            yield from _break_off(stream, piece.error)
            return False
        offset += len(piece.data)
        for passed in _pieces(body(piece.data)):
            yield SendHttp(ResponseData(stream.stream_id, passed), client)
    for passed in _pieces(body(b"")):
        yield SendHttp(ResponseData(stream.stream_id, passed), client)
    return True


def _pieces(passed: Iterable[bytes] | bytes) -> Iterable[bytes]:
    return [passed] if isinstance(passed, bytes) else passed


_LEFT = "Client disconnected."


def _break_off(stream: HttpStream, error: str) -> layer.CommandGenerator[None]:
    message = error if error == _LEFT else f"The answer broke off: {error}"
    stream.flow.error = mflow.Error(message)
    yield HttpErrorHook(stream.flow)
    yield SendHttp(
        ResponseProtocolError(stream.stream_id, message, ErrorCode.GENERIC_SERVER_ERROR),
        stream.context.client,
    )
    stream.client_state = stream.server_state = stream.state_errored
    stream.flow.live = False
    yield DropStream(stream.stream_id)


_news: weakref.WeakKeyDictionary[BufferedH2Connection, asyncio.Event] = weakref.WeakKeyDictionary()
"""HTTP/2 connections whose windows somebody waits for."""


def _tell(connection: BufferedH2Connection) -> None:
    news = _news.get(connection)
    if news is not None:
        news.set()


def _receive_data(original: Callable[..., Any]) -> Callable[..., Any]:
    def receive_data(self: BufferedH2Connection, data: bytes) -> Any:
        received = original(self, data)
        _tell(self)
        return received

    return receive_data


def _close_connection(original: Callable[..., Generator]) -> Callable[..., Generator]:
    def close_connection(self: Http2Connection, msg: str) -> Generator:
        _tell(self.h2_conn)
        yield from original(self, msg)

    return close_connection


def _hook_task(
    original: Callable[..., Awaitable[None]],
) -> Callable[..., Awaitable[None]]:
    async def hook_task(self: ConnectionHandler, hook: commands.StartHook) -> None:
        if not isinstance(hook, NextPiece):
            await original(self, hook)
            return
        if await _has_room(self, hook.piece) and self.client.connected:
            await hook.piece.read()
        else:
            hook.piece.error = _LEFT
        await self.server_event(events.HookCompleted(hook))

    return hook_task


async def _has_room(handler: ConnectionHandler, piece: Piece) -> bool:
    """Wait for room; return False when there will be none."""
    receiver = piece.receiver
    if isinstance(receiver, Http2Server):
        news = _news.setdefault(receiver.h2_conn, asyncio.Event())
        while handler.client.connected and not _has_window(receiver, piece.stream_id):
            news.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(RECHECK_S):
                    await news.wait()
    io = handler.transports.get(handler.client)
    if io is not None and io.writer is not None:  # a replay has none
        try:
            await io.writer.drain()
        except OSError as error:
            if io.handler is not None:  # as in the core's drain_writers
                io.handler.cancel(f"Error sending data: {error}")
            return False
    return True


def _has_window(receiver: Http2Server, stream_id: int) -> bool:
    """Return whether more of a stream is taken, or may wait in memory until it is."""
    kept_bytes = pressure.kept_bytes(receiver, stream_id)
    if kept_bytes:
        return kept_bytes <= pressure.LIMIT_BYTES and _all_kept_bytes(receiver) <= MOST_KEPT_BYTES
    if not receiver.is_open_for_us(stream_id):
        return True  # the core is about to say so
    return bool(receiver.h2_conn.local_flow_control_window(stream_id) > 0)


def _all_kept_bytes(receiver: Http2Server) -> int:
    return sum(pressure.kept_bytes(receiver, each) for each in receiver.h2_conn.streams)


PATCH = Patch(
    "source",
    (
        (HttpStream, "send_response", _send_response),
        (BufferedH2Connection, "receive_data", _receive_data),
        (Http2Connection, "close_connection", _close_connection),
        (ConnectionHandler, "hook_task", _hook_task),
    ),
)


def answered_from(opts: options.Options, body: bytes) -> tuple[bytes, list[str]]:
    """Drive an answer with *body* as its source; return what was sent, and the hooks that ran."""
    context = client_context(opts)

    async def read(offset: int, limit_bytes: int) -> bytes:
        return body[offset : offset + limit_bytes]

    def serve(hook: commands.StartHook) -> None:
        if hook.name == "requestheaders":
            (flow,) = hook.args()
            flow.response = http.Response.make(200)
            attach(flow, len(body), read)
        elif isinstance(hook, NextPiece):
            with contextlib.suppress(StopIteration):
                hook.piece.read().send(None)

    driver = Driver(HttpLayer(context, HTTPMode.regular), serve)
    driver.feed(events.Start())
    driver.data(context.client, b"GET http://192.0.2.9/ HTTP/1.1\r\nHost: 192.0.2.9\r\n\r\n")
    return bytes(driver.sent[context.client]), driver.hooks


def self_test(opts: options.Options) -> None:
    """See an answer of several pieces arrive whole, and the hook ``response`` after them.

    Raises:
        CoreMismatchError: when it does not.
    """
    body = bytes(range(256)) * (PIECE_BYTES // 100)
    sent, hooks = answered_from(opts, body)
    _, _, found = sent.partition(b"\r\n\r\n")
    if found != body or hooks.count("") != 3 or hooks[-1] != "response":
        raise CoreMismatchError(
            f"source: expected {len(body)} bytes in three pieces, found {len(found)} "
            f"in {hooks.count('')}"
        )

"""Hold a sender back while its HTTP/2 receiver is slow.

mitmproxy advertises boundless windows on HTTP/2 connections and keeps what the
other side will not take yet, so a fast upload to a slow origin, or a client
that does not read, costs the whole body in memory.  Two ways round that:

* A sender over HTTP/2 gets a window of ``WINDOW_BYTES`` for each stream, which
  is not opened further while more than ``LIMIT_BYTES`` of that stream wait for
  its receiver (RFC 9113 §5.2).  Other streams of the connection go on.
* A sender over HTTP/1 has the connection to itself: it is not read meanwhile,
  as TCP's own back pressure (``drain_writers``) would have it.  Such a wait is
  bounded by ``PATIENCE_S``, since the receiver may be waiting for the sender.

Whoever takes a body besides its receiver may hold its sender back, too
(``before_reading_on``).
"""

from __future__ import annotations

import asyncio
import time
import weakref
from collections.abc import Awaitable, Callable
from typing import Any

from mitmproxy import options
from mitmproxy.connection import Client, Connection
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http import HttpStream
from mitmproxy.proxy.layers.http._http2 import Http2Client, Http2Connection, Http2Server
from mitmproxy.proxy.server import ConnectionHandler

from forebay.proxycore.patch import CoreMismatchError, Patch
from forebay.proxycore.sansio import client_context

WINDOW_BYTES = 2**20
LIMIT_BYTES = 2**18
INTERVAL_S = 0.02
"""How often it is looked whether there is room again."""
PATIENCE_S = 10.0

type Generator = layer.CommandGenerator[Any]

_connections: weakref.WeakKeyDictionary[Client, weakref.WeakSet[Http2Connection]] = (
    weakref.WeakKeyDictionary()
)
_streams: weakref.WeakKeyDictionary[Connection, int] = weakref.WeakKeyDictionary()
"""Which stream of the client a server connection was last taken for."""


class _Held:
    """Data of one connection that was received and not acknowledged yet, by stream."""

    __slots__ = ("acknowledge", "bytes", "wakeup")

    def __init__(self, acknowledge: Callable[[int, int], None]) -> None:
        self.acknowledge = acknowledge
        self.bytes: dict[int, int] = {}
        self.wakeup: commands.RequestWakeup | None = None


_held: weakref.WeakKeyDictionary[Http2Connection, _Held] = weakref.WeakKeyDictionary()


_before_reading_on: weakref.WeakKeyDictionary[asyncio.Task[Any], Callable[[], Awaitable[None]]] = (
    weakref.WeakKeyDictionary()
)
"""What the task of a connection awaits before it reads on."""


def before_reading_on(wait: Callable[[], Awaitable[None]]) -> None:
    """Have *wait* awaited before more is read of the connection that is being read.

    To be called while a piece of a body passes; elsewhere it does nothing.  The
    whole connection waits, so it must not be for long.
    """
    try:
        task = asyncio.current_task()
    except RuntimeError:  # no event loop: a self-test
        return
    if task is not None:
        _before_reading_on[task] = wait


def kept_bytes(receiver: Http2Connection, stream_id: int) -> int:
    """Return the bytes of a stream that wait for the receiver's windows."""
    return sum(len(piece.data) for piece in receiver.h2_conn.stream_buffers.get(stream_id, ()))


def _is_congested(sender: Http2Connection, stream_id: int) -> bool:
    """Return whether what *sender* sends on a stream piles up at its HTTP/2 receiver."""
    others = _connections.get(sender.context.client, ())
    found: list[tuple[Http2Connection, int | None]]
    if isinstance(sender, Http2Client):
        ours = sender.their_stream_id.get(stream_id)
        found = [(other, ours) for other in others if isinstance(other, Http2Server)]
    else:
        found = [
            (other, other.our_stream_id.get(stream_id))
            for other in others
            if isinstance(other, Http2Client)
        ]
    return any(
        receiving is not None and kept_bytes(receiver, receiving) > LIMIT_BYTES
        for receiver, receiving in found
    )


def _init(original: Callable[..., None]) -> Callable[..., None]:
    def __init__(self: Http2Connection, context: Context, conn: Any) -> None:  # noqa: N807
        original(self, context, conn)
        _connections.setdefault(context.client, weakref.WeakSet()).add(self)
        h2_conn = self.h2_conn
        h2_conn.local_settings.initial_window_size = WINDOW_BYTES
        h2_conn.local_settings.acknowledge()  # or the old ones are sent, see the core
        held = _held[self] = _Held(h2_conn.acknowledge_received_data)
        sender = weakref.ref(self)

        def acknowledge(size: int, stream_id: int) -> None:
            alive = sender()
            if alive is not None and _is_congested(alive, stream_id):
                held.bytes[stream_id] = held.bytes.get(stream_id, 0) + size
            else:
                held.acknowledge(size, stream_id)

        h2_conn.acknowledge_received_data = acknowledge  # type: ignore[method-assign, assignment]

    return __init__


def _handle_event(original: Callable[..., Generator]) -> Callable[..., Generator]:
    def handle_event(self: Http2Connection, event: events.Event) -> Generator:
        held = _held.get(self)
        if held is not None and isinstance(event, events.Wakeup) and event.command is held.wakeup:
            held.wakeup = None
            for stream_id in [s for s in held.bytes if not _is_congested(self, s)]:
                held.acknowledge(held.bytes.pop(stream_id), stream_id)
            data = self.h2_conn.data_to_send()
            if data:
                yield commands.SendData(self.conn, data)
        else:
            yield from original(self, event)
        if held is not None and held.bytes and held.wakeup is None:
            held.wakeup = commands.RequestWakeup(INTERVAL_S)
            yield held.wakeup

    return handle_event


def _make_server_connection(original: Callable[..., Generator]) -> Callable[..., Generator]:
    def make_server_connection(self: HttpStream) -> Generator:
        connected: bool = yield from original(self)
        if connected:
            _streams[self.flow.server_conn] = self.stream_id
        return connected

    return make_server_connection


def _drain_writers(
    original: Callable[[ConnectionHandler], Awaitable[None]],
) -> Callable[[ConnectionHandler], Awaitable[None]]:
    async def drain_writers(self: ConnectionHandler) -> None:
        task = asyncio.current_task()
        wait = None if task is None else _before_reading_on.pop(task, None)
        await original(self)
        if wait is not None:
            await wait()
        if self.client in _connections:
            await _wait_for_room(self)

    return drain_writers


async def _wait_for_room(handler: ConnectionHandler) -> None:
    """Wait while what the present task reads over HTTP/1 piles up at an HTTP/2 receiver."""
    task = asyncio.current_task()
    sender = next((c for c, io in handler.transports.items() if io.handler is task), None)
    known = tuple(_connections[handler.client])
    if sender is None or any(connection.conn is sender for connection in known):
        return
    end = time.monotonic() + PATIENCE_S
    # Looked for again and again, as there is no event to await for it.
    while _piles_up(sender, handler.client, known) and time.monotonic() < end:  # noqa: ASYNC110
        await asyncio.sleep(INTERVAL_S)


def _piles_up(sender: Connection, client: Client, known: tuple[Http2Connection, ...]) -> bool:
    if sender is client:  # one request at a time, so all that is kept is its own
        return any(
            kept_bytes(receiver, stream_id) > LIMIT_BYTES and receiver.conn.connected
            for receiver in known
            for stream_id in tuple(receiver.h2_conn.stream_buffers)
        )
    stream_id = _streams.get(sender, 0)
    return client.connected and any(
        kept_bytes(receiver, stream_id) > LIMIT_BYTES
        for receiver in known
        if receiver.conn is client
    )


PATCH = Patch(
    "pressure",
    (
        (Http2Connection, "__init__", _init),
        (Http2Server, "_handle_event", _handle_event),
        (Http2Client, "_handle_event", _handle_event),
        (HttpStream, "make_server_connection", _make_server_connection),
        (ConnectionHandler, "drain_writers", _drain_writers),
    ),
)


def self_test(opts: options.Options) -> None:
    """See a new HTTP/2 connection with a bounded window.

    Raises:
        CoreMismatchError: when its window is another.
    """
    connection = Http2Server(client_context(opts))
    window = connection.h2_conn.local_settings.initial_window_size
    if window != WINDOW_BYTES or connection not in _held:
        raise CoreMismatchError(f"pressure: expected windows of {WINDOW_BYTES}, found {window}")

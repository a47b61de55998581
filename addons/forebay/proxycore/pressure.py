"""Hold a sender back while its HTTP/2 receiver is slow.

mitmproxy advertises boundless windows on HTTP/2 connections and keeps what the
other side will not take yet, so a fast upload to a slow origin, or a client
that does not read, costs the whole body in memory.  TCP's own back pressure
(``drain_writers``) does not see those buffers; here it does.

What is held back is the reading of the sender's connection, not of one stream:
streams that share it with a congested one wait with it.  A wait is bounded by
``PATIENCE_S``, since the receiver may itself be waiting for something that
comes over the connection that is held back.
"""

from __future__ import annotations

import asyncio
import time
import weakref
from collections.abc import Awaitable, Callable
from typing import Any

from mitmproxy import options
from mitmproxy.connection import Client
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http._http2 import Http2Connection, Http2Server
from mitmproxy.proxy.layers.http._http_h2 import BufferedH2Connection
from mitmproxy.proxy.server import ConnectionHandler

from forebay.proxycore.patch import CoreMismatchError, Patch
from forebay.proxycore.sansio import client_context

LIMIT_BYTES = 1_000_000
"""More than this, kept for one HTTP/2 connection, holds its senders back."""
PATIENCE_S = 10.0

_connections: weakref.WeakKeyDictionary[Client, weakref.WeakSet[Http2Connection]] = (
    weakref.WeakKeyDictionary()
)
_room: weakref.WeakKeyDictionary[BufferedH2Connection, asyncio.Event] = weakref.WeakKeyDictionary()


def kept_bytes(connection: Http2Connection) -> int:
    """Return the bytes that wait for the receiver's windows."""
    buffers = connection.h2_conn.stream_buffers
    return sum(len(piece.data) for buffer in buffers.values() for piece in buffer)


def _init(original: Callable[..., None]) -> Callable[..., None]:
    def __init__(self: Http2Connection, context: Context, conn: Any) -> None:  # noqa: N807
        original(self, context, conn)
        _connections.setdefault(context.client, weakref.WeakSet()).add(self)

    return __init__


def _receive_data(original: Callable[..., Any]) -> Callable[..., Any]:
    def receive_data(self: BufferedH2Connection, data: bytes) -> Any:
        events = original(self, data)
        waited_for = _room.get(self)
        if waited_for is not None:
            waited_for.set()
        return events

    return receive_data


def _drain_writers(
    original: Callable[[ConnectionHandler], Awaitable[None]],
) -> Callable[[ConnectionHandler], Awaitable[None]]:
    async def drain_writers(self: ConnectionHandler) -> None:
        await original(self)
        for connection in tuple(_connections.get(self.client, ())):
            if connection.h2_conn.stream_buffers:
                await _wait_for_room(self, connection)

    return drain_writers


async def _wait_for_room(handler: ConnectionHandler, receiver: Http2Connection) -> None:
    own = handler.transports.get(handler.client)
    reading_the_client = own is not None and own.handler is asyncio.current_task()
    if reading_the_client == (receiver.conn is handler.client):
        return  # its windows are opened by what is read here
    end = time.monotonic() + PATIENCE_S
    while (
        kept_bytes(receiver) > LIMIT_BYTES
        and receiver.conn.connected
        and (left := end - time.monotonic()) > 0
    ):
        event = _room.setdefault(receiver.h2_conn, asyncio.Event())
        event.clear()
        try:
            await asyncio.wait_for(event.wait(), min(left, 1.0))
        except TimeoutError:
            continue  # look whether it is still connected


PATCH = Patch(
    "pressure",
    (
        (Http2Connection, "__init__", _init),
        (BufferedH2Connection, "receive_data", _receive_data),
        (ConnectionHandler, "drain_writers", _drain_writers),
    ),
)


def self_test(opts: options.Options) -> None:
    """See a new HTTP/2 connection known, with nothing kept for it.

    Raises:
        CoreMismatchError: when it is not.
    """
    context = client_context(opts)
    connection = Http2Server(context)
    known = connection in _connections.get(context.client, ())
    if not known or kept_bytes(connection):
        raise CoreMismatchError(
            "pressure: expected a new HTTP/2 connection known, found it unknown"
        )

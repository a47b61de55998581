"""HTTP/2 receivers that are slow; what it saves is shown by real traffic."""

from __future__ import annotations

import asyncio

import pytest
from mitmproxy.connection import ConnectionState, Server
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.layers.http._http2 import Http2Client, Http2Server
from mitmproxy.proxy.layers.http._http_h2 import SendH2Data
from mitmproxy.proxy.server import ConnectionIO, SimpleConnectionHandler

from forebay.proxycore import pressure
from forebay.proxycore.patch import CoreMismatchError
from forebay.proxycore.sansio import client_context

KEPT = pressure.LIMIT_BYTES + 1


@pytest.fixture(name="patched")
def _patched():
    pressure.PATCH.install()
    yield
    pressure.PATCH.uninstall()


def test_the_core_has_boundless_windows(opts):
    """The gap: 2 GB for each stream."""
    with pytest.raises(CoreMismatchError, match="expected windows of 1048576, found 2147483647"):
        pressure.self_test(opts)


@pytest.mark.usefixtures("patched")
def test_the_self_test_passes(opts):
    pressure.self_test(opts)


class Pair:
    """A client's and a server's HTTP/2 connection of one proxy connection."""

    def __init__(self, opts):
        self.context = client_context(opts)
        self.client = Http2Server(self.context)
        self.context = self.context.fork()
        self.context.server = Server(address=("192.0.2.9", 443))
        self.context.server.state = ConnectionState.OPEN
        self.server = Http2Client(self.context)
        self.server.our_stream_id[5] = 1
        self.server.their_stream_id[1] = 5
        self.acknowledged = []
        for connection in (self.client, self.server):
            pressure._held[connection].acknowledge = lambda *said: self.acknowledged.append(said)

    def keep(self, receiver, stream_id):
        receiver.h2_conn.stream_buffers[stream_id].append(SendH2Data(b"x" * KEPT, False))


@pytest.mark.usefixtures("patched")
@pytest.mark.parametrize(("way", "stream_id", "receiving"), [("down", 1, 5), ("up", 5, 1)])
def test_a_congested_stream_is_acknowledged_when_there_is_room(opts, way, stream_id, receiving):
    """And another stream of the same connection at once."""
    pair = Pair(opts)
    sender, receiver = (pair.server, pair.client) if way == "down" else (pair.client, pair.server)
    pair.keep(receiver, receiving)

    sender.h2_conn.acknowledge_received_data(100, stream_id)
    sender.h2_conn.acknowledge_received_data(10, 99)
    sender.h2_conn.acknowledge_received_data(200, stream_id)
    assert pair.acknowledged == [(10, 99)]

    (wakeup,) = [
        c
        for c in sender._handle_event(events.Start())
        if isinstance(c, commands.RequestWakeup) and c.delay == pressure.INTERVAL_S
    ]
    again = list(sender._handle_event(events.Wakeup(wakeup)))
    assert pair.acknowledged == [(10, 99)]
    (wakeup,) = [c for c in again if isinstance(c, commands.RequestWakeup)]

    receiver.h2_conn.stream_buffers.clear()
    assert not [
        c
        for c in sender._handle_event(events.Wakeup(wakeup))
        if isinstance(c, commands.RequestWakeup)
    ]
    assert pair.acknowledged == [(10, 99), (300, stream_id)]


class Handler(SimpleConnectionHandler):
    """A connection handler without a network."""

    def __init__(self, client):
        self.client = client
        self.transports = {}
        self._drain_lock = asyncio.Lock()


async def drains(handler, sender, until=None):
    """Drain as the task that reads *sender*; return whether it had to wait."""

    async def read():
        handler.transports[sender] = ConnectionIO(handler=asyncio.current_task())
        await handler.drain_writers()

    task = asyncio.create_task(read())
    for _ in range(5):
        await asyncio.sleep(0)
    waited = not task.done()
    if until:
        until()
    await asyncio.wait_for(task, 20)
    return waited


@pytest.mark.usefixtures("patched")
@pytest.mark.parametrize(("stream_id", "waited"), [(5, True), (7, False)])
def test_an_http1_server_waits_for_its_own_stream_only(opts, stream_id, waited):
    """The client reads other streams meanwhile."""
    pair = Pair(opts)
    pair.keep(pair.client, 5)
    sender = Server(address=("192.0.2.9", 80))
    pressure._streams[sender] = stream_id
    room = pair.client.h2_conn.stream_buffers.clear

    assert asyncio.run(drains(Handler(pair.context.client), sender, room)) is waited


@pytest.mark.usefixtures("patched")
def test_an_http1_client_waits_for_its_server(opts):
    context = client_context(opts)
    context.server = Server(address=("192.0.2.9", 443))
    context.server.state = ConnectionState.OPEN
    server = Http2Client(context)
    server.h2_conn.stream_buffers[1].append(SendH2Data(b"x" * KEPT, False))

    assert asyncio.run(
        drains(Handler(context.client), context.client, server.h2_conn.stream_buffers.clear)
    )


@pytest.mark.usefixtures("patched")
def test_http2_senders_are_read_on(opts):
    """Their windows hold them back, stream by stream."""
    pair = Pair(opts)
    pair.keep(pair.client, 5)

    assert not asyncio.run(drains(Handler(pair.context.client), pair.context.server))


@pytest.mark.usefixtures("patched")
def test_patience_ends(opts, monkeypatch):
    """The receiver may be waiting for what is held back."""
    monkeypatch.setattr(pressure, "PATIENCE_S", 0.05)
    pair = Pair(opts)
    pair.keep(pair.client, 5)
    sender = Server(address=("192.0.2.9", 80))
    pressure._streams[sender] = 5

    assert asyncio.run(drains(Handler(pair.context.client), sender))
    assert pressure.kept_bytes(pair.client, 5) == KEPT


@pytest.mark.usefixtures("patched")
def test_clients_without_http2_are_not_held_up(opts):
    context = client_context(opts)

    assert not asyncio.run(drains(Handler(context.client), context.client))


@pytest.mark.usefixtures("patched")
def test_whoever_takes_a_body_may_have_its_sender_wait(opts):
    """Once, in the task that reads it, and in no other."""
    context = client_context(opts)
    room, order = asyncio.Event(), []

    async def wait():
        await room.wait()
        order.append("room")

    async def read(name):
        if name == "held":
            pressure.before_reading_on(wait)
        await Handler(context.client).drain_writers()
        order.append(name)

    async def both():
        held = asyncio.create_task(read("held"))
        await asyncio.create_task(read("other"))
        assert not held.done()
        room.set()
        await held

    pressure.before_reading_on(wait)  # without a loop: nobody waits
    asyncio.run(asyncio.wait_for(both(), 20))
    assert order == ["other", "room", "held"]

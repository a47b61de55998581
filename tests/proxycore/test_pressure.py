"""HTTP/2 receivers that are slow; what it saves is shown by real traffic."""

from __future__ import annotations

import asyncio

import pytest
from mitmproxy.connection import ConnectionState
from mitmproxy.proxy.layers.http._http2 import Http2Server
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


class Handler(SimpleConnectionHandler):
    """A connection handler without a network."""

    def __init__(self, context):
        self.client = context.client
        self.transports = {}
        self._drain_lock = asyncio.Lock()


def congested(context):
    """An HTTP/2 client that does not open its windows."""
    connection = Http2Server(context)
    connection.h2_conn.stream_buffers[1].append(SendH2Data(b"x" * KEPT, False))
    return connection


def test_the_core_knows_nothing_of_it(opts):
    """The gap: nobody asks how much is kept."""
    with pytest.raises(CoreMismatchError, match="expected a new HTTP/2 connection known"):
        pressure.self_test(opts)


@pytest.mark.usefixtures("patched")
def test_the_self_test_passes(opts):
    pressure.self_test(opts)


@pytest.mark.usefixtures("patched")
@pytest.mark.parametrize("how", ["window", "close"])
def test_a_sender_waits_until_there_is_room(opts, how):
    """Or until the receiver is gone."""
    context = client_context(opts)
    connection = congested(context)
    handler = Handler(context)

    async def run():
        sender = asyncio.create_task(handler.drain_writers())
        while connection.h2_conn not in pressure._room:
            await asyncio.sleep(0)
        assert not sender.done()
        if how == "window":
            connection.h2_conn.stream_buffers.clear()
            connection.h2_conn.receive_data(b"")
        else:
            context.client.state = ConnectionState.CLOSED
            pressure._room[connection.h2_conn].set()
        await asyncio.wait_for(sender, 20)

    asyncio.run(run())


@pytest.mark.usefixtures("patched")
def test_patience_ends(opts, monkeypatch):
    """The receiver may be waiting for what is held back."""
    monkeypatch.setattr(pressure, "PATIENCE_S", 0.05)
    context = client_context(opts)
    connection = congested(context)

    asyncio.run(asyncio.wait_for(Handler(context).drain_writers(), 20))

    assert pressure.kept_bytes(connection) == KEPT


@pytest.mark.usefixtures("patched")
def test_the_receivers_own_connection_is_read_on(opts):
    """It is where the windows open."""
    context = client_context(opts)
    congested(context)
    handler = Handler(context)

    async def run():
        handler.transports[context.client] = ConnectionIO(handler=asyncio.current_task())
        await asyncio.wait_for(handler.drain_writers(), 20)

    asyncio.run(run())


@pytest.mark.usefixtures("patched")
def test_clients_without_http2_are_not_held_up(opts):
    context = client_context(opts)

    asyncio.run(asyncio.wait_for(Handler(context).drain_writers(), 20))

    assert context.client not in pressure._connections

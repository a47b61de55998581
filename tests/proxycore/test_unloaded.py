"""mitmproxy without Forebay's script."""

from __future__ import annotations

import asyncio

import pytest
from mitmproxy.connection import Server
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.layers.http import HttpLayer, HTTPMode
from mitmproxy.proxy.server import SimpleConnectionHandler

from forebay.proxycore import unloaded
from forebay.proxycore.sansio import Driver, client_context

GET = b"GET http://192.0.2.9/ HTTP/1.1\r\nHost: 192.0.2.9\r\n\r\n"


@pytest.fixture(name="fence")
def _fence():
    unloaded.FENCE.install()
    yield
    unloaded.FENCE.uninstall()


def requested(opts):
    context = client_context(opts)
    driver = Driver(HttpLayer(context, HTTPMode.regular))
    driver.feed(events.Start())
    driver.data(context.client, GET)
    return driver, bytes(driver.sent[context.client])


def test_without_the_fence_a_request_goes_on(opts):
    """The gap."""
    driver, _ = requested(opts)

    assert len(driver.opened) == 1


@pytest.mark.usefixtures("fence")
def test_a_request_is_refused_with_the_reason(opts):
    """Closed: no connection, one answer."""
    driver, answer = requested(opts)

    assert driver.opened == []
    assert answer.startswith(b"HTTP/1.1 502")
    assert b"Forebay was unloaded" in answer


class Handler(SimpleConnectionHandler):
    """A connection handler that notes events."""

    def __init__(self):
        self.seen = []

    async def server_event(self, event):
        self.seen.append(event)


@pytest.mark.usefixtures("fence")
def test_a_client_that_leaves_then_is_no_crash(opts):
    """Its upload was never read."""
    context = client_context(opts)
    driver = Driver(HttpLayer(context, HTTPMode.regular))
    driver.feed(events.Start())
    driver.data(context.client, GET[:-2] + b"Content-Length: 9\r\n\r\n123")

    driver.peer_closes(context.client)

    assert driver.sent[context.client].startswith(b"HTTP/1.1 502")


@pytest.mark.usefixtures("fence")
def test_no_connection_is_opened():
    """For raw TCP, DNS and whatever else needs a server."""
    handler, server = Handler(), Server(address=("192.0.2.9", 25))

    asyncio.run(handler.open_connection(commands.OpenConnection(server)))

    (completed,) = handler.seen
    assert completed.reply == unloaded.MESSAGE
    assert server.error == unloaded.MESSAGE

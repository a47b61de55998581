"""A server that is dialled in place of an origin."""

from __future__ import annotations

import asyncio
import logging

import pytest
from mitmproxy.test import tflow, tutils

from forebay.recording.loopback import Loopback


def flow():
    return tflow.tflow(req=tutils.treq(host="h.example", port=443, scheme=b"https"))


async def spoken(serve, say=b"hi\n"):
    """Return what is said to one client."""
    loopback = Loopback(flow(), serve)
    reader, writer = await asyncio.open_connection(*loopback.address)
    writer.write(say)
    found = await reader.read()
    writer.close()
    return found


def test_the_flow_goes_there_and_is_given_back():
    async def run():
        led = flow()
        loopback = Loopback(led, None)
        target = led.request.scheme, led.request.host, led.request.port, led.server_conn.address
        host = led.request.headers.get("host")
        loopback.restore(led)
        loopback.close()
        return loopback.address, target, host, led

    address, target, host, led = asyncio.run(run())

    assert target == ("http", *address, address)
    assert host == flow().request.headers.get("host")
    assert (led.request.scheme, led.request.host, led.request.port) == ("https", "h.example", 443)


def test_one_connection_is_served():
    async def serve(reader, writer):
        writer.write(await reader.readline())

    async def run():
        first = Loopback(flow(), serve)
        reader, writer = await asyncio.open_connection(*first.address)
        writer.write(b"hi\n")
        found = await reader.read()
        writer.close()
        with pytest.raises(OSError, match=r"onnect"):
            await asyncio.open_connection(*first.address)
        return found

    assert asyncio.run(run()) == b"hi\n"


def test_a_failure_is_logged_and_ends_the_connection(caplog):
    async def serve(reader, writer):
        raise ValueError("no message")

    with caplog.at_level(logging.ERROR):
        assert asyncio.run(spoken(serve, b"")) == b""
    assert "no message" in caplog.text


def test_it_can_be_closed_before_anybody_comes():
    async def run():
        loopback = Loopback(flow(), None)
        loopback.close()
        loopback.close()
        with pytest.raises(OSError, match=r"onnect"):
            await asyncio.open_connection(*loopback.address)

    asyncio.run(run())

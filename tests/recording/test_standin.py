"""What is said in place of a server, over real connections on loopback."""

from __future__ import annotations

import asyncio

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from forebay.recording import clean
from forebay.recording.conversation import Conversation
from forebay.recording.interaction import BROKEN_OFF, Message, Request, Response, Side, WebSocket
from forebay.recording.standin import Standin, stream
from forebay.trafficlog.redact import DEFAULT

SWITCHED = Response(101, (("sec-websocket-protocol", "v2"), ("x-a", "1")))


def client(text):
    return Message(Side.CLIENT, text.encode())


def server(text, **given):
    return Message(Side.SERVER, text.encode(), **given)


async def served(serve, talk):
    """Return what *talk*, given the port, returns."""
    done = asyncio.Event()

    async def connected(reader, writer):
        try:
            await serve(reader, writer)
        finally:
            writer.close()
            done.set()

    listener = await asyncio.start_server(connected, "127.0.0.1", 0)
    async with listener:
        found = await talk(listener.sockets[0].getsockname()[1])
        async with asyncio.timeout(20):
            await done.wait()
    return found


def played(recorded, talk, **given):
    """Return what *talk* returns, and the conversation."""
    conversation = Conversation(Request("GET", "ws://h/"), 0, recorded)

    async def run():
        standin = Standin(SWITCHED, conversation, lambda said: clean.message(DEFAULT, said))

        async def with_client(port):
            async with connect(f"ws://127.0.0.1:{port}/", proxy=None, **given) as websocket:
                return await talk(websocket)

        return await served(standin.serve, with_client)

    return asyncio.run(run()), conversation


def test_what_was_recorded_is_said():
    async def talk(websocket):
        found = [websocket.subprotocol, websocket.response.headers["x-a"], await websocket.recv()]
        await websocket.send('{"token": "abc"}')
        return [*found, await websocket.recv()]

    recorded = WebSocket(
        (server("hi"), client('{"token":"REDACTED"}'), server("\0", is_text=False))
    )
    found, conversation = played(recorded, talk, subprotocols=["v1", "v2"])

    assert found == ["v2", "1", "hi", b"\0"]
    assert conversation.is_played and conversation.is_over
    assert conversation.unexpected is None


@pytest.mark.parametrize(
    ("code", "reason", "received"),
    [(4000, "bye", (4000, "bye")), (1005, "", (1005, "")), (BROKEN_OFF, "", None)],
)
def test_the_server_ends_it_as_it_did(code, reason, received):
    async def talk(websocket):
        await websocket.send("a")
        with pytest.raises(ConnectionClosed) as closed:
            await websocket.recv()
        frame = closed.value.rcvd
        return frame and (frame.code, frame.reason)

    found, _ = played(WebSocket((client("a"),), Side.SERVER, code, reason), talk)

    assert found == received


def test_another_message_ends_it():
    async def talk(websocket):
        await websocket.send("b")
        with pytest.raises(ConnectionClosed) as closed:
            await websocket.recv()
        return closed.value.rcvd

    found, conversation = played(WebSocket((client("a"), server("1"))), talk)

    assert (found.code, found.reason) == (1011, "Forebay: message 1 is not in the recording")
    assert conversation.unexpected.difference.asked == "b"


def test_a_ping_is_answered():
    async def talk(websocket):
        await (await websocket.ping(b"x"))
        await websocket.send(["frag", "ments"])
        return await websocket.recv()

    assert played(WebSocket((client("fragments"), server("1"))), talk)[0] == "1"


def test_a_client_that_leaves_early():
    async def talk(websocket):
        websocket.transport.abort()

    _, conversation = played(WebSocket((client("a"),)), talk)

    assert conversation.is_over and not conversation.is_played


def test_a_stream_stays_open_until_the_client_leaves():
    response = Response(299, (("content-type", "text/event-stream"),), b"data: 1\n\n", is_open=True)

    async def talk(port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST / HTTP/1.1\r\nHost: h\r\n\r\nbody")
        expected = (
            b"HTTP/1.1 299 \r\ncontent-type: text/event-stream\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n"
        )
        found = await reader.readexactly(len(expected))
        writer.close()
        return found == expected

    assert asyncio.run(served(lambda *pair: stream(response, *pair), talk))


def test_a_stream_ends_with_the_recording():
    async def run():
        playing = []

        async def serve(reader, writer):
            playing.append(asyncio.create_task(stream(Response(200), reader, writer)))
            await asyncio.wait(playing)

        async def talk(port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET / HTTP/1.1\r\n\r\n")
            await reader.readuntil(b"\r\n\r\n")
            playing[0].cancel()
            rest = await reader.read()
            writer.close()
            return rest

        return await served(serve, talk)

    assert asyncio.run(run()) == b"0\r\n\r\n"

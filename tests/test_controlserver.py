"""The control connection: who knows the token may come in, and nobody else."""

from __future__ import annotations

import asyncio
import json

import pytest

from forebay.controlserver import _MOST_STRANGERS, ControlServer
from forebay.errors import ForebayError

LONG = "x" * 200_000
STRANGER = {"unknown": True}


async def _echo(said):
    return {"said": said["text"]}


async def _fail(said):
    raise KeyError("x")


async def _refuse(said):
    raise ForebayError("expected another, found this")


async def _answer_no_json(said):
    return {"a": {1, 2}}


def session(talk, released=lambda: None):
    """Run *talk* with a server and its port."""

    async def run():
        handlers = {"echo": _echo, "fail": _fail, "refuse": _refuse, "set": _answer_no_json}
        server = ControlServer(handlers, released)
        port = await server.start()
        try:
            return await talk(server, port)
        finally:
            server.close()
            server.close()

    return asyncio.run(run())


async def ask(port, *lines):
    """Return the answers to *lines*, and whether the connection is open after them."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    answers = []
    for line in lines:
        writer.write((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n")
        answers.append(json.loads(await reader.readline()))
    writer.write_eof()
    rest = await reader.read()
    writer.close()
    assert rest == b""
    return answers


def test_handlers_are_served():
    async def talk(server, port):
        token = server.token
        return await ask(
            port,
            {"token": token, "do": "control.hello"},
            {"token": token, "do": "echo", "text": "a\nb"},
            {"token": token, "do": "refuse"},
            {"token": token, "do": "fail"},
            {"token": token, "do": "set"},
            {"token": token, "do": "else"},
        )

    assert session(talk) == [
        {},
        {"said": "a\nb"},
        {"error": "expected another, found this"},
        {"error": "fail failed: KeyError('x')"},
        {
            "error": "set failed: TypeError('Object of type set is not JSON serializable')",
        },
        {
            "error": "expected one of control.hello, control.hold, echo, fail, refuse, set, "
            "found 'else'"
        },
    ]


def test_who_is_known_may_say_much():
    async def talk(server, port):
        token = server.token
        first = {"token": token, "do": "control.hello"}
        return await ask(port, first, {"token": token, "do": "echo", "text": LONG})

    assert session(talk)[1] == {"said": LONG}


@pytest.mark.parametrize(
    "line", [b"x", b"[]", b"{}", b'{"token": "x"}', b"\xff", b'"' * 99, b"[" * 60_000]
)
def test_what_is_no_request_is_refused(line):
    (answer,) = session(lambda server, port: ask(port, line))

    error = "expected an object with token and do, found something else"
    assert answer == {"error": error, **STRANGER}


@pytest.mark.parametrize("token", ["x", "", "\ud800", None])
def test_without_the_token_nothing_is_done(token):
    (answer,) = session(lambda server, port: ask(port, {"token": token, "do": "echo", "text": "a"}))

    assert answer == {"error": "expected the token of the control file, found another", **STRANGER}


def test_a_stranger_has_one_line():
    """A web page may post to any port: what stands in its body is not read."""

    async def talk(server, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        body = json.dumps({"token": server.token, "do": "echo", "text": "a"})
        writer.write(f"POST / HTTP/1.1\r\nHost: a\r\n\r\n{body}\n".encode())
        found = await reader.readline(), await reader.read()
        writer.close()
        return found

    first, rest = session(talk)

    assert json.loads(first)["unknown"]
    assert rest == b""


def test_a_strangers_line_is_a_short_one():
    """Nobody who is not known has memory of ours filled."""

    async def talk(server, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(LONG.encode())
        try:
            return await reader.read()
        except ConnectionResetError:  # it has not read all of it
            return b""
        finally:
            writer.close()

    assert session(talk) == b""


def test_strangers_make_room_for_those_who_come_later():
    """They would use up the sockets that the traffic needs, or keep out who is known."""

    async def talk(server, port):
        first, *others = [
            await asyncio.open_connection("127.0.0.1", port) for _ in range(_MOST_STRANGERS)
        ]
        answers = await ask(port, {"token": server.token, "do": "control.hello"})
        async with asyncio.timeout(20):
            was_shown_out = await first[0].read() == b""
        reader, writer = others[-1]
        writer.write(json.dumps({"token": server.token, "do": "control.hello"}).encode() + b"\n")
        answers.append(json.loads(await reader.readline()))
        for _, each in (first, *others):
            each.close()
        return was_shown_out, answers

    assert session(talk) == (True, [{}, {}])


def test_who_holds_the_proxy_ends_it_by_leaving():
    async def talk(server, port):
        released = asyncio.Event()
        server._released = released.set
        await ask(port, {"token": server.token, "do": "control.hello"})
        was_released = released.is_set()
        await ask(port, {"token": server.token, "do": "control.hold"})
        async with asyncio.timeout(20):
            await released.wait()
        return was_released

    assert session(talk) is False

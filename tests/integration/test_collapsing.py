"""Many requests, one fetch; and answers that are refreshed after they were given."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
import time
from contextlib import ExitStack, closing

import httpx
import pytest

from conftest import Http2First
from origins import Origin, Reply, Seen
from proxies import until

pytestmark = pytest.mark.integration

SHARED = [("cache-control", "max-age=300")]


class Asked:
    """A request on a connection of its own, sent; the answer is read later."""

    def __init__(self, proxy, url, **fields) -> None:
        lines = [f"GET {url} HTTP/1.1", f"Host: {url.split('/')[2]}", "Connection: close"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
        self.socket = socket.create_connection(("127.0.0.1", proxy.port), timeout=60)
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode())

    def answer(self) -> tuple[str, bytes]:
        """Return the head, in lower case, and the body."""
        with closing(self.socket):
            received = b""
            while piece := self.socket.recv(65536):
                received += piece
        head, _, body = received.partition(b"\r\n\r\n")
        return head.decode("latin-1").lower(), body

    def leave(self) -> None:
        self.socket.close()


class Held:
    """A handler that keeps the first request to ``/x`` waiting until ``let_go``."""

    def __init__(self, reply) -> None:
        self.reply = reply
        self.asked = threading.Event()
        self.let_go = threading.Event()

    def __call__(self, seen: Seen) -> Reply:
        if seen.target != "/x":
            return Reply(headers=[("cache-control", "no-store")])
        found = self.reply(seen)
        if not self.asked.is_set():
            self.asked.set()
            found.hold = self.let_go
        return found


def until_all_wait(proxy, origin) -> None:
    """What was sent before was read before: the answer to a later request comes after."""
    for _ in range(3):
        Asked(proxy, origin.url("/later")).answer()


def asked_for_x(origin) -> list[Seen]:
    return [seen for seen in origin.seen if seen.target == "/x"]


@pytest.fixture(name="proxy")
def _proxy(start_proxy):
    return start_proxy()


def led(proxy, origin, held, count=5, **fields) -> tuple[Asked, list[Asked]]:
    """Return a request that the origin holds, and *count* that have come after it."""
    first = Asked(proxy, origin.url("/x"), x_me="0", **fields)
    assert held.asked.wait(30)
    others = [
        Asked(proxy, origin.url("/x"), x_me=str(number + 1), **fields) for number in range(count)
    ]
    until_all_wait(proxy, origin)
    return first, others


def test_fifty_clients_are_one_request(proxy):
    held = Held(lambda seen: Reply(headers=SHARED, body=b"same" * 5000))
    with Origin(held) as origin:
        first, others = led(proxy, origin, held, 49)
        held.let_go.set()

        answers = [each.answer() for each in (first, *others)]

    assert len(asked_for_x(origin)) == 1
    assert {body for _, body in answers} == {b"same" * 5000}
    assert "cache-status: forebay; fwd=uri-miss; stored" in answers[0][0]
    assert all("detail=collapsed" in head for head, _ in answers[1:]), answers[1][0]
    collapsed = [
        r for r in proxy.records() if (r["forebay.cache"] or {}).get("reason") == "collapsed"
    ]
    assert len(collapsed) == 49


@pytest.mark.parametrize(
    "own",
    [
        [("cache-control", "max-age=300"), ("set-cookie", "id=1")],
        [("cache-control", "private, max-age=300")],
        [("cache-control", "no-store")],
        [("cache-control", "max-age=0"), ("etag", '"a"')],
        [("cache-control", "max-age=300"), ("vary", "*")],
        [("cache-control", "max-age=300"), ("vary", "X-Me")],
    ],
)
def test_what_is_not_shared_goes_to_each(proxy, own):
    """Each has its own answer, while the body of the first is still held."""
    rest = threading.Event()
    held = Held(lambda seen: Reply(headers=own, body=(seen.header("x-me") or "").encode()))

    async def body(me):
        yield me[:1]
        await asyncio.to_thread(rest.wait, 60)
        yield me[1:]

    def handle(seen):
        found = held(seen)
        if found.hold is not None:
            found.headers = [*own, ("content-length", "4")]
            found.pieces = body(b"lead")
        return found

    with Origin(handle) as origin:
        first, others = led(proxy, origin, held)
        held.let_go.set()
        answers = [each.answer() for each in others]
        rest.set()

        assert first.answer()[1] == b"lead"

    assert [body for _, body in answers] == [b"1", b"2", b"3", b"4", b"5"]
    assert len(asked_for_x(origin)) == 6


def test_variants_are_one_request_each(proxy):
    held = Held(
        lambda seen: Reply(
            headers=[*SHARED, ("vary", "accept-language")],
            body=(seen.header("accept-language") or "").encode(),
        )
    )
    with Origin(held) as origin:
        first = Asked(proxy, origin.url("/x"), accept_language="de")
        assert held.asked.wait(30)
        others = [
            Asked(proxy, origin.url("/x"), accept_language=language)
            for language in ("de", "en", "fr") * 5
        ]
        until_all_wait(proxy, origin)
        held.let_go.set()

        bodies = [each.answer()[1] for each in (first, *others)]

    assert bodies == [b"de", *[b"de", b"en", b"fr"] * 5]
    assert len(asked_for_x(origin)) == 3


def test_a_leader_that_is_cut_off_takes_nobody_along(proxy):
    def reply(seen):
        if held.asked.is_set():
            return Reply(headers=SHARED, body=b"whole")
        return Reply(
            raw=b"HTTP/1.1 200 OK\r\nCache-Control: max-age=300\r\nContent-Length: 9\r\n\r\nha"
        )

    held = Held(reply)
    with Origin(held) as origin:
        first, others = led(proxy, origin, held)
        held.let_go.set()

        answers = [each.answer() for each in others]
        assert b"whole" not in first.answer()[1]

    assert [body for _, body in answers] == [b"whole"] * 5


@pytest.mark.parametrize("control", ["max-age=0", "no-cache"])
def test_a_slow_body_that_answers_nobody_else_is_not_waited_for(proxy, control):
    """One that comes while it is under way is asked for at once; nobody waited at its head."""
    let_go = threading.Event()

    async def slow():
        yield b"slow"
        await asyncio.to_thread(let_go.wait, 60)

    def reply(seen):
        fields = [("cache-control", control), ("etag", '"a"')]
        return Reply(headers=fields, pieces=slow() if seen.header("x-me") == "0" else [b"quick"])

    with Origin(reply) as origin:
        first = Asked(proxy, origin.url("/x"), x_me="0")
        assert first.socket.recv(5, socket.MSG_PEEK)
        other = Asked(proxy, origin.url("/x"), x_me="1")
        until(lambda: len(origin.seen) == 2, deadline_s=4)
        let_go.set()
        assert b"quick" in other.answer()[1] and b"slow" in first.answer()[1]


def test_a_client_that_leaves_takes_nobody_along(proxy):
    """Neither the one that leads nor one that waits; the origin still holds the first."""
    held = Held(lambda seen: Reply(headers=SHARED, body=b"body"))
    with Origin(held) as origin:
        first, others = led(proxy, origin, held)
        others.pop().leave()
        first.leave()

        assert [each.answer()[1] for each in others] == [b"body"] * 4
        held.let_go.set()

    assert len(asked_for_x(origin)) == 2


def test_a_slow_leader_is_not_waited_for_for_ever(proxy):
    """The others go themselves while the origin still holds the first."""
    held = Held(lambda seen: Reply(headers=SHARED, body=b"body"))
    with Origin(held) as origin:
        first, others = led(proxy, origin, held)

        assert [each.answer()[1] for each in others] == [b"body"] * 5
        held.let_go.set()
        assert first.answer()[1] == b"body"


def test_streams_of_one_connection(proxy, client_of, authority):
    """Over HTTP/2."""
    held = Held(lambda seen: Reply(headers=SHARED, body=b"same"))
    other = client_of(proxy, http2=True)

    async def all_streams(origin):
        trust = Http2First(ssl.PROTOCOL_TLS_CLIENT)
        trust.load_verify_locations(str(proxy.ca))
        async with httpx.AsyncClient(
            proxy=proxy.url, verify=trust, http2=True, timeout=60, trust_env=False
        ) as client:
            await client.get(origin.url("/before", "localhost"))  # all others on its connection
            streams = [
                asyncio.create_task(client.get(origin.url("/x", "localhost"))) for _ in range(20)
            ]
            assert await asyncio.to_thread(held.asked.wait, 30)
            for _ in range(3):  # by another client: httpx reads for one stream at a time
                await asyncio.to_thread(other.get, origin.url("/later", "localhost"))
            held.let_go.set()
            return await asyncio.gather(*streams)

    with Origin(held, tls=authority.context()) as origin:
        answers = asyncio.run(all_streams(origin))

    assert {(each.status_code, each.content, each.http_version) for each in answers} == {
        (200, b"same", "HTTP/2")
    }
    assert len(asked_for_x(origin)) == 1


@pytest.mark.parametrize("secure", [False, True])
def test_a_stale_answer_is_refreshed_afterwards(proxy, client_of, authority, secure):
    """At once and stale, while the origin holds the refresh; then fresh; with one record."""
    asked, let_go = threading.Event(), threading.Event()
    lasting = ("cache-control", "max-age=60, stale-while-revalidate=600")

    def handle(seen):
        if seen.header("if-none-match") == '"1"':
            asked.set()
            return Reply(
                status=304, headers=[lasting, ("etag", '"1"'), ("x-turn", "2")], hold=let_go
            )
        return Reply(headers=[lasting, ("etag", '"1"'), ("age", "100"), ("x-turn", "1")], body=b"b")

    with Origin(handle, tls=authority.context() if secure else None) as origin:
        url = origin.url("/x", "localhost")
        client = client_of(proxy)
        client.get(url)

        stale = [client.get(url, headers={"range": "bytes=0-0"}), client.get(url), client.get(url)]
        assert asked.wait(30)
        let_go.set()
        deadline = time.monotonic() + 30
        while (last := client.get(url)).headers["x-turn"] == "1":
            assert time.monotonic() < deadline

    assert [each.status_code for each in stale] == [206, 200, 200]
    assert all("detail=stale-while-revalidate" in each.headers["cache-status"] for each in stale)
    assert last.content == b"b" and "hit; ttl=" in last.headers["cache-status"]
    assert len(origin.seen) == 2
    assert origin.seen[1].header("range") is None
    records = proxy.records()
    (refresh,) = [each for each in records if each["forebay.background"]]
    assert refresh["forebay.cache"]["result"] == "revalidated"
    assert refresh["forebay.cache"]["stored"] is True
    assert refresh["forebay.answered_by"] == "origin"
    assert len({each["forebay.flow.id"] for each in records}) == len(records)
    assert "Traceback" not in proxy.text()


def test_a_refresh_that_fails_is_recorded_and_tried_again(proxy, client_of):
    """The answer stays; a refresh that the end of the proxy breaks off has its record, too."""
    asked, let_go = threading.Semaphore(0), threading.Event()
    lasting = ("cache-control", "max-age=60, stale-while-revalidate=600")

    def handle(seen):
        if seen.header("if-none-match") is None:
            return Reply(headers=[lasting, ("etag", '"1"'), ("age", "100")], body=b"b")
        asked.release()
        if len(origin.seen) == 2:
            return Reply(raw=b"")
        return Reply(hold=let_go)

    with ExitStack() as stack:
        origin = stack.enter_context(Origin(handle))
        stack.callback(let_go.set)
        client = client_of(proxy)
        client.get(origin.url("/x"))
        assert client.get(origin.url("/x")).content == b"b"
        assert asked.acquire(timeout=30)
        deadline = time.monotonic() + 30
        while not asked.acquire(blocking=False):
            assert client.get(origin.url("/x")).content == b"b"
            assert time.monotonic() < deadline

        refreshes = [each for each in proxy.records() if each["forebay.background"]]

    assert [each["error.type"] for each in refreshes] == ["connection_closed", "shutdown"]
    assert "Traceback" not in proxy.text()

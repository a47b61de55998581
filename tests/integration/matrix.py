"""A matrix of endings: what a client does, and the records that come of it.

Each case is a client at an address of its own (127.0.1.1, 127.0.1.2, ...), so
that every record is somebody's; its requests have paths of their own too, so
that everything the origins saw is somebody's.  ``play`` runs all cases of one
proxy, ends it, and returns what does not agree: the log with the table, with
what the clients were told, and with what the origins counted.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from websockets.sync.server import ServerConnection
from websockets.sync.server import serve as serve_websockets

from integration.matrix_client import Client
from origins import Authority, Handler, Origin, Reply, Seen, ok
from proxies import Proxy, read_log, until

WITH_PATH = {"http", "websocket"}
SILENCE = Reply()
"""Given as a reply: none comes, for as long as the origin runs."""
HELD = Reply(headers=[("cache-control", "max-age=600")], body=b"same")
"""Given as a reply: it comes when the stage says ``let_go``."""
SETTLE_S = 10
"""For how long records that are missing are waited for."""


@dataclass(frozen=True)
class End:
    """How one attempt ends.

    Attributes:
        status: in the record.
        error: ``error.type`` in the record.
        kind: of the record.
        by: who answered; empty: ``origin`` if there is a status of one.
        told: the status that the client was told, where that is another; 0: none.
        asked: whether the client has asked for it, and not the proxy itself.
        sent: bytes of the body that the origin sent, where its reply does not say.
        more: further fields of the record.
    """

    status: int | None = None
    error: str | None = None
    kind: str = "http"
    by: str | None = ""
    told: int | None = None
    asked: bool = True
    sent: int | None = None
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def answered_by(self) -> str | None:
        """Who answered."""
        if self.by != "":
            return self.by
        return "origin" if self.kind in WITH_PATH and self.status is not None else None


def times(count: int, end: End) -> tuple[End, ...]:
    """Return the same ending several times."""
    return (end,) * count


@dataclass(frozen=True)
class Case:
    """One row of the matrix.

    Attributes:
        name: what happens; the path of its requests is made of it.
        act: what the client does; returns the status of each attempt, None for no answer.
        ends: the records, in any order.
        reply: what the origin answers; of several, one after the other, the last from then on.
        seen: requests that reach an origin; None: as many as it has answered.
        stays: the client's connections are open until the proxy has ended.
    """

    name: str
    act: Callable[[Client], Iterable[int | None]]
    ends: tuple[End, ...]
    reply: Handler | tuple[Handler, ...] = ok
    seen: int | None = None
    stays: bool = False

    @property
    def path(self) -> str:
        """Where its requests go."""
        return "/" + "".join(c if c.isalnum() else "-" for c in self.name)


class Stage:
    """The origins of a matrix: what they answer is in its rows, and all they see is kept."""

    def __init__(self, authority: Authority, untrusted: Authority) -> None:
        self.let_go = threading.Event()
        """For replies that wait until a client says so."""
        self.plain = _Origin(self.reply, let_go=self.let_go)
        self.secure = _Origin(self.reply, authority.context())
        self.untrusted = _Origin(self.reply, untrusted.context())
        self.early = _Early(self.reply)
        self.speaking = Origin(greeting=b"hello\r\n")
        self.no_tls = Origin(greeting=b"HTTP/1.1 400 Bad Request\r\n\r\n")
        self.websockets: list[str] = []
        """Paths of the WebSockets that were opened."""
        self.sent: dict[str, list[int]] = defaultdict(list)
        self.arrived: dict[str, threading.Semaphore] = {}
        """Of each path: one for each request that has arrived."""
        self.authority = authority
        self._cases: dict[str, Case] = {}
        self._turns: dict[str, Iterator[int]] = defaultdict(itertools.count)

    def __enter__(self) -> Stage:
        with contextlib.ExitStack() as stack:
            self._datagrams = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            self._datagrams.bind(("127.0.0.1", 0))
            self.names_port = self._datagrams.getsockname()[1]
            echo = threading.Thread(target=self._echo)
            echo.start()
            stack.callback(echo.join)
            stack.callback(self._datagrams.sendto, b"", self._datagrams.getsockname())
            server = serve_websockets(self._websocket, "127.0.0.1", 0, max_size=10_000)
            stack.enter_context(server)
            self.websocket_port = server.socket.getsockname()[1]
            threading.Thread(target=server.serve_forever, daemon=True).start()
            counted = (self.plain, self.secure, self.untrusted, self.early)
            for origin in (*counted, self.speaking, self.no_tls):
                stack.enter_context(origin)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self.let_go.set()
        self._stack.close()

    def _echo(self) -> None:
        """Send datagrams back, with the bit that makes an answer of a DNS query."""
        while True:
            data, sender = self._datagrams.recvfrom(2000)
            if not data:
                return
            self._datagrams.sendto(data[:2] + bytes([data[2] | 0x80]) + data[3:], sender)

    def _websocket(self, opened: ServerConnection) -> None:
        """Echo; end it when told to."""
        assert opened.request
        self.websockets.append(opened.request.path)
        self.arrived[path_of(opened.request.path)].release()
        for message in opened:
            if message == "close":
                break
            opened.send(message)

    def cast(self, cases: Iterable[Case]) -> None:
        """Take the rows that are to be answered."""
        for case in cases:
            assert case.path not in self._cases, f"two cases are called {case.name!r}"
            self._cases[case.path] = case
            self.arrived[case.path] = threading.Semaphore(0)

    def reply(self, seen: Seen) -> Reply:
        """Answer as the row says whose path it is."""
        path = path_of(seen.target)
        if path not in self._cases:
            return Reply(403)  # a CONNECT
        replies = self._cases[path].reply
        if isinstance(replies, tuple):
            turn = next(self._turns[path])
            reply = replies[min(turn, len(replies) - 1)](seen)
        else:
            reply = replies(seen)
        if reply.raw is None and reply.pieces is None:
            bodiless = seen.method == "HEAD" or reply.status in (204, 304)
            self.sent[path].append(0 if bodiless else len(reply.body))
        self.arrived[path].release()
        return reply

    def seen(self) -> dict[str, list[int | None]]:
        """Return the sizes of the requests' bodies that came to each path."""
        found: dict[str, list[int | None]] = defaultdict(list)
        for origin in (self.plain, self.secure, self.untrusted, self.early):
            for seen in origin.seen:
                found[path_of(seen.target)].append(seen.body_bytes)
        for path in self.websockets:
            found[path].append(0)
        return found


def path_of(target: str) -> str:
    """Return the path of a request target in any form, without the query."""
    if "://" in target:
        target = "/" + target.split("/", 3)[3]
    return target.partition("?")[0]


@dataclass
class _Origin(Origin):
    """Can keep silent, or wait."""

    let_go: threading.Event = field(default_factory=threading.Event)

    async def _reply(self, seen: Seen) -> Reply:
        reply = await super()._reply(seen)
        if reply is SILENCE:
            await asyncio.Event().wait()
        elif reply is HELD:
            await asyncio.to_thread(self.let_go.wait, 20)
        return reply


@dataclass
class _Early(_Origin):
    """Answers as soon as it has the head of a request, and reads no body."""

    async def _http1(self, reader, writer, number: int) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        method, target, version = head.split("\r\n")[0].split(" ")
        seen = Seen(method, target, (), 0, version, number)
        self.seen.append(seen)
        await self._answer_http1(writer, seen, await self._reply(seen))


def play(proxy: Proxy, stage: Stage, cases: list[Case]) -> list[str]:
    """Run all cases, end the proxy; return what does not agree, a line each."""
    log = proxy.home / "log" / "traffic.jsonl"
    addresses = {case.name: f"127.0.{1 + n // 200}.{1 + n % 200}" for n, case in enumerate(cases)}
    told: dict[str, list[int | None]] = {}
    wrong: list[str] = []
    stage.cast(cases)
    with contextlib.ExitStack() as stays:
        for case in cases:
            client = Client(proxy, stage, case.path, addresses[case.name])
            with contextlib.ExitStack() as leaves:
                (stays if case.stays else leaves).enter_context(client)
                try:
                    told[case.name] = list(case.act(client))
                except (AssertionError, OSError) as error:
                    wrong.append(f"{case.name}: the client failed: {error!r}")
        expected = sum(len(case.ends) for case in cases if not case.stays)
        with contextlib.suppress(AssertionError):  # what is missing is told below, by name
            until(lambda: len(_of_clients(read_log(log))) >= expected, SETTLE_S)
        proxy.stop()
    records = read_log(log)
    wrong += _numbers(records)
    seen = stage.seen()
    by_address: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for record in _of_clients(records):
        by_address[record["client.address"]].append(record)
    for case in cases:
        found = by_address.pop(addresses[case.name], [])
        if case.name in told:
            sent = stage.sent.get(case.path, [])
            wrong += _case(case, found, told[case.name], seen.get(case.path, []), sent)
    wrong += [f"nobody's: {records}" for records in by_address.values()]
    wrong += [line for line in proxy.output if "Traceback" in line or "crashed" in line]
    return wrong


def _of_clients(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out what the check whether the proxy serves has come to."""
    return [record for record in records if record.get("server.address") != "mitm.it"]


def _numbers(records: list[dict[str, Any]]) -> Iterable[str]:
    """``seq`` counts from 1 without a gap, and in order."""
    numbers = [record.get("seq") for record in records]
    if numbers != list(range(1, len(records) + 1)):
        yield f"seq: expected 1 to {len(records)}, found {numbers}"


def _case(
    case: Case,
    records: list[dict[str, Any]],
    told: list[int | None],
    seen: list[int | None],
    sent: list[int],
) -> Iterable[str]:
    fields = sorted({name for end in case.ends for name in end.more})
    expected = Counter(_row(case, end, fields) for end in case.ends)
    found = Counter(
        (
            record["kind"],
            record["http.response.status_code"],
            record["error.type"],
            record["forebay.answered_by"],
            record["url.path"],
            *(str(record.get(name)) for name in fields),
        )
        for record in records
    )
    if expected != found:
        details = [(each["error.message"], each["server.address"]) for each in records]
        yield f"{case.name}: expected {dict(expected)}, found {dict(found)} {details}"
        return
    shown = [end.status if end.told is None else end.told for end in case.ends if end.asked]
    shown = [status or None for status in shown]
    if Counter(shown) != Counter(told):
        yield f"{case.name}: the client was to be told {shown}, found {told}"
    from_origin = [each for each in records if each["forebay.answered_by"] == "origin"]
    arrived = len(from_origin) if case.seen is None else case.seen
    if arrived != len(seen):
        yield f"{case.name}: the origin was to see {arrived} requests, found {len(seen)}"
    whole = [each for each in from_origin if each["error.type"] is None]
    if case.seen is None:
        uploads = Counter(each["http.request.body.size"] for each in whole)
        if len(whole) == len(records) and uploads != Counter(seen):
            yield f"{case.name}: the origin got {seen} bytes, found {dict(uploads)}"
    stated = [end.sent for end in case.ends if end.sent is not None] or sent
    downloads = Counter(each["http.response.body.size"] for each in whole)
    if len(stated) == len(whole) and downloads != Counter(stated):
        yield f"{case.name}: the origin sent {stated} bytes, found {dict(downloads)}"


def _row(case: Case, end: End, fields: list[str]) -> tuple[object, ...]:
    path = case.path if end.kind in WITH_PATH else None
    more = (str(end.more.get(name)) for name in fields)
    return (end.kind, end.status, end.error, end.answered_by, path, *more)

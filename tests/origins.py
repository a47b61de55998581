"""Real origin servers on loopback, in a thread of their own, that count what they see.

One small server speaks HTTP/1.1 and, over TLS with ALPN, HTTP/2.  What it
answers is a function of what it saw; bytes go out exactly as given, so that
broken origins are as easy as sound ones.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Self

import h2.config
import h2.connection
import h2.events
import trustme
from h2.exceptions import ProtocolError, StreamClosedError


@dataclass(frozen=True)
class Seen:
    """One request as the origin saw it; names in lower case."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body_bytes: int
    protocol: str
    connection: int

    def header(self, name: str) -> str | None:
        """Return the first value of a field."""
        return next((value for key, value in self.headers if key == name), None)


@dataclass
class Reply:
    """What to answer; *pieces* are chunked unless a length or ``raw`` says otherwise."""

    status: int = 200
    headers: Iterable[tuple[str, str]] = ()
    body: bytes = b""
    pieces: Iterable[bytes] | AsyncIterator[bytes] | None = None
    raw: bytes | None = None  # sent as it is, then the connection is closed; HTTP/2: GOAWAY
    reset: bool = False  # the connection (HTTP/2: the stream) is reset after what was sent
    hold: threading.Event | None = None  # awaited before anything is sent


type Handler = Callable[[Seen], Reply]


def ok(seen: Seen) -> Reply:
    """Answer with a few words that may not be stored."""
    text = f"{seen.method} {seen.target} over {seen.protocol}".encode()
    return Reply(headers=[("content-type", "text/plain"), ("cache-control", "no-store")], body=text)


def cacheable(max_age_s: int = 3600) -> Handler:
    """Answer with what may be stored for *max_age_s* seconds."""

    def handle(seen: Seen) -> Reply:
        return Reply(
            headers=[
                ("cache-control", f"max-age={max_age_s}"),
                ("etag", '"v1"'),
                ("content-type", "text/plain"),
            ],
            body=f"stored {seen.target}".encode(),
        )

    return handle


class Authority:
    """A certificate authority for origins, trusted by nobody else."""

    def __init__(self, folder) -> None:
        self._ca = trustme.CA()
        self.path = folder / "origins-ca.pem"
        self._ca.cert_pem.write_to_path(str(self.path))

    def context(
        self, *names: str, protocols: tuple[str, ...] = ("h2", "http/1.1")
    ) -> ssl.SSLContext:
        """Return a server context with a certificate for *names*."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._ca.issue_cert(*(names or ("localhost", "127.0.0.1"))).configure_cert(context)
        if protocols:
            context.set_alpn_protocols(list(protocols))
        return context


@dataclass
class Origin:
    """A server on a free port of 127.0.0.1; a context manager."""

    handler: Handler = ok
    tls: ssl.SSLContext | None = None
    port: int = 0
    greeting: bytes | None = None  # a server that speaks first, then echoes
    seen: list[Seen] = field(default_factory=list)
    connections: int = 0

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._tasks: set[asyncio.Task] = set()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._ready.wait(10), "the origin did not start"
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Close the listener and every connection; a second call does nothing."""
        if self._thread.is_alive():
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._stopped.set)
            self._thread.join(10)

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        """Return the URL of *path* here."""
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}{path}"

    def targets(self) -> list[str]:
        """Return the request targets seen, in order."""
        return [seen.target for seen in self.seen]

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        self._stopped = asyncio.Event()
        server = await asyncio.start_server(
            self._connected, "127.0.0.1", self.port, ssl=self.tls, limit=2**20
        )
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stopped.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if sys.version_info >= (3, 13):
            server.abort_clients()  # those in mid-handshake have no task yet
            for _ in range(3):
                await asyncio.sleep(0)  # transports close in a later turn

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        number = self.connections
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        serve: Callable[..., Awaitable[None]] = self._http1
        tls_object = writer.get_extra_info("ssl_object")
        if self.greeting is not None:
            serve = self._greet
        elif tls_object is not None and tls_object.selected_alpn_protocol() == "h2":
            serve = self._http2
        try:
            await serve(reader, writer, number)
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError, ProtocolError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()

    async def _greet(self, reader, writer, number: int) -> None:
        writer.write(self.greeting)
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()

    async def _http1(self, reader, writer, number: int) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            request_line, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
            method, target, version = request_line.split(" ", 2)
            headers = tuple(
                (name.lower(), value.strip())
                for name, _, value in (x.partition(":") for x in lines)
            )
            named = dict(headers)
            body_bytes = await _drain_body(reader, named)
            seen = Seen(method, target, headers, body_bytes, version, number)
            self.seen.append(seen)
            if not await self._answer_http1(writer, seen, await self._reply(seen)):
                return
            if named.get("connection", "").lower() == "close":
                return

    async def _reply(self, seen: Seen) -> Reply:
        reply = self.handler(seen)
        if reply.hold is not None:
            await asyncio.to_thread(reply.hold.wait, 60)
        return reply

    async def _answer_http1(self, writer, seen: Seen, reply: Reply) -> bool:
        """Return whether the connection may be used again."""
        if reply.raw is not None:
            writer.write(reply.raw)
            await writer.drain()
        else:
            await self._write_http1(writer, seen, reply)
        if reply.reset:
            writer.transport.abort()
        return reply.raw is None and not reply.reset

    async def _write_http1(self, writer, seen: Seen, reply: Reply) -> None:
        headers = list(reply.headers)
        names = {name.lower() for name, _ in headers}
        if "date" not in names:
            headers.append(("Date", formatdate(usegmt=True)))
        chunked = reply.pieces is not None and "content-length" not in names
        if chunked:
            headers.append(("Transfer-Encoding", "chunked"))
        elif "content-length" not in names and reply.status not in (204, 304):
            headers.append(("Content-Length", str(len(reply.body))))
        head = f"HTTP/1.1 {reply.status} Status\r\n" + "".join(f"{n}: {v}\r\n" for n, v in headers)
        writer.write(head.encode("latin-1") + b"\r\n")
        if seen.method == "HEAD" or reply.status in (204, 304):
            await writer.drain()
            return
        async for piece in _pieces(reply):
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
            await writer.drain()
        if chunked:
            writer.write(b"0\r\n\r\n")
        await writer.drain()

    async def _http2(self, reader, writer, number: int) -> None:
        connection = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
        )
        connection.initiate_connection()
        writer.write(connection.data_to_send())
        heads: dict[int, tuple[tuple[str, str], ...]] = {}
        sizes: dict[int, int] = {}
        window = asyncio.Event()
        while data := await reader.read(65536):
            for event in connection.receive_data(data):
                match event:
                    case h2.events.RequestReceived():
                        heads[event.stream_id] = tuple(event.headers)
                        sizes[event.stream_id] = 0
                    case h2.events.DataReceived():
                        sizes[event.stream_id] += len(event.data)
                        connection.acknowledge_received_data(
                            event.flow_controlled_length, event.stream_id
                        )
                    case h2.events.WindowUpdated() | h2.events.RemoteSettingsChanged():
                        window.set()
                    case h2.events.StreamEnded():
                        named = dict(heads[event.stream_id])
                        seen = Seen(
                            named[":method"],
                            named[":path"],
                            heads[event.stream_id],
                            sizes[event.stream_id],
                            "HTTP/2",
                            number,
                        )
                        self.seen.append(seen)
                        task = asyncio.create_task(
                            self._answer_http2(connection, writer, event.stream_id, seen, window)
                        )
                        self._tasks.add(task)
                        task.add_done_callback(self._tasks.discard)
            writer.write(connection.data_to_send())
            await writer.drain()

    async def _answer_http2(self, connection, writer, stream: int, seen: Seen, window) -> None:
        reply = await self._reply(seen)
        if reply.raw is not None:
            connection.close_connection()
            writer.write(connection.data_to_send())
            writer.close()
            return
        headers = [(":status", str(reply.status)), ("date", formatdate(usegmt=True))]
        headers += [(name.lower(), value) for name, value in reply.headers]
        with contextlib.suppress(StreamClosedError, ConnectionError):
            connection.send_headers(stream, headers)
            if seen.method != "HEAD":
                async for piece in _pieces(reply):
                    await _send_http2(connection, writer, stream, piece, window)
            if reply.reset:
                connection.reset_stream(stream)
            else:
                connection.end_stream(stream)
            writer.write(connection.data_to_send())
            await writer.drain()


async def _send_http2(connection, writer, stream: int, piece: bytes, window) -> None:
    while piece:
        room = min(connection.local_flow_control_window(stream), connection.max_outbound_frame_size)
        if room <= 0:
            window.clear()
            await window.wait()
            continue
        connection.send_data(stream, piece[:room])
        piece = piece[room:]
        writer.write(connection.data_to_send())
        await writer.drain()


async def _pieces(reply: Reply) -> AsyncIterator[bytes]:
    if reply.pieces is None:
        if reply.body:
            yield reply.body
    elif isinstance(reply.pieces, AsyncIterator):
        async for piece in reply.pieces:
            yield piece
    else:
        for piece in reply.pieces:
            yield piece


async def _drain_body(reader, headers: dict[str, str]) -> int:
    if "chunked" in headers.get("transfer-encoding", ""):
        total = 0
        while size := int((await reader.readline()).split(b";")[0], 16):
            await _skip(reader, size + 2)
            total += size
        await reader.readline()
        return total
    size = int(headers.get("content-length", "0"))
    await _skip(reader, size)
    return size


async def _skip(reader, size: int) -> None:
    while size:
        data = await reader.read(min(size, 2**18))
        if not data:
            raise asyncio.IncompleteReadError(b"", size)
        size -= len(data)

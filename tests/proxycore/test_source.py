"""Large answers of ours; what they cost is shown by real traffic."""

from __future__ import annotations

import asyncio
import gc
import threading

import h2.connection
import pytest
from mitmproxy import http
from mitmproxy.connection import ConnectionState
from mitmproxy.proxy import events
from mitmproxy.proxy.layers.http import HttpLayer, HTTPMode
from mitmproxy.proxy.layers.http._http2 import Http2Server
from mitmproxy.proxy.layers.http._http_h2 import SendH2Data
from mitmproxy.proxy.server import ConnectionIO, SimpleConnectionHandler
from mitmproxy.test import tflow

from forebay.proxycore import bodies, pressure, source, unreachable, upload
from forebay.proxycore.addon import Proxycore
from forebay.proxycore.patch import CoreMismatchError
from forebay.proxycore.sansio import Driver, client_context

BODY = b"0123456789" * (source.PIECE_BYTES // 4)
PIECES = -(-len(BODY) // source.PIECE_BYTES)
ASKED = ["requestheaders", "request", "responseheaders"]


@pytest.fixture(name="patched")
def _patched():
    source.PATCH.install()
    yield
    source.PATCH.uninstall()


def test_without_the_guard_there_is_no_source(opts):
    """And a caller that asks nonetheless is told, rather than the client left waiting."""
    flow = tflow.tflow(resp=True)

    assert not source.available()
    with pytest.raises(CoreMismatchError, match="switched off"):
        source.attach(flow, 1, None)
    with pytest.raises(CoreMismatchError):
        source.self_test(opts)
    assert flow.response.content == b"message"


@pytest.mark.usefixtures("patched")
def test_the_self_test_passes(opts):
    assert source.available()
    source.self_test(opts)


class Store:
    """An addon that answers from a source, and what becomes of it."""

    def __init__(self, read=None, body=BODY, then=None):
        self.body = body
        self.then = then or {}
        self.closed = 0
        self.asked = []
        self.flow = None
        if read is not None:
            self.read = read

    async def read(self, offset, limit):
        self.asked.append((offset, limit))
        return self.body[offset : offset + limit]

    def close(self):
        self.closed += 1

    def __call__(self, hook):
        if isinstance(hook, source.NextPiece):
            with pytest.raises(StopIteration):
                hook.piece.read().send(None)
        elif hook.name == "requestheaders":
            (self.flow,) = hook.args()
            bodies.begin(self.flow)
            self.flow.response = http.Response.make(200, b"placeholder")
            # A closure, as the store must not be held by what is called at its end.
            source.attach(self.flow, len(self.body), self.read, self.close)
        if hook.name in self.then:
            self.then[hook.name]()


def driven(opts, store, request=b"GET http://192.0.2.9/ HTTP/1.1\r\nHost: 192.0.2.9\r\n\r\n"):
    context = client_context(opts)
    driver = Driver(HttpLayer(context, HTTPMode.regular), store)
    driver.feed(events.Start())
    driver.data(context.client, request)
    return context.client, driver


@pytest.mark.usefixtures("patched")
def test_an_answer_arrives_whole(opts):
    """In order, with its length, counted, closed once; the hook ``response`` comes after it."""
    store = Store()
    client, driver = driven(opts, store)

    head, _, body = bytes(driver.sent[client]).partition(b"\r\n\r\n")
    assert b"content-length: %d" % len(BODY) in head
    assert body == BODY
    assert store.asked[0] == (0, source.PIECE_BYTES)
    assert len(store.asked) == PIECES
    assert sum(store.asked[-1]) == len(BODY)
    assert driver.hooks == [*ASKED, *[""] * PIECES, "response"]
    assert store.closed == 1
    assert bodies.response_size(store.flow) == len(BODY)
    assert store.flow.response.raw_content is None
    assert not driver.top.streams
    assert not driver.opened


@pytest.mark.usefixtures("patched")
def test_the_connection_serves_the_next_request(opts):
    store = Store()
    client, driver = driven(opts, store)
    driver.data(client, b"GET http://192.0.2.9/ HTTP/1.1\r\nHost: 192.0.2.9\r\n\r\n")

    assert driver.sent[client].count(b"HTTP/1.1 200 OK") == 2
    assert len(driver.sent[client]) > 2 * len(BODY)
    assert store.closed == 2


@pytest.mark.usefixtures("patched")
@pytest.mark.parametrize("body", [BODY, b""])
@pytest.mark.parametrize("method", [b"HEAD", b"GET"])
def test_a_head_without_a_body(opts, method, body):
    """For HEAD, and for a body of no bytes."""
    store = Store(body=body)
    request = b"%s http://192.0.2.9/ HTTP/1.1\r\nHost: 192.0.2.9\r\n\r\n" % method
    client, driver = driven(opts, store, request)

    sent = b"" if method == b"HEAD" else body
    assert driver.sent[client].endswith(b"content-length: %d\r\n\r\n" % len(body) + sent)
    assert driver.hooks[-1] == "response"
    assert store.closed == 1


async def failing(offset, limit):
    if offset:
        raise OSError("disk on fire")
    return b"x" * limit


async def ending(offset, limit):
    return b"" if offset else b"x" * limit


async def short(offset, limit):
    return b"x" * (limit + 1)


@pytest.mark.usefixtures("patched")
@pytest.mark.parametrize(
    ("read", "message"),
    [
        (failing, "The answer broke off: disk on fire"),
        (ending, f"The answer broke off: expected {2**17} bytes at {2**17}, found 0"),
        (short, f"The answer broke off: expected {2**17} bytes at 0, found {2**17 + 1}"),
    ],
)
def test_a_read_that_fails_closes_the_connection(opts, read, message):
    """The client must not take a part for the whole; the hook ``error`` runs, once."""
    store = Store(read)
    client, driver = driven(opts, store)

    assert client in driver.closed
    assert store.closed == 1
    assert store.flow.error.msg == message
    assert (driver.hooks[-1], driver.hooks.count("error")) == ("error", 1)
    assert "response" not in driver.hooks
    assert not driver.top.streams


@pytest.mark.usefixtures("patched")
def test_a_client_that_leaves_ends_the_reading(opts):
    """After the piece that was being read."""

    def leave():
        if len(store.asked) == 2:
            driver.peer_closes(client)

    store = Store(then={"": leave})
    context = client_context(opts)
    client = context.client
    driver = Driver(HttpLayer(context, HTTPMode.regular), store)
    driver.feed(events.Start())
    driver.data(client, b"GET http://192.0.2.9/ HTTP/1.1\r\nHost: 192.0.2.9\r\n\r\n")

    assert len(store.asked) == 2
    assert store.closed == 1
    assert store.flow.error.msg == "Client disconnected."
    assert driver.hooks.count("error") == 1
    assert "response" not in driver.hooks
    assert bodies.response_size(store.flow) == source.PIECE_BYTES


@pytest.mark.usefixtures("patched")
def test_a_flow_killed_meanwhile(opts):
    store = Store(then={"": lambda: store.flow.killable and store.flow.kill()})
    client, driver = driven(opts, store)

    assert len(store.asked) == 1
    assert store.closed == 1
    assert client in driver.closed
    assert driver.hooks.count("error") == 1


@pytest.mark.usefixtures("patched")
@pytest.mark.parametrize("hook", ["request", "responseheaders"])
@pytest.mark.parametrize("what", ["response", "content"])
def test_another_addon_may_answer_otherwise(opts, hook, what):
    """The source is closed unread."""

    def replace():
        if what == "response":
            store.flow.response = http.Response.make(403, b"no")
        else:
            store.flow.response.content = b"no"

    store = Store(then={hook: replace})
    client, driver = driven(opts, store)

    assert driver.sent[client].endswith(b"content-length: 2\r\n\r\nno")
    assert (store.asked, store.closed) == ([], 1)


@pytest.mark.usefixtures("patched")
@pytest.mark.parametrize("over_wire", [True, False])
def test_what_the_core_has_read_of_a_response_made_ours_is_thrown_away(over_wire):
    """Without the word the other body counts, as another addon's."""
    flow = tflow.tflow(resp=True)

    async def read(offset, limit):
        return b""

    source.attach(flow, 5, read, over_wire=over_wire)
    assert flow.response.raw_content == (b"" if over_wire else None)
    flow.response.data.content = b"of the origin"

    assert (source._taken(flow) is not None) is over_wire
    assert flow.response.raw_content == (None if over_wire else b"of the origin")


@pytest.mark.usefixtures("patched")
def test_a_source_that_is_never_sent_is_closed():
    """When it is replaced, given up, or its flow forgotten."""
    closed = []

    def attached():
        flow = tflow.tflow(resp=True)
        source.attach(flow, 1, None, lambda: closed.append(1))
        return flow

    flow = attached()
    source.attach(flow, 1, None, lambda: closed.append(2))
    assert closed == [1]
    source.discard(flow)
    source.discard(flow)
    assert closed == [1, 2]

    flow = attached()
    del flow
    gc.collect()
    assert closed == [1, 2, 1]


@pytest.mark.usefixtures("patched")
@pytest.mark.parametrize("answered", [False, True])
def test_the_end_of_a_flow_closes_what_was_not_sent(monkeypatch, answered):
    """Not when it is the body of the answer that takes the place of the error."""
    closed = []
    flow = tflow.tflow(resp=True)
    source.attach(flow, 1, None, lambda: closed.append(1))
    monkeypatch.setattr(unreachable, "is_answered", lambda asked: answered)

    Proxycore().error(flow)

    assert bool(closed) is not answered


@pytest.mark.usefixtures("patched")
def test_a_source_that_cannot_be_closed(opts, caplog):
    """Is a line in the log; the answer is sent."""

    class Odd(Store):
        def close(self):
            raise OSError("still burning")

    client, driver = driven(opts, Odd())

    assert driver.sent[client].endswith(BODY)
    assert "source: not closed: still burning" in caplog.text


@pytest.mark.usefixtures("patched")
def test_another_script_may_edit_what_passes(opts):
    """As with every streamed response."""

    def shout():
        store.flow.response.stream = lambda data: data.replace(b"0", b"!") or [b""]

    store = Store(then={"responseheaders": shout})
    client, driver = driven(opts, store)

    assert driver.sent[client].endswith(BODY.replace(b"0", b"!"))


@pytest.mark.usefixtures("patched")
def test_an_answer_to_an_upload(opts):
    """It leaves at once, and the upload is thrown away."""
    store = Store()
    upload.PATCH.install()
    try:
        client, driver = driven(
            opts,
            store,
            b"POST http://192.0.2.9/ HTTP/1.1\r\nHost: 192.0.2.9\r\nContent-Length: 4\r\n\r\n",
        )
        assert driver.sent[client].endswith(BODY)
        driver.data(client, b"body")
    finally:
        upload.PATCH.uninstall()

    assert not driver.top.streams
    assert client not in driver.closed


def test_a_guard_that_is_taken_away_meanwhile(opts):
    """Nobody reads then: the answer breaks off."""
    source.PATCH.install()

    def act(hook):
        if isinstance(hook, source.NextPiece):
            source.PATCH.uninstall()  # the core calls a hook that no addon has
        else:
            store(hook)

    store = Store()
    client, driver = driven(opts, act)

    assert client in driver.closed
    assert store.closed == 1


# The waiting, with a real connection handler


class Writer:
    """A client's writer that drains when told."""

    def __init__(self):
        self.room = asyncio.Event()
        self.error = None

    async def drain(self):
        await self.room.wait()
        if self.error:
            raise self.error

    def is_closing(self):
        return False


class Receiving:
    """A connection handler, and a piece that is to be sent to its client."""

    def __init__(self, opts, *, http2=False):
        self.writer = Writer()
        context = client_context(opts)
        self.handler = object.__new__(SimpleConnectionHandler)
        self.handler.client = context.client
        self.handler.transports = {
            context.client: ConnectionIO(handler=None, reader=None, writer=self.writer)
        }
        self.events = []
        self.handler.server_event = self._server_event
        self.receiver = Http2Server(context) if http2 else None
        self.piece = object.__new__(source.Piece)
        self.piece.source = source._Source(None, 5, self._read, None)
        self.piece.offset = 0
        self.piece.stream_id = 1
        self.piece.receiver = self.receiver
        self.piece.data, self.piece.error = b"", "nobody"
        self.reads = 0

    async def _server_event(self, event):
        self.events.append(event)

    async def _read(self, offset, limit):
        self.reads += 1
        return b"piece"

    def start(self):
        return asyncio.create_task(self.handler.hook_task(source.NextPiece(self.piece)))


async def settle():
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.mark.usefixtures("patched")
def test_nothing_is_read_until_the_client_has_room(opts):
    async def run():
        receiving = Receiving(opts)
        task = receiving.start()
        await settle()
        assert not receiving.reads
        receiving.writer.room.set()
        await task
        assert (receiving.piece.data, receiving.piece.error) == (b"piece", None)
        assert [type(event) for event in receiving.events] == [events.HookCompleted]

    asyncio.run(run())


@pytest.mark.usefixtures("patched")
@pytest.mark.parametrize("ends", ["window", "closed", "left"])
def test_nothing_is_read_until_the_windows_have_room(opts, monkeypatch, ends):
    """Of an HTTP/2 client; its end is noticed too."""
    monkeypatch.setattr(source, "RECHECK_S", 0.01 if ends == "left" else 3600)

    async def run():
        receiving = Receiving(opts, http2=True)
        receiving.writer.room.set()
        h2_conn = receiving.receiver.h2_conn
        h2_conn.stream_buffers[1].append(SendH2Data(b"x" * (pressure.LIMIT_BYTES + 1), False))
        task = receiving.start()
        await settle()
        assert not receiving.reads
        if ends == "window":
            h2_conn.stream_buffers.clear()
            h2_conn.initiate_connection()
            h2_conn.receive_data(b"")
        else:
            receiving.handler.client.state = ConnectionState.CLOSED
            if ends == "closed":
                list(receiving.receiver.close_connection("bye"))
        await asyncio.wait_for(task, 30)
        if ends == "window":
            assert receiving.piece.error is None
        else:
            assert (receiving.reads, receiving.piece.error) == (0, "Client disconnected.")

    asyncio.run(run())


def asking(receiver, *, window_bytes, streams):
    """Have a client with such windows ask over so many streams; return it."""
    client = h2.connection.H2Connection()
    client.local_settings.initial_window_size = window_bytes
    client.local_settings.acknowledge()  # or the old one is sent
    client.initiate_connection()
    head = [(":method", "GET"), (":scheme", "https"), (":authority", "a"), (":path", "/")]
    for number in range(streams):
        client.send_headers(2 * number + 1, head, end_stream=True)
    receiver.h2_conn.initiate_connection()
    receiver.h2_conn.receive_data(client.data_to_send())
    for number in range(streams):
        receiver.h2_conn.send_headers(2 * number + 1, [(b":status", b"200")])
    return client


@pytest.mark.usefixtures("patched")
@pytest.mark.parametrize("ends", ["window", "reset"])
def test_nothing_is_read_for_a_stream_without_a_window(opts, ends):
    async def run():
        receiving = Receiving(opts, http2=True)
        receiving.writer.room.set()
        client = asking(receiving.receiver, window_bytes=0, streams=1)
        task = receiving.start()
        await settle()
        assert not receiving.reads
        if ends == "window":
            client.increment_flow_control_window(1, 1)
        else:
            client.reset_stream(1)
        receiving.receiver.h2_conn.receive_data(client.data_to_send())
        await asyncio.wait_for(task, 30)

    asyncio.run(run())


@pytest.mark.usefixtures("patched")
def test_all_streams_of_a_connection_share_what_may_wait(opts):
    """Beyond it each has one piece at most, so that none is without."""
    receiver = Http2Server(client_context(opts))
    asking(receiver, window_bytes=1, streams=100)
    h2_conn = receiver.h2_conn
    waiting = 0
    for number in range(100):
        stream = 2 * number + 1
        assert source._has_window(receiver, stream)
        while source._has_window(receiver, stream):
            h2_conn.send_data(stream, bytes(source.PIECE_BYTES))
        waiting += pressure.kept_bytes(receiver, stream)

    assert waiting <= source.MOST_KEPT_BYTES + 100 * source.PIECE_BYTES


@pytest.mark.usefixtures("patched")
def test_a_client_that_cannot_be_written_to(opts):
    """Its connection ends, as the core does it."""

    async def run():
        receiving = Receiving(opts)
        receiving.writer.error = ConnectionResetError("gone")
        receiving.writer.room.set()
        connection = asyncio.create_task(asyncio.sleep(60))
        receiving.handler.transports[receiving.handler.client].handler = connection
        await receiving.start()
        await settle()
        assert connection.cancelled()
        assert (receiving.reads, receiving.piece.error) == (0, "Client disconnected.")

    asyncio.run(run())


@pytest.mark.usefixtures("patched")
def test_other_hooks_are_the_cores(opts):
    async def run():
        receiving = Receiving(opts)
        called = []
        receiving.handler.hook_handlers = {"error": called.append}
        hook = source.HttpErrorHook(tflow.tflow())
        await receiving.handler.hook_task(hook)
        assert called == [hook.flow]
        assert [type(event) for event in receiving.events] == [events.HookCompleted]

    asyncio.run(run())


def test_a_blocking_read_runs_in_a_thread_a_block_ahead():
    """What is sent comes in smaller pieces; each block is read once, whole, in order."""
    body = bytes(range(256)) * (3 * source.BLOCK_BYTES // 256 + 1)
    asked, threads, ahead = [], set(), threading.Event()

    def blocking(offset, limit):
        asked.append((offset, limit))
        threads.add(threading.get_ident())
        if offset == source.BLOCK_BYTES:
            ahead.set()
        return body[offset : offset + limit]

    async def run():
        read, found = source.in_thread(blocking, len(body)), b""
        found = await read(0, source.PIECE_BYTES)
        await asyncio.to_thread(ahead.wait, 20)
        while len(found) < len(body):
            found += await read(len(found), source.PIECE_BYTES)
        return found

    assert asyncio.run(run()) == body
    assert ahead.is_set()
    assert threading.get_ident() not in threads
    block = source.BLOCK_BYTES
    assert asked == [(0, block), (block, block), (2 * block, block), (3 * block, 256)]


def test_only_so_many_read_ahead_at_once(monkeypatch):
    """The others hold nothing of what they have sent, until one of the first ends."""
    monkeypatch.setattr(source, "MOST_AHEAD", 1)
    asked, size = [], 2 * source.BLOCK_BYTES

    def blocking(offset, limit):
        asked.append(limit)
        return bytes(limit)

    async def run():
        first, second = (source.in_thread(blocking, size) for _ in range(2))
        await first(0, 10)
        while len(asked) < 2:  # a block and the next
            await asyncio.sleep(0)
        del asked[:]
        for offset in (0, 10):
            assert await second(offset, 10) == bytes(10)
        assert asked == [10, 10]
        del first
        assert len(await second(20, 10)) == 10
        return asked[2]

    assert asyncio.run(run()) == source.BLOCK_BYTES


def test_a_read_that_fails_ahead_is_told_when_its_turn_comes(caplog):
    """And not at all when nobody comes for it."""
    read_ahead = threading.Event()

    def blocking(offset, limit):
        if offset:
            read_ahead.set()
            raise OSError("gone")
        return b"x" * limit

    async def run(*, comes):
        read = source.in_thread(blocking, 2 * source.BLOCK_BYTES)
        await read(0, 1)
        await asyncio.to_thread(read_ahead.wait, 20)
        if comes:
            with pytest.raises(OSError, match="gone"):
                await read(source.BLOCK_BYTES, 1)

    asyncio.run(run(comes=True))
    asyncio.run(run(comes=False))
    gc.collect()
    assert not caplog.records


def test_a_disk_that_hangs_breaks_the_answer_off(monkeypatch):
    """And has no thread of those that everybody uses."""
    monkeypatch.setattr(source, "READ_DEADLINE_S", 0.05)
    free = threading.Event()

    def blocking(offset, limit):
        assert threading.current_thread().name.startswith("forebay source")
        assert free.wait(20)
        return b"x"

    async def run():
        with pytest.raises(TimeoutError, match="expected to read within"):
            await source.in_thread(blocking, 1)(0, 1)

    try:
        asyncio.run(run())
    finally:
        free.set()

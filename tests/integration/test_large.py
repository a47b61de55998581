"""Bodies too long for memory: written while they pass, and fed from their files."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import http.client
import os
import random
import resource
import shutil
import socket
import sqlite3
import ssl
import threading

import h2.connection
import h2.events
import pytest

from origins import Origin, Reply, cacheable
from proxies import until

pytestmark = pytest.mark.integration

MB = 2**20
BODY = random.Random(1).randbytes(8 * MB)
FIELDS = [("cache-control", "max-age=3600"), ("etag", '"v1"')]
CUT = b"HTTP/1.1 200 OK\r\nCache-Control: max-age=3600\r\n"


def whole(seen):
    return Reply(headers=FIELDS, body=BODY)


def chunked(seen):
    return Reply(
        headers=FIELDS, pieces=[BODY[at : at + 100_000] for at in range(0, len(BODY), 100_000)]
    )


def value_files(tmp_path):
    return list((tmp_path / "home" / "cache").glob("objects/??/??/*.val"))


def value_bytes(tmp_path):
    total = 0
    for path in value_files(tmp_path):
        with contextlib.suppress(FileNotFoundError):  # it was removed meanwhile
            total += path.stat().st_size
    return total


def drafts(tmp_path):
    return list((tmp_path / "home" / "cache" / "objects" / "drafts").glob("*"))


def until_stored(tmp_path, count=1):
    """Wait until as many rows name a file; another process's commit cannot be awaited otherwise."""
    database = tmp_path / "home" / "cache" / "objects" / "cache.db"

    def is_stored():
        with (
            contextlib.suppress(sqlite3.Error),
            contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as db,
        ):
            rows = db.execute("SELECT COUNT(*) FROM Cache WHERE filename IS NOT NULL")
            return rows.fetchone()[0] == count
        return False

    until(is_stored)


def raw_get(proxy, url):
    """Return what a client gets of a body that may break off."""
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=30) as client:
        host = url.split("/")[2]
        client.sendall(f"GET {url} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        got = bytearray()
        with contextlib.suppress(ConnectionError):
            while data := client.recv(2**18):
                got += data
    return bytes(got).partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize("reply", [whole, chunked])
def test_a_large_body_is_served_without_its_origin(start_proxy, client_of, tmp_path, reply):
    """Miss and hit byte for byte, HEAD, ranges, conditions, and all again after a restart."""
    proxy = start_proxy()
    with Origin(reply) as origin:
        url = origin.url("/large.bin")
        miss = client_of(proxy).get(url)
        assert miss.content == BODY and "stored" in miss.headers["cache-status"]
        until_stored(tmp_path)
        origin.stop()

        for _ in range(2):
            client = client_of(proxy)
            hit = client.get(url)
            assert hit.content == BODY
            assert hit.headers["cache-status"].startswith("forebay; hit")
            assert hit.headers["content-length"] == str(len(BODY))
            assert client.head(url).headers["content-length"] == str(len(BODY))
            assert client.get(url, headers={"if-none-match": '"v1"'}).status_code == 304
            for first, last in [(0, 0), (262_000, 3_000_000), (len(BODY) - 5, len(BODY) - 1)]:
                part = client.get(url, headers={"range": f"bytes={first}-{last}"})
                assert part.status_code == 206 and part.content == BODY[first : last + 1]
                assert part.headers["content-range"] == f"bytes {first}-{last}/{len(BODY)}"
            assert client.get(url, headers={"range": f"bytes={len(BODY)}-"}).status_code == 416
            proxy.stop()
            proxy.start()

    assert drafts(tmp_path) == [] and len(origin.seen) == 1
    assert "Traceback" not in proxy.text() and "error" not in proxy.text().lower()


def test_a_large_body_over_http2(start_proxy, client_of, authority, tmp_path):
    """HTTP/2 on both sides."""
    proxy = start_proxy()
    with Origin(whole, tls=authority.context()) as origin:
        url = origin.url("/large.bin", "localhost")
        assert client_of(proxy, http2=True).get(url).content == BODY
        until_stored(tmp_path)
        hit = client_of(proxy, http2=True).get(url)
        assert hit.content == BODY and hit.http_version == "HTTP/2"
        assert len(origin.seen) == 1


@pytest.mark.parametrize("is_down", [False, True])
def test_a_stale_large_body_is_validated_or_stands_in(start_proxy, client_of, tmp_path, is_down):
    """A 304 refreshes it, for good; without an origin it is sent stale."""

    def handle(seen):
        fields = [
            ("cache-control", "max-age=0"),
            ("etag", '"v1"'),
            ("x-turn", str(len(origin.seen))),
        ]
        if seen.header("if-none-match") == '"v1"':
            return Reply(304, headers=fields)
        return Reply(headers=fields, body=BODY)

    proxy = start_proxy()
    with Origin(handle) as origin:
        client, url = client_of(proxy), origin.url("/large.bin")
        assert client.get(url).content == BODY
        until_stored(tmp_path)
        if is_down:
            origin.stop()
        for turn in range(2, 4):
            found = client.get(url)
            assert (found.status_code, found.content == BODY) == (200, True)
            assert found.headers["x-turn"] == ("1" if is_down else str(turn))
            assert (
                "hit" in found.headers["cache-status"] or "stale" in found.headers["cache-status"]
            )
        part = client.get(url, headers={"range": "bytes=5-2000004"})
        assert part.content == BODY[5:2000005]
    assert len(value_files(tmp_path)) == 1


def test_a_server_error_is_answered_by_a_large_stale_body(start_proxy, client_of, tmp_path):
    """RFC 5861 §4."""

    def handle(seen):
        if len(origin.seen) > 1:
            return Reply(503, body=b"not now")
        fields = [("cache-control", "max-age=0, stale-if-error=600"), ("etag", '"v1"')]
        return Reply(headers=fields, body=BODY)

    proxy = start_proxy()
    with Origin(handle) as origin:
        client, url = client_of(proxy), origin.url("/large.bin")
        client.get(url)
        until_stored(tmp_path)
        found = client.get(url)
        assert (found.status_code, found.content == BODY) == (200, True)


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY[: 5 * MB],
        b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % (5 * MB) + BODY[: 5 * MB] + b"\r\n",
        b"\r\n" + BODY[: 5 * MB],
    ],
)
@pytest.mark.parametrize("reset", [False, True])
def test_what_was_cut_is_never_stored(start_proxy, tmp_path, framing, reset):
    proxy = start_proxy()
    with Origin(lambda seen: Reply(raw=CUT + framing, reset=reset)) as origin:
        for _ in range(2):
            raw_get(proxy, origin.url())
        until(lambda: not drafts(tmp_path))
        assert len(origin.seen) == 2
    assert value_files(tmp_path) == []


def test_what_a_client_left_is_not_stored(start_proxy, client_of, tmp_path):
    proxy = start_proxy()
    hold = threading.Event()

    async def slow():
        yield BODY[: 4 * MB]
        await asyncio.to_thread(hold.wait, 60)
        yield BODY[4 * MB :]

    fields = [*FIELDS, ("content-length", str(len(BODY)))]
    with Origin(lambda seen: Reply(headers=fields, pieces=slow())) as origin:
        with client_of(proxy).stream("GET", origin.url()) as response:
            pieces = response.iter_bytes()  # it would close the response with itself
            next(pieces)
            until(lambda: drafts(tmp_path))
        until(lambda: not drafts(tmp_path))
        hold.set()
    assert value_files(tmp_path) == []


@pytest.mark.parametrize("at", [0, 5 * MB, len(BODY) - 1])
def test_a_wrong_byte_is_never_served(start_proxy, client_of, tmp_path, at):
    """The answer breaks off before the piece with it; the next one comes from the origin.

    In the first piece it shows before anything is sent, so that nothing breaks off.
    """
    proxy = start_proxy()
    with Origin(whole) as origin:
        url = origin.url("/large.bin")
        client_of(proxy).get(url)
        until_stored(tmp_path)
        (path,) = value_files(tmp_path)
        with path.open("r+b") as file:
            file.seek(at)
            file.write(bytes([BODY[at] ^ 1]))

        got = raw_get(proxy, url)
        assert BODY.startswith(got)
        assert got == BODY if at == 0 else len(got) <= at
        until(lambda: not path.exists())
        assert client_of(proxy).get(url).content == BODY
        assert len(origin.seen) == 2


@pytest.mark.parametrize("change", ["shorter", "longer", "gone"])
def test_another_file_is_a_miss(start_proxy, client_of, tmp_path, change):
    proxy = start_proxy()
    with Origin(whole) as origin:
        url = origin.url("/large.bin")
        client_of(proxy).get(url)
        until_stored(tmp_path)
        (path,) = value_files(tmp_path)
        if change == "gone":
            path.unlink()
        else:
            os.truncate(path, len(BODY) + (1 if change == "longer" else -1))

        assert client_of(proxy).get(url).content == BODY
        assert len(origin.seen) == 2


def test_a_folder_that_is_removed_while_a_body_is_sent_costs_that_one_only(
    start_proxy, client_of, tmp_path
):
    """It is sent whole from its open file; the next one is stored though nothing else is."""
    proxy = start_proxy()
    with Origin(whole) as origin:
        url = origin.url("/large.bin")
        client_of(proxy).get(url)
        until_stored(tmp_path)
        with client_of(proxy).stream("GET", url) as response:
            pieces = response.iter_raw()
            got = bytearray(next(pieces))
            shutil.rmtree(proxy.home / "cache" / "objects")
            for piece in pieces:
                got += piece
        assert got == BODY

        for _ in range(2):
            assert client_of(proxy).get(origin.url("/other.bin")).content == BODY
            until_stored(tmp_path)
        assert len(origin.seen) == 2
    assert "cache: " not in proxy.text()


def test_a_kill_leaves_nothing_that_is_not_swept(start_proxy, client_of, tmp_path):
    """A second proxy on the same folder leaves the draft alone while it is written."""
    hold = threading.Event()

    async def slow():
        yield BODY[: 4 * MB]
        await asyncio.to_thread(hold.wait, 60)

    fields = [*FIELDS, ("content-length", str(len(BODY)))]
    proxy = start_proxy()
    with Origin(lambda seen: Reply(headers=fields, pieces=slow())) as origin:
        with client_of(proxy).stream("GET", origin.url()) as response:
            pieces = response.iter_bytes()  # it would close the response with itself
            next(pieces)
            until(lambda: drafts(tmp_path))
            other = start_proxy()
            assert len(drafts(tmp_path)) == 1
            other.stop()
            proxy.kill()
        assert len(drafts(tmp_path)) == 1
        hold.set()
        proxy.start()
        until(lambda: not drafts(tmp_path))


def test_a_disk_that_is_full_costs_the_storing_only(start_proxy, client_of, tmp_path):
    """One warning, no rest of a file, and smaller ones are stored still."""
    proxy = start_proxy()
    resource.prlimit(proxy.process.pid, resource.RLIMIT_FSIZE, (6 * MB, 6 * MB))
    with Origin(
        lambda seen: whole(seen) if seen.target == "/large" else cacheable()(seen)
    ) as origin:
        client = client_of(proxy)
        for _ in range(2):
            assert client.get(origin.url("/large")).content == BODY
        until(lambda: not drafts(tmp_path))
        for _ in range(2):
            client.get(origin.url("/small"))
        assert origin.targets() == ["/large", "/large", "/small"]
    assert value_files(tmp_path) == []
    assert proxy.text().count("a large body is not stored") == 1


def test_the_size_limit_counts_large_bodies(start_proxy, client_of, tmp_path):
    """The oldest go; one of more than an eighth is not stored."""
    proxy = start_proxy(cache_size_bytes="24m")

    def handle(seen):
        return Reply(headers=FIELDS, body=BODY[: (4 if seen.target == "/4" else 2) * MB])

    with Origin(handle) as origin:
        client = client_of(proxy)
        for number in range(100, 116):
            assert len(client.get(origin.url(f"/{number}")).content) == 2 * MB
            until(lambda: not drafts(tmp_path))
        until(lambda: value_bytes(tmp_path) <= 24 * MB)
        for path in ("/115", "/4", "/4"):
            client.get(origin.url(path))
        assert origin.targets().count("/115") == 1 and origin.targets().count("/4") == 2
    assert len(value_files(tmp_path)) >= 8


def test_clients_that_do_not_read_cost_little(start_proxy, client_of, tmp_path):
    """A hundred of one stored body: sixteen read ahead, the others hold what is on its way."""
    proxy = start_proxy()
    with Origin(whole) as origin, contextlib.ExitStack() as stack:
        url = origin.url("/large.bin")
        client_of(proxy).get(url)
        until_stored(tmp_path)
        client_of(proxy).get(url)
        before = proxy.rss_mb()
        for _ in range(100):
            client = stack.enter_context(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.settimeout(30)
            client.connect(("127.0.0.1", proxy.port))
            host = url.split("/")[2]
            client.sendall(f"GET {url} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            assert client.recv(1)
        grown = proxy.peak_rss_mb() - before
        assert client_of(proxy).get(url).content == BODY  # they hold nobody else up
        assert len(origin.seen) == 1
    assert grown < 120, grown


def test_streams_without_a_window_cost_nothing(start_proxy, client_of, authority, tmp_path):
    """Three hundred of one stored body at once: one file, and nothing read for nobody."""
    proxy = start_proxy()
    with Origin(whole, tls=authority.context()) as origin, contextlib.ExitStack() as stack:
        url = origin.url("/large.bin", "localhost")
        client_of(proxy, http2=True).get(url)
        until_stored(tmp_path)
        client_of(proxy, http2=True).get(url)
        before = proxy.rss_mb()
        for _ in range(3):
            connection, client = stack.enter_context(http2_connection(proxy, origin.port, 0))
            head = [
                (":method", "GET"),
                (":scheme", "https"),
                (":authority", f"localhost:{origin.port}"),
                (":path", "/large.bin"),
            ]
            for number in range(100):
                connection.send_headers(2 * number + 1, head, end_stream=True)
            client.sendall(connection.data_to_send())
            answered = 0
            while answered < 100:
                for event in connection.receive_data(client.recv(65536)):
                    answered += isinstance(event, h2.events.ResponseReceived)
        grown = proxy.peak_rss_mb() - before
        assert client_of(proxy, http2=True).get(url).content == BODY  # they hold nobody else up
        assert len(origin.seen) == 1
    assert "cache: " not in proxy.text()
    assert grown < 60, grown


@contextlib.contextmanager
def http2_connection(proxy, port, window_bytes):
    """Yield an HTTP/2 connection of streams with that window, and the socket that it is for."""
    trust = ssl.create_default_context(cafile=str(proxy.ca))
    trust.set_alpn_protocols(["h2"])
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=30) as raw:
        raw.sendall(f"CONNECT localhost:{port} HTTP/1.1\r\n\r\n".encode())
        assert b" 200 " in raw.recv(1000)
        with trust.wrap_socket(raw, server_hostname="localhost") as client:
            connection = h2.connection.H2Connection()
            connection.local_settings.initial_window_size = window_bytes
            connection.local_settings.acknowledge()  # or the old one is sent
            connection.initiate_connection()
            yield connection, client


@pytest.mark.nightly
def test_memory_does_not_grow_with_the_body(start_proxy, client_of, tmp_path):
    """200 MB stored and served; the origin, which is faster than a disk, is held back for it."""
    piece, count = BODY[:MB], 200

    def handle(seen):
        if seen.target == "/small":
            return Reply(headers=FIELDS, body=b"small")
        fields = [*FIELDS, ("content-length", str(count * MB))]
        return Reply(headers=fields, pieces=(piece for _ in range(count)))

    def fetch(path):
        digest, size = hashlib.sha256(), 0
        connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=120)
        connection.sock = socket.socket()
        connection.sock.settimeout(120)
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**17)
        connection.sock.connect(("127.0.0.1", proxy.port))
        connection.request("GET", origin.url(path))
        response = connection.getresponse()
        while data := response.read(2**18):
            digest.update(data)
            size += len(data)
        connection.close()
        return size, digest.hexdigest()

    proxy = start_proxy(cache_size_bytes="4g")
    with Origin(handle) as origin:
        client_of(proxy).get(origin.url("/small"))
        before = proxy.rss_mb()
        miss = fetch("/200")
        until_stored(tmp_path)
        hit = fetch("/200")
        grown = proxy.peak_rss_mb() - before
        seen = origin.targets().count("/200")
    expected = hashlib.sha256()
    for _ in range(count):
        expected.update(piece)
    assert miss == hit == (count * MB, expected.hexdigest())
    assert seen == 1, proxy.text()
    assert grown < 20, grown

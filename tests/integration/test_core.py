"""Interim responses, answers in place of errors, trailers and large answers of ours."""

from __future__ import annotations

import asyncio
import hashlib
import socket
import ssl
import subprocess
import threading
from contextlib import suppress

import httpx
import pytest
from h2.exceptions import StreamClosedError

import proxies
from origins import Authority, Origin, Reply

pytestmark = pytest.mark.integration
MB = 2**20
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\nSet-Cookie: a=1\r\n\r\n"


def curl(proxy, *arguments, stdin=None):
    """Run curl through the proxy; its output is bytes."""
    return subprocess.run(
        [
            *("curl", "-sS", "--max-time", "60", "--noproxy", "", "--cacert", str(proxy.ca)),
            *("-x", proxy.url, *arguments),
        ],
        capture_output=True,
        check=False,
        input=stdin,
    )


def statuses(heads):
    """The status codes of all the heads that curl printed, the proxy's CONNECT left out."""
    lines = [line for line in heads.split(b"\r\n") if line.startswith(b"HTTP/")]
    return [int(line.split()[1]) for line in lines if b"established" not in line]


def raw(proxy, request, until=b"never"):
    """Send bytes; return what comes until the end or *until*."""
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=30) as client:
        client.sendall(request)
        received = b""
        while until not in received:
            data = b""
            with suppress(ConnectionError):
                data = client.recv(65536)
            if not data:
                break
            received += data
        return received


def before_main(start_proxy, tmp_path, text):
    """A proxy with a script whose hooks run before those of ours, as the cache's before the log's."""
    script = tmp_path / "answering.py"
    script.write_text(
        f"import sys\nsys.path.insert(0, {str(proxies.MAIN.parent)!r})\n{text}", encoding="utf-8"
    )
    return start_proxy(
        *("-s", str(script), "-s", str(proxies.MAIN)),
        script=None,
        forebay_home=tmp_path / "home",
        cache=False,
    )


# Interim responses


class Hinting(Origin):
    """An HTTP/2 origin with early hints."""

    async def _answer_http2(self, connection, writer, stream, seen, window):
        connection.send_headers(stream, [(":status", "103"), ("link", "</a.css>")])
        await super()._answer_http2(connection, writer, stream, seen, window)


@pytest.mark.parametrize("client", ["--http1.1", "--http2"])
@pytest.mark.parametrize("secure", [False, True])
def test_early_hints_reach_the_client(start_proxy, authority, client, secure):
    """And the answer after them; there is one record, of the answer."""
    proxy = start_proxy()
    tls = authority.context("localhost", protocols=("http/1.1",)) if secure else None
    with Origin(lambda seen: Reply(raw=HINTS + OK), tls=tls) as origin:
        done = curl(proxy, client, "-i", origin.url("/", "localhost"))

    assert statuses(done.stdout) == [103, 200], done.stderr
    assert b"link: </a.css>" in done.stdout.lower()
    assert b"set-cookie" not in done.stdout.lower()
    assert done.stdout.endswith(b"ok")
    assert [record["http.response.status_code"] for record in proxy.records()] == [200]


def test_early_hints_of_an_http2_origin(start_proxy, authority):
    proxy = start_proxy()
    with Hinting(tls=authority.context("localhost", protocols=("h2",))) as origin:
        done = curl(proxy, "--http2", "-i", origin.url("/", "localhost"))

    assert statuses(done.stdout) == [103, 200], done.stderr
    assert b"link: </a.css>" in done.stdout
    assert [record["http.response.status_code"] for record in proxy.records()] == [200]


def test_a_client_of_old_gets_no_interim_response(start_proxy):
    """RFC 9110 §15.2."""
    proxy = start_proxy()
    with Origin(lambda seen: Reply(raw=HINTS * 3 + OK)) as origin:
        done = curl(proxy, "--http1.0", "-i", origin.url())

    assert statuses(done.stdout) == [200]


def test_an_origin_that_only_hints_is_left(start_proxy):
    """5000 of them in a few segments: no recursion, no hanging."""
    proxy = start_proxy()
    with Origin(lambda seen: Reply(raw=HINTS * 5000 + OK)) as origin:
        done = curl(proxy, "-i", origin.url())

    assert statuses(done.stdout)[-1] == 502
    assert "crashed" not in proxy.stop()


def test_a_client_that_leaves_after_the_hints(start_proxy):
    """The proxy goes on."""
    release = threading.Event()

    class Slow(Origin):
        async def _answer_http1(self, writer, seen, reply):
            writer.write(HINTS)
            await writer.drain()
            await asyncio.to_thread(release.wait, 30)
            return await super()._answer_http1(writer, seen, reply)

    proxy = start_proxy()
    with Slow(lambda seen: Reply(raw=OK)) as origin:
        request = b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % origin.url().encode()
        assert b" 103 " in raw(proxy, request, until=b"\r\n\r\n")
        release.set()
        done = curl(proxy, "-i", origin.url())

    assert statuses(done.stdout) == [103, 200]
    assert "crashed" not in proxy.stop()


def test_an_upload_is_invited_by_both(start_proxy):
    """The core's own 100 and the origin's."""
    proxy = start_proxy()
    hundred = b"HTTP/1.1 100 Continue\r\n\r\n"
    with Origin(lambda seen: Reply(raw=hundred + OK)) as origin:
        done = curl(
            *(proxy, "-i", "-H", "Expect: 100-continue", "--data-binary", "@-", origin.url()),
            stdin=b"x" * MB,
        )
        assert origin.seen[0].body_bytes == MB

    assert statuses(done.stdout) == [100, 100, 200]


# An answer in place of an error

STALE = """
from mitmproxy import http
from forebay.proxycore import unreachable

def error(flow):
    unreachable.answer(flow, http.Response.make(200, b"stale", {"x-stale": "1"}))

def responseheaders(flow):
    flow.response.headers["x-seen"] = "1"
"""


def unused_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def assert_stale(proxy, done):
    """The answer came, with what later hooks did to it, and is recorded once."""
    assert statuses(done.stdout)[-1:] == [200], done.stderr
    assert b"x-stale: 1\r\n" in done.stdout.lower()
    assert done.stdout.lower().endswith(b"x-seen: 1\r\n\r\nstale")
    text = proxy.stop()
    assert "crashed" not in text
    assert "Traceback" not in text
    records = proxy.records()
    assert [record["http.response.status_code"] for record in records] == [200]
    assert records[0]["error.type"] is None


@pytest.mark.parametrize("client", ["--http1.1", "--http2"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_an_origin_that_refuses(start_proxy, tmp_path, client, scheme):
    """The connection, within a CONNECT that was accepted before, too."""
    proxy = before_main(start_proxy, tmp_path, STALE)

    done = curl(proxy, client, "-i", f"{scheme}://localhost:{unused_port()}/")

    assert_stale(proxy, done)


@pytest.mark.parametrize("client", ["--http1.1", "--http2"])
def test_an_origin_with_a_bad_certificate(start_proxy, tmp_path, client):
    """For us; whoever trusts its CA gets through."""
    proxy = before_main(start_proxy, tmp_path, STALE)
    folder = tmp_path / "other"
    folder.mkdir()
    other = Authority(folder)
    with Origin(tls=other.context("localhost")) as origin:
        url = origin.url("/", "localhost")
        done = curl(proxy, client, "-i", url)
        trusting = ssl.create_default_context(cafile=str(other.path))
        assert httpx.get(url, verify=trusting, trust_env=False).status_code == 200
        assert len(origin.seen) == 1

    assert_stale(proxy, done)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(raw=b""),
        Reply(raw=b"", reset=True),
        Reply(raw=b"GARBAGE\r\n\r\n"),
        Reply(raw=HINTS),
        Reply(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nshort"),
    ],
    ids=["closes", "resets", "garbage", "hints only", "short"],
)
def test_an_origin_that_breaks_off(start_proxy, tmp_path, reply):
    """Before anything but hints has gone to the client."""
    proxy = before_main(start_proxy, tmp_path, STALE)
    with Origin(lambda seen: reply) as origin:
        done = curl(proxy, "-i", origin.url())

    assert_stale(proxy, done)


@pytest.mark.parametrize("client", ["--http1.1", "--http2"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_an_upload_that_reaches_nobody(start_proxy, tmp_path, client, scheme):
    """It is streamed, so the connection is made before the body has come."""
    proxy = before_main(start_proxy, tmp_path, STALE)

    done = curl(
        *(proxy, client, "-i", "--data-binary", "@-", f"{scheme}://localhost:{unused_port()}/"),
        stdin=b"x" * 3 * MB,
    )

    assert_stale(proxy, done)


def test_what_was_begun_is_not_answered_anew(start_proxy, tmp_path):
    """A streamed response breaks off as before."""
    proxy = before_main(start_proxy, tmp_path, STALE)
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n"
    with Origin(lambda seen: Reply(raw=head + b"x" * MB)) as origin:
        done = curl(proxy, "-i", origin.url())

    assert done.returncode == 18  # a part of the file
    assert b"stale" not in done.stdout
    (record,) = proxy.records()
    assert record["error.type"]


# Trailers

CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
LARGE = b"".join(b"10000\r\n" + b"x" * 65536 + b"\r\n" for _ in range(20))


@pytest.mark.parametrize("client", ["--http1.1", "--http2"])
@pytest.mark.parametrize(("chunks", "size"), [(b"2\r\nok\r\n", 2), (LARGE, 20 * 65536)])
def test_a_response_with_trailers(start_proxy, authority, client, chunks, size):
    """Buffered or streamed: it ends, without them."""
    reply = Reply(raw=b"HTTP/1.1 200 OK\r\n" + CHUNKED + chunks + b"0\r\nX-Sum: 1\r\nA: b\r\n\r\n")
    proxy = start_proxy()
    tls = authority.context("localhost", protocols=("http/1.1",))
    with Origin(lambda seen: reply, tls=tls) as origin:
        done = curl(proxy, client, "-D", "-", "-o", "/dev/null", origin.url("/", "localhost"))

    assert (done.returncode, statuses(done.stdout)) == (0, [200]), done.stderr
    assert b"x-sum" not in done.stdout.lower()
    (record,) = proxy.records()
    assert record["http.response.body.size"] == size
    assert "crashed" not in proxy.text()


@pytest.mark.parametrize(("chunks", "size"), [(b"2\r\nok\r\n", 2), (LARGE, 20 * 65536)])
def test_a_request_with_trailers(start_proxy, chunks, size):
    """Two on one connection: the second begins where the first ends."""
    proxy = start_proxy()
    with Origin() as origin:
        request = b"PUT %s HTTP/1.1\r\nHost: a\r\n" % origin.url().encode()
        request += CHUNKED + chunks + b"0\r\nX-Sum: 1\r\n\r\n"
        last = b"GET %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" % origin.url().encode()
        answers = raw(proxy, request + last)

    assert answers.count(b"HTTP/1.1 200") == 2
    assert [seen.body_bytes for seen in origin.seen] == [size, 0]
    assert origin.seen[0].header("x-sum") is None


@pytest.mark.parametrize("side", ["request", "response"])
def test_trailers_without_end(start_proxy, side):
    """Are bounded: the exchange breaks off."""
    endless = b"0\r\n" + b"".join(b"X-%d: %s\r\n" % (n, b"y" * 1000) for n in range(100))
    reply = Reply(raw=b"HTTP/1.1 200 OK\r\n" + CHUNKED + endless) if side == "response" else Reply()
    proxy = start_proxy()
    with Origin(lambda seen: reply) as origin:
        request = b"PUT %s HTTP/1.1\r\nHost: a\r\n" % origin.url().encode()
        request += CHUNKED + endless if side == "request" else b"\r\n"
        answer = raw(proxy, request)

    assert not answer.endswith(b"0\r\n\r\n")
    (record,) = proxy.records()
    assert "expected at most 65536 bytes of trailers" in record["error.message"]
    assert "crashed" not in proxy.text()


class Trailing(Origin):
    """An HTTP/2 origin with trailers."""

    async def _answer_http2(self, connection, writer, stream, seen, window):
        with suppress(StreamClosedError):
            connection.send_headers(stream, [(":status", "200")])
            connection.send_data(stream, b"ok")
            connection.send_headers(stream, [("x-sum", "1")], end_stream=True)
            writer.write(connection.data_to_send())
            await writer.drain()


def test_trailers_between_http2_sides_are_passed(start_proxy, authority):
    """As before."""
    proxy = start_proxy()
    with Trailing(tls=authority.context("localhost", protocols=("h2",))) as origin:
        done = curl(proxy, "--http2", "-i", origin.url("/", "localhost"))

    assert (done.returncode, statuses(done.stdout)) == (0, [200]), done.stderr
    assert b"x-sum: 1" in done.stdout


# Large answers of ours

SERVING = """
import os
import pathlib
from mitmproxy import http
from forebay import outcome
from forebay.proxycore import source, unreachable

STORED = pathlib.Path(__file__).parent / "stored"

def give(flow):
    fd = os.open(STORED, os.O_RDONLY)
    def read(offset, limit):
        if "fails" in path and offset > 1000000:
            raise OSError("disk on fire")
        return os.pread(fd, limit, offset)
    def close():
        os.close(fd)
        print("closed", path, flush=True)
    path = flow.request.path
    size = os.fstat(fd).st_size
    source.attach(flow, size, source.in_thread(read, size), close)

def request(flow):
    if "mitm.it" not in flow.request.host and "stale" not in flow.request.path:
        flow.response = http.Response.make(200)
        outcome.of(flow)["answer"] = "cache"
        give(flow)

def error(flow):
    if "stale" in flow.request.path and unreachable.answer(flow, http.Response.make(200)):
        give(flow)
"""


@pytest.fixture(name="serving")
def _serving(start_proxy, tmp_path):
    """A proxy that answers from a file of so many bytes."""

    def start(size):
        block = hashlib.sha256(b"block").digest() * 32768
        with (tmp_path / "stored").open("wb") as file:
            for begin in range(0, size, len(block)):
                file.write(block[: min(len(block), size - begin)])
        return before_main(start_proxy, tmp_path, SERVING), tmp_path / "stored"

    return start


def digest(path):
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


WAYS = [("http", "--http1.1"), ("https", "--http1.1"), ("https", "--http2")]


@pytest.mark.parametrize(("scheme", "client"), WAYS)
@pytest.mark.parametrize("size", [1, 5 * MB + 1, 200 * MB])
def test_a_large_answer_arrives_whole(serving, tmp_path, scheme, client, size):
    """In little memory; its size is in the log, and the connection goes on."""
    proxy, stored = serving(size)
    url = f"{scheme}://localhost:1/a"
    curl(proxy, client, "-I", f"{scheme}://localhost:1/warm")
    before = proxy.rss_mb()
    got = [tmp_path / "got0", tmp_path / "got1"]
    done = curl(proxy, client, url, url, "-o", str(got[0]), "-o", str(got[1]))

    assert done.returncode == 0, done.stderr
    assert digest(got[0]) == digest(got[1]) == digest(stored)
    assert proxy.peak_rss_mb() - before < 20
    records = proxy.records()
    assert [record["http.response.body.size"] for record in records] == [0, size, size]
    assert proxy.text().count("closed /a") == 2
    assert "crashed" not in proxy.text()


@pytest.mark.parametrize(("scheme", "client"), WAYS)
def test_a_slow_reader_holds_it_back(serving, scheme, client):
    """What it has not read is still in the file; when it leaves, the file is closed at once."""
    proxy, _ = serving(200 * MB)
    url = f"{scheme}://localhost:1/slow"
    curl(proxy, client, "-I", f"{scheme}://localhost:1/warm")
    before = proxy.rss_mb()
    curl(proxy, client, "--limit-rate", "2M", "--max-time", "3", "-o", "/dev/null", url)

    proxy.wait_for("closed /slow", 5)
    assert proxy.peak_rss_mb() - before < 20
    _, record = proxy.records()
    assert record["error.type"] in ("client_disconnected", "connection_closed")
    assert 0 < record["http.response.body.size"] < 150 * MB


@pytest.mark.parametrize(("scheme", "client"), WAYS)
def test_a_read_that_fails_breaks_it_off(serving, scheme, client):
    """The client must not take a part for the whole."""
    proxy, _ = serving(5 * MB)
    done = curl(proxy, client, "-o", "/dev/null", f"{scheme}://localhost:1/fails")

    assert done.returncode in (18, 92), done.stderr
    proxy.wait_for("closed /fails", 5)
    (record,) = proxy.records()
    assert "disk on fire" in record["error.message"]


@pytest.mark.parametrize(("scheme", "client"), WAYS)
def test_head_is_answered_with_the_head(serving, scheme, client):
    proxy, _ = serving(5 * MB)
    done = curl(proxy, client, "-I", f"{scheme}://localhost:1/head")

    assert done.returncode == 0, done.stderr
    assert f"content-length: {5 * MB}".encode() in done.stdout.lower()
    proxy.wait_for("closed /head", 5)
    (record,) = proxy.records()
    assert record["http.response.body.size"] == 0


@pytest.mark.parametrize(("scheme", "client"), WAYS)
def test_a_large_answer_in_place_of_an_error(serving, tmp_path, scheme, client):
    proxy, stored = serving(5 * MB)
    got = tmp_path / "got"
    done = curl(proxy, client, "-o", str(got), f"{scheme}://localhost:{unused_port()}/stale")

    assert done.returncode == 0, done.stderr
    assert digest(got) == digest(stored)
    (record,) = proxy.records()
    assert record["http.response.body.size"] == 5 * MB


def test_many_streams_at_once(serving, tmp_path):
    """Of one HTTP/2 connection, each whole."""
    proxy, stored = serving(5 * MB)
    urls = [
        part
        for number in range(8)
        for part in ("-o", str(tmp_path / f"got{number}"), f"https://localhost:1/{number}")
    ]
    done = curl(proxy, "--http2", "--parallel", *urls)

    assert done.returncode == 0, done.stderr
    wanted = digest(stored)
    assert [digest(tmp_path / f"got{number}") for number in range(8)] == [wanted] * 8
    assert [record["http.response.body.size"] for record in proxy.records()] == [5 * MB] * 8
    assert proxy.text().count("closed /") == 8


def test_an_unknown_coding_passes_when_the_user_says_so(start_proxy, client_of, authority):
    """To the end of its connection, to HTTP/2 without the field; it is never stored."""
    proxy = start_proxy(forebay_unknown_coding="pass")
    raw = b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: x-new\r\n\r\nbody"
    tls = authority.context(protocols=("http/1.1",))
    with Origin(lambda seen: Reply(raw=raw), tls=tls) as secure, Origin(secure.handler) as plain:
        client, url = client_of(proxy, http2=True), secure.url("/", "localhost")
        answers = [client.get(url) for _ in range(2)]
        host = f"127.0.0.1:{plain.port}".encode()
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=20) as http1:
            http1.sendall(b"GET http://%b/ HTTP/1.1\r\nHost: %b\r\n\r\n" % (host, host))
            got = b"".join(iter(lambda: http1.recv(65536), b""))

    for answer in answers:
        assert (answer.http_version, answer.status_code, answer.content) == ("HTTP/2", 200, b"body")
        assert "transfer-encoding" not in answer.headers
    assert len(secure.seen) == 2
    assert b"Transfer-Encoding: x-new\r\n" in got
    assert got.endswith(b"\r\n\r\nbody")


@pytest.mark.parametrize(
    "pieces", [[b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"], [b"G", b"E" * 200_000]]
)
def test_a_body_over_http2_is_no_second_request(start_proxy, client_of, authority, pieces):
    """HTTP/2 needs no Content-Length; to an HTTP/1 origin the end is said all the same."""
    proxy = start_proxy()
    with Origin(tls=authority.context(protocols=("http/1.1",))) as origin:
        client = client_of(proxy, http2=True)
        answer = client.post(origin.url("/post", "localhost"), content=iter(pieces))
        again = client.get(origin.url("/next", "localhost"))

    assert (answer.http_version, answer.status_code, again.status_code) == ("HTTP/2", 200, 200)
    assert [(seen.target, seen.body_bytes) for seen in origin.seen] == [
        ("/post", sum(map(len, pieces))),
        ("/next", 0),
    ]

"""The store on real traffic: origins stopped, restarts, kill -9."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from origins import Origin, Reply, cacheable
from proxies import until

pytestmark = pytest.mark.integration


CLI = "import sys; from forebay.cli import main; sys.exit(main(sys.argv[1:]))"


@pytest.mark.parametrize(("secure", "http2"), [(False, False), (True, False), (True, True)])
def test_a_stored_answer_needs_no_origin(start_proxy, client_of, authority, secure, http2):
    """With the origin stopped, over HTTP/1 and HTTP/2, and after a restart."""
    proxy = start_proxy()
    with Origin(cacheable(), tls=authority.context() if secure else None) as origin:
        url = origin.url("/a.css", "localhost")
        first = client_of(proxy, http2=http2).get(url)
        assert first.headers["cache-status"] == "forebay; fwd=uri-miss; stored"
        origin.stop()

        hit = client_of(proxy, http2=http2).get(url)

        assert (hit.status_code, hit.text) == (200, first.text)
        assert hit.headers["cache-status"].startswith("forebay; hit; ttl=")
        assert int(hit.headers["age"]) >= 0

        proxy.stop()
        proxy.start()
        again = client_of(proxy, http2=http2).get(url)

        assert (again.status_code, again.text) == (200, first.text)
        assert again.headers["cache-status"].startswith("forebay; hit")
        assert len(origin.seen) == 1


def test_entries_outlive_a_kill(start_proxy, client_of, tmp_path):
    """``kill -9`` and a start: what was written is there, and nothing is said about it."""
    proxy = start_proxy()
    with Origin(cacheable()) as origin:
        client = client_of(proxy)
        urls = [origin.url(f"/{number}") for number in range(50)]
        for url in urls:
            client.get(url)
        database = tmp_path / "home" / "cache"
        until_written(database, 50)
        proxy.kill()
        origin.stop()
        proxy.start()

        client = client_of(proxy)
        statuses = [client.get(url).headers["cache-status"] for url in urls]

        assert all(status.startswith("forebay; hit") for status in statuses), statuses
        assert "WARN" not in proxy.text()
        assert "Traceback" not in proxy.text()


def until_written(folder, count):
    """Wait until the writer thread has committed *count* entries."""
    import contextlib
    import sqlite3
    import time

    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        for database in folder.rglob("cache.db"):
            with (
                contextlib.suppress(sqlite3.Error),
                contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as db,
            ):
                if db.execute("SELECT COUNT(*) FROM Cache").fetchone()[0] >= count:
                    return
        time.sleep(0.05)  # another process's commit cannot be awaited otherwise
    raise AssertionError(f"not {count} entries within 20 s")


def test_a_stale_answer_is_validated(start_proxy, client_of):
    """The origin says 304, the client gets 200 with the body, rules see 200."""
    proxy = start_proxy()

    def handle(seen):
        if seen.header("if-none-match") == '"v1"':
            return Reply(
                status=304,
                headers=[("etag", '"v1"'), ("cache-control", "max-age=0"), ("x-turn", "2")],
            )
        return Reply(
            headers=[("etag", '"v1"'), ("cache-control", "max-age=0"), ("x-turn", "1")],
            body=b"body",
        )

    with Origin(handle) as origin:
        client = client_of(proxy)
        first, second = client.get(origin.url()), client.get(origin.url())

    assert (first.status_code, first.text) == (200, "body")
    assert (second.status_code, second.text) == (200, "body")
    assert second.headers["x-turn"] == "2"
    assert second.headers["content-length"] == "4"
    assert "fwd=stale" in second.headers["cache-status"]
    assert [seen.header("if-none-match") for seen in origin.seen] == [None, '"v1"']


@pytest.mark.parametrize(
    ("request_headers", "response_headers"),
    [
        ({}, [("cache-control", "no-store")]),
        ({}, [("cache-control", "max-age=300,  No-Store")]),
        ({}, [("cache-control", "private, max-age=300")]),
        ({}, [("cache-control", "max-age=300"), ("set-cookie", "id=1")]),
        ({}, [("cache-control", "max-age=300"), ("vary", "*")]),
        ({"authorization": "Bearer x"}, [("cache-control", "max-age=300")]),
        ({"cache-control": "no-store"}, [("cache-control", "max-age=300")]),
        ({}, []),
    ],
)
def test_what_is_private_or_unmarked_is_not_shared(
    start_proxy, client_of, request_headers, response_headers
):
    """Each request reaches the origin."""
    proxy = start_proxy()
    with Origin(lambda seen: Reply(headers=response_headers, body=b"mine")) as origin:
        client = client_of(proxy)
        for _ in range(3):
            assert client.get(origin.url(), headers=request_headers).text == "mine"

    assert len(origin.seen) == 3


def test_variants_are_kept_apart(start_proxy, client_of):
    """Two languages, each stored, each served to those who ask for it (RFC 9111 §4.1)."""
    proxy = start_proxy()

    def handle(seen):
        language = seen.header("accept-language")
        return Reply(
            headers=[("cache-control", "max-age=300"), ("vary", "Accept-Language")],
            body=(language or "none").encode(),
        )

    with Origin(handle) as origin:
        client = client_of(proxy)
        for _ in range(3):
            for language in ("de", "en"):
                assert (
                    client.get(origin.url(), headers={"accept-language": language}).text == language
                )

    assert len(origin.seen) == 2


def test_a_truncated_answer_is_never_stored(start_proxy, client_of):
    """Cut short at every framing; the whole one that follows is."""
    proxy = start_proxy()
    whole = b"HTTP/1.1 200 OK\r\nCache-Control: max-age=300\r\n"
    cuts = {
        "/length": whole + b"Content-Length: 10\r\n\r\n12345",
        "/chunked": whole + b"Transfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n",
        "/large": whole + b"Content-Length: 200000\r\n\r\n" + b"x" * 100_000,
        "/close": whole + b"\r\n12345",
    }
    cut = set()

    def handle(seen):
        if seen.target in cut:
            return Reply(headers=[("Cache-Control", "max-age=300")], body=b"1234567890")
        cut.add(seen.target)
        return Reply(raw=cuts[seen.target])

    with Origin(handle) as origin:
        for path in cuts:
            subprocess.run(
                [
                    "curl",
                    "-s",
                    "--noproxy",
                    "",
                    "-x",
                    proxy.url,
                    "-o",
                    "/dev/null",
                    origin.url(path),
                ],
                check=False,
            )
            assert client_of(proxy).get(origin.url(path)).text == "1234567890", path


def test_head_is_answered_from_a_stored_get(start_proxy, client_of):
    """RFC 9110 §9.3.2."""
    proxy = start_proxy()
    with Origin(cacheable()) as origin:
        client = client_of(proxy)
        body = client.get(origin.url("/h")).content
        head = client.head(origin.url("/h"))

    assert head.status_code == 200
    assert head.content == b""
    assert head.headers["content-length"] == str(len(body))
    assert len(origin.seen) == 1


@pytest.mark.nightly
def test_memory_is_bounded(start_proxy):
    """20,000 objects of 1 KB with cache_ram_bytes=8m: the second half adds nothing."""
    proxy = start_proxy(cache_ram_bytes="8m", flow_detail="0")
    body = b"x" * 1024
    with Origin(
        lambda seen: Reply(headers=[("cache-control", "max-age=3600")], body=body)
    ) as origin:
        import http.client

        def fetch(numbers):
            connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=30)
            for number in numbers:
                connection.request("GET", origin.url(f"/{number}"))
                assert len(connection.getresponse().read()) == 1024
            connection.close()

        fetch(range(10_000))
        half = proxy.rss_mb()
        fetch(range(10_000, 20_000))
        assert proxy.rss_mb() - half < 20
        assert len(origin.seen) == 20_000


def test_an_object_too_large_passes_unstored(start_proxy, client_of):
    """Twice from the origin, whole both times."""
    proxy = start_proxy(cache_max_object_bytes="100k")
    with Origin(
        lambda seen: Reply(headers=[("cache-control", "max-age=300")], pieces=[b"x" * 50_000] * 3)
    ) as origin:
        client = client_of(proxy)
        assert [len(client.get(origin.url()).content) for _ in range(2)] == [150_000] * 2

    assert len(origin.seen) == 2


def test_one_host_cannot_write_anothers_entry(start_proxy, client_of):
    """The target says one name, the Host field another: neither stored nor served."""
    import socket

    proxy = start_proxy()

    def handle(seen):
        return Reply(
            headers=[("cache-control", "max-age=300")],
            body=(seen.header("x-who") or "honest").encode(),
        )

    with Origin(handle) as origin:
        target = f"127.0.0.1:{origin.port}"
        for host in (f"localhost:{origin.port}", f"127.0.0.1:{origin.port}\r\nHost: localhost"):
            with socket.create_connection(("127.0.0.1", proxy.port), timeout=20) as client:
                client.sendall(
                    f"GET http://{target}/ HTTP/1.1\r\nHost: {host}\r\nX-Who: evil\r\n"
                    "Connection: close\r\n\r\n".encode()
                )
                while client.recv(4096):
                    pass
        for name in ("127.0.0.1", "localhost"):
            assert client_of(proxy).get(origin.url("/", name)).text == "honest"


def test_a_change_through_one_proxy_is_seen_by_another_on_the_same_folder(start_proxy, client_of):
    """Within a second: what the other holds in memory goes too."""
    first, second = start_proxy(), start_proxy()
    turn = 1

    def handle(seen):
        if seen.method == "POST":
            return Reply(status=204)
        return Reply(headers=[("cache-control", "max-age=600")], body=b"%d" % turn)

    with Origin(handle) as origin:
        here, there = client_of(first), client_of(second)
        assert there.get(origin.url()).text == "1"
        assert there.get(origin.url()).headers["cache-status"].startswith("forebay; hit")
        turn = 2
        here.post(origin.url())

        deadline = time.monotonic() + 20
        while there.get(origin.url()).text == "1":
            assert time.monotonic() < deadline, "still the old answer after 20 s"
            time.sleep(0.05)  # another process's poll cannot be awaited otherwise


def test_a_change_seen_by_one_proxy_is_not_undone_by_another(start_proxy, client_of):
    """A slow answer that the other proxy asked for before brings nothing back, in any variant."""
    version, slow, asked = [1], threading.Event(), threading.Event()

    def handle(seen):
        if seen.method == "POST":
            version[0] = 2
            return Reply(body=b"changed")
        fields = [("cache-control", "max-age=600"), ("vary", "X-Who")]
        reply = Reply(headers=fields, body=f"v{version[0]}".encode())
        if seen.header("x-who") == "slow":
            reply.hold = slow
            asked.set()
        return reply

    first, second = start_proxy(), start_proxy()
    with Origin(handle) as origin, ThreadPoolExecutor() as pool:
        url = origin.url("/x")

        def get(proxy, who):
            return client_of(proxy).get(url, headers={"x-who": who}).text

        assert [get(second, who) for who in "ab"] == ["v1", "v1"]
        late = pool.submit(get, second, "slow")
        assert asked.wait(20)
        client_of(first).post(url)
        until(lambda: get(second, "a") == "v2")
        slow.set()
        assert late.result(20) == "v1"

        assert [get(second, who) for who in ("a", "b", "slow")] == ["v2"] * 3
        second.stop()
        third = start_proxy()
        assert [get(third, who) for who in ("a", "b", "slow")] == ["v2"] * 3


def test_what_was_under_way_during_a_purge_is_not_stored(start_proxy, client_of, tmp_path):
    hold, asked = threading.Event(), threading.Event()

    def handle(seen):
        reply = cacheable()(seen)
        if seen.target == "/slow":
            reply.hold = hold
            asked.set()
        return reply

    proxy = start_proxy()
    with Origin(handle) as origin, ThreadPoolExecutor() as pool:
        client = client_of(proxy)
        client.get(origin.url("/other"))
        late = pool.submit(client_of(proxy).get, origin.url("/slow"))
        assert asked.wait(20)
        command = [sys.executable, "-c", CLI, "cache", "purge", "--all"]
        subprocess.run([*command, "--home", str(tmp_path / "home")], check=True)
        until(lambda: "hit" not in client.get(origin.url("/other")).headers["cache-status"])
        hold.set()
        late.result(20)

        assert client.get(origin.url("/slow")).headers["cache-status"].startswith("forebay; fwd")


def test_a_body_that_another_script_streams_is_not_stored_as_empty(
    start_proxy, client_of, tmp_path
):
    """mitmproxy's own way to stream, in a script behind ours."""
    script = tmp_path / "stream.py"
    script.write_text("def responseheaders(flow):\n    flow.response.stream = True\n")
    proxy = start_proxy("-s", str(script))

    def handle(seen):
        return Reply(headers=[("cache-control", "max-age=600")], pieces=[b"all ", b"of it"])

    with Origin(handle) as origin:
        assert [client_of(proxy).get(origin.url()).content for _ in range(3)] == [b"all of it"] * 3

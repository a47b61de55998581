"""``X-Forebay-Bypass``: what it lets a request go round, for whom, and that no origin sees it."""

from __future__ import annotations

import asyncio
import socket
import ssl
import subprocess
import threading

import h2.config
import h2.connection
import h2.events
import httpx
import pytest
import websockets
from mitmproxy import http
from mitmproxy import io as mio
from mitmproxy.test import tflow, tutils

from conftest import Http2First
from origins import Origin, Reply, cacheable, ok
from proxies import until

pytestmark = pytest.mark.integration
FIELD = "X-Forebay-Bypass"
BLOCK = {FIELD: "block"}
MB = 1_000_000


@pytest.fixture(name="blocked")
def _blocked(tmp_path):
    """Block localhost by name, save one path."""
    rules = tmp_path / "home" / "rules" / "blocklists"
    rules.mkdir(parents=True)
    text = "||localhost^\n@@||localhost^*/ok$xmlhttprequest,other,document\n"
    (rules / "own.txt").write_text(text, encoding="utf-8")


def curl(proxy, *arguments):
    """Return the statuses of the requests, and what else curl had to say."""
    command = ["curl", "-sS", "--noproxy", "", "-x", proxy.url, "--cacert", str(proxy.ca)]
    done = subprocess.run(
        [*command, "--max-time", "30", "-o", "/dev/null", "-w", "%{http_code} ", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.split(), done.stderr


def raw(proxy, head, *, source=None):
    """Send a head as it is; return the status line of the answer."""
    address = None if source is None else (source, 0)
    with socket.create_connection(
        ("127.0.0.1", proxy.port), timeout=20, source_address=address
    ) as client:
        client.sendall(head)
        return client.recv(65536).split(b"\r\n")[0]


def none_saw_it(*origins):
    return not any(
        FIELD.lower() in (name for name, _ in seen.headers)
        for origin in origins
        for seen in origin.seen
    )


class TestCacheAndRules:
    """What a user may go round unless told otherwise."""

    def test_the_cache(self, start_proxy, client_of):
        proxy = start_proxy()
        client = client_of(proxy)
        with Origin(cacheable()) as origin:
            client.get(origin.url())
            fresh = client.get(origin.url(), headers={FIELD: "Cache, log"})
            stored = client.get(origin.url())

            assert fresh.headers["cache-status"] == "forebay; fwd=bypass; detail=X-Forebay-Bypass"
            assert "hit" in stored.headers["cache-status"]
            assert len(origin.seen) == 2
            assert none_saw_it(origin)
        first, second, third = [record["forebay.bypass"] for record in proxy.records()]
        assert first is third is None
        assert second == {"asked": ["cache", "log"], "done": ["cache"], "ignored": "unknown: log"}

    def test_a_response_that_varies_by_it_is_one_for_all(self, start_proxy, client_of):
        """The field is gone before the cache looks at the request."""

        def varying(seen):
            return Reply(headers=[("cache-control", "max-age=60"), ("vary", FIELD)], body=b"x")

        client = client_of(start_proxy(forebay_bypass=""))
        with Origin(varying) as origin:
            for value in ("cache", "rewrite", "x"):
                client.get(origin.url(), headers={FIELD: value})

            assert len(origin.seen) == 1

    def test_rules(self, start_proxy, client_of, tmp_path):
        rules = tmp_path / "home" / "rules" / "rewrite.yaml"
        rules.parent.mkdir(parents=True)
        rules.write_text(
            "rules:\n"
            "  - id: edit\n"
            "    request: {set: {X-Asked: '1'}}\n"
            "    response: {set: {X-Said: '1'}, body: {replace: {over: OVER}}}\n",
            encoding="utf-8",
        )
        proxy = start_proxy()
        client = client_of(proxy)
        with Origin() as origin:
            edited = client.get(origin.url())
            plain = client.get(origin.url(), headers={FIELD: "rewrite"})

            assert (edited.headers["x-said"], origin.seen[0].header("x-asked")) == ("1", "1")
            assert "OVER" in edited.text
            assert "x-said" not in plain.headers and origin.seen[1].header("x-asked") is None
            assert "over" in plain.text
        assert [bool(record["forebay.rewrite"]) for record in proxy.records()] == [True, False]

    def test_nothing_when_nothing_is_allowed(self, start_proxy, client_of):
        proxy = start_proxy(forebay_bypass="")
        client = client_of(proxy)
        with Origin(cacheable()) as origin:
            for _ in range(2):
                client.get(origin.url(), headers={FIELD: "cache"})

            assert len(origin.seen) == 1
            assert none_saw_it(origin)

    def test_a_bad_value_refuses_the_start(self, prepare_proxy):
        from proxies import refused_start

        status, text = refused_start(prepare_proxy(forebay_bypass="cache,everything"))

        assert status == 1
        assert "forebay_bypass: expected cache, rewrite or block, " in text
        assert "Traceback" not in text


@pytest.mark.usefixtures("blocked")
class TestBlocking:
    """With ``block`` named by the user."""

    @pytest.mark.parametrize(("secure", "http2"), [(False, False), (True, False), (True, True)])
    def test_this_request_and_no_other(self, start_proxy, client_of, authority, secure, http2):
        """Nor is its connection given to one that a rule lets through."""
        proxy = start_proxy(forebay_bypass="block")
        client = client_of(proxy, http2=http2)
        with Origin(tls=authority.context() if secure else None) as origin:
            url = origin.url("/ad", "localhost")
            statuses = [
                client.get(url, headers=headers).status_code
                for headers in ({}, BLOCK, {}, BLOCK, {})
            ]
            assert statuses == [403, 200, 403, 200, 403]
            assert len(origin.seen) == 2
            assert len({seen.connection for seen in origin.seen}) == 1

            assert client.get(origin.url("/ok", "localhost")).status_code == 200
            assert client.get(url, headers=BLOCK).status_code == 200
            assert len({seen.connection for seen in origin.seen}) == 2
            assert origin.seen[2].connection not in {
                seen.connection for seen in origin.seen[:2] + origin.seen[3:]
            }
            assert none_saw_it(origin)
        verdicts = [record["forebay.block"] for record in proxy.records()]
        actions = [verdict and verdict["action"] for verdict in verdicts]
        assert actions == ["block", "bypass", "block", "bypass", "block", "allow", "bypass"]
        assert verdicts[1]["rule"] == "||localhost^"

    @pytest.mark.parametrize(
        "options",
        [
            {},
            {"blocklist_connect": "refuse"},
            {"forebay_lazy": "off"},
        ],
        ids=str,
    )
    def test_a_connect_speaks_for_one_request(self, start_proxy, authority, options):
        """``curl --proxy-header``; beside it each request may speak for itself."""
        proxy = start_proxy(forebay_bypass="block", **options)
        told, field = ("--proxy-header", f"{FIELD}: block"), ("-H", f"{FIELD}: block")
        with Origin(tls=authority.context()) as origin:
            url = origin.url("/ad", "localhost")

            assert curl(proxy, *told, url)[0] == ["200"]
            assert curl(proxy, *told, url, url, "-o", "/dev/null")[0] == ["200", "403"]
            assert curl(proxy, *told, *field, url, url, "-o", "/dev/null")[0] == ["200", "200"]
            assert len(origin.seen) == 4
            assert curl(proxy, url)[0] == ["403"]
            assert len(origin.seen) == 4
            assert none_saw_it(origin)

    def test_a_stale_answer_is_validated_at_once(self, start_proxy, client_of):
        """What the cache asks behind an answer goes round nothing, and would be refused."""

        def stale(seen):
            fields = [("cache-control", "max-age=0, stale-while-revalidate=600"), ("etag", '"a"')]
            return Reply(headers=fields, body=b"x")

        proxy = start_proxy(forebay_bypass="block")
        client = client_of(proxy)
        with Origin(stale) as origin:
            for times in (1, 2):
                assert client.get(origin.url("/ad", "localhost"), headers=BLOCK).text == "x"
                assert len(origin.seen) == times
        assert [record["forebay.background"] for record in proxy.records()] == [None, None]

    def test_a_tunnel_that_is_not_decrypted(self, start_proxy, authority):
        """Is opened by its CONNECT only, and says no other listed name."""
        proxy = start_proxy(forebay_bypass="block", ignore_hosts="localhost")
        told = ("--proxy-header", f"{FIELD}: block")
        with Origin(tls=authority.context()) as origin:
            url = origin.url("/ad", "localhost")

            assert curl(proxy, "-k", *told, url)[0] == ["200"]
            assert "403" in curl(proxy, "-k", "-H", f"{FIELD}: block", url)[1]
            assert len(origin.seen) == 1
            other = ("--connect-to", f"x.localhost:{origin.port}:localhost:{origin.port}")
            found, _ = curl(proxy, "-k", *told, *other, f"https://x.localhost:{origin.port}/")
            assert found == ["000"]
            assert len(origin.seen) == 1
        records = [r for r in proxy.records() if r["kind"] == "tunnel"]
        assert records[0]["forebay.bypass"]["done"] == ["block"]
        assert records[0]["forebay.block"]["action"] == "bypass"

    def test_another_script_cannot_send_others_there(self, start_proxy, client_of):
        """Neither to a connection that is open, nor by a new one."""
        proxy = start_proxy(forebay_bypass="block", map_remote="|//127.0.0.1|//localhost")
        client = client_of(proxy)
        with Origin() as origin:
            assert client.get(origin.url("/", "localhost"), headers=BLOCK).status_code == 200

            answer = client.get(origin.url("/"))

            assert answer.status_code == 502
            assert "blocked by" in answer.text
            assert len(origin.seen) == 1

    def test_nor_beside_one_that_is_under_way(self, start_proxy, authority):
        """Of two streams in a tunnel, each has what was connected for it."""
        proxy = start_proxy(forebay_bypass="block", map_remote="|//127.0.0.1|//localhost")
        served = threading.Event()

        def waiting(seen):
            served.wait(30)
            return ok(seen)

        async def talk(origin):
            trust = Http2First(ssl.PROTOCOL_TLS_CLIENT)
            trust.load_verify_locations(str(proxy.ca))
            async with httpx.AsyncClient(
                proxy=proxy.url, verify=trust, http2=True, timeout=60, trust_env=False
            ) as client:
                host = {"Host": f"localhost:{origin.port}"}
                passed = asyncio.create_task(client.get(origin.url("/ad"), headers=BLOCK | host))
                await asyncio.to_thread(until, lambda: origin.seen)
                refused = await client.get(origin.url("/sent-there"))
                served.set()
                return await passed, refused

        with Origin(waiting, tls=authority.context("localhost", "127.0.0.1")) as origin:
            passed, refused = asyncio.run(talk(origin))

            assert (passed.status_code, passed.http_version) == (200, "HTTP/2")
            assert refused.status_code == 502
            assert "blocked by" in refused.text
            assert origin.targets() == ["/ad"]


ATTACKS = [
    "{get}\r\nX-Forebay-Bypass: block\r\n\r\n",
    "{get}\r\nx-forebay-bypass: BLOCK,cache\r\nX-FOREBAY-BYPASS: rewrite\r\n\r\n",
    "{get}\r\nX_Forebay_Bypass: block\r\n\r\n",
    "{get}\r\nX-Forebay-Bypass: cache,\r\n block\r\n\r\n",
    "{get}\r\nX-Other: a\r\n X-Forebay-Bypass: block\r\n\r\n",
    "{get}\r\nX-Forebay-Bypass : block\r\n\r\n",
    "{get}\r\nX-Forebay-Bypass: block\x00\r\n\r\n",
    "{get}\r\nConnection: X-Forebay-Bypass\r\nX-Forebay-Bypass: block\r\n\r\n",
    "{get}\r\nX-Forwarded-For: 127.0.0.1\r\nX-Forebay-Bypass: block\r\n\r\n",
    "{get}\r\nSec-Fetch-Mode: navigate\r\nX-Forebay-Bypass: block\r\n\r\n",
    "{get}\r\nForebay-Bypass: block\r\nX-Forebay-Bypass: *, all, block;q=1\r\n\r\n",
    "{get}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Forebay-Bypass: block\r\n\r\n",
    "POST http://localhost:{port}/ HTTP/1.1\r\nContent-Length: 9\r\nX-Forebay-Bypass: block\r\n\r\n",
    "GET http://ok.example/ HTTP/1.1\r\nHost: localhost:{port}\r\nX-Forebay-Bypass: block\r\n\r\n",
]


@pytest.mark.usefixtures("blocked")
class TestAttacks:
    @pytest.mark.parametrize("head", ATTACKS, ids=range(len(ATTACKS)))
    def test_a_blocked_page_by_default(self, start_proxy, head):
        proxy = start_proxy()
        with Origin() as origin:
            get = f"GET http://localhost:{origin.port}/ad HTTP/1.1\r\nHost: localhost:{origin.port}"

            status = raw(proxy, head.format(get=get, port=origin.port).encode())

            assert status in (b"HTTP/1.1 403 Forbidden", b"HTTP/1.1 400 Bad Request")
            assert origin.connections == 0

    @pytest.mark.parametrize(
        "fields",
        [
            "Origin: http://localhost\r\n",
            "Origin: null\r\n",
            "Sec-Fetch-Mode: cors\r\n",
            "Sec-Fetch-Dest: document\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Mode: cors\r\n",
            "Sec-Fetch-Dest: empty\r\nSec-Fetch-Mode: navigate\r\n",
            "Sec-Fetch-Site: same-origin\r\n",
            "X-Forwarded-For: 127.0.0.1\r\n",
            "Forwarded: for=127.0.0.1\r\n",
            "Via: 1.1 localhost\r\n",
            "X-Forebay-Bypass: \x7f\r\n",
            "X-Forebay-Bypass: block,\r\n cache\r\n",
        ],
    )
    def test_a_script_or_a_proxy_in_between_though_it_is_allowed(self, start_proxy, fields):
        proxy = start_proxy(forebay_bypass="cache,rewrite,block")
        with Origin() as origin:
            get = f"GET http://localhost:{origin.port}/ad HTTP/1.1\r\nHost: localhost\r\n{fields}"

            assert raw(proxy, f"{get}{FIELD}: block\r\n\r\n".encode()).startswith(b"HTTP/1.1 403")
            assert origin.connections == 0

    def test_from_another_address(self, start_proxy):
        """It is the connection's end that counts; nothing is honoured, and nothing is passed on."""
        elsewhere = another_address()
        if elsewhere is None:
            pytest.skip("this machine has no address but loopback ones")
        proxy = start_proxy("--listen-host", "", forebay_bypass="cache,rewrite,block")
        with Origin(cacheable()) as origin:
            for name, status in (("localhost", b" 403 "), ("127.0.0.1", b" 200 ")):
                head = f"GET http://{name}:{origin.port}/ad HTTP/1.1\r\nHost: {name}:{origin.port}"
                for _ in range(2):
                    asked = f"{head}\r\n{FIELD}: cache, block\r\n\r\n".encode()
                    assert status in raw(proxy, asked, source=elsewhere)

            assert len(origin.seen) == 1
            assert none_saw_it(origin)
        for record in proxy.records():
            assert record["client.address"] == elsewhere
            assert record["forebay.bypass"] == {
                "asked": ["cache", "block"],
                "done": [],
                "ignored": "the client is not on this machine",
            }


def another_address():
    """Return an address of this machine other than loopback, or None."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.200", 9))  # sends nothing
        except OSError:
            return None
        return probe.getsockname()[0]


class TestTakenOut:
    """On every way to an origin, whoever sent it and whatever the option says."""

    @pytest.mark.parametrize("option", ["", "cache,rewrite,block"])
    @pytest.mark.parametrize(("secure", "http2"), [(False, False), (True, False), (True, True)])
    def test_over_each_protocol_and_with_streamed_uploads(
        self, start_proxy, client_of, authority, option, secure, http2
    ):
        proxy = start_proxy(forebay_bypass=option)
        client = client_of(proxy, http2=http2)
        with Origin(tls=authority.context() if secure else None) as origin:
            for body in (b"x", iter([bytes(MB)] * 6)):
                client.post(origin.url(), content=body, headers=[(FIELD, "cache"), (FIELD, "x")])

            assert [seen.body_bytes for seen in origin.seen] == [1, 6 * MB]
            assert none_saw_it(origin)

    @pytest.mark.parametrize("mode", ["reverse", "upstream", "socks5"])
    def test_in_each_mode(self, start_proxy, authority, tmp_path, mode):
        """In reverse mode nothing is honoured: whoever is in front may be anybody."""
        with Origin(cacheable()) as origin:
            field = ("-H", f"{FIELD}: cache")
            if mode == "reverse":
                proxy = start_proxy("--mode", f"reverse:http://127.0.0.1:{origin.port}")
                statuses = [curl_direct(*field, f"{proxy.url}/") for _ in range(2)]
                expected = 1
            elif mode == "socks5":
                proxy = start_proxy("--mode", "socks5")
                way = ("-x", f"socks5h://127.0.0.1:{proxy.port}", "--noproxy", "")
                statuses = [curl_direct(*way, *field, origin.url()) for _ in range(2)]
                expected = 2
            else:
                with Origin(relaying(origin)) as next_proxy:
                    proxy = start_proxy("--mode", f"upstream:http://127.0.0.1:{next_proxy.port}")
                    statuses = [curl(proxy, *field, origin.url())[0][0] for _ in range(2)]
                    assert none_saw_it(next_proxy)
                    assert len(next_proxy.seen) == 2
                expected = 0

            assert statuses == ["200", "200"]
            assert len([seen for seen in origin.seen if "mitm.it" not in seen.target]) == expected
            assert none_saw_it(origin)

    def test_a_websocket(self, start_proxy):
        proxy = start_proxy()
        seen = []

        async def echo(connection):
            seen.append(connection.request.headers)
            await connection.send(await connection.recv())

        async def talk():
            async with websockets.serve(echo, "127.0.0.1", 0) as server:
                port = server.sockets[0].getsockname()[1]
                async with websockets.connect(
                    f"ws://127.0.0.1:{port}/",
                    proxy=proxy.url,
                    additional_headers={FIELD: "cache"},
                ) as client:
                    await client.send("hello")
                    assert await client.recv() == "hello"

        asyncio.run(talk())

        assert [FIELD in headers for headers in seen] == [False]
        (record,) = [r for r in proxy.records() if r["kind"] == "websocket"]
        assert record["forebay.bypass"]["done"] == ["cache"]

    def test_trailers_of_http2(self, start_proxy, authority):
        proxy = start_proxy()
        with TrailerOrigin(authority) as origin:
            send_trailers(proxy, origin.port, [("x-sum", "1"), (FIELD.lower(), "block")])
            until(lambda: origin.trailers)

            assert origin.trailers == [[(b"x-sum", b"1")]]

    def test_a_replay_of_a_flow_that_has_it(self, start_proxy, tmp_path):
        """From a file that another proxy wrote: taken out, and not honoured."""
        saved = tmp_path / "saved.flow"
        with Origin() as origin:
            request = tutils.treq(host="127.0.0.1", port=origin.port, content=b"")
            request.headers = http.Headers([(b"Host", b"127.0.0.1"), (FIELD.encode(), b"cache")])
            flow = tflow.tflow(req=request)
            flow.client_conn.peername = ("127.0.0.1", 50000)
            flow.metadata["forebay"] = {"bypass": {"asked": [], "done": ["cache"]}}
            with saved.open("wb") as file:
                mio.FlowWriter(file).add(flow)
            proxy = start_proxy(client_replay=saved)
            until(lambda: origin.seen)

            assert none_saw_it(origin)
            until(lambda: "<< 200" in proxy.text())
        (record,) = proxy.records()
        assert record["forebay.bypass"] == {"asked": ["cache"], "done": [], "ignored": "a replay"}

    def test_a_refresh_by_the_cache(self, start_proxy, client_of):
        """It asks as the request did, without what that was to go round."""

        def stale(seen):
            fields = [("cache-control", "max-age=0, stale-while-revalidate=600"), ("etag", '"a"')]
            return Reply(headers=fields, body=b"x")

        proxy = start_proxy()
        with Origin(stale) as origin:
            client = client_of(proxy)
            client.get(origin.url())
            client.get(origin.url(), headers={FIELD: "x"})
            until(lambda: len(origin.seen) == 2)

            assert none_saw_it(origin)

    def test_a_recording(self, start_proxy, client_of, tmp_path):
        cassette = tmp_path / "cassette.yaml"
        proxy = start_proxy(recording_file=cassette)
        with Origin(ok) as origin:
            client_of(proxy).get(origin.url(), headers={FIELD: "cache", "X-Kept": "1"})
        proxy.stop()

        assert "x-kept" in cassette.read_text().lower()
        assert "bypass" not in cassette.read_text().lower()


def curl_direct(*arguments):
    done = subprocess.run(
        ["curl", "-sS", "--max-time", "30", "-o", "/dev/null", "-w", "%{http_code}", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout


def relaying(origin):
    """Stand for another proxy, which answers by itself."""

    def answer(seen):
        assert seen.target == origin.url()
        return Reply(headers=[("cache-control", "max-age=60")], body=b"relayed")

    return answer


class TrailerOrigin:
    """An HTTP/2 server that notes the trailers of requests; a context manager."""

    def __init__(self, authority):
        self.trailers = []
        self._context = authority.context(protocols=("h2",))

    def __enter__(self):
        import threading

        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._listener.close()
        self._thread.join(10)

    def _serve(self):
        plain, _ = self._listener.accept()
        with self._context.wrap_socket(plain, server_side=True) as peer:
            peer.settimeout(20)
            state = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
            state.initiate_connection()
            peer.sendall(state.data_to_send())
            while data := peer.recv(65536):
                for event in state.receive_data(data):
                    if isinstance(event, h2.events.TrailersReceived):
                        self.trailers.append([(bytes(n), bytes(v)) for n, v in event.headers])
                    if isinstance(event, h2.events.StreamEnded):
                        state.send_headers(event.stream_id, [(":status", "204")], end_stream=True)
                peer.sendall(state.data_to_send())


def send_trailers(proxy, port, trailers):
    """Send a request with *trailers* over HTTP/2 and wait for its answer."""
    trust = ssl.create_default_context(cafile=str(proxy.ca))
    trust.set_alpn_protocols(["h2"])
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=20) as plain:
        plain.sendall(f"CONNECT localhost:{port} HTTP/1.1\r\n\r\n".encode())
        assert b" 200 " in plain.recv(1000)
        with trust.wrap_socket(plain, server_hostname="localhost") as client:
            state = h2.connection.H2Connection()
            state.initiate_connection()
            head = [(":method", "PUT"), (":scheme", "https"), (":path", "/")]
            state.send_headers(1, [*head, (":authority", f"localhost:{port}")])
            state.send_data(1, b"body")
            state.send_headers(1, trailers, end_stream=True)
            client.sendall(state.data_to_send())
            while True:
                for event in state.receive_data(client.recv(65536)):
                    if isinstance(event, h2.events.ResponseReceived):
                        return
                client.sendall(state.data_to_send())

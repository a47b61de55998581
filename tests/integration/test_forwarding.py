"""Real traffic of every kind goes through, with its counts right at both ends."""

from __future__ import annotations

import concurrent.futures
import socket
import ssl
import subprocess
import threading

import httpx
import pytest

from origins import Origin, Reply, ok

pytestmark = pytest.mark.integration
MB = 1_000_000


def curl(proxy, *arguments):
    """Run curl through the proxy; return what it printed."""
    return subprocess.run(
        ["curl", "-sS", "--max-time", "60", "--noproxy", "", "--cacert", str(proxy.ca), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(name="tls")
def _tls(authority):
    return authority.context("localhost", "127.0.0.1")


@pytest.mark.parametrize(
    ("secure", "http2", "protocol"),
    [(False, False, "HTTP/1.1"), (True, False, "HTTP/1.1"), (True, True, "HTTP/2")],
)
def test_a_request_reaches_the_origin_once(start_proxy, client_of, tls, secure, http2, protocol):
    """Over HTTP/1, over TLS, and over HTTP/2 inside CONNECT."""
    proxy = start_proxy()
    with Origin(tls=tls if secure else None) as origin:
        answer = client_of(proxy, http2=http2).get(origin.url("/hello?a=1", "localhost"))

    assert answer.status_code == 200
    assert answer.http_version == protocol
    assert answer.text.startswith("GET /hello?a=1")
    assert origin.targets() == ["/hello?a=1"]


@pytest.mark.parametrize("secure", [False, True])
@pytest.mark.parametrize("way", ["--proxy", "--socks5-hostname"])
def test_curl_goes_through(start_proxy, tls, secure, way):
    """As an HTTP proxy and as a SOCKS5 proxy."""
    proxy = start_proxy(*(("--mode", "socks5") if "socks" in way else ()))
    with Origin(tls=tls if secure else None) as origin:
        done = curl(proxy, way, f"127.0.0.1:{proxy.port}", "-i", origin.url("/c", "localhost"))

    assert " 200" in done.stdout, done.stderr
    assert origin.targets() == ["/c"]


def test_fifty_clients_at_once(start_proxy, client_of, tls):
    """Each with connections of its own, each getting its own answers."""
    proxy = start_proxy()
    with Origin(tls=tls) as origin:

        def one(number):
            client = client_of(proxy, http2=bool(number % 2))
            return [
                client.get(origin.url(f"/{number}/{turn}", "localhost")).text for turn in range(4)
            ]

        with concurrent.futures.ThreadPoolExecutor(50) as pool:
            answers = list(pool.map(one, range(50)))

    for number, texts in enumerate(answers):
        assert [text.split()[1] for text in texts] == [f"/{number}/{turn}" for turn in range(4)]
    assert len(origin.seen) == 200


def test_connections_are_kept_on_both_sides(start_proxy, client_of):
    """Ten requests, one connection each."""
    proxy = start_proxy()
    with Origin() as origin:
        client = client_of(proxy)
        for turn in range(10):
            assert client.get(origin.url(f"/{turn}")).status_code == 200

        assert origin.connections == 1


CHUNK = b"x" * 65536


def pieces(size):
    return (CHUNK[: min(len(CHUNK), size - sent)] for sent in range(0, size, len(CHUNK)))


@pytest.mark.parametrize("size", [20 * MB, 200 * MB])
@pytest.mark.parametrize("framing", ["length", "chunked", "http2"])
def test_an_upload_streams_through(start_proxy, client_of, tls, size, framing):
    """Counted by the origin; the proxy's memory does not grow with it."""
    proxy = start_proxy()
    secure = framing == "http2"
    with Origin(tls=tls if secure else None) as origin:
        client = client_of(proxy, http2=secure)
        client.get(origin.url("/warm", "localhost"))
        before = proxy.rss_mb()
        headers = {"content-length": str(size)} if framing == "length" else {}
        answer = client.post(
            origin.url("/up", "localhost"), content=pieces(size), headers=headers, timeout=120
        )

        assert answer.status_code == 200
        assert origin.seen[-1].body_bytes == size
        assert proxy.peak_rss_mb() - before < 40


@pytest.mark.parametrize("framing", ["length", "chunked", "http2"])
def test_a_download_streams_through(start_proxy, client_of, tls, framing):
    """100 MB, with a bounded memory."""
    size = 100 * MB
    secure = framing == "http2"

    def big(seen):
        headers = [("content-length", str(size))] if framing == "length" else []
        return Reply(headers=headers, pieces=pieces(size))

    proxy = start_proxy()
    with Origin(big, tls=tls if secure else None) as origin:
        client = client_of(proxy, http2=secure)
        before = proxy.rss_mb()
        with client.stream("GET", origin.url("/down", "localhost"), timeout=120) as answer:
            received = sum(len(piece) for piece in answer.iter_raw())

        assert received == size
        assert proxy.peak_rss_mb() - before < 40


def test_a_client_that_does_not_read_holds_back_the_origin(start_proxy):
    """The rest waits at the origin, not in our memory."""
    proxy = start_proxy()
    sent = 0

    def endless():
        nonlocal sent
        for piece in pieces(200 * MB):
            yield piece
            sent += len(piece)

    with Origin(lambda seen: Reply(pieces=endless())) as origin:
        before = proxy.rss_mb()
        with socket.create_connection(("127.0.0.1", proxy.port)) as client:
            url = origin.url("/slow")
            client.sendall(f"GET {url} HTTP/1.1\r\nHost: 127.0.0.1:{origin.port}\r\n\r\n".encode())
            assert client.recv(16).startswith(b"HTTP/1.1 200")
            with httpx.Client(proxy=proxy.url, trust_env=False, timeout=30) as other:
                for turn in range(20):  # others are served meanwhile
                    assert other.get(f"http://mitm.it/?{turn}").status_code == 200

            assert proxy.peak_rss_mb() - before < 40
            assert sent < 100 * MB


def test_an_http2_client_that_does_not_read_costs_little(start_proxy, authority):
    """Its windows stay shut while 100 MB are sent to it; bare mitmdump keeps them all."""
    import h2.config
    import h2.connection

    grown = {}
    for name, options in (("bare", {"script": None, "stream_large_bodies": "1m"}), ("forebay", {})):
        proxy = start_proxy(**options)
        with Origin(lambda seen: Reply(pieces=pieces(100 * MB)), tls=authority.context()) as origin:
            before = proxy.rss_mb()
            trust = ssl.create_default_context(cafile=str(proxy.ca))
            trust.set_alpn_protocols(["h2"])
            with socket.create_connection(("127.0.0.1", proxy.port), timeout=20) as plain:
                plain.sendall(f"CONNECT localhost:{origin.port} HTTP/1.1\r\n\r\n".encode())
                plain.recv(1000)
                with trust.wrap_socket(plain, server_hostname="localhost") as tls_client:
                    connection = h2.connection.H2Connection(h2.config.H2Configuration())
                    connection.initiate_connection()
                    connection.send_headers(
                        1,
                        [
                            (":method", "GET"),
                            (":scheme", "https"),
                            (":path", "/"),
                            (":authority", f"localhost:{origin.port}"),
                        ],
                        end_stream=True,
                    )
                    tls_client.sendall(connection.data_to_send())
                    received = 0
                    while received < 65535:  # all that the windows allow
                        received += len(tls_client.recv(65536))
                    other = httpx.Client(proxy=proxy.url, trust_env=False, timeout=60)
                    for turn in range(200):
                        other.get(f"http://mitm.it/?{turn}")
                    other.close()
                    grown[name] = proxy.peak_rss_mb() - before
        proxy.stop()

    assert grown["forebay"] < 40
    assert grown["bare"] > grown["forebay"] + 20


def test_a_stream_that_is_not_read_holds_up_no_other(start_proxy, authority):
    """Over one HTTP/2 connection to a client, and one to the origin (RFC 9113 §5.2)."""
    import h2.config
    import h2.connection
    import h2.events

    def handle(seen):
        return Reply(pieces=pieces(100 * MB)) if seen.target == "/big" else ok(seen)

    proxy = start_proxy()
    with Origin(handle, tls=authority.context()) as origin:
        trust = ssl.create_default_context(cafile=str(proxy.ca))
        trust.set_alpn_protocols(["h2"])
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=20) as plain:
            plain.sendall(f"CONNECT localhost:{origin.port} HTTP/1.1\r\n\r\n".encode())
            plain.recv(1000)
            with trust.wrap_socket(plain, server_hostname="localhost") as client:
                connection = h2.connection.H2Connection(h2.config.H2Configuration())
                connection.initiate_connection()
                connection.increment_flow_control_window(2**24)  # of the connection, not the stream
                for stream, path in ((1, "/big"), (3, "/small")):
                    connection.send_headers(
                        stream,
                        [
                            (":method", "GET"),
                            (":scheme", "https"),
                            (":path", path),
                            (":authority", f"localhost:{origin.port}"),
                        ],
                        end_stream=True,
                    )
                    client.sendall(connection.data_to_send())
                    received = {}
                    while received.get(stream, 0) < (65535 if stream == 1 else 1):
                        for event in connection.receive_data(client.recv(65536)):
                            if isinstance(event, h2.events.DataReceived):
                                received.setdefault(event.stream_id, 0)
                                received[event.stream_id] += len(event.data)

    assert origin.targets() == ["/big", "/small"]
    assert origin.connections == 1


def test_a_client_that_vanishes_frees_the_origin(start_proxy, client_of):
    """And the next client is served."""
    proxy = start_proxy()
    arrived, hold = threading.Event(), threading.Event()

    def handle(seen):
        if seen.target == "/held":
            arrived.set()
            return Reply(hold=hold)
        return ok(seen)

    with Origin(handle) as origin:
        client = socket.create_connection(("127.0.0.1", proxy.port))
        client.sendall(
            f"GET {origin.url('/held')} HTTP/1.1\r\nHost: 127.0.0.1:{origin.port}\r\n\r\n".encode()
        )
        assert arrived.wait(10)
        client.close()
        proxy.wait_for("client disconnect")
        hold.set()

        assert client_of(proxy).get(origin.url("/next")).status_code == 200


def test_an_origin_that_resets_is_a_502(start_proxy, client_of):
    """In the middle of a head; the next request is served."""
    proxy = start_proxy()

    def handle(seen):
        return (
            Reply(raw=b"HTTP/1.1 200 OK\r\nContent-", reset=True)
            if seen.target == "/r"
            else ok(seen)
        )

    with Origin(handle) as origin:
        client = client_of(proxy)

        assert client.get(origin.url("/r")).status_code == 502
        assert client.get(origin.url("/next")).status_code == 200


@pytest.mark.parametrize("mode", ["regular", "socks5"])
def test_a_server_that_speaks_first_is_heard(start_proxy, mode):
    """Although connections are made lazily: its port is on the list."""
    with Origin(greeting=b"220 mail.example ESMTP\r\n") as origin:
        proxy = start_proxy("--mode", mode, forebay_server_first_ports=f"25,{origin.port}")
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=20) as client:
            if mode == "socks5":
                client.sendall(b"\x05\x01\x00")
                assert client.recv(2) == b"\x05\x00"
                client.sendall(b"\x05\x01\x00\x01\x7f\x00\x00\x01" + origin.port.to_bytes(2))
                assert client.recv(10)[:2] == b"\x05\x00"
            else:
                client.sendall(f"CONNECT 127.0.0.1:{origin.port} HTTP/1.1\r\n\r\n".encode())
            heard = b""  # the greeting may come with the answer to CONNECT
            while not heard.endswith(b"220 mail.example ESMTP\r\n"):
                heard += client.recv(100)
            assert mode == "socks5" or b" 200 " in heard
            client.sendall(b"EHLO me\r\n")
            assert client.recv(100) == b"EHLO me\r\n"


def test_websocket_messages_pass_both_ways(start_proxy, tls):
    """Over TLS, text and binary."""
    from websockets.sync.client import connect
    from websockets.sync.server import serve

    proxy = start_proxy()
    with serve(lambda ws: [ws.send(m) for m in ws], "127.0.0.1", 0, ssl=tls) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.socket.getsockname()[1]
        trust = ssl.create_default_context(cafile=str(proxy.ca))
        with connect(f"wss://localhost:{port}/chat", proxy=proxy.url, ssl=trust) as ws:
            ws.send("text")
            assert ws.recv(10) == "text"
            ws.send(b"\x00binary")
            assert ws.recv(10) == b"\x00binary"
        server.shutdown()


def test_an_http10_client_gets_no_chunks(start_proxy):
    """RFC 9112 §6.1; bare mitmdump sends them."""
    with Origin(lambda seen: Reply(pieces=[b"one ", b"two"])) as origin:
        got = {}
        for name, script in (("bare", None), ("forebay", True)):
            proxy = start_proxy(**({} if script else {"script": None}))
            with socket.create_connection(("127.0.0.1", proxy.port), timeout=20) as client:
                client.sendall(f"GET {origin.url()} HTTP/1.0\r\n\r\n".encode())
                data = b""
                while piece := client.recv(4096):
                    data += piece
                    if data.endswith(b"0\r\n\r\n"):
                        break
            got[name] = data.partition(b"\r\n\r\n")[2]

    assert got["bare"].endswith(b"\r\n0\r\n\r\n")
    assert got["forebay"] == b"one two"


def test_fields_named_in_connection_end_at_the_proxy(start_proxy):
    """RFC 9110 §7.6.1; bare mitmdump forwards them."""
    with Origin() as origin:
        forwarded = {}
        for name, options in (("bare", {"script": None}), ("forebay", {})):
            proxy = start_proxy(**options)
            curl(
                proxy, "--proxy", proxy.url, "-H", "Connection: X-Hop", "-H", "X-Hop: 1",
                "-H", "X-Kept: 1", origin.url(),
            )  # fmt: skip
            forwarded[name] = {key for key, _ in origin.seen[-1].headers} & {"x-hop", "x-kept"}

    assert forwarded == {"bare": {"x-hop", "x-kept"}, "forebay": {"x-kept"}}


def test_a_stale_connection_is_not_a_502(start_proxy, client_of):
    """The origin closes each connection after one answer, without saying so."""
    statuses = {}
    for name, options in (("bare", {"script": None}), ("forebay", {})):
        proxy = start_proxy(**options)
        seen_on = {}

        def handle(seen):
            # The second request on a connection meets its end, as if it had been idle too long.
            if seen_on.setdefault(seen.connection, seen.target) != seen.target:
                return Reply(raw=b"", reset=True)
            return ok(seen)

        with Origin(handle) as origin:
            client = client_of(proxy)
            statuses[name] = [client.get(origin.url(f"/{turn}")).status_code for turn in range(6)]

    assert statuses["bare"].count(502) >= 2
    assert statuses["forebay"] == [200] * 6


@pytest.mark.parametrize("host", ["0.0.0.0", "127.1", "LOCALHOST"])
def test_the_proxy_is_not_its_own_client(start_proxy, host):
    """In any spelling, by address or by name; bare mitmdump recurses until descriptors run out."""
    made = {}
    for name, script in (("bare", {"script": None}), ("forebay", {})):
        proxy = start_proxy(descriptors=256, **script)
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=20) as client:
            target = f"{host}:{proxy.port}"
            client.sendall(f"GET http://{target}/ HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
            answer = client.recv(100)
        proxy.stop()
        made[name] = sum("client connect" in line for line in proxy.output)

    assert answer.split()[1] in (b"502", b"508")
    assert made["bare"] > 50
    assert made["forebay"] <= 4


def test_a_split_first_segment_is_still_a_request(start_proxy, authority):
    """Two bytes of a ClientHello first: bare mitmdump tunnels it, with the origin's own certificate."""
    issuers = {}
    with Origin(tls=authority.context("localhost", protocols=())) as origin:
        for name, options in (("bare", {"script": None}), ("forebay", {})):
            proxy = start_proxy(**options)
            with socket.create_connection(("127.0.0.1", proxy.port), timeout=20) as client:
                client.sendall(f"CONNECT localhost:{origin.port} HTTP/1.1\r\n\r\n".encode())
                assert b" 200 " in client.recv(100)
                issuers[name] = issuer_after_a_split_hello(client)

    assert "trustme" in issuers["bare"]
    assert "mitmproxy" in issuers["forebay"]


def issuer_after_a_split_hello(client):
    """Shake hands over *client*, the first two bytes in a segment of their own."""
    from cryptography import x509

    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    tls = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    first = True
    while True:
        try:
            tls.do_handshake()
            break
        except ssl.SSLWantReadError:
            data = outgoing.read()
            if first:
                client.sendall(data[:2])
                # The proxy must have read these two alone: it answers another client after them.
                with socket.create_connection(client.getpeername()) as other:
                    other.sendall(b"GET http://mitm.it/ HTTP/1.1\r\nHost: mitm.it\r\n\r\n")
                    other.recv(1)
                data, first = data[2:], False
            client.sendall(data)
            incoming.write(client.recv(65536))
    certificate = x509.load_der_x509_certificate(tls.getpeercert(binary_form=True))
    return certificate.issuer.rfc4514_string()

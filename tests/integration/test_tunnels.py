"""Hosts that are not intercepted: what is asked for inside the tunnel is judged all the same."""

from __future__ import annotations

import contextlib
import socket
import ssl
from dataclasses import dataclass, field

import pytest

from forebay.proxycore.tunnels import hello_for
from origins import Origin

pytestmark = pytest.mark.integration

HELLO = hello_for(b"sub.refused.example")
REQUEST = b"GET / HTTP/1.1\r\nHost: good.example\r\nHost: sub.refused.example\r\n\r\n"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SPLITS = [
    (HELLO,),
    tuple(HELLO[i : i + 1] for i in range(len(HELLO))),
    tuple(HELLO[i : i + 2] for i in range(0, len(HELLO), 2)),
    (HELLO[:2], HELLO[2:]),
    (b"\x16\x03\x04" + HELLO[3:],),
    (REQUEST,),
    tuple(REQUEST[i : i + 1] for i in range(len(REQUEST))),
    (b"\r\n" + REQUEST,),
    (REQUEST.replace(b"GET", b"SSH"),),
    (REQUEST.replace(b" ", b"\t"),),
    (b"CONNECT sub.refused.example:443 HTTP/1.1\r\nHost: good.example\r\n\r\n",),
    (PREFACE,),
]


@dataclass
class Sink(Origin):
    """A server that keeps what it gets and echoes it."""

    greeting: bytes = b""
    received: bytearray = field(default_factory=bytearray)

    async def _greet(self, reader, writer, number: int) -> None:
        while data := await reader.read(65536):
            self.received += data
            writer.write(data)
            await writer.drain()


@pytest.fixture(name="listed")
def _listed(tmp_path):
    """A list that blocks refused.example."""
    path = tmp_path / "own.txt"
    path.write_text("||refused.example^\n", encoding="utf-8")
    return path


@pytest.fixture(
    name="excluding", params=["regular auto", "regular off", "socks5 auto", "socks5 off"]
)
def _excluding(request, start_proxy, listed):
    """A proxy that intercepts nothing on 127.0.0.1, lazy (auto) or not (off)."""
    mode, lazy = request.param.split()
    return start_proxy(
        "--mode", mode, ignore_hosts=r"^127\.0\.0\.1:", forebay_lazy=lazy, blocklist_files=listed
    )


@contextlib.contextmanager
def tunnel(proxy, port):
    """Open a tunnel to a port of 127.0.0.1."""
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=20) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if "socks5" in proxy.arguments:
            client.sendall(b"\x05\x01\x00")
            assert client.recv(2) == b"\x05\x00"
            client.sendall(b"\x05\x01\x00\x01\x7f\x00\x00\x01" + port.to_bytes(2))
            assert client.recv(10)[:2] == b"\x05\x00"
        else:
            client.sendall(f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\n\r\n".encode())
            head = b""
            while not head.endswith(b"\r\n\r\n"):  # and no byte more: a server may have spoken
                byte = client.recv(1)
                assert byte, head
                head += byte
            assert b" 200 " in head
        yield client


def answer_to(client, *pieces):
    """Send pieces; return what comes back before the connection ends."""
    answer = b""
    with contextlib.suppress(ConnectionError):
        for piece in pieces:
            client.sendall(piece)
        while data := client.recv(65536):
            answer += data
    return answer


def test_a_listed_name_is_refused(excluding):
    """Whatever the protocol and the segments: lazily no contact, eagerly not a byte."""
    eager = "forebay_lazy=off" in excluding.command()
    with Sink() as origin:
        for pieces in SPLITS:
            with tunnel(excluding, origin.port) as client:
                assert answer_to(client, *pieces) == b"", pieces

        assert bytes(origin.received) == b""
        assert origin.connections == (len(SPLITS) if eager else 0)

    records = excluding.records()
    assert [record["kind"] for record in records] == ["tunnel"] * len(SPLITS)
    assert all(record["error.type"] == "connect_failed" for record in records)
    assert "||refused.example^" in records[0]["error.message"]


def ask(client, target):
    """Send a request for good.example; return the whole answer of an origin."""
    client.sendall(f"GET {target} HTTP/1.1\r\nHost: good.example\r\n\r\n".encode())
    answer = b""
    while b"over HTTP/1.1" not in answer:
        data = client.recv(65536)
        assert data, answer
        answer += data
    return answer


def test_other_names_pass(excluding, authority):
    """To the origin's own certificate; so does what is neither TLS nor HTTP."""
    trust = ssl.create_default_context(cafile=str(authority.path))
    with (
        Origin(tls=authority.context("good.example", protocols=("http/1.1",))) as origin,
        tunnel(excluding, origin.port) as client,
        trust.wrap_socket(client, server_hostname="good.example") as secure,
    ):
        assert ask(secure, "/a").startswith(b"HTTP/1.1 200")
        assert origin.targets() == ["/a"]

    with Origin() as origin, tunnel(excluding, origin.port) as client:
        assert ask(client, "/b").startswith(b"HTTP/1.1 200")
        assert origin.targets() == ["/b"]

    with Sink() as origin, tunnel(excluding, origin.port) as client:
        client.sendall(b"\x00\x01\x02\x03raw")
        assert client.recv(100) == b"\x00\x01\x02\x03raw"


def test_hosts_that_are_not_allowed_for_interception_are_judged_too(start_proxy, listed):
    """``allow_hosts``."""
    proxy = start_proxy("--mode", "regular", allow_hosts="^other", blocklist_files=listed)
    with Sink() as origin, tunnel(proxy, origin.port) as client:
        assert answer_to(client, HELLO) == b""
        assert origin.connections == 0


LENIENT = [
    (b" " + REQUEST,),
    (b"\r\n", b"\t", REQUEST),
    (b"\x0b\x0c" + REQUEST,),
    (REQUEST.replace(b" ", b"\t"),),
    (REQUEST.replace(b"GET", b"G-T"),),
    (REQUEST.replace(b"GET", b"SSH"),),
    (REQUEST.replace(b"GET", b'"GET"'),),
    (b"\0", REQUEST),
]


@pytest.mark.parametrize("mode", ["regular", "socks5"])
def test_a_request_that_only_lenient_servers_take_is_judged(start_proxy, listed, mode):
    """Where the proxy decrypts too: what it cannot read is no raw tunnel."""
    proxy = start_proxy("--mode", mode, blocklist_files=listed)
    with Sink() as origin:
        for pieces in LENIENT:
            with tunnel(proxy, origin.port) as client:
                for piece in pieces:
                    client.sendall(piece)
                assert client.recv(100).startswith(b"HTTP/1.1 403 "), pieces
        assert (origin.connections, bytes(origin.received)) == (0, b"")

        with tunnel(proxy, origin.port) as client:
            client.sendall(b"\x00\x01\x02\x03raw")
            assert client.recv(100) == b"\x00\x01\x02\x03raw"


def test_no_protocol_but_websocket_is_switched_to(start_proxy, listed):
    """After any other one nobody would see what is asked for."""
    proxy = start_proxy("--mode", "regular", blocklist_files=listed)
    asked = b"Connection: close, Upgrade\r\nUpgrade: h2c, TLS/1.0\r\n\r\n"
    with Origin() as origin:
        with tunnel(proxy, origin.port) as client:
            request = b"GET /a HTTP/1.1\r\nHost: good.example\r\n" + asked
            assert answer_to(client, request).startswith(b"HTTP/1.1 200 ")
        (seen,) = origin.seen
        assert (seen.header("upgrade"), seen.header("connection")) == (None, "close")


def test_a_server_that_speaks_first_is_heard(start_proxy, listed):
    """Its port is connected at once, and nobody waits for the client."""
    with Origin(greeting=b"220 mail\r\n") as origin:
        proxy = start_proxy(
            ignore_hosts=r"^127\.0\.0\.1:",
            forebay_server_first_ports=origin.port,
            blocklist_files=listed,
        )
        with tunnel(proxy, origin.port) as client:
            assert client.recv(100) == b"220 mail\r\n"


@pytest.mark.parametrize("payload", [HELLO, REQUEST])
def test_a_reverse_proxy_that_excludes_its_server_judges_it(start_proxy, listed, payload):
    """Reverse mode has no CONNECT at all."""
    with Sink() as origin:
        proxy = start_proxy(
            "--mode",
            f"reverse:http://127.0.0.1:{origin.port}",
            ignore_hosts=r"^127\.0\.0\.1:",
            blocklist_files=listed,
        )
        before = origin.connections, bytes(origin.received)
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=20) as client:
            assert answer_to(client, payload) == b""
        assert (origin.connections, bytes(origin.received)) == before

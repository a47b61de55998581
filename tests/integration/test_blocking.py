"""Blocked hosts: on every name, over every protocol, without contact."""

from __future__ import annotations

import socket
import subprocess

import pytest

from origins import Origin

pytestmark = pytest.mark.integration
MB = 1_000_000


@pytest.fixture(name="blocked")
def _blocked(tmp_path):
    """Block localhost by name, so that an origin that can be reached must not be."""
    rules = tmp_path / "home" / "rules" / "blocklists"
    rules.mkdir(parents=True)
    (rules / "own.txt").write_text("! mine\n||localhost^\n@@||ok.localhost^\n", encoding="utf-8")
    return rules / "own.txt"


@pytest.mark.usefixtures("blocked")
@pytest.mark.parametrize(("secure", "http2"), [(False, False), (True, False), (True, True)])
def test_the_page_names_rule_list_and_line(start_proxy, client_of, authority, secure, http2):
    """Inside TLS too, where a browser shows it; the origin is not even connected to."""
    proxy = start_proxy()
    with Origin(tls=authority.context() if secure else None) as origin:
        answer = client_of(proxy, http2=http2).get(origin.url("/ad", "localhost"))

        assert answer.status_code == 403
        assert "||localhost^" in answer.text
        assert "own.txt" in answer.text
        assert "2" in answer.text
        assert answer.headers["cache-control"] == "no-store"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["proxy-status"].startswith("forebay; error=http_request_denied")
        assert origin.connections == 0


@pytest.mark.usefixtures("blocked")
def test_connect_is_refused_when_told_so(start_proxy, authority):
    """``blocklist_connect=refuse``."""
    proxy = start_proxy(blocklist_connect="refuse")
    with Origin(tls=authority.context()) as origin:
        done = subprocess.run(
            ["curl", "-sS", "--noproxy", "", "-x", proxy.url, origin.url("/", "localhost")],
            capture_output=True,
            text=True,
        )

        assert "403" in done.stderr
        assert origin.connections == 0


@pytest.mark.usefixtures("blocked")
@pytest.mark.parametrize("lazy", ["auto", "off"])
def test_an_excluded_host_is_refused(start_proxy, authority, lazy):
    """No interception, so no page; and no contact either, eager or lazy."""
    proxy = start_proxy(ignore_hosts="^localhost", forebay_lazy=lazy)
    with Origin(tls=authority.context()) as origin:
        done = subprocess.run(
            ["curl", "-sS", "--noproxy", "", "-x", proxy.url, origin.url("/", "localhost")],
            capture_output=True,
            text=True,
        )

        assert "403" in done.stderr
        assert origin.connections == 0


def send(proxy, *pieces):
    """Send raw bytes to the proxy; return what comes back until it stops or closes."""
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=20) as client:
        for piece in pieces:
            client.sendall(piece)
        data = b""
        while b"\r\n\r\n" not in data:
            piece = client.recv(65536)
            if not piece:
                break
            data += piece
        return data


@pytest.mark.usefixtures("blocked")
@pytest.mark.parametrize(
    "head",
    [
        "GET http://127.0.0.1:{port}/ HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n",
        "GET http://localhost:{port}/ HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n",
        "GET http://LOCALHOST.:{port}/ HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET http://127.0.0.1:{port}/ HTTP/1.1\r\nHost: a\r\nHost: sub.localhost\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n",
    ],
)
def test_every_name_of_a_request_is_judged(start_proxy, head):
    """Target, Host in any spelling, a second Host, and the form without a target."""
    proxy = start_proxy()
    with Origin() as origin:
        answer = send(proxy, head.format(port=origin.port).encode())

        assert answer.startswith(b"HTTP/1.1 403"), answer
        assert origin.connections == 0


def test_an_address_is_blocked_in_every_spelling(start_proxy, tmp_path):
    """The list says 127.0.0.1."""
    listed = tmp_path / "addresses.txt"
    listed.write_text("||127.0.0.1^\n", encoding="utf-8")
    proxy = start_proxy(blocklist_files=listed)
    with Origin() as origin:
        for spelling in (
            "127.0.0.1",
            "127.1",
            "0x7f.1",
            "2130706433",
            "0177.0.0.1",
            "[::ffff:127.0.0.1]",
        ):
            target = f"{spelling}:{origin.port}"
            answer = send(
                proxy, f"GET http://{target}/ HTTP/1.1\r\nHost: {target}\r\n\r\n".encode()
            )
            assert answer.startswith(b"HTTP/1.1 403"), (spelling, answer)

        assert origin.connections == 0


@pytest.mark.usefixtures("blocked")
def test_an_exception_lets_a_host_through(start_proxy, client_of):
    """``@@`` in the same file; the name does not resolve, which is what the answer says."""
    proxy = start_proxy()

    answer = client_of(proxy).get("http://ok.localhost:9/")

    assert answer.status_code == 502


@pytest.mark.usefixtures("blocked")
def test_socks_is_judged_too(start_proxy, authority):
    """The last fence: no connection for a blocked name, whatever is spoken in it."""
    proxy = start_proxy("--mode", "socks5")
    with Origin(tls=authority.context()) as origin:
        done = subprocess.run(
            [
                "curl",
                "-sS",
                "-k",
                "-i",
                "--socks5-hostname",
                f"127.0.0.1:{proxy.port}",
                origin.url("/", "localhost"),
            ],
            capture_output=True,
            text=True,
        )

        assert " 403" in done.stdout, done.stderr
        assert origin.connections == 0


@pytest.mark.usefixtures("blocked")
def test_raw_bytes_in_a_blocked_tunnel_go_nowhere(start_proxy):
    """The CONNECT is accepted for the page's sake, yet no server is ever connected."""
    proxy = start_proxy()
    with Origin(greeting=b"hello\r\n") as origin:
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=20) as client:
            client.sendall(f"CONNECT localhost:{origin.port} HTTP/1.1\r\n\r\n".encode())
            assert b" 200 " in client.recv(100)
            client.sendall(b"\x00\x01\x02\x03raw")
            assert client.recv(100) == b""

        assert origin.connections == 0


@pytest.mark.usefixtures("blocked")
@pytest.mark.parametrize("framing", ["length", "chunked", "http2"])
@pytest.mark.parametrize("size", [20 * MB, 200 * MB])
def test_a_blocked_upload_costs_nothing(start_proxy, client_of, authority, framing, size):
    """Answered at its head; the body is neither kept nor forwarded nor printed."""
    proxy = start_proxy()
    secure = framing == "http2"
    chunk = b"SECRET" * 10_000

    def body():
        for _ in range(size // len(chunk)):
            yield chunk

    with Origin(tls=authority.context() if secure else None) as origin:
        client = client_of(proxy, http2=secure)
        client.get(origin.url("/warm", "localhost"))
        before = proxy.rss_mb()
        headers = (
            {"content-length": str(size // len(chunk) * len(chunk))} if framing == "length" else {}
        )
        answer = client.post(origin.url("/up", "localhost"), content=body(), headers=headers)

        assert answer.status_code == 403
        assert proxy.peak_rss_mb() - before < 5
        assert origin.connections == 0
    assert "SECRET" not in proxy.stop()


@pytest.mark.usefixtures("blocked")
def test_head_gets_no_body_and_the_connection_lives(start_proxy):
    """RFC 9110 §9.3.2; the next request on it is answered in its turn."""
    proxy = start_proxy()
    head = "{} http://localhost:9/ HTTP/1.1\r\nHost: localhost:9\r\n\r\n"
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=20) as client:
        client.sendall(head.format("HEAD").encode())
        first = client.recv(65536)
        client.sendall(head.format("GET").encode())
        second = client.recv(65536)
        while b"</html>" not in second:
            piece = client.recv(65536)
            assert piece, second
            second += piece

    assert first.startswith(b"HTTP/1.1 403")
    assert first.endswith(b"\r\n\r\n")
    assert b"content-length: 0" not in first.lower()
    assert second.startswith(b"HTTP/1.1 403")


def test_a_reload_keeps_the_last_good_list(start_proxy, client_of, blocked):
    """An edit takes effect at once; a file that vanishes takes its rules with it, and no more."""
    proxy = start_proxy()
    client = client_of(proxy)
    assert client.get("http://localhost:9/").status_code == 403
    assert client.get("http://new.example:9/").status_code == 502

    blocked.write_text("||localhost^\nnew.example\n", encoding="utf-8")
    proxy.wait_for("blocklist: .*reloaded")

    assert client.get("http://new.example:9/").status_code == 403
    assert client.get("http://localhost:9/").status_code == 403


def test_the_sample_list_is_on(start_proxy, client_of):
    """Out of the box."""
    assert client_of(start_proxy()).get("http://sub.ads.example/").status_code == 403

"""Clients that do not trust the proxy: what they are told, and what passes when that is wanted."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from forebay.cli import ca
from forebay.proxycore.tunnels import hello_for
from origins import Origin
from proxies import Proxy, until
from trust.builders import client_hello
from trust.stores import needs_update, system_store

pytestmark = pytest.mark.integration

NAMES = ("good.localhost", "ads.localhost", "localhost")
LINES = re.compile(r"trust: .*")


@pytest.fixture(name="listed")
def _listed(tmp_path):
    """A list that blocks ads.localhost."""
    path = tmp_path / "own.txt"
    path.write_text("||ads.localhost^\n", encoding="utf-8")
    return path


@pytest.fixture(name="origin")
def _origin(authority):
    with Origin(tls=authority.context(*NAMES, protocols=("http/1.1",))) as origin:
        yield origin


def curl(proxy, url, *arguments, cacert=None, env=None):
    """Ask with curl; return its exit status (60: mistrust) and what it got."""
    done = subprocess.run(
        [
            *("curl", "-q", "-sS", "--max-time", "30", *(["-x", proxy.url] if proxy else [])),
            *(["--cacert", str(cacert)] if cacert else []),
            *("-o", "-", "-w", "\n%{http_code}", *arguments, url),
        ],
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], **(env or {})},
    )
    return done.returncode, done.stdout.rpartition("\n")[2]


def said(proxy) -> list[str]:
    return [found[0] for line in proxy.output if (found := LINES.search(line))]


def handshake(proxy, target, sni, *, cafile=None, ask=b"") -> bytes | None:
    """Open a tunnel and speak TLS in it; return what is answered, None if either fails."""
    trust = ssl.create_default_context(cafile=cafile)
    trust.check_hostname = False
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=20) as raw:
        if "socks5" in proxy.arguments:
            raw.sendall(b"\x05\x01\x00")
            raw.recv(2)
            host, _, port = target.rpartition(":")
            name = b"\x03" + bytes([len(host)]) + host.encode()
            raw.sendall(b"\x05\x01\x00" + name + int(port).to_bytes(2))
            raw.recv(10)
        else:
            raw.sendall(f"CONNECT {target} HTTP/1.1\r\n\r\n".encode())
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                byte = raw.recv(1)
                if not byte:
                    return None
                head += byte
            if b" 200 " not in head:
                return None
        try:
            with trust.wrap_socket(raw, server_hostname=sni) as client:
                client.sendall(ask)
                answer = b""
                while ask and b"over HTTP/1.1" not in answer and (data := client.recv(65536)):
                    answer += data
                return answer
        except (ssl.SSLError, ConnectionError):
            return None


class TestWhatIsSaid:
    def test_curl_is_told_what_to_do_once(self, start_proxy, origin):
        """And the option that is offered does what is said."""
        proxy = start_proxy()
        url = origin.url(host="localhost")

        for _ in range(3):
            assert curl(proxy, url)[0] == 60

        line = proxy.wait_for(r"trust: (.*)")[1]
        assert re.match(r"curl/\S+ at 127.0.0.1 does not trust the proxy's certificate for ", line)
        assert "set CURL_CA_BUNDLE" in line
        option = re.search(r"--set '(ignore_hosts=.*)'$", line)[1]
        assert proxy.stop().count("trust: ") == 1

        passing = start_proxy("--set", option)
        assert curl(passing, url, cacert=origin_ca(passing)) == (0, "200")

    def test_openssl_is_told_by_its_address(self, start_proxy, origin):
        """It sends no User-Agent, and closes with an alert if it must verify."""
        proxy = start_proxy()

        subprocess.run(
            [
                *("openssl", "s_client", "-proxy", f"127.0.0.1:{proxy.port}"),
                *("-connect", f"localhost:{origin.port}", "-verify_return_error"),
            ],
            stdin=subprocess.DEVNULL,
            capture_output=True,
        )

        line = proxy.wait_for(r"trust: (.*)")[1]
        assert line.startswith("a client at 127.0.0.1 does not trust the proxy's certificate for ")

    def test_a_client_that_just_leaves_may_not_trust(self, start_proxy, origin):
        proxy = start_proxy()

        for times in (1, 2):
            leave_in_the_handshake(proxy, origin.port, "localhost")
            until(lambda: proxy.text().count("The client disconnected during") == times)

        assert "may not trust" in proxy.wait_for(r"trust: (.*)")[1]
        assert proxy.stop().count("trust: ") == 1

    def test_scanners_and_preconnects_are_not_clients(self, start_proxy, origin):
        """They have seen no certificate."""
        proxy = start_proxy()

        for _ in range(3):
            for sent in (b"", b"\x16\x03\x01", hello_for(b"localhost")[:30]):
                with socket.create_connection(("127.0.0.1", proxy.port), timeout=20) as raw:
                    raw.sendall(f"CONNECT localhost:{origin.port} HTTP/1.1\r\n\r\n".encode())
                    raw.recv(1000)
                    raw.sendall(sent)

        assert "trust: " not in proxy.stop()

    def test_a_success_says_nothing(self, start_proxy, origin, client_of):
        proxy = start_proxy()

        assert client_of(proxy).get(origin.url(host="localhost")).status_code == 200

        assert "trust: " not in proxy.stop()


def origin_ca(proxy):
    return proxy.options["ssl_verify_upstream_trusted_ca"]


def leave_in_the_handshake(proxy, port, name):
    """Close when the certificate has come, and say nothing."""
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=20) as raw:
        raw.sendall(f"CONNECT {name}:{port} HTTP/1.1\r\n\r\n".encode())
        assert b" 200 " in raw.recv(1000)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname=name)
        with contextlib.suppress(ssl.SSLWantReadError):
            client.do_handshake()
        raw.sendall(outgoing.read())
        assert raw.recv(10)


GET = b"GET /seen HTTP/1.1\r\nHost: good.localhost\r\n\r\n"


class TestWhatPasses:
    @pytest.mark.parametrize("mode", ["regular", "socks5"])
    @pytest.mark.parametrize("lazy", ["auto", "off"])
    def test_a_host_passes_after_so_many(self, start_proxy, origin, listed, mode, lazy):
        """To the server's own certificate; the log has it as any tunnel that is not read."""
        proxy = start_proxy(
            *("--mode", mode),
            forebay_passthrough_after=3,
            blocklist_files=listed,
            forebay_lazy=lazy,
        )
        target = f"localhost:{origin.port}"

        for _ in range(3):
            assert handshake(proxy, target, "localhost") is None
        proxy.wait_for(r"3 times in a row: connections of 127\.0\.0\.1 to it pass undecrypted")
        answer = handshake(proxy, target, "localhost", cafile=str(origin_ca(proxy)), ask=GET)

        assert answer.startswith(b"HTTP/1.1 200")
        assert origin.targets() == ["/seen"]
        log = proxy.home / "log" / "traffic.jsonl"
        until(lambda: b'"kind":"tunnel"' in log.read_bytes())  # its end may be still to come
        records = proxy.records()
        assert [each["kind"] for each in records] == ["tls", "tls", "tls", "tunnel"]
        tunnel = records[3]
        assert (tunnel["server.address"], tunnel["server.port"]) == ("localhost", origin.port)
        assert tunnel["forebay.client.bytes"] > len(GET)
        assert tunnel["forebay.server.bytes"] > len(answer)
        assert (tunnel["error.type"], tunnel["url.path"]) == (None, None)

    def test_nothing_passes_by_default(self, start_proxy, origin):
        proxy = start_proxy()

        for _ in range(5):
            handshake(proxy, f"localhost:{origin.port}", "localhost")
        found = handshake(proxy, f"localhost:{origin.port}", "localhost", cafile=str(proxy.ca))

        assert found == b""

    def test_a_handshake_that_succeeds_begins_anew(self, start_proxy, origin):
        proxy = start_proxy(forebay_passthrough_after=2)
        target = f"localhost:{origin.port}"

        handshake(proxy, target, "localhost")
        assert handshake(proxy, target, "localhost", cafile=str(proxy.ca)) == b""
        handshake(proxy, target, "localhost")

        assert handshake(proxy, target, "localhost", cafile=str(proxy.ca)) == b""

    @pytest.mark.parametrize("lazy", ["auto", "off"])
    @pytest.mark.parametrize("connect", ["page", "refuse"])
    def test_a_listed_host_stays_refused(self, start_proxy, origin, listed, connect, lazy):
        """By whatever name it is asked for, and however often it was rejected."""
        proxy = start_proxy(
            forebay_passthrough_after=1,
            blocklist_files=listed,
            blocklist_connect=connect,
            forebay_lazy=lazy,
        )
        trusted = str(origin_ca(proxy))
        asked = [
            ("ads.localhost", "ads.localhost"),
            ("ads.localhost", "good.localhost"),
            ("localhost", "ads.localhost"),
            ("127.0.0.1", "ads.localhost"),
        ]

        for host, sni in asked * 3:
            found = handshake(proxy, f"{host}:{origin.port}", sni, cafile=trusted, ask=GET)
            assert found is None, (host, sni)  # no answer of the origin

        assert origin.seen == []

    def test_a_name_that_mitmproxy_does_not_read_is_judged(self, start_proxy, origin, listed):
        """Two names in one hello: it takes none of them, and a server may take either."""
        proxy = start_proxy(forebay_passthrough_after=1, blocklist_files=listed)
        target = f"localhost:{origin.port}"
        assert handshake(proxy, target, None) is None  # the host is rejected without a name, too
        proxy.wait_for("pass undecrypted from now on")

        for hello in (hello_for(b"ads.localhost\0"), client_hello(b"localhost", b"ads.localhost")):
            with socket.create_connection(("127.0.0.1", proxy.port), timeout=20) as raw:
                raw.sendall(f"CONNECT {target} HTTP/1.1\r\n\r\n".encode())
                assert b" 200 " in raw.recv(1000)
                raw.sendall(hello)
                raw.shutdown(socket.SHUT_WR)
                while raw.recv(65536):
                    pass

        assert origin.connections == 0

    def test_a_rule_that_comes_later_counts(self, start_proxy, origin, tmp_path):
        proxy = start_proxy(forebay_passthrough_after=1)
        own = proxy.home / "rules" / "blocklists" / "own.txt"
        target, trusted = f"localhost:{origin.port}", str(origin_ca(proxy))
        handshake(proxy, target, "localhost")
        proxy.wait_for("pass undecrypted from now on")
        assert handshake(proxy, target, "localhost", cafile=trusted, ask=GET)

        own.parent.mkdir(parents=True, exist_ok=True)
        own.write_text("||localhost^\n", encoding="utf-8")
        until(lambda: handshake(proxy, target, "localhost", cafile=trusted, ask=GET) is None)

        seen = len(origin.seen)
        for _ in range(3):
            assert handshake(proxy, target, "localhost", cafile=trusted, ask=GET) is None
        assert len(origin.seen) == seen

    def test_a_wrong_value_is_one_line(self, prepare_proxy):
        proxy = prepare_proxy(forebay_passthrough_after=-1)
        done = subprocess.run(
            proxy.command(), capture_output=True, text=True, timeout=60, cwd=proxy.home.parent
        )

        text = done.stdout + done.stderr
        assert done.returncode == 1
        assert "forebay_passthrough_after: expected 0 or more, found -1" in text
        assert "Traceback" not in text


class TestTheCommand:
    """``forebay ca``, and clients that go by what it does."""

    def test_a_ca_that_it_makes_is_the_proxys(self, tmp_path, origin, authority, capsys):
        """Made before the first start; a shell that evaluates its lines has curl trust it."""
        confdir, home = tmp_path / "conf", tmp_path / "home"
        made = subprocess.run(
            [
                *(str(Path(sys.executable).with_name("forebay")), "ca", "env"),
                *("--confdir", str(confdir), "--home", str(home)),
            ],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        before = (confdir / "mitmproxy-ca.pem").read_bytes()

        with Proxy(home, confdir, (), {"ssl_verify_upstream_trusted_ca": authority.path}) as proxy:
            asked = f'{made}\ncurl -q -sS -o /dev/null -w "%{{http_code}}" -x {proxy.url} '
            done = subprocess.run(
                ["/bin/sh", "-c", asked + origin.url(host="localhost")],
                capture_output=True,
                text=True,
                env={"PATH": os.environ["PATH"], "SSL_CERT_DIR": "/etc/ssl/certs"},
            )

        assert (done.stdout, done.stderr) == ("200", "")
        assert (confdir / "mitmproxy-ca.pem").read_bytes() == before

    @needs_update
    def test_curl_goes_by_the_systems_store(self, start_proxy, origin, tmp_path, monkeypatch):
        monkeypatch.delenv("SUDO_USER", raising=False)
        proxy = start_proxy()
        store, url = system_store(tmp_path / "system"), origin.url(host="localhost")
        asked = ["--store", "system", "--confdir", str(proxy.confdir)]
        bundle = store.trusted / "ca-certificates.crt"

        assert ca.run(["install", *asked], store) == 0
        assert curl(proxy, url, cacert=bundle) == (0, "200")
        assert curl(proxy, url, "--capath", str(store.trusted)) == (0, "200")

        assert ca.run(["uninstall", *asked], store) == 0
        assert curl(proxy, url, "--capath", str(store.trusted))[0] == 60

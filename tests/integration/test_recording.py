"""Real clients, recorded and then answered with their server gone."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from forebay.recording.fixture import ForebayProxy
from forebay.recording.proxycommand import proxy_command
from forebay.recording.proxyprocess import ProxyProcess
from origins import Origin, Reply
from proxies import ROOT

pytestmark = pytest.mark.integration

TOKEN = "ghp_" + "a1B2" * 9

REQUESTS = """
import requests, sys
for _ in range(2):
    print(requests.get(sys.argv[1] + "/n", headers={"Authorization": "Bearer SECRET"}).text)
print(requests.post(sys.argv[1] + "/pay", json={"b": 1, "a": "ü"}).json())
"""
HTTPX = """
import httpx, sys
with httpx.Client() as client:
    for _ in range(2):
        print(client.get(sys.argv[1] + "/n", headers={"Authorization": "Bearer SECRET"}).text)
    print(client.post(sys.argv[1] + "/pay", json={"b": 1, "a": "ü"}).json())
"""
AIOHTTP = """
import aiohttp, asyncio, sys
async def main():
    async with aiohttp.ClientSession(trust_env=True) as client:
        for _ in range(2):
            async with client.get(sys.argv[1] + "/n", headers={"Authorization": "Bearer SECRET"}) as r:
                print(await r.text())
        async with client.post(sys.argv[1] + "/pay", json={"b": 1, "a": "ü"}) as r:
            print(await r.json())
asyncio.run(main())
"""
URLLIB = """
import json, sys
from urllib.request import Request, urlopen
for _ in range(2):
    print(urlopen(Request(sys.argv[1] + "/n", headers={"Authorization": "Bearer SECRET"})).read().decode())
body = json.dumps({"b": 1, "a": "ü"}).encode()
print(json.load(urlopen(Request(sys.argv[1] + "/pay", body, {"Content-Type": "application/json"}))))
"""
CURL = """
for i in 1 2; do curl -sS -H 'Authorization: Bearer SECRET' "$0/n"; echo; done
curl -sS --json '{"b": 1, "a": "ü"}' "$0/pay"; echo
"""
NODE_TUNNEL = """
const http = require("http"), https = require("https");
const url = new URL(process.argv[1]), proxy = new URL(process.env.HTTPS_PROXY);
const ask = (method, path, headers, body) => new Promise((done, fail) => {
  const tunnel = http.request({host: proxy.hostname, port: proxy.port, method: "CONNECT", path: url.host});
  tunnel.on("connect", (_, socket) => {
    const request = https.request(
      {socket, agent: false, servername: url.hostname, host: url.hostname, port: url.port, method, path, headers},
      answer => {
        let text = "";
        answer.setEncoding("utf8").on("data", piece => text += piece).on("end", () => done(text));
      });
    request.on("error", fail).end(body);
  }).on("error", fail).end();
});
(async () => {
  for (const _ of [1, 2]) console.log(await ask("GET", "/n", {Authorization: "Bearer SECRET"}));
  console.log(await ask("POST", "/pay", {"Content-Type": "application/json"}, '{"b": 1, "a": "ü"}'));
})().catch(error => { console.error(error); process.exit(1); });
"""
NODE_FETCH = """
(async () => {
  for (const _ of [1, 2])
    console.log(await (await fetch(process.argv[1] + "/n", {headers: {Authorization: "Bearer SECRET"}})).text());
  console.log(await (await fetch(process.argv[1] + "/pay", {method: "POST", body: '{"b": 1, "a": "ü"}',
    headers: {"Content-Type": "application/json"}})).text());
})().catch(error => { console.error(error); process.exit(1); });
"""
JAVA = """
import java.net.URI;
import java.net.http.*;
import java.net.http.HttpRequest.BodyPublishers;
public class Main {
  static void ask(HttpRequest.Builder request) throws Exception {
    System.out.println(HttpClient.newHttpClient().send(
      request.build(), HttpResponse.BodyHandlers.ofString()).body());
  }
  public static void main(String[] arguments) throws Exception {
    String url = arguments[0];
    for (int i = 0; i < 2; i++)
      ask(HttpRequest.newBuilder(URI.create(url + "/n")).header("Authorization", "Bearer SECRET"));
    ask(HttpRequest.newBuilder(URI.create(url + "/pay")).header("Content-Type", "application/json")
      .POST(BodyPublishers.ofString("{\\"b\\": 1, \\"a\\": \\"ü\\"}")));
    new java.net.URL(url + "/n").openStream().readAllBytes();
  }
}
"""
CLIENTS = {
    "requests": [sys.executable, "-c", REQUESTS],
    "httpx": [sys.executable, "-c", HTTPX],
    "aiohttp": [sys.executable, "-c", AIOHTTP],
    "urllib": [sys.executable, "-c", URLLIB],
    "curl": ["sh", "-c", CURL],
    "node through a tunnel": ["node", "-e", NODE_TUNNEL],
    "node with fetch": ["node", "-e", NODE_FETCH],
}


def heeds_variables() -> bool:
    """Whether the Node that is here has NODE_USE_ENV_PROXY."""
    done = subprocess.run(["node", "--version"], capture_output=True, text=True)
    version = tuple(map(int, done.stdout.strip().lstrip("v").split(".")[:2]))
    return version >= (24, 0) or (22, 21) <= version < (23, 0)


@pytest.fixture(scope="module", name="process")
def _process(authority):
    """A proxy that trusts our origins."""
    options = [f"ssl_verify_upstream_trusted_ca={authority.path}"]
    found = ProxyProcess(proxy_command(None, {}), options)
    yield found
    found.stop()


@pytest.fixture(name="cassette")
def _cassette(tmp_path):
    return tmp_path / "recordings" / "cassette.yaml"


def counting(seen):
    """Another answer each time, with the secret of the request in the answer's head."""
    counting.times += 1
    return Reply(
        headers=[("content-type", "application/json"), ("set-cookie", f"session={TOKEN}")],
        body=json.dumps({"answer": counting.times, "to": seen.target}).encode(),
    )


counting.times = 0


def run(command, proxy, *arguments):
    done = subprocess.run(
        [*command, *arguments], env=proxy.env(), capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("client", "is_secure"),
    [
        pytest.param(client, is_secure, id=f"{client} {'https' if is_secure else 'http'}")
        for client in CLIENTS
        for is_secure in (True, False)
        if is_secure or client != "node through a tunnel"  # which it would not use
    ],
)
def test_clients_get_the_same_answers_when_their_server_is_gone(
    process, authority, cassette, client, is_secure
):
    """In the same order, though the requests are the same, and their secrets are not kept."""
    if "node" in client and shutil.which("node") is None:
        pytest.skip("node is not installed")
    if client == "node with fetch" and not heeds_variables():
        pytest.skip("this Node heeds no variable that names a proxy (from 22.21 and 24 on)")
    with Origin(counting, authority.context() if is_secure else None) as origin:
        url = origin.url(host="localhost").rstrip("/")
        recorded = ForebayProxy(process, cassette, "once")
        first = run(CLIENTS[client], recorded, url)
        assert recorded.finish(save=True).failures == []
        connections = origin.connections

    played = ForebayProxy(process, cassette, "none")
    again = run(CLIENTS[client], played, url)
    seen = played.requests()
    found = played.finish(save=True, needs_all=True)

    assert (found.failures, found.warnings, found.saved) == ([], [], None)
    assert again == first
    assert first.count("answer") == 3 and first.splitlines()[0] != first.splitlines()[1]
    assert connections == origin.connections > 0
    assert seen.in_order("GET /n", "GET /n", "POST /pay").count(3)[2].json == {"a": "ü", "b": 1}
    text = cassette.read_text(encoding="utf-8")
    assert "SECRET" not in text and TOKEN not in text


def test_java_trusts_and_uses_the_proxy(process, authority, cassette, tmp_path):
    """With both clients of its own library."""
    if shutil.which("javac") is None:
        pytest.skip("there is no Java that runs sources")
    program = tmp_path / "Main.java"
    program.write_text(JAVA, encoding="utf-8")

    def run_java(proxy, url):
        command = ["java", "-Dfile.encoding=UTF-8", str(program)]
        return run(command, proxy, url)

    with Origin(counting, authority.context()) as origin:
        url = origin.url(host="localhost").rstrip("/")
        recorded = ForebayProxy(process, cassette, "once")
        first = run_java(recorded, url)
        assert recorded.finish(save=True).failures == []

    played = ForebayProxy(process, cassette, "none")
    again = run_java(played, url)
    found = played.finish(save=True, needs_all=True)

    assert (found.failures, found.warnings) == ([], [])
    assert again == first and first.count("answer") == 3
    assert "-Xmx1g" in played.env({"JAVA_TOOL_OPTIONS": "-Xmx1g"})["JAVA_TOOL_OPTIONS"]


def test_clients_in_the_same_process(process, authority, cassette, monkeypatch):
    """By variables alone."""
    import httpx
    import requests

    def ask(proxy, url):
        monkeypatch.delenv("SSL_CERT_DIR", raising=False)
        for name, value in proxy.variables().items():
            monkeypatch.setenv(name, value)
        with httpx.Client() as client:
            return requests.get(url).text, client.get(url).text

    with Origin(counting, authority.context()) as origin:
        url = origin.url("/both", host="localhost")
        recorded = ForebayProxy(process, cassette, "once")
        first = ask(recorded, url)
        recorded.finish(save=True)

    played = ForebayProxy(process, cassette, "none")
    again = ask(played, url)
    found = played.finish(save=True)

    assert again == first
    assert found.failures == []


def test_git_clones_what_was_recorded(process, authority, cassette, tmp_path):
    """Binary answers, and a head that must be the same."""
    source, bare = tmp_path / "source", tmp_path / "repo.git"
    own = {"HOME": str(tmp_path), "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0"}

    def git(*arguments, proxy=None):
        environ = {"PATH": "/usr/bin:/bin", **own}
        if proxy is not None:
            environ = proxy.env(environ)
        done = subprocess.run(
            ["git", "-c", "user.name=a", "-c", "user.email=a@b.example", *map(str, arguments)],
            env=environ, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    git("init", "-q", source)
    (source / "file").write_bytes(bytes(range(256)) * 40)
    git("-C", source, "add", ".")
    git("-C", source, "commit", "-q", "-m", "one")
    git("clone", "-q", "--bare", source, bare)
    git("-C", bare, "update-server-info")

    def files(seen):
        path = tmp_path / seen.target.partition("?")[0].lstrip("/")
        return Reply(body=path.read_bytes()) if path.is_file() else Reply(404)

    with Origin(files, authority.context()) as origin:
        url = origin.url("/repo.git", host="localhost")
        recorded = ForebayProxy(process, cassette, "once")
        git("clone", "-q", url, tmp_path / "first", proxy=recorded)
        assert recorded.finish(save=True).failures == []

    played = ForebayProxy(process, cassette, "none")
    git("clone", "-q", url, tmp_path / "second", proxy=played)
    found = played.finish(save=True, needs_all=True)

    assert found.failures == []
    assert (tmp_path / "second" / "file").read_bytes() == (source / "file").read_bytes()
    assert git("-C", tmp_path / "second", "rev-parse", "HEAD") == git(
        "-C", source, "rev-parse", "HEAD"
    )


def test_what_is_masked_still_matches(process, authority, cassette):
    """Another secret of the same kind asks for the same; another account does not."""
    import requests

    def ask(proxy, token, account):
        return requests.get(
            f"{url}?token={token}&account={account}",
            headers={"authorization": f"Bearer {token}"},
            proxies={"https": proxy.url},
            verify=proxy.ca_file,
        ).status_code

    with Origin(counting, authority.context()) as origin:
        url = origin.url("/me", host="localhost")
        recorded = ForebayProxy(process, cassette, "once")
        ask(recorded, TOKEN, "1")
        recorded.finish(save=True)

    played = ForebayProxy(process, cassette, "none")
    statuses = ask(played, "ghp_" + "c3D4" * 9, "1"), ask(played, TOKEN, "2")
    found = played.finish(save=True)

    assert statuses == (200, 599)
    assert "account=2" in found.failures[0]
    assert TOKEN not in cassette.read_text(encoding="utf-8") + "".join(found.failures)


class Canary:
    """A listener that counts who connects."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.connections = 0
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.connections += 1
            connection.close()

    def stop(self):
        """Wait until all that was to come has come: connections are taken in their order."""
        before = self.connections
        with socket.create_connection(("127.0.0.1", self.port)) as last:
            last.recv(1)
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.thread.join(10)
        return before, self.connections


def tunnel(proxy, port, *, first):
    """Open a tunnel, send something, and wait until it is closed."""
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=30) as client:
        client.sendall(f"CONNECT localhost:{port} HTTP/1.1\r\n\r\n".encode())
        if b" 200 " in client.recv(1000)[:20]:
            client.sendall(first)
            with contextlib.suppress(ConnectionError):
                while client.recv(1000):
                    pass


@pytest.mark.parametrize("ignored", [False, True], ids=["intercepted", "ignore_hosts"])
def test_nothing_connects_while_a_recording_is_all_that_answers(
    process, authority, cassette, ignored
):
    """Not by HTTP, nor TLS, nor in a tunnel, nor where mitmproxy is told to keep out."""
    import requests

    canary = Canary()
    if ignored:
        process = ProxyProcess(
            proxy_command(None, {}), [f"ignore_hosts=localhost:{canary.port}", "forebay_lazy=off"]
        )
    try:
        proxy = ForebayProxy(process, cassette, "none")
        plain = f"http://localhost:{canary.port}/"
        statuses = [requests.get(plain, proxies={"http": proxy.url}).status_code]
        try:
            statuses.append(
                requests.get(
                    plain.replace("http:", "https:"),
                    proxies={"https": proxy.url},
                    verify=proxy.ca_file,
                ).status_code
            )
        except requests.exceptions.RequestException:
            statuses.append(None)
        tunnel(proxy, canary.port, first=b"SSH-2.0-OpenSSH_9.6\r\n")
        tunnel(proxy, canary.port, first=b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        found = proxy.finish(save=True)
    finally:
        if ignored:
            process.stop()
        before, after = canary.stop()

    assert statuses[1:] == [None if ignored else 599]
    assert (before, after) == (0, 1)
    assert f"localhost:{canary.port}" in "\n".join(found.failures)


def test_a_client_that_does_not_trust_is_told_of(process, authority, cassette):
    """With its name, and the variable that it heeds."""
    with Origin(counting, authority.context()) as origin:
        proxy = ForebayProxy(process, cassette, "once")
        environ = proxy.env() | {"CURL_CA_BUNDLE": str(authority.path)}
        done = subprocess.run(
            ["curl", "-sS", origin.url("/x", host="localhost")], env=environ, capture_output=True
        )
        found = proxy.finish(save=True)

    assert done.returncode == 60
    assert len(found.failures) == 1
    assert "found curl/" in found.failures[0]
    assert "localhost" in found.failures[0]
    assert "CURL_CA_BUNDLE" in found.failures[0]


def test_hosts_that_are_allowed_are_asked(process, authority, cassette):
    """Neither recorded nor refused, and seen."""
    import requests

    with Origin(counting, authority.context()) as origin:
        proxy = ForebayProxy(process, cassette, "none", allow=["localhost"])
        answer = requests.get(
            origin.url("/x", host="localhost"), proxies={"https": proxy.url}, verify=proxy.ca_file
        )
        proxy.requests(host="localhost", outcome="passed").once()
        found = proxy.finish(save=True)

    assert answer.status_code == 200
    assert (found.failures, found.saved) == ([], None)


def test_it_answers_in_the_form_in_which_the_client_asks(process, authority, cassette):
    """HTTP/2 as well as HTTP/1.1, HEAD without a body, errors and redirects as they were."""
    import httpx

    def handle(seen):
        match seen.target:
            case "/moved":
                return Reply(302, [("location", "/there")])
            case "/wrong":
                return Reply(503, body=b"wrong")
            case "/empty":
                return Reply(204)
            case _:
                return Reply(body=bytes(range(256)) * 1000)

    def ask(proxy):
        trust = ssl.create_default_context(cafile=proxy.ca_file)
        found = []
        for http2 in (True, False):
            with httpx.Client(proxy=proxy.url, verify=trust, http2=http2) as client:
                for path in ("/moved", "/wrong", "/empty", "/binary"):
                    answer = client.get(url + path)
                    found.append(
                        (answer.status_code, answer.headers.get("location"), answer.content)
                    )
                answer = client.head(url + "/binary")
                found.append((answer.status_code, None, answer.content))
        return found

    with Origin(handle, authority.context()) as origin:
        url = origin.url(host="localhost").rstrip("/")
        recorded = ForebayProxy(process, cassette, "once")
        first = ask(recorded)
        recorded.finish(save=True)

    played = ForebayProxy(process, cassette, "none")
    again = ask(played)
    found = played.finish(save=True)

    assert again == first
    assert first[3][2] == bytes(range(256)) * 1000
    assert found.failures == []
    assert [path.suffix for path in Path(cassette.parent).rglob("*.bin")] == [".bin"]


def test_the_short_pipeline_keeps_its_recording_when_it_is_ended(start_proxy, tmp_path):
    """It has no blocklist, and its addons end as those of the whole one do."""
    cassette = tmp_path / "cassette.yaml"
    script = ROOT / "addons" / "only_recording.py"
    with Origin(lambda _: Reply(body=b"kept")) as origin:
        proxy = start_proxy(script=script, recording_file=cassette)
        run = ["curl", "-sS", "-x", proxy.url, f"http://127.0.0.1:{origin.port}/"]
        assert subprocess.run(run, capture_output=True, check=True).stdout == b"kept"
        proxy.stop()

    assert "kept" in cassette.read_text(encoding="utf-8")
    assert list((proxy.home / "run").iterdir()) == []
    assert "Traceback" not in proxy.text()

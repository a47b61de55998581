"""Streams of events and WebSockets, recorded and then played with their server gone."""

from __future__ import annotations

import asyncio
import json
import ssl
import subprocess
import sys
import threading

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.sync.server import serve

from forebay.recording import store
from forebay.recording.fixture import ForebayProxy
from forebay.recording.proxycommand import proxy_command
from forebay.recording.proxyprocess import ProxyProcess
from origins import Origin, Reply

pytestmark = pytest.mark.integration

TOKEN = "ghp_" + "a1B2" * 9
EVENTS = [b'event: add\ndata: {"n": 1, "password": "hunter2"}\n\n', b": here\n\n", b"data: 3\n\n"]


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


class Events:
    """A server of events whose stream ends, or stays open until it is told to end."""

    def __init__(self, *, is_endless: bool) -> None:
        self.is_endless = is_endless
        self.stop = threading.Event()

    def __call__(self, seen):
        return Reply(headers=[("content-type", "text/event-stream")], pieces=self.pieces())

    async def pieces(self):
        for each in EVENTS:
            yield each
        if self.is_endless:
            while not self.stop.is_set():
                await asyncio.to_thread(self.stop.wait, 0.2)


def read_three(proxy, url):
    """Leave when there are three events."""
    context = ssl.create_default_context(cafile=proxy.ca_file)
    with (
        httpx.Client(proxy=proxy.url, verify=context, trust_env=False, timeout=20) as client,
        client.stream("GET", url) as answer,
    ):
        text = ""
        for piece in answer.iter_text():
            text += piece
            if text.count("\n\n") == 3:
                break
        return answer.status_code, text


@pytest.mark.parametrize("is_secure", [True, False], ids=["https", "http"])
def test_a_stream_that_stays_open_is_recorded_up_to_where_the_client_leaves(
    process, authority, cassette, is_secure
):
    """And stays open when it is played: the client leaves again."""
    events = Events(is_endless=True)
    with Origin(events, authority.context() if is_secure else None) as origin:
        url = origin.url("/events", host="localhost")
        recorded = ForebayProxy(process, cassette, "once")
        first = read_three(recorded, url)
        found = recorded.finish(save=True)
        events.stop.set()
    assert (found.failures, found.warnings) == ([], [])
    (kept,) = store.load(cassette)
    assert kept.response.is_open
    assert "hunter2" not in cassette.read_text(encoding="utf-8")

    played = ForebayProxy(process, cassette, "none")
    again = read_three(played, url)
    found = played.finish(save=True, needs_all=True)

    assert (found.failures, found.warnings) == ([], [])
    assert first[1] == b"".join(EVENTS).decode()
    data = json.loads(again[1].splitlines()[1].removeprefix("data: "))
    assert data == {"n": 1, "password": "REDACTED"}
    assert again[1].partition("\n\n")[2] == first[1].partition("\n\n")[2]


def test_curl_reads_a_stream_that_ends(process, cassette):
    with Origin(Events(is_endless=False)) as origin:
        url = origin.url("/events")
        command = ["curl", "-sSN", "--max-time", "20", url]
        recorded = ForebayProxy(process, cassette, "once")
        first = subprocess.run(command, env=recorded.env(), capture_output=True, check=True)
        recorded.finish(save=True)
    (kept,) = store.load(cassette)
    assert not kept.response.is_open
    assert "      event: add\n" in cassette.read_text(encoding="utf-8")

    played = ForebayProxy(process, cassette, "none")
    again = subprocess.run(command, env=played.env(), capture_output=True, check=True)
    found = played.finish(save=True, needs_all=True)

    assert found.failures == []
    assert first.stdout == b"".join(EVENTS)
    assert again.stdout == kept.response.body


def test_curl_is_held_by_a_stream_that_was_open_until_the_recording_ends(process, cassette):
    """Recorded while the client still listens; what is played ends with the recording."""
    events = Events(is_endless=True)

    def listening(proxy):
        curl = subprocess.Popen(
            ["curl", "-sSN", "--max-time", "60", url],
            env=proxy.env(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        return curl, curl.stdout.read(len(expected))

    with Origin(events) as origin:
        url = origin.url("/events")
        expected = b"".join(EVENTS)
        recorded = ForebayProxy(process, cassette, "once")
        curl, first = listening(recorded)
        found = recorded.finish(save=True)
        events.stop.set()
        curl.communicate(timeout=20)
    assert (found.failures, found.warnings, first) == ([], [], expected)

    expected = store.load(cassette)[0].response.body
    played = ForebayProxy(process, cassette, "none")
    curl, again = listening(played)
    assert curl.poll() is None
    found = played.finish(save=True, needs_all=True)
    rest, problem = curl.communicate(timeout=20)

    assert again == expected
    assert (found.failures, rest, problem, curl.returncode) == ([], b"", b"", 0)


def chat(websocket):
    """A server that greets, answers, and ends."""
    websocket.send("welcome")
    for message in websocket:
        if message == "bye":
            websocket.close(4001, "so long")
            return
        if isinstance(message, bytes):
            websocket.send(bytes(reversed(message)))
        else:
            asked = json.loads(message)
            websocket.send(json.dumps({"to": asked["n"], "token": TOKEN}))
            websocket.send("and more")


class Chat:
    """It runs."""

    def __init__(self, tls=None, handler=chat):
        self.server = serve(handler, "127.0.0.1", 0, ssl=tls, subprotocols=["chat.v1"])
        self.port = self.server.socket.getsockname()[1]
        self.url = f"{'wss' if tls else 'ws'}://localhost:{self.port}/chat?room=1"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        # It waits for all of its connections, and for each without end.
        ending = threading.Thread(target=self.server.shutdown, daemon=True)
        ending.start()
        ending.join(30)
        assert not ending.is_alive(), "connections to the server are still open"
        self.thread.join(10)


def opened(proxy, url, **more):
    tls = ssl.create_default_context(cafile=proxy.ca_file) if url.startswith("wss") else None
    return connect(url, proxy=proxy.url, ssl=tls, subprotocols=["chat.v1"], open_timeout=20, **more)


def talk(proxy, url, number=1, token=TOKEN):
    """Return what the server says, and how it ends."""
    heard = []
    with opened(proxy, url) as websocket:
        heard.append(websocket.subprotocol)
        heard.append(websocket.recv(20))
        websocket.send(json.dumps({"n": number, "token": token}))
        heard += [websocket.recv(20), websocket.recv(20)]
        websocket.send(b"\x00\x01\xff")
        heard.append(websocket.recv(20))
        websocket.send("bye")
        with pytest.raises(ConnectionClosed) as closed:
            websocket.recv(20)
    return heard, (closed.value.rcvd.code, closed.value.rcvd.reason)


@pytest.mark.parametrize("is_secure", [True, False], ids=["wss", "ws"])
def test_a_websocket_is_played_without_its_server(process, authority, cassette, is_secure):
    tls = authority.context(protocols=()) if is_secure else None
    with Chat(tls) as server:
        recorded = ForebayProxy(process, cassette, "once")
        first = talk(recorded, server.url)
        found = recorded.finish(save=True)
    assert (found.failures, found.warnings) == ([], [])
    text = cassette.read_text(encoding="utf-8")
    assert TOKEN not in text
    assert (
        "    - server: welcome\n" in text and "    - client: AAH/\n      sent_as: base64\n" in text
    )

    played = ForebayProxy(process, cassette, "none")
    again = talk(played, server.url, token="ghp_" + "c3D4" * 9)
    seen = played.requests()
    found = played.finish(save=True, needs_all=True)

    assert (found.failures, found.warnings) == ([], [])
    assert first[1] == again[1] == (4001, "so long")
    assert again[0] == ["chat.v1", "welcome", again[0][2], "and more", b"\xff\x01\x00"]
    assert json.loads(again[0][2]) == {"to": 1, "token": "REDACTED"}
    assert seen.count(1)[0].url.startswith("wss:" if is_secure else "ws:")


def test_another_message_fails_the_test_and_is_named(process, cassette):
    with Chat() as server:
        recorded = ForebayProxy(process, cassette, "once")
        talk(recorded, server.url)
        recorded.finish(save=True)

    played = ForebayProxy(process, cassette, "none")
    with opened(played, server.url) as websocket:
        websocket.recv(20)
        websocket.send('{"n": 2, "token": "x"}')
        with pytest.raises(ConnectionClosed) as closed:
            websocket.recv(20)
    found = played.finish(save=True)

    line = cassette.read_text(encoding="utf-8").splitlines().index("    - server: welcome") + 2
    assert closed.value.rcvd.code == 1011 and "message 2" in closed.value.rcvd.reason
    assert len(found.failures) == 2
    assert f"expected message 2 as in {cassette}:{line}, found another" in found.failures[0]
    assert '-   "n": 1' in found.failures[0] and '+   "n": 2' in found.failures[0]


def test_more_than_was_recorded_fails_the_test(process, cassette):
    def one(websocket):
        websocket.send(websocket.recv())
        websocket.recv()

    def once(proxy):
        with opened(proxy, server.url) as websocket:
            websocket.send("a")
            assert websocket.recv(20) == "a"

    with Chat(handler=one) as server:
        recorded = ForebayProxy(process, cassette, "once")
        once(recorded)
        recorded.finish(save=True)

    played = ForebayProxy(process, cassette, "none")
    once(played)
    assert played.finish(save=True, needs_all=True).failures == []
    played = ForebayProxy(process, cassette, "none")
    with opened(played, server.url) as websocket:
        websocket.send("a")
        websocket.recv(20)
        websocket.send("b")
        with pytest.raises(ConnectionClosed):
            websocket.recv(20)
    found = played.finish(save=True)

    assert f"expected no message after the 2 of {cassette}:4, found one more" in found.failures[0]
    assert "+ b" in found.failures[0]


def test_modes_are_those_of_http(process, cassette):
    """New ones are recorded, and those that are there played; a third is refused."""

    def echo(websocket):
        for message in websocket:
            websocket.send(f"{websocket.request.path} {message}")

    def ask(proxy, path):
        url = server.url.replace("/chat?room=1", path)
        with opened(proxy, url) as websocket:
            websocket.send("a")
            return websocket.recv(20)

    with Chat(handler=echo) as server:
        for path in ("/1", "/2"):
            proxy = ForebayProxy(process, cassette, "new_episodes")
            assert ask(proxy, path) == f"{path} a"
            if path != "/1":
                assert ask(proxy, "/1") == "/1 a"
                assert len(proxy.requests(outcome="played")) == 1
            proxy.finish(save=True)
        anew = ForebayProxy(process, cassette.with_name("all.yaml"), "all")
        assert ask(anew, "/3") == "/3 a"
        anew.finish(save=True)
        once = ForebayProxy(process, cassette, "once")
        assert ask(once, "/2") == "/2 a"
        with pytest.raises(Exception, match="599"):
            ask(once, "/3")
        found = once.finish(save=True)

    assert "GET ws://localhost" in found.failures[0] and "/3" in found.failures[0]
    assert len(store.load(cassette)) == 2


def test_what_is_too_long_is_not_recorded(authority, tmp_path):
    options = ["recording_max_body_bytes=100", "recording_max_messages=3"]
    process = ProxyProcess(proxy_command(None, {}), options)

    def echo(websocket):
        for message in websocket:
            websocket.send(message)

    try:
        with Chat(handler=echo) as server:
            proxy = ForebayProxy(process, tmp_path / "c.yaml", "once")
            for count, message in ((1, "x" * 100), (2, "x")):
                with opened(proxy, server.url) as websocket:
                    for _ in range(count):
                        websocket.send(message)
                        websocket.recv(20)
            found = proxy.finish(save=True)
    finally:
        process.stop()

    assert found.saved is None
    assert "recording_max_body_bytes), found more" in found.warnings[0]
    assert "recording_max_messages), found more" in found.warnings[1]


def test_a_websocket_that_is_open_when_the_recording_ends(process, cassette):
    """Is recorded up to there; and a client that never says what came next is told so."""
    with Chat() as server:
        recorded = ForebayProxy(process, cassette, "once")
        with opened(recorded, server.url) as websocket:
            websocket.recv(20)
            websocket.send('{"n": 1}')
            assert [websocket.recv(20), websocket.recv(20)][1] == "and more"
            assert recorded.finish(save=True).saved
    assert store.load(cassette)[0].websocket.closed_by is None

    played = ForebayProxy(process, cassette, "none")
    with opened(played, server.url) as websocket:
        assert websocket.recv(20) == "welcome"
        found = played.finish(save=True)
        with pytest.raises(ConnectionClosed):
            websocket.recv(20)

    assert found.failures == []
    assert f"message 2, {cassette}:" in found.warnings[0]


def test_forebay_replay_fails_for_a_message(process, cassette, tmp_path):
    with Chat() as server:
        recorded = ForebayProxy(process, cassette, "once")
        talk(recorded, server.url)
        recorded.finish(save=True)
    program = (
        "import os, sys; from websockets.sync.client import connect\n"
        "w = connect(sys.argv[1], proxy=os.environ['http_proxy'], subprotocols=['chat.v1'])\n"
        "w.recv(20); w.send('other')\n"
        "try: w.recv(20)\n"
        "except Exception: pass\n"
    )
    done = subprocess.run(
        [
            *(*proxy_command(None, {}), "replay", "--file", str(cassette)),
            *("--", sys.executable, "-c", program, server.url),
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert done.returncode == 1
    assert "unexpected message" in done.stderr and f"{cassette}:" in done.stderr
    assert "Traceback" not in done.stderr

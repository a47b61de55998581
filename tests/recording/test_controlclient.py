"""The control connection, seen from the tests."""

from __future__ import annotations

import json
import socket
import threading

import pytest

from forebay.errors import ForebayError
from forebay.recording.controlclient import ControlClient, GoneError


class Door:
    """A proxy's side: answers each line with the next of some texts, then leaves."""

    def __init__(self, *answers: bytes) -> None:
        self.asked = []
        self._answers = answers
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        connection, _ = self._socket.accept()
        with connection, connection.makefile("rb") as lines:
            for answer in self._answers:
                self.asked.append(json.loads(lines.readline()))
                connection.sendall(answer)

    def close(self):
        self._thread.join(10)  # first: it may not have taken the connection yet
        self._socket.close()


@pytest.fixture(name="client_of")
def _client_of():
    opened = []

    def connect(*answers, host="127.0.0.1"):
        door = Door(*answers)
        said = {"port": door.port, "token": "t", "proxy": [[host, 8080]]}
        client = ControlClient(said | {"ca": "/ca.pem", "ca_bundle": "/bundle.pem"})
        opened.append((client, door))
        return client, door

    yield connect
    for client, door in opened:
        client.close()
        door.close()


def test_one_line_out_and_one_in(client_of):
    client, door = client_of(b'{"recorded": true}\n', b"{}\n")

    assert client.ask("recording.begin", mode="none") == {"recorded": True}
    assert client.ask("recording.end") == {}
    assert door.asked == [
        {"mode": "none", "do": "recording.begin", "token": "t"},
        {"do": "recording.end", "token": "t"},
    ]


def test_what_the_proxy_says_is_wrong_is_the_error(client_of):
    client, _ = client_of(b'{"error": "expected this, found that"}\n')

    with pytest.raises(ForebayError, match=r"^expected this, found that$"):
        client.ask("recording.begin")


@pytest.mark.parametrize("answer", [b"", b'{"recor'])
def test_a_proxy_that_leaves_is_gone(client_of, answer):
    """Even in the middle of a line."""
    client, _ = client_of(answer)

    with pytest.raises(GoneError, match=r"^recording.end: expected an answer of the proxy, found"):
        client.ask("recording.end")


def test_nobody_there():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]

    with pytest.raises(GoneError, match="expected a proxy that answers"):
        ControlClient({"port": port, "token": "", "proxy": [["h", 1]], "ca": "", "ca_bundle": ""})


@pytest.mark.parametrize(
    ("host", "url"), [("127.0.0.1", "http://127.0.0.1:8080"), ("::1", "http://[::1]:8080")]
)
def test_what_the_file_says(client_of, host, url):
    client, _ = client_of(host=host)

    assert (client.url, client.port) == (url, 8080)
    assert (client.ca_file, client.ca_bundle) == ("/ca.pem", "/bundle.pem")

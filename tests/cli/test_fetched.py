"""Asking an origin once."""

from __future__ import annotations

import socket
import threading

import pytest

from forebay.cache.key import Target
from forebay.cli.fetched import fetch
from forebay.errors import ForebayError


@pytest.fixture(name="listening")
def _listening():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def target(server):
    return Target(b"GET", b"http", "127.0.0.1", server.getsockname()[1], b"/x?y")


def test_the_head_is_read(listening):
    asked = []

    def serve():
        connection, _ = listening.accept()
        with connection:
            asked.append(connection.recv(9999))
            connection.sendall(b"HTTP/1.1 302 Found\r\nETag: a\r\nContent-Length: 9\r\n\r\n")

    thread = threading.Thread(target=serve)
    thread.start()
    found = fetch(target(listening), "GET")
    thread.join()

    assert asked[0].startswith(b"GET /x?y HTTP/1.1\r\n")
    assert found.status == 302 and (b"ETag", b"a") in found.fields


def test_silence_ends(listening):
    with pytest.raises(ForebayError, match=r"--fetch: expected an answer of 127\.0\.0\.1"):
        fetch(target(listening), "GET", 0.2)


def test_refusal_is_said(listening):
    where = target(listening)
    listening.close()

    with pytest.raises(ForebayError, match="found Connection refused"):
        fetch(where, "GET")

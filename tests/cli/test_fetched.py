"""Asking an origin once."""

from __future__ import annotations

import contextlib
import itertools
import re
import socket
import threading

import pytest

from forebay.cache.key import Target
from forebay.cli.fetched import fetch
from forebay.errors import ForebayError
from origins import Origin, Reply

SOON_S = 0.5


def target(port: int, scheme: bytes = b"http", method: bytes = b"GET") -> Target:
    return Target(method, scheme, "127.0.0.1", port, b"/x?y")


@pytest.fixture(name="served")
def _served():
    """Serve one connection with pieces of bytes, as long as anybody reads them."""
    with contextlib.ExitStack() as stack:

        def served(pieces) -> int:
            server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            is_over = threading.Event()
            stack.callback(is_over.set)

            def serve() -> None:
                with contextlib.suppress(OSError):
                    connection, _ = server.accept()
                    with connection:
                        connection.recv(9999)
                        for piece in pieces:
                            connection.sendall(piece)
                            if is_over.is_set():
                                return
                        is_over.wait(20)

            thread = threading.Thread(target=serve, daemon=True)
            thread.start()
            return server.getsockname()[1]

        yield served


def test_the_head_is_read_and_no_redirect_followed():
    def handle(seen):
        return Reply(status=302, headers=[("Location", "/other"), ("ETag", "a")])

    with Origin(handle) as origin:
        found = fetch(target(origin.port), ((b"Host", b"a.example"), (b"X-A", b"\xfc")))

    assert [seen.target for seen in origin.seen] == ["/x?y"]
    assert (found.status, found.http_version) == (302, b"HTTP/1.1")
    assert (b"ETag", b"a") in found.fields
    assert (origin.seen[0].header("host"), origin.seen[0].header("x-a")) == ("a.example", "ü")


def test_only_the_fields_that_are_given_are_sent():
    fields = (
        (b"Host", b"a.example"), (b"Connection", b"keep-alive"), (b"Content-Length", b"5"),
    )  # fmt: skip
    with Origin() as origin:
        fetch(target(origin.port), fields)
        fetch(target(origin.port, method=b"POST"), fields)

    names = [[name for name, _ in seen.headers] for seen in origin.seen]
    assert names == [["host", "connection"], ["host", "content-length", "connection"]]
    assert {seen.header("connection") for seen in origin.seen} == {"close"}


def test_certificates_are_those_that_ssl_cert_file_names(authority, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.path))
    with Origin(tls=authority.context()) as origin:
        assert fetch(target(origin.port, b"https")).status == 200


def test_others_are_not_trusted(authority, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    with (
        Origin(tls=authority.context()) as origin,
        pytest.raises(ForebayError, match="found a certificate that is not trusted: "),
    ):
        fetch(target(origin.port, b"https"))


def test_nor_is_one_of_another_host(authority, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.path))
    with (
        Origin(tls=authority.context("other.example")) as origin,
        pytest.raises(ForebayError, match="not trusted: IP address mismatch"),
    ):
        fetch(target(origin.port, b"https"))


@pytest.mark.parametrize("scheme", [b"http", b"https"])
@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([], id="silence"),
        pytest.param(itertools.repeat(b"HTTP/1.1 100 Continue\r\n\r\n"), id="endless 100"),
        pytest.param([b"HTTP/1.1 200 OK\r\nA: "], id="half a head"),
    ],
)
def test_what_never_comes_is_not_waited_for(served, scheme, pieces):
    """Be it TLS or the head; bytes of another protocol end TLS at once."""
    port = served(pieces)

    with pytest.raises(ForebayError, match=rf"--fetch: expected an answer of 127\.0\.0\.1:{port}"):
        fetch(target(port, scheme), deadline_s=SOON_S)


def test_a_deadline_is_said(served):
    with pytest.raises(ForebayError, match=rf"found none within {SOON_S:g} s"):
        fetch(target(served([])), deadline_s=SOON_S)


@pytest.mark.parametrize(
    ("pieces", "message"),
    [
        ([b"\x00\x1b[31m\r\n"], r"BadStatusLine: \\x00\\x1b\[31m"),
        ([b"HTTP/1.1 OK\r\n\r\n"], "BadStatusLine"),
        ([b"HTTP/1.1 200 OK\r\nA: ", b"b" * 70_000], "LineTooLong"),
        (itertools.chain([b"HTTP/1.1 200 OK\r\n"], itertools.repeat(b"A: b\r\n")), "more than 100"),
    ],
)
def test_garbage_and_endless_heads_are_said_in_one_line(served, pieces, message):
    with pytest.raises(ForebayError, match=message) as error:
        fetch(target(served(pieces)))

    assert re.fullmatch(r"[ -~…]+", str(error.value))


def test_refusal_is_said():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    with pytest.raises(ForebayError, match="found Connection refused"):
        fetch(target(port))


def test_a_host_without_address_is_said():
    where = Target(b"GET", b"http", "no-such.invalid", 80, b"/")

    with pytest.raises(ForebayError, match=r"expected an answer of no-such\.invalid:80, found "):
        fetch(where)

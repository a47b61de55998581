"""What went wrong, in one word."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.trafficlog.failure import (
    CONNECT,
    LEFT,
    MALFORMED,
    OTHER,
    TLS_SERVER,
    error_type,
    remember,
)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("Connection killed.", "killed"),
        ("Connection killed: not here", CONNECT),
        ("Client disconnected.", LEFT),
        ("stream reset by client (CANCEL)", "stream_reset"),
        (
            "HTTP/1 protocol error: peer closed connection without sending complete message body (incomplete chunked read)",
            "truncated",
        ),
        ("server closed connection", "connection_closed"),
        ("peer closed connection", "connection_closed"),
        ("HTTP/2 connection closed: <ConnectionTerminated>", "connection_closed"),
        ("unexpected server response: b'x'", "invalid_response"),
        ("Cannot parse HTTP response: Bad HTTP response line: b'x'", "invalid_response"),
        (
            "Received invalid header name: b' ' from server, refusing to prevent request smuggling",
            "invalid_response",
        ),
        (
            "Received multiple content-length headers: [] from client, refusing to prevent",
            MALFORMED,
        ),
        ("HTTP request has no host header, destination unknown.", MALFORMED),
        ("Invalid request scheme: ftp", MALFORMED),
        ("invalid content-length header: 'x'", MALFORMED),
        ("Response body exceeds mitmproxy's body_size_limit.", "body_too_large"),
        ("HTTP/1 protocol error: illegal chunk header", "protocol_error"),
        ("HTTP/2 protocol error: x", "protocol_error"),
        ("whatever", OTHER),
        ("", OTHER),
    ],
)
def test_wordings(message, expected):
    """Of mitmproxy 12.2.3."""
    assert error_type(message, {}) == expected


def test_what_a_connection_hook_said_comes_first():
    """The system's words mean nothing by themselves."""
    failures = {"[Errno 111] refused": CONNECT, "certificate has expired": TLS_SERVER}

    assert error_type("[Errno 111] refused", failures) == CONNECT
    assert error_type("Certificate verify failed: certificate has expired", failures) == TLS_SERVER


@given(st.text())
def test_any_text_has_a_type(message):
    assert error_type(message, {})


def test_of_what_is_remembered_the_oldest_is_forgotten():
    known: dict[str, str] = {}
    for number in range(20):
        remember(known, f"text {number}", CONNECT)
    remember(known, None, CONNECT)
    remember(known, "", CONNECT)

    assert list(known) == [f"text {number}" for number in range(4, 20)]

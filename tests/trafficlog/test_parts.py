"""What records are made of."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.trafficlog import parts
from forebay.trafficlog.redact import DEFAULT


@pytest.mark.parametrize(
    ("scheme", "host", "port", "target", "expected"),
    [
        ("http", "h", 80, "/a?b=c", ("http://h/a?b=c", "/a", "b=c")),
        ("http", "h", 443, "/", ("http://h:443/", "/", None)),
        ("https", "h", 443, "/?", ("https://h/?", "/", "")),
        ("https", "::1", 8443, "/", ("https://[::1]:8443/", "/", None)),
        ("http", "h", 80, "*", ("http://h", "*", None)),
        ("https", "h", 443, "http://evil/x", (None, "http://evil/x", None)),
        (None, "", 0, "/x", (None, "/x", None)),
        ("https", "h", 443, "/a?token=x", ("https://h/a?token=REDACTED", "/a", "token=REDACTED")),
    ],
)
def test_urls(scheme, host, port, target, expected):
    assert parts.urls(DEFAULT, scheme, host, port, target) == expected


def test_a_long_target_is_cut_between_its_parts():
    """Half a value might be half a password, without the @ that tells so."""
    target = "/p?a=1&u=https%3A%2F%2Fme%3A" + "hunter2" * 2000 + "%40h"

    full, path, query = parts.urls(DEFAULT, "http", "h", 80, target)

    assert (full, path, query) == ("http://h/p?a=1&", "/p", "a=1&")


@given(st.text(st.characters(exclude_categories=())), st.text(), st.integers(0, 65535))
def test_any_target_is_taken(target, host, port):
    full, path, query = parts.urls(DEFAULT, "http", host, port, target)

    assert full is None or full.startswith("http://")
    assert len(path) + len(query or "") < 10 * len(target) + 100


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        (None, None),
        ("h", None),
        ("h:81", None),
        ("h:82", "h:82"),
        ("other", "other"),
        ("u:p@other", "REDACTED:REDACTED@other"),
    ],
)
def test_other_host(named, expected):
    """Null where it says nothing new."""
    assert parts.other_host(DEFAULT, named, "h", 81) == expected


def test_an_ipv6_host_field_is_bracketed():
    assert parts.other_host(DEFAULT, "[::1]:81", "::1", 81) is None


@pytest.mark.parametrize(
    ("at_s", "expected"),
    [
        (None, None),
        (0.5, datetime(1970, 1, 1, 0, 0, 0, 500000, UTC)),
        (1e20, None),
        (float("nan"), None),
    ],
)
def test_time_of(at_s, expected):
    assert parts.time_of(at_s) == expected


@pytest.mark.parametrize(
    ("start_s", "end_s", "expected"),
    [
        (1.0, 1.5, 0.5),
        (1.0, 1.0, 0.0),
        (2.0, 1.0, None),
        (None, 1.0, None),
        (1.0, None, None),
        (0.0, float("inf"), None),
        (float("nan"), 1.0, None),
        (0.0, 0.12345678, 0.123457),
    ],
)
def test_span(start_s, end_s, expected):
    assert parts.span(start_s, end_s) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("HTTP/1.1", "1.1"),
        ("HTTP/2.0", "2"),
        ("HTTP/3", "3"),
        ("HTTP/7.7", "7.7"),
        ("x" * 99, "x" * 16),
    ],
)
def test_version(text, expected):
    assert parts.version(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [(None, None), ("TLSv1", "1.0"), ("TLSv1.2", "1.2"), ("DTLSv1.2", "1.2"), ("QUICv1", "QUICv1")],
)
def test_tls_version(text, expected):
    assert parts.tls_version(text) == expected


def test_texts_are_bounded_and_null_when_there_is_none():
    assert parts.excerpt(DEFAULT, None, 10) is None
    assert parts.excerpt(DEFAULT, "x" * 5000, 512) == "x" * 512
    assert parts.server_name(None) is None
    assert parts.server_name("x" * 5000) == "x" * 255
    assert parts.verdict(DEFAULT, {}, "block") is None
    assert parts.verdict(DEFAULT, {"block": {"rule": "r"}}, "block") == {"rule": "r"}

"""The combined log format."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given

from export.records import EXCHANGES, any_records, exchange
from forebay.export.combined import Combined

LINE = re.compile(
    rb"(?P<host>[!-~]+) - (?P<user>[!-~]+) \[(?P<time>\d\d/[A-Z][a-z]{2}/\d{4}(?::\d\d){3} \+0000)\] "
    rb'"(?P<request>(?:[^"\\]|\\.)*)" (?P<status>-|-?\d+) (?P<bytes>-|-?\d+) '
    rb'"(?P<referer>(?:[^"\\]|\\.)*)" "(?P<agent>(?:[^"\\]|\\.)*)"\n'
)


def test_a_line_has_all_parts():
    record = exchange(
        user="ann",
        response_body_bytes=1234,
        user_agent='Mozilla/5.0 "x"',
        request_headers={"referer": ["https://b.example/"]},
    )

    assert Combined().convert(record) == (
        b'127.0.0.1 - ann [02/Jan/2026:03:04:05 +0000] "GET https://a.example/x?q=1 HTTP/1.1" '
        b'200 1234 "https://b.example/" "Mozilla/5.0 \\"x\\""\n'
    )


@pytest.mark.parametrize(
    ("given", "part", "expected"),
    [
        pytest.param({"status": None}, "status", b"-", id="no response"),
        pytest.param({"response_body_bytes": None}, "bytes", b"-", id="size not known"),
        pytest.param({"response_body_bytes": 0}, "bytes", b"0", id="no body"),
        pytest.param(
            {"response_body_bytes": 9, "delivered_bytes": 5},
            "bytes",
            b"5",
            id="what the client got",
        ),
        pytest.param({"client_address": None}, "host", b"-", id="client not known"),
        pytest.param({"user": "a b\n"}, "user", rb"a\x20b\n", id="a user of two words"),
        pytest.param({"user": ""}, "user", b"-", id="a user without a name"),
        pytest.param(
            {"user_agent": "\x1b[2J\x07é"}, "agent", rb"\x1b[2J\x07\xc3\xa9", id="escapes"
        ),
        pytest.param({"user_agent": "a\\\t\v\b\r"}, "agent", rb"a\\\t\v\b\r", id="short escapes"),
        pytest.param(
            {"protocol_version": None}, "request", b"GET https://a.example/x?q=1", id="0.9"
        ),
        pytest.param(
            {"url_full": None, "url_path": "*"}, "request", b"GET * HTTP/1.1", id="no URL"
        ),
        pytest.param(
            {"timestamp": datetime(1, 12, 31, tzinfo=UTC)},
            "time",
            b"31/Dec/0001:00:00:00 +0000",
            id="old",
        ),
    ],
)
def test_what_is_odd_or_not_known(given, part, expected):
    found = LINE.fullmatch(Combined().convert(exchange(**given)) or b"")

    assert found is not None and found[part] == expected


@pytest.mark.parametrize(
    ("host", "target"), [("a.example", b"a.example:443"), ("::1", b"[::1]:443")]
)
def test_connect_names_host_and_port(host, target):
    record = exchange(
        kind="tunnel", method="CONNECT", url_full=None, url_path=None, server_address=host
    )

    assert b'"CONNECT %b HTTP/1.1"' % target in (Combined().convert(record) or b"")


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({"kind": "dns", "method": None}, id="no request"),
        pytest.param({"kind": "http", "url_full": None, "url_path": None}, id="no target"),
        pytest.param({"kind": "http", "timestamp": None}, id="no time"),
    ],
)
def test_what_is_no_request_is_left_out_and_counted(given):
    """Readers fail on lines that are none."""
    made = Combined()

    assert made.convert(exchange(**given)) is None
    assert made.left_out == {given["kind"]: 1}


@given(EXCHANGES | any_records())
def test_any_record_is_one_line_of_ascii_or_left_out(record):
    made = Combined()

    line = made.convert(record)

    assert (line is None) == (made.left_out.total() == 1)
    assert line is None or LINE.fullmatch(line)

"""Cookies as HAR lists them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given

from export.records import TEXT
from forebay.export.harcookies import iso8601, received, sent


@pytest.mark.parametrize(
    ("values", "pairs"),
    [
        ([], []),
        (["a=1; b=2", "c=3"], [("a", "1"), ("b", "2"), ("c", "3")]),
        (["REDACTED"], [("", "REDACTED")]),
        (["a= x =y ;; =v"], [("a", "x =y"), ("", "v")]),
    ],
)
def test_cookies_sent(values, pairs):
    assert [(cookie["name"], cookie["value"]) for cookie in sent(values)] == pairs


def test_attributes_are_told():
    field = "a=1; Domain=.b.example; PATH=/x; HttpOnly; secure; SameSite=Lax; Max-Age=5; x"

    assert received([field]) == [
        {
            "name": "a", "value": "1", "domain": ".b.example", "path": "/x", "httpOnly": True,
            "secure": True, "_sameSite": "Lax",
        }
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        ("Wed, 09 Jun 2027 10:18:14 GMT", "2027-06-09T10:18:14.000Z"),
        ("Wednesday, 09-Jun-27 10:18:14 GMT", "2027-06-09T10:18:14.000Z"),
        ("Wed, 09 Jun 2027 10:18:14 +0200", "2027-06-09T08:18:14.000Z"),
        ("Wed, 99 Jun 2027 10:18:14 GMT", None),
        ("Fri, 31 Dec 9999 23:59:59 -0100", None),
        ("never", None),
        ("", None),
    ],
)
def test_an_expiry_is_told_where_it_is_a_date(date, expected):
    assert received([f"a=1; Expires={date}"])[0].get("expires") == expected


@given(TEXT)
def test_any_field_is_read(value):
    for cookies in (sent([value]), received([value, f"a; expires={value}"])):
        assert all({"name", "value"} <= cookie.keys() for cookie in cookies)


def test_whole_milliseconds_are_written_so():
    assert iso8601(datetime(26, 1, 2, 3, 4, 5, 120000, UTC)) == "0026-01-02T03:04:05.120Z"

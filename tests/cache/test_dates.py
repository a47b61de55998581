"""HTTP-date: RFC 9110 §5.6.7."""

from __future__ import annotations

from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache.builders import NOW
from forebay.cache.dates import parse


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Sun, 06 Nov 1994 08:49:37 GMT", 784111777),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 784111777),
        ("Sun Nov  6 08:49:37 1994", 784111777),
        ("Sun Nov 06 08:49:37 1994", 784111777),
        ("sun, 06 NOV 1994 08:49:37 gmt", 784111777),
        ("Thu, 18 Aug 2050 02:01:18 GMT", 2544400878),
        ("Thursday, 18-Aug-50 02:01:18 GMT", 2544400878),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("Thu, 29 Feb 2024 00:00:00 GMT", 1709164800),
        pytest.param("Sat, 31 Dec 2016 23:59:60 GMT", 1483228800, id="leap second"),
        pytest.param("Mon, 06 Nov 1994 08:49:37 GMT", 784111777, id="another day's name"),
    ],
)
def test_the_three_forms_are_read(value, expected):
    assert parse(value.encode(), NOW) == expected


@pytest.mark.parametrize(
    "value",
    [
        "",
        "0",
        "-1",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 AEST",
        "Sun, 06 Nov 1994 08:49:37 +0000",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun,  06 Nov 1994 08:49:37 GMT",
        "Sun, 06  Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994  08:49:37 GMT",
        "Sun, 06-Nov-1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08.49.37 GMT",
        "Sun, 06 Nov 1994 8:49:37 GMT",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun 06 Nov 1994 08:49:37 GMT",
        "06 Nov 1994 08:49:37 GMT",
        "Xun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:49:37 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 31 Feb 1994 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sat, 06 Nov 0000 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        "Sun, 06 Nov 1994 08:49:37 GMT\n",
        "Sun, \u0660\u0666 Nov 1994 08:49:37 GMT",
    ],
)
def test_anything_else_is_no_date(value):
    """``email.utils`` takes nine of these."""
    assert parse(value.encode(), NOW) is None


@pytest.mark.parametrize(
    ("now_year", "digits", "year"),
    [
        (2023, "73", 2073),
        (2023, "74", 1974),
        (2023, "23", 2023),
        (2080, "10", 2110),
        (2080, "31", 2031),
    ],
)
def test_two_digits_are_the_year_within_fifty(now_year, digits, year):
    """A year that seems more than 50 years ahead is a past one."""
    now_s = (now_year - 1970) * 31_556_952 + 10_000_000

    found = parse(f"Monday, 01-Jan-{digits} 00:00:00 GMT".encode(), now_s)

    assert found == parse(f"Mon, 01 Jan {year} 00:00:00 GMT".encode(), now_s)


@given(st.integers(-10_000_000_000, 200_000_000_000))
def test_what_others_format_is_read_back(seconds):
    assert parse(formatdate(seconds, usegmt=True).encode(), NOW) == seconds


@given(
    st.binary(max_size=60)
    | st.from_regex(
        r"[A-Z][a-z]{2,8},? ?[ 0-9]{1,2}[ -][A-Z][a-z]{2}[ -][0-9]{2,4} [0-9:]{6,8} GMT"
    ).map(lambda text: text.encode("utf-8", "replace"))
)
def test_any_bytes_are_a_date_or_none(value):
    found = parse(value, NOW)

    assert found is None or isinstance(found, int)

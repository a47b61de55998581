"""When a list is due."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.blocklist.expiry import (
    DAY_S,
    DEFAULT_S,
    HEADER_LINES,
    HOUR_S,
    LONGEST_S,
    RETRY_S,
    SHORTEST_S,
    due,
    header_s,
    span_s,
)
from forebay.errors import RuleError

NOW_S = 1_800_000_000.0


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("! Expires: 4 days (update frequency)", 4 * DAY_S),
        ("! Expires: 12 hours", 12 * HOUR_S),
        ("!EXPIRES:1day", DAY_S),
        ("# Expires: 2 d", 2 * DAY_S),
        ("## expires : 6h", 6 * HOUR_S),
        ("\ufeff! Expires: 3 days", 3 * DAY_S),
        ("  ! Expires: 3 days\r", 3 * DAY_S),
        ("! Expires: 0 days", SHORTEST_S),
        ("! Expires: 1 hour", SHORTEST_S),
        ("! Expires: 999999999 days", LONGEST_S),
        ("! Expires: 30 minutes", None),
        ("! Expires: 4 dayslong", None),
        ("! Expires: 4", None),
        ("! Expires: 1.5 days", None),
        ("! Expires: Tue, 24 Nov 2026", None),
        ("! It Expires: 4 days", None),
        ("||expires.example^", None),
    ],
)
def test_headers(line, expected):
    assert header_s(line) == expected


def test_only_the_first_lines_are_read():
    comments = "!\n" * (HEADER_LINES - 1)

    assert header_s(comments + "! Expires: 2 days\n") == 2 * DAY_S
    assert header_s(comments + "!\n! Expires: 2 days\n") is None


def test_the_first_header_counts():
    assert header_s("! Expires: 2 days\n! Expires: 3 days") == 2 * DAY_S


@given(st.text())
def test_any_text_has_a_bounded_span_or_none(text):
    found = header_s("! Expires: " + text)

    assert found is None or SHORTEST_S <= found <= LONGEST_S


@pytest.mark.parametrize(
    ("text", "expected"),
    [("4 days", 4 * DAY_S), ("1 Day", DAY_S), ("12h", 12 * HOUR_S), ("1 hour", HOUR_S), ("14d", LONGEST_S)],
)  # fmt: skip
def test_spans(text, expected):
    assert span_s(text) == expected


@pytest.mark.parametrize(
    "text", ["", "4", "days", "0h", "15 days", "337h", "-1 days", "1.5 days", "4 days or so", "٤ days"]
)  # fmt: skip
def test_no_spans(text):
    with pytest.raises(RuleError) as caught:
        span_s(text)

    assert (
        caught.value.message == f"expected 1 hour to 14 days, such as 4 days or 12h, found {text!r}"
    )


@pytest.mark.parametrize(
    ("age_s", "failed", "expected"),
    [
        pytest.param(0, False, False, id="just asked"),
        pytest.param(DEFAULT_S - 1, False, False, id="not yet"),
        pytest.param(DEFAULT_S, False, True, id="expired"),
        pytest.param(RETRY_S - 1, True, False, id="failed just now"),
        pytest.param(RETRY_S, True, True, id="failed an hour ago"),
        pytest.param(-1, False, True, id="the clock went backwards"),
        pytest.param(-1, True, True, id="backwards after a failure"),
        pytest.param(float("nan"), False, True, id="no number"),
    ],
)
def test_due(age_s, failed, expected):
    assert due(NOW_S - age_s, DEFAULT_S, NOW_S, failed=failed) is expected


def test_what_was_never_asked_for_is_due():
    assert due(None, DEFAULT_S, NOW_S)

"""Numbers for people."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from forebay.report import figures


@given(st.integers(0, 10**40))
def test_counts_and_sizes_are_short(number):
    assert len(figures.count(number)) <= 19
    assert len(figures.size(number)) <= 11


@given(st.floats(0, 1e15))
def test_times_are_short(span_s):
    assert len(figures.seconds(span_s)) <= 21


@given(st.floats(0, 1))
def test_only_all_and_nothing_are_100_and_0_percent(share):
    assert (figures.percent(share) == "100 %") == (share == 1)
    assert (figures.percent(share) == "0 %") == (share == 0)


def test_units_change_where_three_digits_end():
    assert [figures.size(n) for n in (999, 1000, 999_499, 999_500)] == [
        "999 B",
        "1 kB",
        "999 kB",
        "1 MB",
    ]
    assert [figures.seconds(s) for s in (0.9994, 0.9996, 99.9, 100)] == [
        "999 ms",
        "1 s",
        "99.9 s",
        "1 min 40 s",
    ]


def test_what_is_not_known_is_a_dash():
    assert (
        figures.seconds(None)
        == figures.percent(None)
        == figures.rate(None)
        == figures.time(None)
        == "-"
    )

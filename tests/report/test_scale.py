"""Axes."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.report.scale import bytes_axis, counts_axis, logarithmic, times


@given(st.integers(0, 10**30))
def test_a_linear_axis_has_few_marks_and_reaches_the_most(most):
    for axis in (counts_axis(most), bytes_axis(most)):
        labels = [mark.label for mark in axis.marks]
        assert 2 <= len(labels) <= 6
        assert len(set(labels)) == len(labels)
        assert 0 <= axis.place(most) <= 1
        assert (axis.marks[0].at, axis.marks[-1].at) == (0, 1)
        assert most < 3 or axis.place(most) > 0.49


@given(st.floats(0, 1e9), st.floats(0, 1e9))
def test_a_logarithmic_axis_holds_both_ends(one_s, other_s):
    axis = logarithmic(min(one_s, other_s), max(one_s, other_s))

    assert len({mark.label for mark in axis.marks}) == len(axis.marks) >= 2
    assert 0 <= axis.place(one_s) <= 1
    assert (axis.place(one_s) <= axis.place(other_s)) or one_s > other_s


@pytest.mark.parametrize(
    ("count", "width_s", "labels"),
    [
        (60, 1, ["12:00:00", "12:00:10", "12:00:20", "12:00:30", "12:00:40", "12:00:50"]),
        (96, 900, ["12:00", "16:00", "20:00", "00:00", "04:00", "08:00"]),
        (14, 86_400, ["05 Mar", "08 Mar", "11 Mar", "14 Mar"]),
        (1, 1, ["12:00:00"]),
    ],
)
def test_times_are_round(count, width_s, labels):
    begin = datetime(2026, 3, 2, 12, tzinfo=UTC)

    found = times([begin + timedelta(seconds=n * width_s) for n in range(count)], width_s)

    assert [mark.label for mark in found] == labels


@given(
    st.integers(1, 96),
    st.sampled_from([1, 2, 10, 60, 300, 3600, 86_400, 604_800, 10**8]),
    st.integers(0, 10**9),
)
def test_times_are_few_and_in_order(count, width_s, start_s):
    begin = datetime.fromtimestamp(start_s, UTC)

    found = (
        times([begin + timedelta(seconds=n * width_s) for n in range(count)], width_s)
        if count * width_s < 2e11
        else ()
    )

    assert len(found) <= 8
    assert all(a.at < b.at for a, b in itertools.pairwise(found))

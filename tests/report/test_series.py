"""Counts over time."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from forebay.report import series
from forebay.report.series import MOST_INTERVALS, WIDTHS_S, Interval, Series


def of(times_s):
    found = Series()
    for time_s in times_s:
        found.at(time_s).classes[1] += 1
    return found


@given(st.lists(st.floats(-6e10, 2.5e11), max_size=60), st.integers(1, 9))
def test_nothing_is_lost_and_steps_are_few(times_s, most):
    with_few = Series()
    limit, series.MOST_INTERVALS = series.MOST_INTERVALS, 5
    try:
        for time_s in times_s:
            with_few.at(time_s).classes[1] += 1
    finally:
        series.MOST_INTERVALS = limit

    steps = with_few.steps(most)

    assert len(with_few.intervals) <= 5
    assert len(steps.intervals) <= most
    assert sum(each.requests for each in steps.intervals) + steps.outside == len(times_s)


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=50))
def test_each_is_in_the_step_of_its_time(times_s):
    steps = of(times_s).steps(96)

    for number, step in enumerate(steps.intervals):
        begin_s = steps.start_s + number * steps.width_s
        inside = [t for t in times_s if begin_s <= t < begin_s + steps.width_s]
        assert step.requests == len(inside)


def test_a_day_is_in_steps_of_minutes():
    found = of(range(0, 86_400, 7))

    assert found.width_s == 300
    assert len(found.intervals) <= MOST_INTERVALS
    assert {each.requests for each in found.steps(96).intervals} <= set(range(128, 130))


def test_a_wrong_clock_does_not_spoil_the_rest():
    found = of([*range(3000), 32_503_680_000])

    steps = found.steps(96)

    assert steps.outside == 1
    assert sum(each.requests for each in steps.intervals) == 3000
    assert steps.width_s * len(steps.intervals) < 4000


def test_two_busy_times_are_both_shown():
    steps = of([*range(500), *range(10**6, 10**6 + 500)]).steps(96)

    assert steps.outside == 0


def test_nothing_has_no_steps():
    assert Series().steps(96).intervals == []


def test_each_width_divides_the_next():
    assert all(b % a == 0 for a, b in itertools.pairwise(WIDTHS_S))


def test_intervals_add_up():
    one, other = Interval(errors=1, bytes_up=2, hits=1, lookups=2), Interval(errors=2, bytes_down=5)
    other.durations.add(3, 0.5)

    one.merge(other)

    assert (one.errors, one.bytes_up, one.bytes_down, one.hits, one.lookups) == (3, 2, 5, 1, 2)
    assert one.durations.count == 1

"""Percentiles from buckets."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.report.histogram import LEAST_S, MOST_S, RELATIVE_ERROR, Histogram, bucket

SHARES = (0.5, 0.9, 0.99, 1.0)
durations = st.floats(0, MOST_S * 0.99)


def of(values_s):
    found = Histogram()
    for value_s in values_s:
        found.add(bucket(value_s), value_s)
    return found


@given(st.lists(durations, min_size=1))
def test_percentiles_are_off_by_no_more_than_stated(values_s):
    ordered = sorted(values_s)

    found = of(values_s).percentiles(*SHARES)

    for share, value_s in zip(SHARES, found, strict=True):
        exact_s = ordered[math.ceil(share * len(ordered)) - 1]
        assert abs(value_s - exact_s) <= max(RELATIVE_ERROR * exact_s * 1.0001, LEAST_S)
    assert found == sorted(found)


@given(st.lists(durations), st.lists(durations))
def test_two_merged_are_one_of_all(left_s, right_s):
    merged, both = of(left_s), of(left_s + right_s)
    merged.merge(of(right_s))

    assert (merged.counts, merged.max_s) == (both.counts, both.max_s)
    assert merged.count == len(left_s) + len(right_s)


@given(durations, durations)
def test_buckets_rise(one_s, other_s):
    assert (bucket(one_s) <= bucket(other_s)) == (one_s <= other_s) or bucket(one_s) == bucket(
        other_s
    )


@pytest.mark.parametrize("value_s", [0.0, -1.0, math.nan, LEAST_S])
def test_what_is_hardly_a_duration_is_in_the_first_bucket(value_s):
    assert bucket(value_s) == 0


def test_there_is_a_last_bucket_whose_value_is_the_maximum():
    found = of([1.0, 5 * MOST_S])

    assert bucket(5 * MOST_S) == bucket(math.inf) == 471 - 1 or bucket(math.inf) < 480
    assert found.percentiles(1.0) == [5 * MOST_S]


def test_nothing_has_no_percentiles():
    assert Histogram().percentiles(0.5) is None

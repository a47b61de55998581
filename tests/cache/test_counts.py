"""What became of the requests that the cache has seen."""

from __future__ import annotations

import pytest

from forebay.cache.counts import RESULTS, Counts


def counted(*outcomes):
    counts = Counts()
    for each in outcomes:
        counts.add(each)
    return {name: value for name, value in counts.status().items() if value}


def outcome(result, **more):
    return {"cache": {"result": result, "age_s": None, "stored": False, **more}}


@pytest.mark.parametrize("result", [each for each in RESULTS if each not in ("stale", "replaced")])
def test_each_result_is_counted_by_its_name(result):
    assert counted(outcome(result))[result] == 1


@pytest.mark.parametrize(("age_s", "name"), [(7, "stale"), (0, "stale"), (None, "replaced")])
def test_what_was_stale_was_served_or_replaced(age_s, name):
    """Only an answer from the store has an age."""
    assert counted(outcome("stale", age_s=age_s)) == {name: 1}


def test_what_is_stored():
    assert counted(outcome("miss", stored=True)) == {"miss": 1, "stored": 1}


def test_refreshes_of_ours_are_nobodys_requests():
    assert counted({**outcome("miss", stored=True), "background": True}) == {
        "stored": 1,
        "refreshed": 1,
    }


@pytest.mark.parametrize("notes", [{}, {"cache": {}}])
def test_without_a_part_in_it_nothing_is_counted(notes):
    assert counted(notes) == {}


def test_the_ratio_is_of_what_was_looked_up():
    found = counted(outcome("hit"), outcome("miss"), outcome("miss"), outcome("bypass"))

    assert found["hit_ratio"] == 0.3333

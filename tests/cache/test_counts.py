"""What became of the requests that the cache has seen."""

from __future__ import annotations

import pytest

from forebay.cache.counts import RESULTS, Counts
from forebay.report.line import Cache, cache_word
from forebay.report.tally import HITS, LOOKUPS


def counted(*outcomes):
    counts = Counts()
    for each in outcomes:
        counts.add(each)
    return {name: value for name, value in counts.status().items() if value}


def outcome(result, **more):
    return {"cache": {"result": result, "age_s": None, "stored": False, **more}}


@pytest.mark.parametrize("result", [each for each in RESULTS if each not in ("stale", "refetched")])
def test_each_result_is_counted_by_its_name(result):
    assert counted(outcome(result))[result] == 1


@pytest.mark.parametrize(("age_s", "name"), [(7, "stale"), (0, "stale"), (None, "refetched")])
def test_what_was_stale_was_served_or_refetched(age_s, name):
    """Only an answer from the store has an age."""
    found = counted(outcome("stale", age_s=age_s))

    assert {each for each in found if each in RESULTS} == {name}


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


@pytest.mark.parametrize("age_s", [3, None])
@pytest.mark.parametrize("result", [*sorted(HITS), "miss", "bypass"])
def test_words_and_ratio_are_those_of_the_report(result, age_s):
    word = cache_word(Cache(result=result, age_s=age_s))

    found = counted(outcome(result, age_s=age_s), outcome("miss"), outcome("bypass"))

    assert word in found
    lookups = 1 + (word in LOOKUPS)
    assert found.get("hit_ratio", 0) == (word in HITS) / lookups

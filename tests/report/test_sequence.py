"""Missing numbers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from forebay.report import sequence
from forebay.report.sequence import Sequence


def seen(*seqs):
    found = Sequence()
    for seq in seqs:
        found.add(seq)
    return found


def missing(found):
    return [n for hole in found.holes("i") for n in range(hole.from_seq, hole.to_seq + 1)]


@given(st.lists(st.integers(0, 60)), st.lists(st.tuples(st.integers(0, 60), st.integers(0, 9))))
def test_holes_are_all_that_is_missing_between_numbers_in_any_order(seqs, gaps):
    found = seen(*seqs)
    for start, length in gaps:
        found.add_range(start, start + length, is_gap=True)

    there = set(seqs) | {n for start, length in gaps for n in range(start, start + length + 1)}
    between = range(min(there, default=0), max(there, default=0))
    assert missing(found) == [n for n in between if n not in there]
    assert found.is_exact


@given(st.lists(st.integers(0, 60)))
def test_what_comes_again_is_counted(seqs):
    assert seen(*seqs).repeated == len(seqs) - len(set(seqs))


def test_what_is_missing_at_the_start_is_no_hole():
    assert missing(seen(100, 101, 103)) == [102]
    assert [hole.lost for hole in seen(1, 5).holes("i")] == [3]


def test_a_gap_that_says_nothing_changes_nothing():
    found = seen(1, 3)
    found.add_range(9, 2, is_gap=True)

    assert missing(found) == [2]


def test_the_smallest_holes_are_forgotten_when_there_are_too_many(monkeypatch):
    monkeypatch.setattr(sequence, "MOST_RANGES", 3)

    found = seen(1, 10, 12, 20, 30)

    assert [(hole.from_seq, hole.to_seq) for hole in found.holes("i")] == [(2, 9), (21, 29)]
    assert not found.is_exact
    found.add(31)
    assert found.repeated == 0

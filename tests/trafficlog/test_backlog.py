"""Records that wait."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from forebay.trafficlog.backlog import Backlog
from forebay.trafficlog.record import Gap, Record

LOTS = 10**6


def record(seq: int) -> Record:
    return Record(kind="http", seq=seq)


def take(backlog: Backlog, limit: int, limit_bytes: int = LOTS) -> list[Record | Gap]:
    return [item for item, _ in backlog.take(limit, limit_bytes)]


def test_items_come_out_in_order():
    backlog = Backlog(10, 1000)
    for seq in (1, 2, 3):
        assert backlog.add(record(seq), 1)

    assert [r.seq for r in take(backlog, 2)] == [1, 2]
    assert len(backlog) == 1
    assert [r.seq for r in take(backlog, 2)] == [3]
    assert not backlog


def test_a_full_backlog_notes_the_loss_in_its_place():
    """Before the first record that found room again."""
    backlog = Backlog(2, 1000)
    kept = [backlog.add(record(seq), 1) for seq in (1, 2, 3, 4)]
    taken = take(backlog, 1)
    kept.append(backlog.add(record(5), 1))
    taken += take(backlog, 10)

    assert kept == [True, True, False, False, True]
    assert taken == [record(1), record(2), Gap(lost=2, from_seq=3, to_seq=4), record(5)]


def test_bytes_are_bounded_too():
    backlog = Backlog(100, 10)

    assert backlog.add(record(1), 6)
    assert not backlog.add(record(2), 6)
    assert backlog.add(record(3), 4)
    assert take(backlog, 10) == [record(1), Gap(lost=1, from_seq=2, to_seq=2), record(3)]
    assert backlog.add(record(4), 10)


def test_a_loss_alone_is_something_to_write():
    """When no record follows."""
    backlog = Backlog(1, 1)
    backlog.lose(7)

    assert backlog
    assert take(backlog, 5) == [Gap(lost=1, from_seq=7, to_seq=7)]


def test_a_gap_waits_for_what_is_before_it():
    """It is younger than all that waits."""
    backlog = Backlog(2, 10)
    backlog.add(record(1), 1)
    backlog.add(record(2), 1)
    backlog.lose(3)

    assert take(backlog, 2) == [record(1), record(2)]
    assert take(backlog, 2) == [Gap(lost=1, from_seq=3, to_seq=3)]


@given(st.lists(st.sampled_from(["add", "lose", "take"])), st.integers(1, 4))
def test_every_number_is_kept_or_in_a_gap_and_in_order(steps, room):
    """Whatever happens."""
    backlog = Backlog(room, 10 * room)
    seq = 0
    out = []
    for step in steps:
        if step == "take":
            out += take(backlog, 2)
            continue
        seq += 1
        if step == "add":
            backlog.add(record(seq), 10)
        else:
            backlog.lose(seq)
    while backlog:
        out += take(backlog, 3)

    told = []
    for item in out:
        if isinstance(item, Gap):
            assert item.lost == item.to_seq - item.from_seq + 1
            told += range(item.from_seq, item.to_seq + 1)
        else:
            told.append(item.seq)
    assert told == list(range(1, seq + 1))


def test_a_batch_is_bounded_in_bytes_but_never_empty():
    """A record of any size gets out."""
    backlog = Backlog(10, 1000)
    for seq, size_bytes in ((1, 500), (2, 30), (3, 30), (4, 60)):
        backlog.add(record(seq), size_bytes)

    assert [[item.seq for item in take(backlog, 10, 100)] for _ in range(3)] == [[1], [2, 3], [4]]


def test_work_that_is_put_off_comes_with_its_record():
    backlog = Backlog(10, 1000)
    backlog.add(record(1), 1, abs)
    backlog.add(record(2), 1)

    assert backlog.take(10, LOTS) == [(record(1), abs), (record(2), None)]


def test_fill_is_the_greater_of_count_and_bytes():
    backlog = Backlog(4, 100)
    backlog.add(record(1), 10)
    assert backlog.fill == 0.25
    backlog.add(record(2), 65)
    assert backlog.fill == 0.75


def test_a_gap_says_whose_it_is():
    backlog = Backlog(1, 1, "abc")
    backlog.lose(1)

    assert take(backlog, 1) == [Gap(lost=1, from_seq=1, to_seq=1, instance="abc")]

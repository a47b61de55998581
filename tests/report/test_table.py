"""Rows in bounded memory."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from forebay.report.rows import Host, Plain
from forebay.report.table import LONGEST_KEY, Table


def counted(keys, capacity):
    table = Table(Plain, capacity)
    for key in keys:
        table.row(key).records += 1
    return table


@given(st.lists(st.integers(0, 40).map(str), max_size=300), st.integers(2, 12))
def test_sums_are_exact_and_rows_low_by_no_more_than_stated(keys, capacity):
    exact = Counter(keys)

    table = counted(keys, capacity)

    assert len(table.rows) <= capacity
    assert sum(row.records for row in table.rows.values()) + table.rest.records == len(keys)
    for key, row in table.rows.items():
        assert exact[key] - table.undercount <= row.records <= exact[key]
    if table.is_exact:
        assert {key: row.records for key, row in table.rows.items()} == exact


def test_the_most_used_survive_a_flood_of_others():
    keys = [key for number in range(5000) for key in ("often", f"once{number}")]

    table = counted(keys, 100)

    assert table.top(1)[0][0] == "often"
    assert table.top(1)[0][1].records == 5000


def test_rows_that_hold_much_are_fewer():
    table = Table(Host, 100, most_cells=50)
    for key in range(20):
        row = table.row(str(key))
        row.records = key
        for index in range(10):
            row.durations.add(index, 0.1)

    table.trim()

    assert list(table.rows) == ["19", "18", "17", "16", "15"]
    assert table.rest.durations.count == 150
    assert not table.is_exact


def test_long_keys_are_cut():
    table = counted(["x" * 10_000, "x" * 9000], 10)

    assert {key: row.records for key, row in table.rows.items()} == {"x" * LONGEST_KEY: 2}


def test_the_order_of_equals_is_that_of_their_names():
    table = counted(["b", "a", "c", "c"], 10)

    assert [key for key, _ in table.top(3)] == ["c", "a", "b"]
    assert [key for key, _ in table.top(1, by=lambda row: -row.records)] == ["a"]

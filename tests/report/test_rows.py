"""Rows add up."""

from __future__ import annotations

from dataclasses import fields

import pytest

from forebay.report.rows import Edits, Host, Kept, Plain


@pytest.mark.parametrize("kind", [Plain, Host, Kept, Edits])
def test_every_number_is_merged(kind):
    one, other = kind(), kind()
    names = [each.name for each in fields(kind) if each.type in ("int", "float")]
    for number, name in enumerate(names, 1):
        setattr(one, name, number)
        setattr(other, name, 10 * number)

    one.merge(other)

    assert [getattr(one, name) for name in names] == [11 * n for n in range(1, len(names) + 1)]


def test_histograms_are_merged():
    for kind in (Host, Kept):
        one, other = kind(), kind()
        other.durations.add(3, 0.5)
        one.merge(other)
        assert one.durations.count == one.cells == 1
        assert Plain().cells == Edits().cells == 0


def test_a_rule_counts_all_its_matches():
    assert Edits(1, 2, 3, 4).count == 10


@pytest.mark.parametrize(
    ("given", "saved_s"),
    [
        ({}, 0),
        ({"served_count": 5, "served_s": 1.0}, 0),
        ({"origin_count": 1, "origin_s": 1.0, "served_count": 5, "served_s": 1.0}, 4),
        ({"origin_count": 1, "origin_s": 0.1, "served_count": 1, "served_s": 9.0}, 0),
    ],
)
def test_time_saved_is_only_what_is_known(given, saved_s):
    assert Host(**given).saved_s == pytest.approx(saved_s)

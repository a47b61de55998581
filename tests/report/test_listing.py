"""Tables, notes and warnings."""

from __future__ import annotations

from datetime import timedelta

import pytest

from forebay.report.document import Damaged, Top
from forebay.report.line import decode
from forebay.report.listing import listings, shown, tiles, warnings
from forebay.trafficlog.record import Gap, encode
from report.logs import BEGIN, line, summary

FULL = line(
    user="ada",
    error_type="truncated",
    cache={"result": "hit", "reason": "fresh", "age_s": 1},
    rewrite=[{"id": "r", "file": "f.yaml", "line": 3}],
)
BLOCKED = line(
    block={"action": "block", "rule": "||a^", "list": "ads", "path": "ads.txt", "line": 7}
)


def test_every_table_has_as_many_figures_as_labels():
    gap = decode(encode(Gap(lost=1, from_seq=9, to_seq=9, instance="i")))

    found = listings(summary(FULL, BLOCKED, line(background=True), gap))

    assert [each.title for each in found] == [
        "Top hosts", "Latency", "Cache", "Why the cache did so", "Responses by status", "Errors",
        "Clients", "Users", "Content types", "Records by kind", "Blocked by list", "Blocked by rule",
        "Rewrite rules", "Slowest exchanges", "Lost records",
    ]  # fmt: skip
    for each in found:
        assert {len(row.values) + 1 for row in each.rows} == {len(each.head)}
        assert each.texts <= set(each.head)
        assert all(row.share is None or 0 <= row.share <= 1 for row in each.rows)


def test_a_rule_is_told_with_its_place():
    found = {each.title: each for each in listings(summary(FULL, BLOCKED))}

    (row,) = found["Blocked by rule"].rows
    assert (row.name, row.more, row.values) == ("||a^", "ads.txt:7", ("ads", "1"))
    (row,) = found["Rewrite rules"].rows
    assert (row.name, row.more, row.values) == ("r", "f.yaml:3", ("1", "0", "0", "0"))


def test_a_table_of_nothing_is_left_out():
    assert listings(summary()) == []
    assert "Users" not in [each.title for each in listings(summary(line()))]


@pytest.mark.parametrize(
    ("distinct", "is_exact", "text"),
    [
        (2, True, ""),
        (3, True, "the first 2 of 3 hosts"),
        (
            9000,
            False,
            "the first 2 of more than 9,000 hosts; approximate, counts may be low by up to 7",
        ),
    ],
)
def test_what_is_left_out_is_said(distinct, is_exact, text):
    assert shown(Top(distinct, is_exact, 7, 0, ["a", "b"]), "host") == text


@pytest.mark.parametrize(
    ("lines", "beginning"),
    [
        ([line(sample_rate=0.5)], "Sampled: 1 record stand"),
        ([decode(encode(Gap(lost=4, from_seq=1, to_seq=4)))], "Lost: 4 records, as 1 gap record"),
        ([line(seq=1), line(seq=4)], "Missing: 2 records in 1 hole"),
        ([line(), line()], "Counted twice: 1 record"),
        ([line(truncated=["url.full"])], "Cut: 1 record"),
        ([*[line(seq=n) for n in range(1, 2001)], line(seq=2001, timestamp=BEGIN + timedelta(9999)),
          line(seq=2002, timestamp=BEGIN + timedelta(seconds=1))], "Not in the charts: 1 exchange"),
    ],
)  # fmt: skip
def test_warnings(lines, beginning):
    (found,) = warnings(summary(*lines))

    assert found.startswith(beginning)


def test_too_many_processes_are_told():
    found = warnings(summary(*(line(instance=f"i{n}") for n in range(2001))))

    assert found == ["Too many processes or holes to follow all numbers: more may be missing."]


def test_the_first_damaged_line_is_named():
    (found,) = warnings(summary(line(), damaged=Damaged(12, ["a.jsonl:7: torn"])))

    assert found == "Skipped 12 damaged lines; the first: a.jsonl:7: torn"


def test_main_figures():
    found = {name: figure for name, figure, _ in tiles(summary(FULL, BLOCKED))}

    assert found["Exchanges"] == "2"
    assert found["Blocked"] == found["Errors"] == "1"
    assert found["Cache hits"] == "100 %"
    assert {name: figure for name, figure, _ in tiles(summary())}["Median duration"] == "-"

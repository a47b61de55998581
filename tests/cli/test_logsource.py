"""Which records a command works on."""

from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path

import pytest

from cli.logs import GAP, PACKINGS, RECORDS, lines, written
from forebay.cli.logsource import Source, add_source
from forebay.cli.output import NothingError
from forebay.errors import ForebayError
from forebay.trafficlog.record import Record


def source(*arguments: object) -> Source:
    parser = argparse.ArgumentParser()
    add_source(parser)
    return Source(parser.parse_args([str(each) for each in arguments]))


def numbers(*arguments: object) -> list[int]:
    return list(source(*arguments).read(lambda record: record.seq))


@pytest.mark.parametrize("packing", PACKINGS)
def test_files_may_be_compressed(tmp_path, packing):
    path = written(tmp_path / "x", PACKINGS[packing](lines()))

    assert list(source(path).read(lambda record: record)) == list(RECORDS)


def test_several_are_read_in_turn(tmp_path):
    first, second = (written(tmp_path / name) for name in "ab")

    assert numbers(second, first) == [1, 2, 3, 1, 2, 3]


def test_the_standard_input_is_one(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines())))

    assert numbers("-") == [1, 2, 3]


def test_without_any_it_is_the_log_of_the_home(tmp_path):
    written(tmp_path / "log" / "traffic.jsonl", lines(RECORDS[2:]))
    written(
        tmp_path / "log" / "traffic-20260101T000000Z-000001.jsonl.zst",
        PACKINGS["zstd"](lines(RECORDS[:2])),
    )

    assert numbers("--home", tmp_path) == [1, 2, 3]


def test_a_home_without_a_log_has_nothing(tmp_path):
    with pytest.raises(NothingError, match=r"expected a traffic log, found none in .*/log"):
        numbers("--home", tmp_path)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--since", "2026-01-03"], [2, 3]),
        (["--until", "2026-01-03T03:04:05.678901Z"], [1]),
        (["--since", "2026-01-03", "--until", "2026-01-04"], [2]),
        (["--since", "1s"], []),
        (["--host", "A.example"], [1]),
        (["--host", ".a.example"], [1, 3]),
    ],
)
def test_time_and_host_choose(tmp_path, arguments, expected):
    assert numbers(written(tmp_path / "x"), *arguments) == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--since", "soon"], "--since: expected a time"),
        (["--until", ""], "--until: expected a time"),
        (["/no/such"], "expected a traffic log, found /no/such: No such file"),
        (["~nobody-at-all/x"], "FILE: expected a path"),
    ],
)
def test_bad_input_is_said(arguments, message):
    with pytest.raises(ForebayError, match=message):
        numbers(*arguments)


class TestReport:
    def test_what_could_not_be_used_is_said(self, tmp_path, capsys):
        path = written(tmp_path / "x\n", b"torn\n" + lines([*RECORDS, GAP]) + b'{"v":2}')
        found = source(path)
        list(found.read(lambda record: record))

        found.report("x", "1 dns")

        first, second, last = capsys.readouterr().err.splitlines()
        assert "\\n:1: expected a record, found no JSON object" in first
        assert second.endswith(":6: expected a record of version 1 or less, found version 2")
        assert last == (
            "x: records: 3; left out: 1 dns; damaged lines skipped: 2; missing in the log: 7"
        )

    def test_what_cannot_be_converted_is_damaged(self, tmp_path, capsys):
        def convert(record: Record) -> int:
            if record.seq == 2:
                raise ValueError("a number too large")
            return record.seq

        found = source(written(tmp_path / "x"))

        assert list(found.read(convert)) == [1, 3]
        found.report("x")
        assert "x:2: expected a record, found one that is damaged: a number too large" in (
            capsys.readouterr().err
        )

    def test_nothing_is_said_as_such(self, tmp_path):
        found = source(written(tmp_path / "x", b"torn"))
        list(found.read(lambda record: record))

        with pytest.raises(NothingError, match=r"expected records, found none; damaged .*: 1"):
            found.report("x")


def test_what_is_left_out_does_not_count(tmp_path):
    found = source(Path(written(tmp_path / "x")))

    assert list(found.read(lambda record: record.method)) == ["GET", "GET"]
    assert found.count == 2

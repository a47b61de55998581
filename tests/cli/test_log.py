"""``forebay log``."""

from __future__ import annotations

import json
import sys
import types

import pytest

from cli.logs import written
from forebay.cli import log
from forebay.trafficlog.recordschema import json_schema

NAMES = ("traffic-20260102T030405Z-000001.jsonl.zst", "traffic.jsonl")


@pytest.fixture(name="run")
def _run(capsys):
    def run(*arguments, status=0):
        assert log.run([str(each) for each in arguments]) == status
        return tuple(capsys.readouterr())

    return run


@pytest.fixture(name="home")
def _home(tmp_path):
    for name, size in zip(NAMES, (1234, 5), strict=True):
        written(tmp_path / "log" / name, b"x" * size)
    written(tmp_path / "log" / "report.html")
    return tmp_path


def test_schema_is_printed(run):
    assert json.loads(run("schema")[0]) == json_schema()


def test_files_are_listed_oldest_first(run, home):
    assert run("files", "--home", home)[0].replace(f"{home}/", "") == (
        "rotated               bytes  file\n"
        "2026-01-02T03:04:05Z  1,234  log/traffic-20260102T030405Z-000001.jsonl.zst\n"
        "live                      5  log/traffic.jsonl\n"
    )


def test_files_are_listed_for_programs(run, home):
    found = [json.loads(line) for line in run("files", "--json", "--home", home)[0].splitlines()]

    assert found == [
        {
            "path": str(home / "log" / NAMES[0]),
            "size_bytes": 1234,
            "rotated": "2026-01-02T03:04:05Z",
        },
        {"path": str(home / "log" / NAMES[1]), "size_bytes": 5, "rotated": None},
    ]


def test_a_file_that_is_deleted_meanwhile_has_no_size(tmp_path):
    assert log._facts(tmp_path / "traffic.jsonl")["size_bytes"] == 0


def test_no_files_are_said(run, tmp_path):
    assert run("files", "--home", tmp_path, status=1) == (
        "", f"forebay log: expected a traffic log, found none in {tmp_path}/log\n",
    )  # fmt: skip


def test_a_home_that_is_none_is_said(run):
    assert "--home: expected a path" in run("files", "--home", "~nobody-at-all", status=2)[1]


def test_scan_has_its_own_arguments(run, monkeypatch):
    given = []
    scan = types.ModuleType("logscan")
    scan.run = lambda arguments: given.append(arguments) or 7  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "forebay.cli.logscan", scan)
    monkeypatch.setattr("forebay.cli.logscan", scan, raising=False)

    run("scan", "--help", "x", status=7)

    assert given == [["--help", "x"]]


@pytest.mark.parametrize("arguments", [[], ["x"], ["schema", "x"]])
def test_other_words_are_a_mistake(arguments):
    with pytest.raises(SystemExit, match="2"):
        log.run(arguments)

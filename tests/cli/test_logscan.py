"""``forebay log scan``."""

from __future__ import annotations

import json

import pytest

from forebay.cli import logscan
from forebay.trafficlog.record import Record, encode

TOKEN = "ghp_" + "a1B2" * 9


@pytest.fixture(name="log")
def _log(tmp_path):
    path = tmp_path / "home" / "log" / "traffic.jsonl"
    path.parent.mkdir(parents=True)
    records = [
        Record(kind="http", seq=1, url_full="https://h/?token=REDACTED"),
        Record(kind="http", seq=2, url_full=f"https://h/{TOKEN}"),
        Record(kind="http", seq=3, error_message="to ann@example.com"),
    ]
    path.write_bytes(b"".join(map(encode, records)))
    return path


def scan(log, *arguments):
    return logscan.run([*map(str, arguments), "--home", str(log.parents[1])])


def test_where_and_what_but_not_the_secret(log, capsys):
    assert scan(log, log) == 1
    found = capsys.readouterr()

    assert found.out == f"{log}:2: url.full: github: ghp_… (40 characters)\n"
    assert found.err == "3 records, 1 secrets\n"
    assert TOKEN not in found.out + found.err


def test_without_a_file_the_logs_of_the_home(log, capsys):
    assert scan(log, "--json") == 1

    assert json.loads(capsys.readouterr().out) == {
        "file": str(log),
        "line": 2,
        "field": "url.full",
        "kind": "github",
        "length": 40,
    }


def test_more_on_demand(log, capsys):
    assert scan(log, "--emails") == 1

    assert f"{log}:3: error.message: e-mail" in capsys.readouterr().out


def test_nothing_found(log, capsys):
    log.write_bytes(encode(Record(kind="http", seq=1)))

    assert scan(log) == 0
    assert capsys.readouterr().err == "1 records, 0 secrets\n"


def test_damaged_lines_are_named(log, capsys):
    log.write_bytes(b'{"v":1\n[]\n' + encode(Record(kind="http", seq=1)))

    assert scan(log, log) == 0
    error = capsys.readouterr().err
    assert f"{log}:1: expected a record, found damage" in error
    assert f"{log}:2: expected a record, found no JSON object" in error
    assert "1 records, 0 secrets, 2 damaged lines" in error


@pytest.mark.parametrize("name", ["none.jsonl", "."])
def test_a_file_that_is_none(log, capsys, name):
    assert scan(log, log.parent / name) == 2
    assert "forebay log scan: expected a traffic log, found" in capsys.readouterr().err


def test_no_log_at_all(log, capsys):
    log.unlink()

    assert scan(log) == 2
    assert "expected a log, found none in" in capsys.readouterr().err


def test_mistakes_in_rules_are_named(log, capsys):
    rules = log.parents[1] / "rules" / "redact.yaml"
    rules.parent.mkdir()
    rules.write_text("mode: x\n", encoding="utf-8")

    assert scan(log) == 2
    assert "redact.yaml:1:1: mode: expected" in capsys.readouterr().err

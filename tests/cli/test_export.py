"""``forebay export``."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys

import duckdb
import pytest

from cli.logs import GAP, RECORDS, lines, written
from export.records import exchange
from forebay.cli import export
from forebay.export.csvrows import COLUMNS


@pytest.fixture(name="run")
def _run(tmp_path, capfdbinary):
    """Export a log, or *data*; give status, output and what was said."""

    def run(*arguments, data=None, status=0):
        path = written(tmp_path / "log.jsonl", data)
        found = export.run([*map(str, arguments), path])
        out, err = capfdbinary.readouterr()
        assert found == status
        return out, err.decode().replace(f"{tmp_path}/", "")

    return run


def test_har_is_whole(run):
    out, err = run("har")

    log = json.loads(out)["log"]
    assert [entry["request"]["url"] for entry in log["entries"]] == [
        "https://a.example/1", "https://b.example/2",
    ]  # fmt: skip
    assert log["comment"] == "left out: 1 dns"
    assert err == "forebay export: records: 2; left out: 1 dns\n"


def test_csv_has_a_row_a_record(run):
    out, err = run("csv", data=lines([*RECORDS, GAP]))

    rows = list(csv.reader(io.StringIO(out.decode(), newline="")))
    assert rows[0] == list(COLUMNS)
    assert [row[2] for row in rows[1:]] == ["1", "2", "3"]
    assert err == "forebay export: records: 3; missing in the log: 7\n"


def test_columns_of_csv_can_be_chosen(run):
    assert run("csv", "--columns", "seq,url.full")[0] == (
        b"seq,url.full\r\n1,https://a.example/1\r\n2,https://b.example/2\r\n3,\r\n"
    )
    assert "found 'x'" in run("csv", "--columns", "x", status=2)[1]


def test_combined_has_a_line_a_request(run):
    out, _ = run("combined", "--host", "b.example")

    assert out == (
        b'127.0.0.1 - - [03/Jan/2026:03:04:05 +0000] "GET https://b.example/2 HTTP/1.1" 404 - '
        b'"-" "-"\n'
    )


def test_a_damaged_line_costs_itself(run):
    out, err = run("combined", data=b"torn\n" + lines() + b'{"v":1,"kind":"ht')

    assert out.count(b"\n") == 2
    assert err.splitlines()[0].startswith("forebay export: log.jsonl:1: expected a record, found")
    assert err.splitlines()[-1].endswith("left out: 1 dns; damaged lines skipped: 2")


@pytest.mark.parametrize("form", ["har", "csv", "combined"])
def test_hostile_texts_are_no_trouble(run, form):
    """Escapes of no character, control characters, depth, numbers beyond measure."""
    texts = rb'"\udc80\u0000\u001b[2J\"\\\u2028"'
    hostile = (
        b'{"v":1,"kind":"http","seq":1,"timestamp":"2026-01-02T03:04:05Z","http.request.method":%b,'
        b'"url.full":"http://a.example/","user_agent.original":%b,"client.address":%b,'
        b'"http.request.header":{%b:[%b]},"client.port":1%b,"forebay.block":{"a":%b%b}}\n'
        % (texts, texts, texts, texts, texts, b"0" * 500, b"[" * 900, b"]" * 900)
    )
    deep = b'{"v":1,"kind":"http","seq":1,"forebay.block":{"a":%b' % (b"[" * 100_000)

    out, err = run(form, data=hostile + deep)

    assert b"\x1b" not in out or form == "csv"  # a file, not a terminal's
    assert "records: 1; damaged lines skipped: 1" in err


def test_output_goes_to_a_file(run, tmp_path):
    out, _ = run("har", "-o", tmp_path / "out.har")

    assert out == b""
    assert len(json.loads((tmp_path / "out.har").read_bytes())["log"]["entries"]) == 2


@pytest.mark.parametrize("form", ["har", "csv", "combined", "parquet"])
def test_nothing_makes_no_file(run, tmp_path, form):
    _, err = run(form, "-o", tmp_path / "out", data=lines([GAP]), status=1)

    assert err == "forebay export: expected records, found none; missing in the log: 7\n"
    assert not (tmp_path / "out").exists()


class TestParquet:
    def test_it_holds_all_records(self, run, tmp_path):
        path = tmp_path / "it's.parquet"

        run("parquet", "-o", path, data=lines([*RECORDS, exchange(seq=4, block={"rule": "r"})]))

        found = duckdb.execute(
            "SELECT seq, url_full, epoch_us(timestamp), block->>'rule' FROM read_parquet(?) ORDER BY 1",
            [str(path)],
        ).fetchall()
        assert [row[:2] for row in found[:3]] == [(each.seq, each.url_full) for each in RECORDS]
        assert found[3][2:] == (1_767_323_045_678_901, "r")
        assert path.stat().st_mode & 0o777 == 0o600

    @pytest.mark.parametrize("output", [[], ["-o", "/dev/null"], ["-o", "/"]])
    def test_it_wants_a_file(self, run, output):
        assert run("parquet", *output, status=2)[1] == (
            "forebay export: --output: expected a file for parquet, found none\n"
        )

    def test_without_duckdb_it_says_how_to_get_it(self, run, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, "duckdb", None)

        assert run("parquet", "-o", tmp_path / "out", status=2)[1] == (
            "forebay export: expected DuckDB, which is not installed: "
            "pip install 'forebay[duckdb]'\n"
        )


def test_a_reader_that_has_seen_enough_ends_it(tmp_path):
    """As ``| head`` does; far more is written than a pipe holds."""
    path = written(tmp_path / "log.jsonl", lines() * 2000)
    code = f"import sys; from forebay.cli import export; sys.exit(export.run(['csv', {path!r}]))"

    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout.readline().startswith(b"v,kind,seq")
        process.stdout.close()
        said = process.stderr.read()

    assert (process.returncode, said) == (141, b"")

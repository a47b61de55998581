"""``forebay query``."""

from __future__ import annotations

import json
import sys

import pytest

from cli.logs import GAP, PACKINGS, RECORDS, lines, written
from export.records import exchange
from forebay.cli import query


@pytest.fixture(name="run")
def _run(tmp_path, capfdbinary):
    """Ask a log, or *data*; give the output and what was said."""

    def run(sql, *arguments, data=None, status=0):
        path = written(tmp_path / "log.jsonl", data)
        found = query.run([sql, path, *arguments])
        out, err = capfdbinary.readouterr()
        assert found == status
        return out.decode(), err.decode().replace(f"{tmp_path}/", "")

    return run


def test_columns_are_aligned_numbers_to_the_right(run):
    sql = "SELECT status, count(*) AS n, any_value(url_full) AS url FROM log GROUP BY 1 ORDER BY 1"

    out, err = run(sql)

    assert out.splitlines() == [
        "status  n  url",
        "   200  1  https://a.example/1",
        "   404  1  https://b.example/2",
        "        1",
    ]
    assert err == "forebay query: records: 3\n"


@pytest.mark.parametrize("packing", PACKINGS)
def test_files_may_be_compressed(run, packing):
    data = PACKINGS[packing](lines())

    assert run("SELECT count(*) AS n FROM log", data=data)[0] == "n\n3\n"


def test_damage_is_counted(run):
    out, err = run("SELECT count(*) AS n FROM log", data=b"torn\n" + lines([*RECORDS, GAP]))

    assert out == "n\n3\n"
    assert err.splitlines()[-1] == (
        "forebay query: records: 3; damaged lines skipped: 1; missing in the log: 7"
    )


def test_records_can_be_chosen_before(run):
    assert run("SELECT seq FROM log", "--host", "b.example")[0] == "seq\n  2\n"


def test_json_has_what_json_can(run):
    block = {"rule": "||a^", "line": 3}
    sql = (
        "SELECT block, request_headers, timestamp, 1.5::DECIMAL(4, 2) AS d, 'nan'::DOUBLE AS nan, "
        "'\\xAA'::BLOB AS blob, INTERVAL 1 DAY AS day, 2::HUGEINT ** 1 AS two, 1 AS a, 2 AS a, "
        "[{'x': NULL}] AS nested, MAP {1: 'x'} AS map FROM log"
    )
    data = lines([exchange(block=block, request_headers={"accept": ["*/*"]})])

    out, _ = run(sql, "--json", data=data)

    assert json.loads(out) == {
        "block": block, "request_headers": {"accept": ["*/*"]},
        "timestamp": "2026-01-02T03:04:05.678901", "d": 1.5, "nan": None, "blob": "aa",
        "day": "1 day, 0:00:00", "two": 2, "a": 1, "a_1": 2, "nested": [{"x": None}],
        "map": {"1": "x"},
    }  # fmt: skip


def test_csv_is_safe_to_open(run):
    out, _ = run("SELECT '=1' AS a, -1.5 AS b, NULL AS \"@c\", [1] AS d FROM log LIMIT 1", "--csv")

    assert out == "a,b,'@c,d\r\n'=1,-1.5,,[1]\r\n"


def test_a_statement_without_a_result_says_what_duckdb_says(run):
    assert run("CREATE TABLE t AS SELECT seq FROM log; SELECT sum(seq) AS n FROM t")[0] == "n\n6\n"


def test_a_table_does_not_move_the_cursor(run):
    """What a log holds is shown, not done."""
    data = lines([exchange(url_path="\x1b[2J\u202e\n" + "x" * 1000)])

    out, _ = run("SELECT url_path AS p FROM log", data=data)

    assert out.splitlines()[1].startswith("\\x1b[2J\\u202e\\nxxx")
    assert len(out.splitlines()) == 2
    assert len(out.splitlines()[1]) <= 200


def test_what_is_nested_is_shown_as_json(run):
    sql = "SELECT [1, NULL] AS a, {'x': 'é'} AS b, TRUE AS c, NULL AS d, '\\xAA'::BLOB AS e"

    row = run(sql)[0].splitlines()[1]

    assert row.split() == ["[1,", "null]", '{"x":', '"é"}', "true", "aa"]


def test_more_rows_than_are_measured_are_all_there(run):
    lines_of_it = run("SELECT range AS n FROM range(2500)")[0].splitlines()

    assert [int(line) for line in lines_of_it[1:]] == list(range(2500))


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("selec 1", 'Parser Error: syntax error at or near "selec"'),
        ("SELECT nothing FROM log", 'Binder Error: Referenced column "nothing" not found'),
        ("SELECT * FROM read_text('/etc/hostname')", "Permission Error: Cannot access file"),
        ("COPY log TO '/tmp/forebay-never.csv'", "Permission Error: Cannot access file"),
        ("SELECT 1 // 0 FROM log WHERE error('x\ny') = 'z'", "Invalid Input Error: x"),
    ],
)
def test_what_is_wrong_is_one_line(run, sql, message):
    _, err = run(sql, status=2)

    said = [line for line in err.splitlines() if line != "forebay query: records: 3"]
    assert len(said) == 1
    assert said[0].startswith(f"forebay query: {message}")


def test_a_log_without_records_is_said(run):
    assert run("SELECT 1", data=b"", status=1)[1] == "forebay query: expected records, found none\n"


def test_without_duckdb_it_says_how_to_get_it(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "duckdb", None)

    assert run("SELECT 1", status=2)[1] == (
        "forebay query: expected DuckDB, which is not installed: pip install 'forebay[duckdb]'\n"
    )

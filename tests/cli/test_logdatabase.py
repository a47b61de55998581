"""The log as a table of DuckDB."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import pytest

from cli.logs import RECORDS, lines, written
from export.records import exchange
from forebay.cli import logdatabase
from forebay.cli.logsource import Source, add_source
from forebay.errors import ForebayError
from forebay.export.columns import COLUMNS


@pytest.fixture(name="database")
def _database(tmp_path, monkeypatch):
    """Open a log in a temporary folder of its own; give a function that asks."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))

    def opened(data=None):
        parser = argparse.ArgumentParser()
        add_source(parser)
        path = written(tmp_path / "x", data)
        return logdatabase.opened(Source(parser.parse_args([path])))

    return opened


def test_the_table_has_a_column_for_each_attribute(database):
    with database() as found:
        described = found.execute("DESCRIBE log").fetchall()
        rows = found.execute("SELECT seq, status, url_full FROM log").fetchall()

    assert {name: kind for name, kind, *_ in described} == COLUMNS
    assert rows == [(each.seq, each.status, each.url_full) for each in RECORDS]


def test_many_pieces_are_one_table(database, monkeypatch):
    """Those that fill a piece to the last byte among them."""
    monkeypatch.setattr(logdatabase, "_BATCH_BYTES", 1)

    with database(lines() * 3) as found:
        assert found.execute("SELECT count(*), sum(seq) FROM log").fetchall() == [(9, 18)]


def test_a_row_may_be_larger_than_duckdb_expects(database):
    """A body that was captured, say."""
    large = exchange(response_body={"text": "x" * 20_000_000})

    with database(lines([large])) as found:
        assert found.execute("SELECT length(response_body->>'text') FROM log").fetchall() == [
            (20_000_000,)
        ]


def test_nothing_is_left_behind(database, tmp_path):
    with database():
        assert len(list((tmp_path / "temporary").iterdir())) == 1

    assert list((tmp_path / "temporary").iterdir()) == []


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM read_text('{here}')",
        "SELECT * FROM '{here}'",
        "SELECT * FROM glob('/*')",
        "SELECT * FROM read_csv('http://127.0.0.1:9/')",
        "COPY log TO '{there}'",
        "COPY log TO '{there}' (FORMAT parquet)",
        "EXPORT DATABASE '{there}'",
        "ATTACH '{there}' AS other",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET lock_configuration = false",
        "SET memory_limit = '100GB'",
        "SET allowed_directories = ['/']",
        "PRAGMA profiling_output = '{there}'",
    ],
)
def test_a_sealed_one_reaches_nothing_else(database, tmp_path, statement):
    here, there = written(tmp_path / "here"), tmp_path / "there"
    sql = statement.format(here=here, there=there)

    with pytest.raises(ForebayError, match=r"Permission Error|has been locked|does not exist"):
        execute_sealed(database, sql)

    assert not there.exists()


def execute_sealed(database, sql: str) -> None:
    with database() as found:
        logdatabase.seal(found)
        found.execute(sql)


def test_an_unsealed_one_would(database, tmp_path):
    """Else the test above says nothing."""
    with database() as found:
        found.execute(f"COPY log TO '{tmp_path / 'there'}'")

    assert (tmp_path / "there").exists()


def test_a_sealed_one_may_still_spill(database, monkeypatch):
    """What does not fit into memory goes to its own folder."""
    monkeypatch.setitem(logdatabase._SETTINGS, "memory_limit", "60MB")

    with database() as found:
        logdatabase.seal(found)
        found.execute("CREATE TABLE t AS SELECT hash(range)::VARCHAR AS x FROM range(1500000)")
        (count,) = found.execute("SELECT count(*) FROM (SELECT x FROM t ORDER BY x)").fetchone()

    assert count == 1_500_000


def test_an_interrupt_is_one(database):
    """DuckDB has a word of its own for Ctrl-C."""
    with pytest.raises(KeyboardInterrupt), database():
        raise RuntimeError("Query interrupted")
    with pytest.raises(RuntimeError, match="else"), database():
        raise RuntimeError("else")


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("", "expected a statement of SQL, found none"),
        ("-- nothing", "expected a statement of SQL, found none"),
        ("selec 1", 'Parser Error: syntax error at or near "selec"$'),
    ],
)
def test_what_is_no_statement_is_said(sql, message):
    with pytest.raises(ForebayError, match=message):
        logdatabase.check(sql)


def test_without_duckdb_it_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "duckdb", None)

    with pytest.raises(ForebayError, match=r"pip install 'forebay\[duckdb\]'"):
        logdatabase.check("SELECT 1")


def test_parquet_is_written_into_the_file_that_is_there(database, tmp_path):
    path = Path(written(tmp_path / "it's", b""))
    path.chmod(0o600)

    with database() as found:
        logdatabase.write_parquet(found, path)

    assert path.read_bytes()[:4] == b"PAR1"
    assert path.stat().st_mode & 0o777 == 0o600

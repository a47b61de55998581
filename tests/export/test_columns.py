"""Records as DuckDB sees them."""

from __future__ import annotations

import duckdb
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from export.records import BEGAN, any_records, exchange
from forebay.export.columns import COLUMNS, row
from forebay.trafficlog.record import Record

SQL = "SELECT * FROM read_json(?, format = 'newline_delimited', columns = {{{}}})".format(
    ", ".join(f"{name}: '{kind}'" for name, kind in COLUMNS.items())
)


def test_columns_are_the_attributes_by_their_types():
    assert tuple(COLUMNS) == Record.__struct_fields__
    assert {
        name: COLUMNS[name] for name in ("v", "kind", "timestamp", "duration_s", "retried")
    } == {
        "v": "BIGINT",
        "kind": "VARCHAR",
        "timestamp": "TIMESTAMP",
        "duration_s": "DOUBLE",
        "retried": "BOOLEAN",
    }
    assert COLUMNS["request_headers"] == "MAP(VARCHAR, VARCHAR[])"
    assert COLUMNS["truncated"] == "VARCHAR[]"
    assert {COLUMNS[name] for name in ("block", "rewrite", "cache", "request_body")} == {"JSON"}


@given(st.lists(any_records(), min_size=1, max_size=5))
@settings(max_examples=40)
def test_duckdb_reads_any_record_as_it_is(tmp_path_factory, records):
    path = tmp_path_factory.mktemp("rows") / "rows.json"
    path.write_bytes(b"".join(map(row, records)))

    found = duckdb.execute(SQL, [str(path)]).fetchall()

    assert len(found) == len(records)
    for values, record in zip(found, records, strict=True):
        for (name, kind), value in zip(COLUMNS.items(), values, strict=True):
            expected = getattr(record, name)
            if kind == "JSON" and value is not None:
                assert msgspec.json.decode(value) == expected
            elif kind == "TIMESTAMP" and expected is not None:
                assert value == expected.replace(tzinfo=None)
            else:
                assert value == expected


def test_microseconds_are_kept():
    assert b'"timestamp":"2026-01-02 03:04:05.678901"' in row(exchange(timestamp=BEGAN))


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1])
def test_a_number_that_no_column_holds_is_refused(number):
    with pytest.raises(ValueError, match="number client_port of more than 64 bits"):
        row(exchange(client_port=number))

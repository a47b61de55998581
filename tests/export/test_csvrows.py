"""Comma-separated values."""

from __future__ import annotations

import csv
import io
import json

import msgspec
import pytest
from hypothesis import given

from export.records import BEGAN, TEXT, any_records, exchange
from forebay.errors import ForebayError
from forebay.export.csvrows import COLUMNS, CsvRows, row
from forebay.trafficlog.record import Record


def read(data: bytes) -> list[list[str]]:
    """Read rows as RFC 4180 has them."""
    return list(csv.reader(io.StringIO(data.decode(), newline=""), strict=True))


def test_the_columns_are_the_fields_of_the_log_line():
    assert list(COLUMNS) == list(msgspec.to_builtins(exchange()))
    assert read(CsvRows().head()) == [list(COLUMNS)]


@given(any_records())
def test_any_record_is_one_row_that_reads_back(record):
    """What is neutralised is known by its mark; nothing else is altered."""
    (found,) = read(CsvRows().convert(record))

    logged = msgspec.to_builtins(record)
    assert len(found) == len(COLUMNS)
    for name, text in zip(COLUMNS, found, strict=True):
        value = logged[name]
        match value:
            case None:
                assert text == ""
            case bool():
                assert text == str(value).lower()
            case str():
                assert text.removeprefix("'") == value.removeprefix("'")
            case dict() | list():
                assert json.loads(text) == value
            case _:
                assert type(value)(text) == value


@given(TEXT)
@pytest.mark.parametrize("first", "=+-@\t\r\n＝＋－＠")  # noqa: RUF001
def test_no_text_begins_as_a_formula(first, rest):
    assert read(row([first + rest])) == [["'" + first + rest]]


def test_numbers_are_no_text():
    assert row([-1, -1.5, 1e300]) == b"-1,-1.5,1e+300\r\n"


def test_columns_can_be_chosen():
    """By the names that the log has, in any order, and again."""
    made = CsvRows(["url.full", "timestamp", "url.full"])

    assert made.head() == b"url.full,timestamp,url.full\r\n"
    assert made.convert(exchange(url_full="=1,", timestamp=BEGAN)) == (
        b'"\'=1,",2026-01-02T03:04:05.678901Z,"\'=1,"\r\n'
    )
    assert made.tail() == b""


@pytest.mark.parametrize("name", ["", "status", "url.full "])
def test_an_unknown_column_is_said(name):
    with pytest.raises(ForebayError, match=f"--columns: expected names .*, found {name!r}"):
        CsvRows(["seq", name])


def test_a_row_of_nothing_is_still_a_row():
    assert read(CsvRows(["url.full"]).convert(Record(kind="dns", seq=1))) == [[""]]

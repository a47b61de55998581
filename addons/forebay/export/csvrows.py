r"""Write records as comma-separated values (RFC 4180), safe to open in a spreadsheet.

Pure.  One column for each field of the record, named and ordered as in the log
line, or those that are chosen; the first line names them.  Null is empty,
what is nested is JSON, times are RFC 3339.  A spreadsheet takes text that
begins with ``=``, ``+``, ``-``, ``@`` (also in their full-width forms) or with
white space that hides one for a formula: such text gets a ``'`` before it.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from forebay.errors import ForebayError
from forebay.trafficlog.record import Record

_FIELDS = {field.encode_name: field.name for field in msgspec.structs.fields(Record)}
COLUMNS = tuple(_FIELDS)
"""All columns, in their order."""
_FORMULA = tuple("=+-@\t\r\n＝＋－＠")  # noqa: RUF001  (the full-width ones)


class CsvRows:
    """The records as rows; see `converter.Converter`.

    Args:
        columns: names of the columns, as in the log line.

    Raises:
        ForebayError: when there is no such column.
    """

    def __init__(self, columns: Sequence[str] = COLUMNS) -> None:
        for name in columns:
            if name not in _FIELDS:
                raise ForebayError(
                    f"--columns: expected names of fields as in the log, found {name!r} "
                    "(forebay log schema describes them)"
                )
        self._columns = tuple(columns)
        self._attributes = tuple(_FIELDS[name] for name in columns)
        self.left_out: Counter[str] = Counter()

    def head(self) -> bytes:
        """Return the names of the columns."""
        return row(self._columns)

    def convert(self, record: Record) -> bytes:
        """Return the row of *record*."""
        return row([getattr(record, name) for name in self._attributes])

    def tail(self) -> bytes:
        """Return nothing."""
        return b""


def row(values: Iterable[Any]) -> bytes:
    r"""Return one row, its end included.

    >>> row([1, -1.5, None, True, "-1", {"a": ["x"]}])
    b'1,-1.5,,true,\'-1,"{""a"":[""x""]}"\r\n'
    """
    text: str = _WRITER.writerow([cell(value) for value in values])
    return text.encode("utf-8", "backslashreplace")


def cell(value: Any) -> str:
    """Return *value* as the text of a cell."""
    match value:
        case None:
            return ""
        case str():
            return f"'{value}" if value.startswith(_FORMULA) else value
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case _:
            return cell(msgspec.json.encode(value).decode())


class _Echo:
    """A file for `csv.writer` whose rows are its results."""

    def write(self, text: str) -> str:
        return text


_WRITER = csv.writer(_Echo())

"""How DuckDB is to see a record: columns of its attributes' names and types.

Pure.  Text is VARCHAR, whole numbers BIGINT, others DOUBLE, times TIMESTAMP in
UTC; header fields are a MAP of names to lists of values, so that
``request_headers['accept'][1]`` is the first; verdicts and bodies are JSON,
of which ``block->>'rule'`` is a member.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, get_args, get_type_hints

import msgspec

from forebay.trafficlog.record import Record

_TYPES = {
    str: "VARCHAR",
    int: "BIGINT",
    float: "DOUBLE",
    bool: "BOOLEAN",
    datetime: "TIMESTAMP",
    list[str]: "VARCHAR[]",
    dict[str, list[str]]: "MAP(VARCHAR, VARCHAR[])",
}
_LARGEST = 2**63


def _type(hint: Any) -> str:
    plain = [part for part in get_args(hint) if part is not type(None)]
    return _TYPES.get(hint) or (_TYPES.get(plain[0], "JSON") if plain else "JSON")


COLUMNS = {name: _type(hint) for name, hint in get_type_hints(Record).items()}
"""Name to type of each column, in the order of the record's attributes."""


def row(record: Record) -> bytes:
    """Return *record* as a line of JSON whose members are the columns.

    Raises:
        ValueError: when a number is too large for its column.
    """
    values = msgspec.structs.asdict(record)
    for name, value in values.items():
        if type(value) is int and not -_LARGEST <= value < _LARGEST:
            raise ValueError(f"number {name} of more than 64 bits")
    if record.timestamp is not None:
        values["timestamp"] = record.timestamp.replace(tzinfo=None).isoformat(" ")
    return msgspec.json.encode(values) + b"\n"

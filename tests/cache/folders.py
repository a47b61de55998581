"""Cache folders with records in them, for the tests of what reads and empties them."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from cache.builders import DEADLINE_S, disk, entry, key
from forebay.cache.disk import DiskStore
from forebay.cache.entry import Entry, Record
from forebay.cache.largebody import Digester, LargeBody
from forebay.cache.selection import of_url
from forebay.cache.valuefile import new_name

"""Whether stored responses know their URL."""


@contextlib.contextmanager
def written(folder: Path, records: Mapping[bytes, Record]) -> Iterator[DiskStore]:
    """Have *records* written by a store that stays open."""
    store = disk(folder)
    store.start(DEADLINE_S)
    try:
        for each, record in records.items():
            store.put(each, record)
        assert store.flush(DEADLINE_S)
        yield store
    finally:
        store.close(DEADLINE_S)


def stored(folder: Path, *records: Record) -> None:
    """Have *records* written under keys 0, 1 … by a store that is closed then."""
    with written(folder, {key(number): record for number, record in enumerate(records)}):
        pass


def of(url: str, **options: Any) -> dict[bytes, Record]:
    """Return a response of *url* under its key."""
    known = {"url": url}
    return {of_url(url).key: replace(entry(**options), **known)}  # type: ignore[arg-type]


def large(folder: Path, body: bytes) -> Entry:
    """Return a response whose body is in a value file of *folder*, which has a database."""
    name, digester = new_name(), Digester()
    path = folder / "objects" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
    digester.update(body)
    return replace(entry(), body=LargeBody(name, len(body), digester.digests()))


def execute(folder: Path, statement: str, *values: object) -> list[Any]:
    """Do *statement* to the database of *folder*."""
    with (
        contextlib.closing(sqlite3.connect(folder / "objects" / "cache.db")) as connection,
        connection,
    ):
        return connection.execute(statement, values).fetchall()

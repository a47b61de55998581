"""Delete stored responses: from the disk beside a running proxy, or from a store in use."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing, suppress
from itertools import batched
from pathlib import Path

from forebay.cache.entry import Entry
from forebay.cache.generation import bump
from forebay.cache.inventory import Inventory, connect, objects_of, told
from forebay.cache.key import primary_key
from forebay.cache.rawdisk import RawDisk
from forebay.cache.selection import Selection, target_of
from forebay.cache.store import TieredStore
from forebay.errors import ForebayError

# So few that a proxy's writer never waits long for the lock.
_BATCH_ROWS = 64


def forget(store: TieredStore, wanted: Selection) -> None:
    """Have *store* find nothing in memory that *wanted* means, from now on.

    What memory holds beyond that comes back from the disk, which ``purge`` cleans.
    """
    if wanted.key:
        store.delete(wanted.key)
    # Not only what is meant: a record does not tell its URL by its key.
    store.ram.close(0)


def purge(folder: Path, wanted: Selection) -> int:
    """Delete what *wanted* means from the cache in *folder*, and tell the proxies that use it.

    Blocks; reads all records unless all are meant.

    Returns:
        How many records there were: responses, and lists of the variants of a URL.

    Raises:
        ForebayError: when there is no cache, or it cannot be read or written.
    """
    objects = objects_of(folder)
    keys = None if wanted.is_all else _meant(folder, wanted)
    disk = RawDisk(str(objects), min_file_size=0, pickle_protocol=0)
    try:
        with told(folder), closing(connect(objects, mode="rw")) as connection:
            if keys is None:
                count = _delete_all(connection, disk)
            else:
                count = _delete(connection, disk, keys)
        # Even if nothing was found: it may be in the memory of a proxy only.
        bump(folder)
    except OSError as error:
        raise ForebayError(
            f"expected a writable cache in {folder}, found: {error.strerror}"
        ) from None
    return count


def _meant(folder: Path, wanted: Selection) -> list[bytes]:
    with Inventory(folder) as inventory:
        if wanted.key:
            # The variants before the list that leads to them: a second try finds what is left.
            under = (key for key, _ in inventory.entries_under(wanted.key))
            return list(dict.fromkeys((*under, wanted.key)))
        keys: dict[bytes, None] = {}
        for key, record in inventory.records():
            url = record.url if isinstance(record, Entry) else ""
            if url and wanted.covers(url):
                keys[key] = None
                with suppress(ForebayError):  # it is no URL
                    keys[primary_key(target_of(url))] = None  # where a list of variants may be
        return list(keys)


def _delete(connection: sqlite3.Connection, disk: RawDisk, keys: list[bytes]) -> int:
    count = 0
    for batch in batched(keys, _BATCH_ROWS):
        marks = ",".join("?" * len(batch))
        count += _delete_where(connection, disk, f"key IN ({marks}) AND raw = 1", batch)
    return count


def _delete_all(connection: sqlite3.Connection, disk: RawDisk) -> int:
    # No further than what is there now: a busy proxy may store as fast as this deletes.
    (last,) = connection.execute("SELECT max(rowid) FROM Cache").fetchone()
    condition = "rowid IN (SELECT rowid FROM Cache WHERE rowid <= ? LIMIT ?)"
    count = 0
    while deleted := _delete_where(connection, disk, condition, (last, _BATCH_ROWS)):
        count += deleted
    return count


def _delete_where(
    connection: sqlite3.Connection, disk: RawDisk, condition: str, values: Sequence[object]
) -> int:
    """Delete the rows that fit *condition*, which is no user's text, and then their files."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        found = connection.execute(
            f"SELECT rowid, filename FROM Cache WHERE {condition}",  # noqa: S608
            values,
        ).fetchall()
        connection.executemany("DELETE FROM Cache WHERE rowid = ?", [row[:1] for row in found])
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    for _, filename in found:
        if isinstance(filename, str):
            disk.remove(filename)
    return len(found)

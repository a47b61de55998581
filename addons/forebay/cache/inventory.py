"""What a cache folder holds, read beside a proxy that may be using it.

Nothing is written and no lock is held from one record to the next, so the
proxy does not notice.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from diskcache.core import DBNAME

from forebay.cache.entry import FORMAT, DamagedEntryError, Entry, Record, decode
from forebay.cache.filedisk import FileDisk
from forebay.cache.folder import format_number, refuse_newer
from forebay.cache.key import KEY_BYTES
from forebay.cache.largebody import PIECE_BYTES, DamagedBodyError, LargeBody
from forebay.cache.rawdisk import RefusedRowError
from forebay.cache.valuefile import OpenFile
from forebay.cache.vary import variant_key
from forebay.errors import ForebayError

_LOCK_TIMEOUT_S = 2.0


class NoCacheError(ForebayError):
    """There is no cache in the folder."""


@dataclass(frozen=True, slots=True)
class Damage:
    """A row that cannot be used; a proxy drops it when it comes upon it."""

    row: int
    reason: str


class Inventory:
    """The records of a cache folder; every fault of its database is a ForebayError.

    Raises:
        ForebayError: when there is no cache, or none that can be read.
    """

    def __init__(self, folder: Path) -> None:
        objects = objects_of(folder)
        self._folder = folder
        self._disk = FileDisk(str(objects), min_file_size=0, pickle_protocol=0)
        with told(folder):
            self._connection = connect(objects, mode="ro")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def record(self, key: bytes) -> Record | None:
        """Return the record of *key*, or None when there is no intact one."""
        rows = self._rows(
            "SELECT mode, filename, value FROM Cache WHERE key = ? AND raw = 1", (key,)
        )
        for row in rows:
            with contextlib.suppress(DamagedEntryError, RefusedRowError, OSError):
                return self._decoded(key, *row)
        return None

    def records(self) -> Iterator[tuple[bytes, Record]]:
        """Yield the intact records with their keys, one at a time in memory."""
        for row in self.rows():
            if not isinstance(row, Damage):
                yield row

    def rows(self) -> Iterator[tuple[bytes, Record] | Damage]:
        """Yield all rows; those that are deleted meanwhile are left out."""
        for (number,) in self._rows("SELECT rowid FROM Cache ORDER BY rowid"):
            found = self._rows(
                "SELECT key, raw, mode, filename, value FROM Cache WHERE rowid = ?", (number,)
            )
            for key, raw, mode, filename, value in found:
                if not raw or type(key) is not bytes or len(key) != KEY_BYTES:
                    yield Damage(number, f"expected a key of {KEY_BYTES} bytes, found another")
                    continue
                try:
                    yield key, self._decoded(key, mode, filename, value)
                except (DamagedEntryError, RefusedRowError) as error:
                    yield Damage(number, str(error))
                except OSError as error:
                    if self._rows("SELECT 1 FROM Cache WHERE rowid = ?", (number,)):
                        reason = f"expected a value file, found {filename}: {error.strerror}"
                        yield Damage(number, reason)

    def entries_under(self, primary: bytes) -> Iterator[tuple[bytes, Entry]]:
        """Yield the responses of the URL with the key *primary*, and their own keys."""
        record = self.record(primary)
        if isinstance(record, Entry):
            yield primary, record
        elif record is not None:
            for key, entry in self.records():
                if isinstance(entry, Entry) and key == variant_key(
                    primary, entry.said, record.begun_at_s
                ):
                    yield key, entry

    def body_fault(self, entry: Entry) -> str | None:
        """Return what is wrong with the body of *entry* if it is in a file of its own."""
        body = entry.body
        if not isinstance(body, LargeBody):
            return None
        try:
            file = OpenFile(self._disk.path(body.name), body.total_bytes, lambda: None)
            opened, offset = replace(body, file=file), 0
            while offset < body.total_bytes:
                offset += len(opened.read(offset, PIECE_BYTES))
        except (DamagedBodyError, RefusedRowError) as error:
            return str(error)
        except OSError as error:
            return f"expected a value file, found {body.name}: {error.strerror}"
        return None

    def size_bytes(self) -> int:
        """Return what the database and the value files take on disk."""
        objects = self._folder / "objects"
        files = [path for path in objects.rglob("*") if path.is_file()]
        size = 0
        for path in files:
            with contextlib.suppress(OSError):
                size += path.stat().st_size
        return size

    def faults(self) -> list[str]:
        """Return what SQLite finds wrong with the database itself."""
        rows = self._rows("PRAGMA quick_check(20)")
        return [text for (text,) in rows if text != "ok"]

    def _decoded(self, key: bytes, mode: int, filename: object, value: object) -> Record:
        if filename is not None and not isinstance(filename, str):
            raise RefusedRowError("expected a file name of text, found another")
        return decode(key, self._disk.fetch(mode, filename, value, read=False))

    def _rows(self, statement: str, values: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        with told(self._folder):
            return self._connection.execute(statement, values).fetchall()


def objects_of(folder: Path) -> Path:
    """Return where the database of *folder* lies.

    Raises:
        NoCacheError: when there is none.
        ForebayError: when it is one of another format, or cannot be read.
    """
    try:
        refuse_newer(folder)
        number = format_number(folder)
    except OSError as error:
        raise ForebayError(
            f"expected a cache in {folder}, found it unreadable: {error.strerror}"
        ) from None
    objects = folder / "objects"
    if number is None or not (objects / DBNAME).is_file():
        raise NoCacheError(f"expected a cache in {folder}, found none")
    if number != FORMAT:
        raise ForebayError(
            f"expected a cache of format {FORMAT}, found format {number} in {folder}"
        )
    return objects


def connect(objects: Path, *, mode: str) -> sqlite3.Connection:
    """Return a connection to the database in *objects*; waits 2 s for a lock.

    Raises:
        sqlite3.Error: when it cannot be opened or is none.
    """
    uri = f"{(objects / DBNAME).absolute().as_uri()}?mode={mode}"
    connection = sqlite3.connect(uri, uri=True, timeout=_LOCK_TIMEOUT_S, isolation_level=None)
    # A name that is no UTF-8 is refused with its row, not with the database.
    connection.text_factory = lambda text: text.decode("utf-8", "replace")
    try:
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA mmap_size = 0")
        connection.execute("SELECT 1 FROM Cache LIMIT 1").fetchall()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


@contextlib.contextmanager
def told(folder: Path) -> Iterator[None]:
    """Turn a fault of the database of *folder* into one line."""
    try:
        yield
    except sqlite3.Error as error:
        text = " ".join(str(error).split())
        raise ForebayError(f"expected a sound database in {folder}, found: {text}") from None

"""diskcache with settings that are ours and stay so.

It would obey the settings that it finds in a database, so one with others
counts as damaged.  Its own culling is off, since it does not tell which keys
went.  Never ``retry=True`` and never item syntax: on a disk that cannot be
written both spin for ever.
"""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import diskcache
from diskcache.core import DBNAME, METADATA

from forebay.cache.filedisk import FileDisk, FileRow
from forebay.cache.folder import create_private
from forebay.cache.key import KEY_BYTES
from forebay.cache.rawdisk import RefusedRowError
from forebay.cache.valuefile import DRAFTS, sweep_drafts

_LOCK_TIMEOUT_S = 0.25
_FILE_BYTES = 128 * 1024
_CULL_ROWS = 64
_ORPHAN_AGE_S = 3600
_PINNED: dict[str, int | str] = {
    "statistics": 0,
    "tag_index": 0,
    "eviction_policy": "least-recently-stored",  # others turn reads into writes
    "size_limit": 2**62,
    "cull_limit": 0,
    "sqlite_auto_vacuum": 1,
    "sqlite_cache_size": 512,  # pages for each thread
    "sqlite_journal_mode": "wal",
    "sqlite_mmap_size": 0,
    "sqlite_synchronous": 1,  # a power cut may cost the last writes, not the database
    "disk_min_file_size": _FILE_BYTES,
    "disk_pickle_protocol": 0,
}


class Database(diskcache.Cache):  # type: ignore[misc]
    """The open database of a folder; each thread that uses one has to ``close`` it."""

    def __init__(self, objects: Path) -> None:
        """Open or make it; may wait long for another process's lock.

        Raises:
            sqlite3.DatabaseError: when it is damaged, or an OperationalError
                when the disk is.
            OSError: when the folder cannot be used.
        """
        path = objects / DBNAME
        create_private(path)
        _inspect(path)
        super().__init__(str(objects), timeout=_LOCK_TIMEOUT_S, disk=FileDisk, **_PINNED)
        self._objects = objects
        self.size_bytes = 0  # as of the last `cull`
        self._identity = _identity(path)

    def is_in_place(self) -> bool:
        """Return whether the folder still holds the database that is open."""
        return _identity(self._objects / DBNAME) == self._identity

    def stored_keys(self) -> Iterator[bytes]:
        """Yield all keys; rows that none of ours is are left out."""
        rows = self._sql(
            "SELECT key FROM Cache WHERE raw = 1 AND typeof(key) = 'blob' AND length(key) = ?",
            (KEY_BYTES,),
        )
        for (key,) in rows:
            yield key

    def read(self, key: bytes) -> bytes | None:
        """Return the value of *key* or None.

        Raises:
            RefusedRowError: when its row is none of ours.
            diskcache.Timeout, sqlite3.Error, OSError: when the disk fails.
        """
        found: bytes | None = self.get(key)
        return found

    def path(self, name: str) -> Path:
        """Return the path of a value file.

        Raises:
            RefusedRowError: when *name* is none of ours.
        """
        path: Path = self.disk.path(name)
        return path

    def write(self, changes: list[tuple[bytes, bytes | FileRow | None]]) -> None:
        """Store each value, or delete where it is None or its file is gone, all or nothing.

        Raises:
            diskcache.Timeout, sqlite3.Error, OSError: when the disk fails.
        """
        self.disk.kept.update(value.name for _, value in changes if isinstance(value, FileRow))
        try:
            with self.transact():
                for key, value in changes:
                    if value is None or (isinstance(value, FileRow) and not self._has_file(value)):
                        self.delete(key)
                    else:
                        self.set(key, value)
        except BaseException:
            # Rolled back, so nothing knows these files, cut-off ones included.
            for name in self.disk.written:
                self.disk.remove(name)
            raise
        finally:
            self.disk.written.clear()
            self.disk.kept.clear()

    def _has_file(self, row: FileRow) -> bool:
        try:
            return self.path(row.name).stat().st_size == row.size_bytes
        except (OSError, RefusedRowError):
            return False

    def cull(self, limit_bytes: int) -> list[bytes]:
        """Delete what was stored longest ago until the volume is within *limit_bytes*.

        The limit is kept below what the device has room for: a full one takes
        no deletes either.

        Returns:
            The keys that went.
        """
        device = shutil.disk_usage(self._objects)
        volume = self.volume()
        room = volume + device.free - min(64 * 2**20, device.total // 20)
        limit_bytes = min(limit_bytes, room)
        gone: list[bytes] = []
        while volume > limit_bytes:
            with self._transact() as (sql, cleanup):
                rows = sql(
                    "SELECT rowid, key, filename, size FROM Cache ORDER BY store_time LIMIT ?",
                    (_CULL_ROWS,),
                ).fetchall()
                for rowid, key, filename, size in rows:
                    if volume <= limit_bytes:
                        break  # large ones have made room by themselves
                    volume -= size
                    sql("DELETE FROM Cache WHERE rowid = ?", (rowid,))
                    cleanup(filename)
                    gone.append(key)
            if not rows:
                break
            volume = self.volume()
        self.size_bytes = volume
        return gone

    def sweep(self, now_s: float) -> int:
        """Remove files that no row knows, as a killed process leaves them; return how many.

        Young value files stay: another process may be about to commit their
        rows.  So do drafts that are being written.
        """
        swept = sweep_drafts(self._objects / DRAFTS, now_s)
        known = {name for (name,) in self._sql("SELECT filename FROM Cache")}
        for path in self._objects.glob("??/??/*.val"):
            name = str(path.relative_to(self._objects))
            with contextlib.suppress(OSError):
                if name not in known and path.stat().st_mtime < now_s - _ORPHAN_AGE_S:
                    path.unlink()
                    swept += 1
        return swept


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _inspect(path: Path) -> None:
    """Make sure that the settings in a database are ours: diskcache would obey them.

    Raises:
        sqlite3.DatabaseError: when it is damaged or holds others.
    """
    with contextlib.closing(sqlite3.connect(path, timeout=_LOCK_TIMEOUT_S)) as connection:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'Settings'").fetchone():
            return
        for key, value in connection.execute("SELECT key, value FROM Settings"):
            if key in METADATA:
                ours = type(value) is int
            else:
                ours = key in _PINNED and value == _PINNED[key]
            if not ours:
                raise sqlite3.DatabaseError(f"a setting that is none of ours, {key!r}")

"""Records on disk: one thread that writes, one that reads, and an event loop that never waits.

* What is put is queued; when the queue is full the record is dropped and
  counted.  A key whose new record was dropped loses its old one too, so that
  nothing outdated comes back.  Deletions are never dropped.
* A set of the stored keys in memory makes a miss free of any disk access.
* Any fault of the disk is warned about once; three writes or three reads in a
  row that fail turn writing or reading off for half a minute, so that a full
  disk still answers.  A damaged database is put aside and a new one begun.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any
from weakref import WeakValueDictionary

import diskcache

from forebay.cache import folder as folders
from forebay.cache.breaker import Breaker
from forebay.cache.database import Database
from forebay.cache.draft import Draft, Drafts
from forebay.cache.entry import DamagedEntryError, Entry, Record, decode, encode
from forebay.cache.filedisk import FileRow
from forebay.cache.largebody import DamagedBodyError, LargeBody
from forebay.cache.notices import Notices
from forebay.cache.pending import Change, Pending
from forebay.cache.rawdisk import RefusedRowError
from forebay.cache.valuefile import OpenFile

_READ_DEADLINE_S = 0.5
_BATCH_RECORDS = 64
_BATCH_BYTES = 4 * 2**20
_RETRY_S = 1.0


class DiskStore:
    """Records in a folder, together at most *limit_bytes*; for one event loop.

    Args:
        folder: is made when it is missing.
        limit_bytes: of the database and its value files.
        clock: POSIX seconds, for how long a failing disk is left alone.
        notices: where faults are told.
        queue_records: how many changes may wait to be written.
        queue_bytes: how much memory they may take.
    """

    def __init__(
        self,
        folder: Path,
        *,
        limit_bytes: int,
        clock: Callable[[], float],
        notices: Notices,
        queue_records: int = 4096,
        queue_bytes: int = 16 * 2**20,
    ) -> None:
        self._folder = folder
        self._limit_bytes = limit_bytes
        self._clock = clock
        self._notices = notices
        self.dropped = 0
        self._drafts = Drafts(
            folder / "objects", limit_bytes=limit_bytes, clock=clock, notices=notices
        )

        self._changed = threading.Condition()  # guards what follows
        self._pending = Pending(limit_records=queue_records, limit_bytes=queue_bytes)
        self._writing: dict[bytes, Change] = {}
        self._stored: set[int] = set()
        self._write_breaker = Breaker(limit=3, rest_s=30)
        self._read_breaker = Breaker(limit=3, rest_s=30)
        self._database: Database | None = None
        self._size_bytes: int | None = None
        self._write_fault = self._read_fault = ""  # the last ones
        self._is_damaged = False
        self._is_closing = False
        self._to_tell: set[bytes] = set()
        self._is_untold = False
        self.tell: Callable[[], None] = lambda: None
        """Called in the writer thread once what others may hold was deleted."""

        self._opened = threading.Event()
        self._reads_done = 0
        self._files: WeakValueDictionary[str, OpenFile] = WeakValueDictionary()
        self._reads: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._writer = threading.Thread(target=self._write_all, name="cache writer", daemon=True)
        self._reader = threading.Thread(target=self._read_all, name="cache reader", daemon=True)

    def __len__(self) -> int:
        return len(self._stored)

    def status(self) -> dict[str, Any]:
        """Return in plain types what is stored, what waits, and what is wrong; touches no disk."""
        now_s, problems = self._clock(), []
        if self._database is None:
            problems.append(
                f"expected {self._folder} to be open, found: {self._write_fault or 'not yet'}"
            )
        for breaker, what, fault in (
            (self._write_breaker, "write", self._write_fault),
            (self._read_breaker, "read", self._read_fault),
        ):
            if breaker.is_open(now_s):
                problems.append(
                    f"expected to {what} in {self._folder}, found: {fault}; tried again within "
                    "half a minute"
                )
        return {
            "folder": str(self._folder),
            "entries": len(self._stored),
            "disk_bytes": self._size_bytes,
            "disk_limit_bytes": self._limit_bytes,
            "waiting_records": len(self._pending),
            "waiting_bytes": self._pending.size_bytes,
            "dropped": self.dropped,
            "problems": problems,
        }

    def start(self, deadline_s: float) -> None:
        """Open the database; after *deadline_s* seconds go on without until it is open.

        With a deadline of 0 nothing is waited for.
        """
        self._writer.start()
        self._reader.start()
        if deadline_s and not self._opened.wait(deadline_s):
            self._notices.warn(
                "slow", f"{self._folder} is not open yet; caching in memory until it is"
            )

    def has(self, key: bytes) -> bool:
        """Return whether ``get`` is worth its while; touches no disk."""
        if key in self._pending:
            return self._pending.get(key) is not None
        if self._is_damaged or self._read_breaker.is_open(self._clock()):
            return False
        return _fingerprint(key) in self._stored

    async def get(self, key: bytes) -> Record | None:
        """Return the record of *key*, or None when there is no intact one, or not soon."""
        waiting = self._pending.get(key)
        if key in self._pending and _large(waiting) is None:
            return waiting
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Record | None] = loop.create_future()

        def deliver(record: Record | None) -> None:
            if not answer.done():
                answer.set_result(record)

        def job() -> None:
            if not answer.done():  # else nobody waits any more
                record = self._read(key)
                self._reads_done += 1
                with contextlib.suppress(RuntimeError):  # the loop is closed
                    loop.call_soon_threadsafe(deliver, record)

        done_before = self._reads_done
        self._reads.put(job)
        try:
            async with asyncio.timeout(_READ_DEADLINE_S):
                return await answer
        except TimeoutError:
            if answer.done() and not answer.cancelled():
                return answer.result()  # it was the event loop that had no time
            if self._reads_done == done_before:  # else it has much to read, which is no fault
                self._failed(TimeoutError(f"no answer within {_READ_DEADLINE_S} s"))
            return None

    def put(self, key: bytes, record: Record) -> None:
        """Have *record* written soon, or drop it."""
        with self._changed:
            self._abandon(key, record)
            if self._is_closing or self._is_off() or not self._pending.offer(key, record):
                self._drop(key)
                self._abandon_file(record)
            self._changed.notify_all()

    def delete(self, key: bytes, *, everywhere: bool = False) -> None:
        """Have *key* deleted; nobody finds it from now on.

        With *everywhere* other processes are told, and one that only they know of goes too.
        """
        with self._changed:
            self._abandon(key, None)
            self._delete(key)
            if everywhere and not self._is_closing:
                self._pending.delete(key)
                self._to_tell.add(key)
            self._changed.notify_all()

    def draft(self) -> Draft | None:
        """Return what writes a large body while it passes, or None when it could not be kept."""
        if self._is_closing or self._is_damaged or self._is_off() or self._database is None:
            return None
        return self._drafts.begin()

    def discard(self, body: LargeBody) -> None:
        """Have the file of a large body removed that no record names."""
        self._drafts.discard(body)

    def drop_pending(self) -> None:
        """Forget the records that wait to be written: what they are of was deleted meanwhile."""
        with self._changed:
            for key, change in self._pending.items():
                if change is not None:
                    self._abandon(key, None)
                    self._delete(key)
            self._changed.notify_all()

    def flush(self, deadline_s: float) -> bool:
        """Wait until all is written, at most *deadline_s* seconds; return whether it is."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._pending, deadline_s)

    def close(self, deadline_s: float) -> None:
        """Write what waits, for at most *deadline_s* seconds, and let go; may come twice."""
        self._drafts.close(deadline_s)
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        if self._writer.is_alive():
            self._writer.join(deadline_s)
        self._reads.put(None)
        if self._reader.is_alive():
            self._reader.join(_READ_DEADLINE_S)

    def _drop(self, key: bytes) -> None:
        self.dropped += 1
        self._delete(key)

    def _delete(self, key: bytes) -> None:
        self._pending.forget(key)
        # A write that is under way may be about to store the key; others wait to be told.
        if _fingerprint(key) in self._stored or key in self._writing or key in self._to_tell:
            self._pending.delete(key)

    def _abandon(self, key: bytes, record: Record | None) -> None:
        """Have the file of what waits for *key* removed, unless *record* has it or it is written.

        One that is being written has a row soon, which takes its file along.
        """
        before = self._pending.get(key)
        if self._writing.get(key) is not before:
            self._abandon_file(before, record)

    def _abandon_file(self, record: Record | None, newer: Record | None = None) -> None:
        """Have the file of *record* removed, unless *newer* has it."""
        body, kept = _large(record), _large(newer)
        if body is not None and (kept is None or kept.name != body.name):
            self._drafts.discard(body)

    def _is_off(self) -> bool:
        """Return whether nothing is to be written."""
        return self._write_breaker.is_open(self._clock())

    # What follows runs in the writer thread.

    def _write_all(self) -> None:
        self._guarded(self._open)
        self._opened.set()
        while True:
            with self._changed:
                # A disk that is off may be tried again without anybody saying so.
                is_waited_for = bool(self._pending) or self._is_untold
                self._changed.wait_for(self._has_work, _RETRY_S if is_waited_for else None)
                if self._is_closing and (not self._pending or self._is_off()):
                    break
                has_work = self._has_work()
            if not has_work:
                self._tell_others()
                continue
            with self._changed:
                self._writing = self._pending.batch(
                    limit_records=_BATCH_RECORDS, limit_bytes=_BATCH_BYTES
                )
            is_written = self._guarded(self._write)
            with self._changed:
                if is_written:
                    self._write_breaker.succeeded()
                    self._pending.settle(self._writing)
                else:
                    self._abandon_replaced()
                self._writing = {}
                self._changed.notify_all()
            self._tell_others()
        self._delete_at_last()
        if self._database is not None:
            self._database.close()

    def _abandon_replaced(self) -> None:
        """Have the files of what was not written removed, where something newer waits now."""
        for key, change in self._writing.items():
            newer = self._pending.get(key)
            if newer is not change:
                self._abandon_file(change, newer)

    def _delete_at_last(self) -> None:
        """Try once more to delete what was to be, or to be replaced, though the disk may be off."""
        with self._changed:
            left = self._pending.items()
            for key, change in left:
                self._abandon_file(change)
                self._pending.delete(key)
            self._writing = dict.fromkeys(key for key, _ in left)
        if left and self._guarded(self._write):
            self._tell_others()

    def _has_work(self) -> bool:
        if self._is_closing:
            return True
        return bool(self._pending or self._is_damaged) and not self._is_off()

    def _write(self) -> None:
        database = self._database
        if database is None or self._is_damaged or not database.is_in_place():
            database = self._open()
        try:
            database.write(
                [
                    (key, None if change is None else _row(key, change))
                    for key, change in self._writing.items()
                ]
            )
            gone = database.cull(self._limit_bytes)
            self._size_bytes = database.size_bytes
        except diskcache.Timeout:
            raise  # another process writes: the same again later
        except Exception:
            # Not again, since one of them may be the cause.
            with self._changed:
                for key, change in self._writing.items():
                    if change is not None and self._pending.get(key) is change:
                        self._drop(key)  # its file goes with it, see `_abandon_replaced`
            raise
        with self._changed:
            told = self._to_tell & self._writing.keys()
            self._to_tell -= told
            self._is_untold |= bool(told)
            for key, change in self._writing.items():
                if change is None:
                    self._stored.discard(_fingerprint(key))
                else:
                    self._stored.add(_fingerprint(key))
            self._stored.difference_update([_fingerprint(key) for key in gone])

    def _tell_others(self) -> None:
        """Tell of what was deleted; if that fails, it is tried again."""
        if self._is_untold and self._guarded(self.tell):
            self._is_untold = False

    def _open(self) -> Database:
        before, self._database = self._database, None
        self._stored = set()
        if before is not None:
            before.close()
            self._reads.put(before.close)  # each thread has a connection of its own
        objects = folders.prepare(self._folder)
        if self._is_damaged:
            objects = self._begin_anew("its pages cannot be read")
        try:
            database = Database(objects)
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError as error:
            database = Database(self._begin_anew(str(error)))
        self._stored = {_fingerprint(key) for key in database.stored_keys()}
        self._database = database
        self._is_damaged = False
        self._opened.set()
        self._size_bytes = database.volume()
        database.sweep(self._clock())
        return database

    def _begin_anew(self, finding: str) -> Path:
        damaged = folders.put_aside(self._folder)
        self._notices.warn(
            "damaged",
            f"expected a database in {self._folder}, found {finding}: "
            f"put aside as {damaged.name}, begun anew",
        )
        return folders.prepare(self._folder)

    def _guarded(self, action: Callable[[], object]) -> bool:
        """Return whether *action* went well; a thread that dies would take the disk with it."""
        try:
            action()
        except Exception as error:
            self._failed(error)
            return False
        return True

    # What follows runs in the reader thread.

    def _read_all(self) -> None:
        while (job := self._reads.get()) is not None:
            self._guarded(job)
        if self._database is not None:
            self._database.close()

    def _read(self, key: bytes) -> Record | None:
        database = self._database
        if database is None:
            return None
        try:
            record = self._pending.get(key)  # with its body in a file
            if record is None:
                data = database.read(key)
                record = None if data is None else decode(key, data)
            with self._changed:
                self._read_breaker.succeeded()
            return self._with_file(database, key, record)
        except FileNotFoundError:
            self.delete(key)  # another process has removed the value file with its row
        except (DamagedBodyError, DamagedEntryError, RefusedRowError) as error:
            self._notices.warn("entry", f"an entry on disk is dropped: {error}")
            self.delete(key)
        except Exception as error:
            self._failed(error)
        return None

    def _with_file(self, database: Database, key: bytes, record: Record | None) -> Record | None:
        """Return *record* with its body's file, if it has one, opened and its beginning proved."""
        body = _large(record)
        if body is None:
            return record
        assert isinstance(record, Entry)
        file = self._files.get(body.name)  # one that is being sent serves for others, too
        if file is not None:
            return replace(record, body=replace(body, file=file))
        file = OpenFile(database.path(body.name), body.total_bytes, partial(self._rotten, key))
        opened = replace(body, file=file)
        opened.read(0, 1)  # or the head would be sent before it shows that nothing can follow
        self._files[body.name] = file
        return replace(record, body=opened)

    def _rotten(self, key: bytes) -> None:
        self._notices.warn("entry", "an entry on disk is dropped: its value file was changed")
        self.delete(key)

    def _failed(self, error: Exception) -> None:
        reason = _reason(error)
        with self._changed:
            # The exact class is SQLite's word for a corrupt file; others derive
            # from it.  That heals by a new database, not by waiting.
            is_damage = type(error) is sqlite3.DatabaseError
            self._is_damaged |= is_damage
            if threading.current_thread() is self._writer:
                self._write_fault = reason
                self._write_breaker.failed(self._clock())
            elif not is_damage:
                self._read_fault = reason
                self._read_breaker.failed(self._clock())
            self._changed.notify_all()
        self._notices.warn(
            f"disk {type(error).__name__}",
            f"{self._folder} fails, caching in memory: {reason}",
        )


def _reason(error: Exception) -> str:
    if isinstance(error, diskcache.Timeout):
        return "locked by another process"
    text = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return text or type(error).__name__


def _large(record: Record | None) -> LargeBody | None:
    body = record.body if isinstance(record, Entry) else None
    return body if isinstance(body, LargeBody) else None


def _row(key: bytes, record: Record) -> bytes | FileRow:
    body, value = _large(record), encode(key, record)
    return value if body is None else FileRow(value, body.name, body.total_bytes)


def _fingerprint(key: bytes) -> int:
    # Takes less memory than the key; two keys with the same one cost a vain read.
    return int.from_bytes(key[:8])

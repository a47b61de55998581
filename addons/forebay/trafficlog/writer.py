"""Bring records to the disk in a thread, without ever making the traffic wait.

Whoever records only appends to the backlog.  The thread takes what has
gathered in a twentieth of a second, encodes it and writes it at once.  While
the disk refuses, it tries again every second; the backlog fills up meanwhile,
and what does not fit is noted as a gap.

``kill -9`` loses what was not written yet: a twentieth of a second, the batch
in work, and while the disk refuses all that waits.  A loss of power may lose
what was written, but not synced, as well; see `Writer.adopt`.

Between two batches the same thread begins new files, deletes the oldest and
compresses the others, never for longer than a megabyte takes.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from forebay.errors import ForebayError
from forebay.trafficlog import redact
from forebay.trafficlog.backlog import Backlog, Finish, Waiting
from forebay.trafficlog.record import Record, encode, weight
from forebay.trafficlog.rotating import RotatingFile
from forebay.trafficlog.rotation import Rotation
from forebay.trafficlog.trouble import Trouble

logger = logging.getLogger(__name__)

MAX_RECORDS = 20_000
"""How many records may wait for the disk."""
MAX_BYTES = 64 * 1024 * 1024
"""How much they may hold in all."""
BATCH = 1000
"""How many are written at once."""
BATCH_BYTES = 4 * 1024 * 1024
"""How much those may hold in all."""
PATIENCE_S = 10.0
"""Seconds after which a disk that refuses, or does not answer, is stuck."""
CROWDED = 0.25
"""Part of the backlog above which old files have to wait."""

type Report = Callable[[Trouble | None, str], None]
"""Is told what is wrong and why, or None when all is well again.  It is called in
any thread, under the writer's lock: it may call nothing of the writer's."""


class Writer:
    """The one thread that writes the log.

    Args:
        path: the file; another one beside it is taken when it is in use.
        instance: whose records they are, for the gaps.
        max_records: how many records may wait.
        max_bytes: how much they may hold in all; a batch more may be in work.
        linger_s: seconds for which a batch gathers.
        retry_s: seconds between two tries to write to a disk that refuses.
        clock: monotonic time in seconds.
        wall: POSIX time in seconds.
        needles: returns what is to be masked wherever it stands.
        report: is told of trouble.
    """

    def __init__(
        self,
        path: Path,
        *,
        instance: str | None = None,
        max_records: int = MAX_RECORDS,
        max_bytes: int = MAX_BYTES,
        linger_s: float = 0.05,
        retry_s: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        needles: Callable[[], Sequence[str]] = tuple,
        report: Report = lambda trouble, text: None,
    ) -> None:
        self._needles = needles
        self._report = report
        self._file = RotatingFile(path, clock=clock, wall=wall, warn=self._warn)
        self._backlog = Backlog(max_records, max_bytes, instance)
        self._limits = max_records, max_bytes
        self._written = 0
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._is_rotation_asked = False
        self._linger_s = linger_s
        self._retry_s = retry_s
        self._clock = clock
        self._thread: threading.Thread | None = None
        self._warned: set[object] = set()
        self._trouble: Trouble | None = None
        self._trouble_text = ""
        self._at_disk_since_s: float | None = None

    @property
    def path(self) -> Path:
        """The file that is written to."""
        return self._file.path

    def status(self) -> dict[str, Any]:
        """Return in plain types what was written, what waits, and what is wrong."""
        max_records, max_bytes = self._limits
        since_s, lost, problems = self._at_disk_since_s, self._backlog.lost, []
        if self._trouble is not None:
            problems.append(self._trouble_text)
        elif since_s is not None and self._clock() - since_s > PATIENCE_S:
            problems.append("the disk does not answer")
        if lost:
            problems.append(f"expected every record in the log, found {lost:,} lost")
        return {
            "file": str(self.path),
            "written": self._written,
            "lost": lost,
            "waiting_records": len(self._backlog),
            "waiting_limit_records": max_records,
            "waiting_bytes": self._backlog.size_bytes,
            "waiting_limit_bytes": max_bytes,
            "problems": problems,
        }

    def adopt(self, rotation: Rotation, sync_every_s: float | None) -> None:
        """Do so from now on.

        Args:
            rotation: how the log is cut into files.
            sync_every_s: seconds of the log that a loss of power may cost; 0:
                what is written is on the disk; None: the system decides.
        """
        self._file.rotation = rotation
        self._file.sync_every_s = sync_every_s
        if self._thread is not None:
            self._wake.set()  # it may sleep for too long

    def open(self) -> None:
        """Open the file; the thread begins with the first record, or `begin`.

        Raises:
            ForebayError: saying why it cannot be written.
        """
        try:
            self._file.open()
        except OSError as error:
            raise ForebayError(
                f"expected a writable file, found {self._file.path}: {error.strerror}"
            ) from None

    def begin(self) -> None:
        """Begin the thread, which first puts in order what lies beside the file."""
        self._rouse()

    def put(self, record: Record, finish: Finish | None = None, extra_bytes: int = 0) -> None:
        """Have *record* written; never waits for the disk.

        Args:
            record: what to write.
            finish: called in the writer's thread; what it returns is written in
                the record's place.
            extra_bytes: what *finish* holds until then.
        """
        since_s = self._at_disk_since_s
        is_stuck = since_s is not None and self._clock() - since_s > PATIENCE_S
        with self._lock:
            if is_stuck:  # before the record is there, with which the thread may find all well
                self._tell(Trouble.STUCK, "the disk does not answer")
            kept = self._backlog.add(record, weight(record) + extra_bytes, finish)
            if not kept:
                self._tell(Trouble.FULL, "the disk cannot keep up, and a record is lost")
        self._rouse()
        if not kept:
            self._warn("full", "the disk cannot keep up; records are left out and noted as gaps")

    def lose(self, seq: int) -> None:
        """Have it noted that the record numbered *seq* will not come."""
        with self._lock:
            self._backlog.lose(seq)
            self._tell(Trouble.LOST, "a record is lost")
        self._rouse()

    def rotate(self) -> None:
        """Begin a new file soon, if something is in this one."""
        self._is_rotation_asked = True
        self._rouse()

    def close(self, deadline_s: float) -> None:
        """Write what waits, for *deadline_s* seconds at most, and end the thread."""
        self._closing.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(deadline_s)
            if self._thread.is_alive():
                return  # it hangs in the disk, and holds the file
        self._file.close()

    def _rouse(self) -> None:
        if not self._wake.is_set():
            self._wake.set()
        if self._thread is None and not self._closing.is_set():
            # Not before: a start that is refused must leave no thread behind.
            self._thread = threading.Thread(target=self._run, name="forebay log", daemon=True)
            self._thread.start()

    # In the thread

    def _run(self) -> None:
        self._tend(self._file.begin)
        while True:
            if self._wake.wait(0 if self._file.is_busy else self._file.idle_s()):
                self._closing.wait(self._linger_s)
                self._wake.clear()
            is_last = self._closing.is_set()  # asked before: all that was put until then is taken
            while batch := self._take():
                self._write(list(self._encoded(batch)))
                if self._backlog.fill < CROWDED and not is_last:
                    self._tend(self._file.step)
            if self._file.is_sync_due:
                self._write([])
            if self._is_rotation_asked:
                self._is_rotation_asked = False
                self._tend(self._file.rotate)
            if is_last:
                self._tend(self._file.finish)
                return
            self._tend(self._file.rotate_if_due)
            self._tend(self._file.step)

    def _tend(self, work: Callable[[], None]) -> None:
        self._at_disk_since_s = self._clock()
        work()
        self._at_disk_since_s = None

    def _take(self) -> list[Waiting]:
        # No more than a file may hold: it may be exceeded by a batch alone.
        limit_bytes = min(BATCH_BYTES, self._file.rotation.limit_bytes or BATCH_BYTES)
        with self._lock:
            return self._backlog.take(BATCH, limit_bytes)

    def _encoded(self, batch: list[Waiting]) -> Iterator[bytes]:
        needles = self._needles()
        for item, finish in batch:
            try:
                if finish is None or not isinstance(item, Record):
                    line = encode(item, needles)
                else:
                    line = self._finished(item, finish, needles)
            except Exception as error:  # the boundary of the thread: one record is lost, not all
                if isinstance(item, Record):
                    self.lose(item.seq)
                self._warn(type(error), f"a record is lost: {redact.text(repr(error))}")
            else:
                yield line

    def _finished(self, record: Record, finish: Finish, needles: Sequence[str]) -> bytes:
        try:
            return encode(finish(record), needles)
        except Exception as error:  # what is put off costs no more than itself
            self._warn(
                ("finish", type(error)),
                # Its type alone: what it says may be out of a body.
                f"expected to finish a record's bodies, found {type(error).__name__}; "
                "it is written without them",
            )
            return encode(record, needles)

    def _write(self, lines: list[bytes]) -> None:
        """Write all *lines*, however long the disk refuses, unless we are closing."""
        self._at_disk_since_s = since_s = self._clock()
        count = len(lines)
        while True:
            written, error = self._file.append(b"".join(lines))
            if error is None:
                break
            reason = f"expected to write {self._file.path}, found {error.strerror}"
            with self._lock:
                is_stuck = self._clock() - since_s > PATIENCE_S
                self._tell(Trouble.STUCK if is_stuck else Trouble.REFUSED, reason)
            self._warn(
                error.errno,
                f"{reason}; records wait in memory, and what does not fit there is noted as gaps",
            )
            if self._closing.is_set():
                return
            lines = _not_in(written, lines)
            self._closing.wait(self._retry_s)
        self._written += count
        self._at_disk_since_s = None
        with self._lock:
            if self._trouble is not None and self._backlog.fill < 0.5:
                self._trouble = None
                self._report(None, "")

    def _tell(self, trouble: Trouble, text: str) -> None:
        """Report *trouble*, unless it is known; the lock is held."""
        if trouble is Trouble.LOST:
            self._report(trouble, text)
        elif self._trouble is None or trouble > self._trouble:
            self._trouble, self._trouble_text = trouble, text
            self._report(trouble, text)

    def _warn(self, cause: object, message: str) -> None:
        if cause not in self._warned:
            self._warned.add(cause)
            logger.warning("trafficlog: %s", message)


def _not_in(written: int, lines: list[bytes]) -> list[bytes]:
    r"""Return the *lines* that are not whole among the first *written* bytes of all.

    One that lacks but its newline is whole: the next line is put behind one,
    and another copy of it would be a record too many.

    >>> _not_in(5, [b"ab\n", b"cde\n", b"f\n"])
    [b'cde\n', b'f\n']
    >>> _not_in(6, [b"ab\n", b"cde\n", b"f\n"])
    [b'f\n']
    """
    for number, line in enumerate(lines):
        if written < len(line) - 1:
            return lines[number:]
        written -= len(line)
    return []

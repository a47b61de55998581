"""Bring records to the disk in a thread, without ever making the traffic wait.

Whoever records only appends to the backlog.  The thread takes what has
gathered in a twentieth of a second, encodes it and writes it at once.  While
the disk refuses, it tries again every second; the backlog fills up meanwhile,
and what does not fit is noted as a gap.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from forebay.errors import ForebayError
from forebay.trafficlog import redact
from forebay.trafficlog.backlog import Backlog
from forebay.trafficlog.logfile import LogFile
from forebay.trafficlog.record import Gap, Record, encode, weight

logger = logging.getLogger(__name__)

MAX_RECORDS = 20_000
"""How many records may wait for the disk."""
MAX_BYTES = 64 * 1024 * 1024
"""How much they may hold in all."""
BATCH = 1000
"""How many are written at once."""


class Writer:
    """The one thread that writes the log.

    Args:
        path: the file; another one beside it is taken when it is in use.
        max_records: how many records may wait.
        max_bytes: how much they may hold in all; as much again may be in work.
        linger_s: seconds for which a batch gathers.
        retry_s: seconds between two tries to write to a disk that refuses.
        clock: monotonic time in seconds.
        needles: returns what is to be masked wherever it stands.
    """

    def __init__(
        self,
        path: Path,
        *,
        max_records: int = MAX_RECORDS,
        max_bytes: int = MAX_BYTES,
        linger_s: float = 0.05,
        retry_s: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
        needles: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        self._needles = needles
        self._file = LogFile(path, clock)
        self._backlog = Backlog(max_records, max_bytes)
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._linger_s = linger_s
        self._retry_s = retry_s
        self._thread: threading.Thread | None = None
        self._warned: set[object] = set()

    @property
    def path(self) -> Path:
        """The file that is written to."""
        return self._file.path

    def open(self) -> None:
        """Open the file; the thread begins with the first record.

        Raises:
            ForebayError: saying why it cannot be written.
        """
        try:
            self._file.open()
        except OSError as error:
            raise ForebayError(
                f"expected a writable file, found {self._file.path}: {error.strerror}"
            ) from None

    def put(self, record: Record) -> None:
        """Have *record* written; never waits for the disk."""
        with self._lock:
            kept = self._backlog.add(record, weight(record))
        self._rouse()
        if not kept:
            self._warn("full", "the disk cannot keep up; records are left out and noted as gaps")

    def lose(self, seq: int) -> None:
        """Have it noted that the record numbered *seq* will not come."""
        with self._lock:
            self._backlog.lose(seq)
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

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._closing.wait(self._linger_s)
            self._wake.clear()
            while batch := self._take():
                self._write(list(self._encoded(batch)))
            if self._closing.is_set():
                return

    def _take(self) -> list[Record | Gap]:
        with self._lock:
            return self._backlog.take(BATCH)

    def _encoded(self, batch: list[Record | Gap]) -> Iterator[bytes]:
        needles = self._needles()
        for item in batch:
            try:
                line = encode(item, needles)
            except Exception as error:  # the boundary of the thread: one record is lost, not all
                if isinstance(item, Record):
                    self.lose(item.seq)
                self._warn(type(error), f"a record is lost: {redact.text(repr(error))}")
            else:
                yield line

    def _write(self, lines: list[bytes]) -> None:
        """Write all *lines*, however long the disk refuses, unless we are closing."""
        while lines:
            written, error = self._file.append(b"".join(lines))
            if error is None:
                return
            self._warn(
                error.errno,
                f"expected to write {self._file.path}, found {error.strerror}; "
                "records wait in memory, and what does not fit there is noted as gaps",
            )
            if self._closing.is_set():
                return
            lines = _not_in(written, lines)
            self._closing.wait(self._retry_s)

    def _warn(self, cause: object, message: str) -> None:
        if cause not in self._warned:
            self._warned.add(cause)
            logger.warning("trafficlog: %s", message)


def _not_in(written: int, lines: list[bytes]) -> list[bytes]:
    r"""Return the *lines* that are not whole among the first *written* bytes of all.

    >>> _not_in(5, [b"ab\n", b"cde\n", b"f\n"])
    [b'cde\n', b'f\n']
    """
    for number, line in enumerate(lines):
        if written < len(line):
            return lines[number:]
        written -= len(line)
    return []

"""Number the records, make each attempt's exactly one, and let no error out.

This is the boundary at which the log fails open: what goes wrong while a
record is made costs that record, a number in a gap, and one warning.
"""

from __future__ import annotations

import itertools
import logging
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Concatenate

from mitmproxy import flow as mflow

from forebay import outcome
from forebay.trafficlog import redact
from forebay.trafficlog.capture import Finish
from forebay.trafficlog.parts import Draft
from forebay.trafficlog.record import Record
from forebay.trafficlog.redact import DEFAULT
from forebay.trafficlog.writer import Writer
from forebay.trafficlog.writing import Writing

logger = logging.getLogger(__name__)

CLOSE_S = 2.0
"""Seconds for which an end waits until the disk has what was recorded."""


class Recorder:
    """Hands records to the writer, while there is one.

    Attributes:
        numbers: of records, across files.
        needles: what is masked in records, wherever it stands.
        redactor: what keeps secrets out of them.
        instance: the process that all of them name.
        writing: how they are written, as the options say.
        last_seq: the number of the last record; None before the first.
    """

    def __init__(self) -> None:
        # Not the writer's: the file may change, the numbers go on.
        self.numbers: Iterator[int] = itertools.count(1)
        self.needles: tuple[str, ...] = ()
        self.redactor = DEFAULT
        self.instance = uuid.uuid4().hex[:12]
        self.writing = Writing()
        self.last_seq: int | None = None
        self._writer: Writer | None = None
        self._wanted: Path | None = None
        self._warned: set[tuple[str, int]] = set()

    @property
    def path(self) -> Path | None:
        """The file that is written to, or None while nothing is."""
        return None if self._writer is None else self._writer.path

    @property
    def is_on(self) -> bool:
        """Whether anything is recorded."""
        return self._writer is not None

    def write_to(self, path: Path | None) -> None:
        """Write to *path* from now on, or not at all; the file before gets what waits for it.

        Raises:
            ForebayError: when it cannot be written; then all stays as it was.
        """
        if path is not None and path == self._wanted:
            return
        writer = self.writing.open(path, instance=self.instance, needles=lambda: self.needles)
        before, self._writer, self._wanted = self._writer, writer, path
        if before is not None:
            before.close(CLOSE_S)

    def status(self) -> dict[str, Any]:
        """Return in plain types what was written, what waits, and what is wrong."""
        if self._writer is None:
            return {"on": False}
        return {
            "on": True,
            "instance": self.instance,
            "last_seq": self.last_seq,
            **self._writer.status(),
        }

    def rotate(self) -> None:
        """Begin a new file, and keep the one before as it is."""
        if self._writer is not None:
            self._writer.rotate()

    def stop(self) -> None:
        """Write what was recorded, and no more from now on; may come twice."""
        self.write_to(None)

    def begin(self, flow: mflow.Flow) -> None:
        """Let *flow* be recorded once more, where each query is an attempt of its own."""
        outcome.of(flow).pop("logged", None)

    def once[**P](
        self,
        flow: mflow.Flow,
        make: Callable[Concatenate[Draft, P], Record],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> None:
        """Record the present attempt of *flow*, unless it is recorded already."""
        if self.is_due(flow):
            self.record(make, *args, **kwargs)

    def is_due(self, flow: mflow.Flow) -> bool:
        """Return whether the present attempt of *flow* is yet to be recorded; it is no more."""
        if self._writer is None:
            return False
        notes = outcome.of(flow)
        if notes.get("logged"):
            return False
        notes["logged"] = True
        return True

    def record[**P](
        self, make: Callable[Concatenate[Draft, P], Record], *args: P.args, **kwargs: P.kwargs
    ) -> None:
        """Record what *make* returns, which is given the beginning of the record."""
        self.finish(None, 0, make, *args, **kwargs)

    def finish[**P](
        self,
        finish: Finish | None,
        held_bytes: int,
        make: Callable[Concatenate[Draft, P], Record],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> None:
        """Record what *finish* makes, in the writer's thread, of what *make* returns.

        Args:
            finish: None when nothing is left to do.
            held_bytes: how much it holds until then.
            make: makes the record.
            args: for it.
            kwargs: for it.
        """
        if self._writer is None:
            return
        self.last_seq = seq = next(self.numbers)
        try:
            record = make(Draft(seq, self.instance, self.redactor), *args, **kwargs)
            self._writer.put(record, finish, held_bytes)
        except Exception as error:
            self._writer.lose(seq)
            self._warn(error)

    def _warn(self, error: Exception) -> None:
        """Log the error, unless one like it from the same line was."""
        at = error.__traceback__
        while at is not None and at.tb_next is not None:
            at = at.tb_next
        cause = (type(error).__name__, 0 if at is None else at.tb_lineno)
        if cause not in self._warned:
            self._warned.add(cause)
            logger.warning(
                "trafficlog: a record is lost (line %d): %s",
                cause[1],
                redact.excerpt(repr(error), 200),
            )

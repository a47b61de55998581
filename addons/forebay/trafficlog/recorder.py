"""Number the records, make each attempt's exactly one, and let no error out.

This is the boundary at which the log fails open: what goes wrong while a
record is made costs that record, a number in a gap, and one warning.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Concatenate

from mitmproxy import flow as mflow

from forebay import outcome
from forebay.errors import ForebayError
from forebay.trafficlog import redact
from forebay.trafficlog.record import Record
from forebay.trafficlog.writer import Writer

logger = logging.getLogger(__name__)

CLOSE_S = 2.0
"""Seconds for which an end waits until the disk has what was recorded."""


class Recorder:
    """Hands records to the writer, while there is one.

    Attributes:
        numbers: of records, across files.
        needles: what is masked in records, wherever it stands.
    """

    def __init__(self) -> None:
        # Not the writer's: the file may change, the numbers go on.
        self.numbers: Iterator[int] = itertools.count(1)
        self.needles: tuple[str, ...] = ()
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
        writer: Writer | None = None
        if path is not None:
            writer = Writer(path, needles=lambda: self.needles)
            try:
                writer.open()
            except ForebayError as error:
                raise ForebayError(f"trafficlog_file: {error}") from None
        before, self._writer, self._wanted = self._writer, writer, path
        if before is not None:
            before.close(CLOSE_S)

    def stop(self) -> None:
        """Write what was recorded, and no more from now on; may come twice."""
        self.write_to(None)

    def begin(self, flow: mflow.Flow) -> None:
        """Let *flow* be recorded once more, where each query is an attempt of its own."""
        outcome.of(flow).pop("logged", None)

    def once[**P](
        self,
        flow: mflow.Flow,
        make: Callable[Concatenate[int, P], Record],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> None:
        """Record the present attempt of *flow*, unless it is recorded already."""
        if self._writer is not None:
            notes = outcome.of(flow)
            if not notes.get("logged"):
                notes["logged"] = True
                self.record(make, *args, **kwargs)

    def record[**P](
        self, make: Callable[Concatenate[int, P], Record], *args: P.args, **kwargs: P.kwargs
    ) -> None:
        """Record what *make* returns, which is given the record's number first."""
        if self._writer is None:
            return
        seq = next(self.numbers)
        try:
            self._writer.put(make(seq, *args, **kwargs))
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

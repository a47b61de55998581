"""How the log is written, as the options say, and what follows when it cannot be.

Glue.  The writer tells of trouble in any thread; what follows from it happens
on the event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mitmproxy import ctx
from mitmproxy.addonmanager import Loader

from forebay import settings
from forebay.errors import ForebayError
from forebay.trafficlog.rotation import Rotation
from forebay.trafficlog.trouble import OnError, Trouble
from forebay.trafficlog.writer import Writer

logger = logging.getLogger(__name__)

OPTIONS = frozenset(
    {
        "trafficlog_on_error",
        "trafficlog_fsync",
        "trafficlog_rotate",
        "trafficlog_rotate_bytes",
        "trafficlog_total_bytes",
        "trafficlog_zstd",
    }
)

_DURATION = re.compile(r"([1-9][0-9]{0,5})([smhd])", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def declare(loader: Loader) -> None:
    """Declare the options."""
    loader.add_option(
        "trafficlog_on_error",
        str,
        "drop",
        "What happens when records cannot be written: drop (the traffic goes on, a gap in the log "
        "says what is lost), stop (the proxy ends with status 1 when a record is lost or the disk "
        "refuses for 10 s) or block (requests are answered 503 until the disk is back).",
    )
    loader.add_option(
        "trafficlog_fsync",
        str,
        "never",
        "When the log is synced to the disk, for a loss of power: never, batch (after each write, "
        "at most 20 in a second) or a time within which, such as 5s.",
    )
    loader.add_option(
        "trafficlog_rotate",
        str,
        "",
        "Begin a new log file in each period of this length, such as 1h or 1d, counted in UTC. "
        "Empty: do not.",
    )
    loader.add_option(
        "trafficlog_rotate_bytes",
        str,
        "100m",
        "Begin a new log file at this size, or half of trafficlog_total_bytes; 0: do not.",
    )
    loader.add_option(
        "trafficlog_total_bytes",
        str,
        "1g",
        "Delete the oldest log files that were rotated, so that all together hold no more; "
        "0: keep all.",
    )
    loader.add_option(
        "trafficlog_zstd", bool, True, "Compress log files that were rotated, with zstd."
    )


@dataclass(frozen=True, slots=True)
class Config:
    """The options as they are meant; see `Writer.adopt` for the latter two."""

    on_error: OnError = OnError.DROP
    rotation: Rotation = field(default_factory=Rotation)
    sync_every_s: float | None = None


def read() -> Config:
    """Return the options.

    Raises:
        ForebayError: when one has a bad value.
    """
    return Config(
        OnError(settings.one_of("trafficlog_on_error", tuple(choice.value for choice in OnError))),
        Rotation(
            at_bytes=settings.size_bytes("trafficlog_rotate_bytes"),
            every_s=_rotate_s(ctx.options.trafficlog_rotate),
            total_bytes=settings.size_bytes("trafficlog_total_bytes"),
            pack=ctx.options.trafficlog_zstd,
        ),
        _sync_every_s(ctx.options.trafficlog_fsync),
    )


def _rotate_s(text: str) -> int:
    seconds = 0 if text in ("", "0") else duration_s(text)
    if seconds is None:
        raise ForebayError(
            f"trafficlog_rotate: expected nothing or a time such as 30m, 1h or 1d, found {text!r}"
        )
    return seconds


def _sync_every_s(text: str) -> float | None:
    if text == "never":
        return None
    seconds = 0 if text == "batch" else duration_s(text)
    if seconds is None:
        raise ForebayError(
            f"trafficlog_fsync: expected never, batch or a time such as 5s, found {text!r}"
        )
    return seconds


def duration_s(text: str) -> int | None:
    """Return a time such as ``5s``, ``10m``, ``1h`` or ``1d`` in seconds; None when it is none.

    >>> duration_s("2h"), duration_s("0s"), duration_s("1 h")
    (7200, None, None)
    """
    match = _DURATION.fullmatch(text)
    return None if match is None else int(match[1]) * _SECONDS[match[2]]


class Writing:
    """Opens writers, and does what ``trafficlog_on_error`` says about their trouble."""

    def __init__(self) -> None:
        self._config = Config()
        self._writer: Writer | None = None
        self._current = object()
        self._trouble: Trouble | None = None
        self._text = ""
        self._refusal: str | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_stopping = False

    def refuses(self) -> str | None:
        """Return why requests are to be answered 503, or None."""
        return self._refusal

    def configure(self) -> None:
        """Do as the options say from now on.

        Raises:
            ForebayError: when one has a bad value; then all stays as it was.
        """
        self._config = read()
        if self._writer is not None:
            self._writer.adopt(self._config.rotation, self._config.sync_every_s)
        self._act()

    def open(
        self,
        path: Path | None,
        *,
        instance: str | None = None,
        needles: Callable[[], Sequence[str]] = tuple,
    ) -> Writer | None:
        """Return the one who writes to *path* from now on; None for none.

        The one before is the caller's to close; its trouble is forgotten.

        Raises:
            ForebayError: when it cannot be written; then all stays as it was.
        """
        writer: Writer | None = None
        current = object()
        if path is not None:
            report = functools.partial(self._hear, current)
            writer = Writer(path, instance=instance, needles=needles, report=report)
            writer.adopt(self._config.rotation, self._config.sync_every_s)
            try:
                writer.open()
            except ForebayError as error:
                raise ForebayError(f"trafficlog_file: {error}") from None
        self._writer, self._current = writer, current
        self._learn(current, None, "")
        if writer is not None and self._loop is not None:
            writer.begin()
        return writer

    def begin(self) -> None:
        """Have what lies beside the log put in order; the proxy runs, and so does its loop."""
        self._loop = asyncio.get_running_loop()
        if self._writer is not None:
            self._writer.begin()
        self._act()

    def _hear(self, writer: object, trouble: Trouble | None, text: str) -> None:
        """Hear of *trouble*, in any thread."""
        if self._loop is None:  # before the proxy runs, nothing follows from it
            if writer is self._current:
                self._trouble, self._text = trouble, text
            return
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._learn, writer, trouble, text)

    def _learn(self, writer: object, trouble: Trouble | None, text: str) -> None:
        """Do what follows from *trouble*, unless the writer is one of before."""
        if writer is not self._current:
            return
        if trouble is Trouble.LOST:  # does not pass, and so does not take the place of what does
            self._stop_for(trouble, text)
        else:
            self._trouble, self._text = trouble, text
            self._act()

    def _act(self) -> None:
        on_error = self._config.on_error
        was_refusing = self._refusal is not None
        self._refusal = None
        if on_error.refuses(self._trouble):
            self._refusal = "The traffic log cannot be written, and no request is let through."
            if not was_refusing:
                logger.warning("trafficlog: requests are answered 503: %s", self._text)
        elif was_refusing:
            logger.warning("trafficlog: requests are let through again")
        self._stop_for(self._trouble, self._text)

    def _stop_for(self, trouble: Trouble | None, text: str) -> None:
        if self._config.on_error.stops(trouble) and not self._is_stopping and self._loop:
            self._is_stopping = True
            logger.error("trafficlog: %s; the proxy ends (trafficlog_on_error=stop)", text)
            # mitmproxy ends on this as on a signal, save for the status.
            self._loop.call_soon(sys.exit, 1)

"""Run a program such that signals to this one reach it.

The standard library only.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import FrameType
from typing import Any

_NAMES = ("SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2")
_KEYS = ("SIGINT", "SIGQUIT")
_SIGNALLED = 128


def run(command: Sequence[str], environ: Mapping[str, str]) -> int:
    """Return the exit status of *command*; one that a signal has ended has 128 and its number.

    Raises:
        OSError: when it cannot be started.
    """
    children: list[subprocess.Popen[bytes]] = []
    early: list[int] = []

    def pass_on(number: int, frame: FrameType | None) -> None:
        if not children:
            early.append(number)
        for child in children:
            child.send_signal(number)

    def leave(number: int, frame: FrameType | None) -> None:
        """Do nothing: the terminal has sent it to the program, too."""

    by_keys = leave if _has_terminal() else pass_on
    with _handled(dict.fromkeys(_NAMES, pass_on) | dict.fromkeys(_KEYS, by_keys)):
        child = subprocess.Popen(command, env=dict(environ))  # noqa: S603  (it is asked for)
        children.append(child)
        for number in early:
            child.send_signal(number)
        status = child.wait()
    return status if status >= 0 else _SIGNALLED - status


@contextlib.contextmanager
def ending() -> Iterator[None]:
    """Have a signal that ends this program end it in an orderly way."""

    def end(number: int, frame: FrameType | None) -> None:
        raise SystemExit(_SIGNALLED + number)

    with _handled(dict.fromkeys(("SIGTERM", "SIGHUP"), end)):
        yield


@contextlib.contextmanager
def _handled(handlers: Mapping[str, Callable[[int, FrameType | None], None]]) -> Iterator[None]:
    before: dict[int, Any] = {}
    for name, handler in handlers.items():
        number = getattr(signal, name, None)
        if number is not None:  # Windows has few
            before[number] = signal.signal(number, handler)
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


def _has_terminal() -> bool:
    """Return whether keys of a terminal send signals to this program and those it starts."""
    if not hasattr(os, "tcgetpgrp"):
        return True
    try:
        terminal = os.open(os.ctermid(), os.O_RDONLY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)

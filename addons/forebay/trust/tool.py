"""Programs of others that change stores of certificates, run such that they cannot ask anything."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Sequence
from enum import Enum

from forebay.blocklist.verdict import visible
from forebay.errors import ForebayError

type Work = Callable[[], object]


class State(Enum):
    """What a store holds of ours."""

    ABSENT = "absent"
    SAME = "same"
    OTHER = "other"
    FOREIGN = "foreign"
    """The same certificate, put there by others, and trusted."""
    UNTRUSTED = "untrusted"
    """The same certificate, put there by others, who do not trust it."""


def run(command: Sequence[str], *, deadline_s: float) -> bytes:
    """Run a command; return what it printed.

    It has no terminal, as some look for one to ask for passwords.  One that takes
    longer is ended, and with it what it has started.

    Raises:
        ForebayError: when it is not there, fails, or takes longer.
    """
    name = command[0]
    try:
        process = subprocess.Popen(  # noqa: S603  (a fixed program, and no shell)
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            env={**os.environ, "LC_ALL": "C"},
        )
    except FileNotFoundError:
        raise ForebayError(f"expected the program {name}, found none") from None
    except OSError as error:
        raise ForebayError(f"expected to run {name}, found: {error.strerror}") from None
    with process:
        try:
            output, errors = process.communicate(timeout=deadline_s)
        except subprocess.TimeoutExpired:
            _kill(process)
            raise ForebayError(
                f"expected {name} to end within {deadline_s:.0f} s, found it still running"
            ) from None
    if process.returncode:
        said = (errors or output).decode("utf-8", "backslashreplace").split("\n")
        lines = [line.strip() for line in said if line.strip()]
        reason = visible(lines[-1], 300) if lines else f"status {process.returncode}"
        raise ForebayError(f"expected {name} to succeed, found: {reason}")
    return output


def _kill(process: subprocess.Popen[bytes]) -> None:
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()

"""Where a result goes: the standard output, or a file that appears whole or not at all."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, cast

from forebay.blocklist.verdict import visible
from forebay.errors import ForebayError

DONE, NOTHING, BAD_INPUT, INTERRUPTED, CLOSED_PIPE = 0, 1, 2, 130, 141


class NothingError(ForebayError):
    """There is nothing to do it with."""


def guarded(command: str, work: Callable[[], int]) -> int:
    """Return the exit status of *work*; what went wrong is one line each, never a traceback."""
    try:
        status = work()
        if sys.stdout is not None:  # closed before we began
            sys.stdout.flush()
        return status
    except ForebayError as error:
        for line in str(error).splitlines():
            print(f"{command}: {visible(line, 500)}", file=sys.stderr)
        return NOTHING if isinstance(error, NothingError) else BAD_INPUT
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        close_output()
        return CLOSED_PIPE
    except OSError as error:
        close_output()
        print(f"{command}: expected to write, found: {error.strerror}", file=sys.stderr)
        return BAD_INPUT


def close_output() -> None:
    """Let what is still buffered go nowhere, or Python tries again at its end, with a traceback."""
    with contextlib.suppress(OSError, ValueError):  # no file at all
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


@contextlib.contextmanager
def opened(path: Path | None) -> Iterator[BinaryIO]:
    """Open *path* for writing bytes; without one, or for ``-``, the standard output.

    A pipe or a device is written to as it is.

    Raises:
        ForebayError: when it cannot be written.
    """
    if path is None or str(path) == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    elif path.exists() and not path.is_file():
        with _writing(path), path.open("wb") as file:
            yield cast(BinaryIO, file)
    else:
        with draft_of(path) as draft, _writing(path), draft.open("wb") as file:
            yield cast(BinaryIO, file)


@contextlib.contextmanager
def draft_of(path: Path) -> Iterator[Path]:
    """Yield a new file beside *path*, which takes its place at the end, unless there was an error.

    Only its owner can read it, as it holds traffic.

    Raises:
        ForebayError: when it cannot be made or renamed.
    """
    with _writing(path):
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".forebay-")
        os.close(handle)
    draft = Path(name)
    try:
        yield draft
        with _writing(path):
            draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)  # unless it has taken that place


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise ForebayError(f"expected to write {path}, found: {error.strerror}") from None

"""Open a file that must be one: whatever else has its name is refused and not waited for."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

_NO_FILE = "expected a file, found a device or a pipe"
# A pipe without a writer is opened at once, a terminal does not become ours; not on Windows.
_FLAGS = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)


def open_regular(path: Path) -> BinaryIO:
    """Open *path* for reading bytes; it is judged once open, as a name may change hands before.

    Raises:
        OSError: when it cannot be opened, or is a folder, a device, a pipe or a
            socket; its ``strerror`` says which.
        ValueError: when no file can have this name.
    """
    try:
        file = open(path, "rb", opener=_opener)  # noqa: SIM115  (Path.open has no opener)
    except OSError as error:
        if error.errno in (errno.ENXIO, errno.ENODEV):  # a socket, a device without a driver
            raise OSError(errno.EINVAL, _NO_FILE, str(path)) from None
        raise
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(errno.EINVAL, _NO_FILE, str(path))
    return file


def _opener(path: str, flags: int) -> int:
    return os.open(path, flags | _FLAGS)

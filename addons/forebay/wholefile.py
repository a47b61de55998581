"""Write a file such that whoever reads it sees the old one or the new one, and never half of it."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def write(path: Path, data: bytes, *, mode: int | None = None, durable: bool = False) -> None:
    """Write *data* to a file of its own beside *path*, which then takes the place of that.

    Args:
        path: the file; its folder must be there.
        data: all of it.
        mode: its permissions; None for what the process gives to new files.
        durable: whether it is on the disk before it has its name.

    Raises:
        OSError: when it cannot be written; what was there stays.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(draft, "wb", opener=None if mode is None else _private) as file:
            if mode is not None:
                draft.chmod(mode)
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        draft.replace(path)
    finally:
        with contextlib.suppress(OSError):
            draft.unlink()  # unless it has become the file


def _private(name: str, flags: int) -> int:
    return os.open(name, flags, 0o600)

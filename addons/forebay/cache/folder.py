"""The cache's folder: its format number, its modes, and how a damaged part is put aside.

``format``    the format number of what lies beside it
``objects``   the database and its value files
``damaged``   the last ``objects`` that could not be read, kept for whoever wants to know why
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from forebay import wholefile
from forebay.cache.entry import FORMAT
from forebay.errors import ForebayError

_NUMBER_FILE = "format"
_LONGEST_NUMBER = 16


def format_number(folder: Path) -> int | None:
    """Return the format number of *folder*, or None when there is none to be read.

    Raises:
        OSError: when there is one, but it cannot be read.
    """
    try:
        with (folder / _NUMBER_FILE).open("rb") as file:
            text = file.read(_LONGEST_NUMBER).strip()
    except FileNotFoundError:
        return None
    return int(text) if text.isdigit() else None


def refuse_newer(folder: Path) -> None:
    """Make sure that no newer Forebay has written *folder*.

    Raises:
        ForebayError: when one has; nothing in it must be touched then.
        OSError: when its number cannot be read.
    """
    number = format_number(folder)
    if number is not None and number > FORMAT:
        raise ForebayError(
            f"cache_dir: expected a cache of format {FORMAT} or older, "
            f"found format {number} in {folder}, which a newer Forebay wrote"
        )


def prepare(folder: Path) -> Path:
    """Return the folder for the database, made if missing; nobody else may enter it.

    Raises:
        ForebayError: when a newer Forebay has written *folder*.
        OSError: when it cannot be made or written.
    """
    refuse_newer(folder)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    objects = folder / "objects"
    if format_number(folder) != FORMAT:
        if objects.exists():  # of an older format, or of nobody knows which
            put_aside(folder)
        wholefile.write(folder / _NUMBER_FILE, b"%d\n" % FORMAT, mode=0o600)
    objects.mkdir(mode=0o700, exist_ok=True)
    objects.chmod(0o700)
    return objects


def put_aside(folder: Path) -> Path:
    """Rename ``objects`` to ``damaged``, in place of an earlier one, and return the new path.

    Raises:
        OSError: when it cannot be renamed.
    """
    damaged = folder / "damaged"
    shutil.rmtree(damaged, ignore_errors=True)
    (folder / "objects").rename(damaged)
    return damaged


def create_private(path: Path) -> None:
    """Make an empty file that only its owner can read, unless there is one.

    SQLite gives its side files the mode of the database.
    """
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
    path.chmod(0o600)

"""Which test records which cassette: no two of one run write the same one.

The workers of a run share a folder, in which a file a cassette says whose it is.
The standard library only, as the tests' own process uses it.
"""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path

from forebay.errors import ForebayError


def claim(folder: Path, cassette: Path, test: str) -> None:
    """Note that *test* records *cassette*.

    Raises:
        ForebayError: when another test of this run does.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = _path(folder, cassette)
    try:
        with path.open("x", encoding="utf-8", errors="surrogateescape") as file:
            file.write(test)
    except FileExistsError:
        other = path.read_text(encoding="utf-8", errors="surrogateescape")
        if other != test:  # the same one is run again
            raise ForebayError(
                f"expected one test to record {cassette}, found two: {other or 'another'} and "
                f"{test}; give one of them another cassette: @pytest.mark.recording(name=…)"
            ) from None


def release(folder: Path, cassette: Path, test: str) -> None:
    """Note that *test* has not recorded *cassette* after all."""
    path = _path(folder, cassette)
    with contextlib.suppress(FileNotFoundError):
        if path.read_text(encoding="utf-8", errors="surrogateescape") == test:
            path.unlink()


def _path(folder: Path, cassette: Path) -> Path:
    return folder / hashlib.sha256(str(cassette).encode("utf-8", "surrogateescape")).hexdigest()

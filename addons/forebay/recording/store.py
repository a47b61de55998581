"""Cassettes on the disk: written whole or not at all, with their side files beside them."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path

from forebay import wholefile
from forebay.errors import ForebayError, RuleError
from forebay.recording import cassette
from forebay.recording.interaction import Interaction

LONGEST_BYTES = 512 * 1024 * 1024
"""A longer cassette is refused."""


def side_folder(path: Path) -> Path:
    """Return the folder of the side files of a cassette."""
    return path.with_name(f"{path.stem}.bodies")


def load(path: Path) -> list[Interaction] | None:
    """Return the interactions of the cassette *path*; None when there is none.

    Raises:
        RuleErrors: with all that is wrong in it.
        ForebayError: when it cannot be read.
    """
    try:
        if path.stat().st_size > LONGEST_BYTES:
            raise RuleError(f"expected at most {LONGEST_BYTES:,} bytes, found more", path)
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ForebayError(f"expected a cassette, found {path}: {error.strerror}") from None
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise RuleError(
            f"expected UTF-8 text, found the byte 0x{data[error.start]:02x}", path, line
        ) from None
    return cassette.loads(text.replace("\r\n", "\n"), path, _SideFiles(side_folder(path)))


class Places:
    """Where interactions and messages stand in a cassette."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @cached_property
    def _text(self) -> str:
        return self._path.read_bytes().decode("utf-8").replace("\r\n", "\n")

    def of(self, number: int, message: int | None = None) -> str:
        """Return path and line of an interaction, from 0, or of a message in it."""
        try:
            return f"{self._path}:{cassette.line(self._text, self._path, number, message)}"
        except (OSError, UnicodeDecodeError, ForebayError, IndexError):
            return str(self._path)  # somebody has changed it meanwhile


class _SideFiles(dict[str, bytes]):
    """The side files of a cassette by name, each read when it is asked for."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def __contains__(self, name: object) -> bool:
        with contextlib.suppress(KeyError):
            self[str(name)]
        return super().__contains__(name)

    def __missing__(self, name: str) -> bytes:
        if "/" in name or "\\" in name or name in ("", ".", ".."):
            raise KeyError(name)
        try:
            self[name] = data = (self._folder / name).read_bytes()
        except (OSError, ValueError):
            raise KeyError(name) from None
        return data


def save(path: Path, interactions: Iterable[Interaction]) -> None:
    """Write a cassette; what was there stays whole until it is.

    Raises:
        ForebayError: when it cannot be written.
    """
    text, files = cassette.dumps(interactions)
    folder = side_folder(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            folder.mkdir(exist_ok=True)
            if not (folder / name).exists():
                wholefile.write(folder / name, data, durable=True)
        wholefile.write(path, text.encode("utf-8"), durable=True)
        _prune(folder, files)
    except OSError as error:
        place = error.filename or path
        raise ForebayError(
            f"expected to write the cassette {path}, found {place}: {error.strerror}"
        ) from None


def _prune(folder: Path, files: Mapping[str, bytes]) -> None:
    """Remove side files that nothing names any more."""
    if not folder.is_dir():
        return
    for each in folder.iterdir():
        if re.fullmatch(r"[0-9a-f]{32}\.bin", each.name) and each.name not in files:
            each.unlink()
    with contextlib.suppress(OSError):
        folder.rmdir()  # when it is empty

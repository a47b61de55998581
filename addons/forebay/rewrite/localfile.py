"""Files that answer requests; blocks, so not for the event loop."""

from __future__ import annotations

import mimetypes
import os
import stat
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from forebay.regularfile import open_regular
from forebay.rewrite.answer import Answer, content_type_of, parts_below

WHOLE_BYTES = 1_000_000
"""A longer file is read as its client takes it."""
# What mimetypes lacks, or has otherwise on some systems.
_TYPES = {
    "js": "text/javascript",
    "mjs": "text/javascript",
    "json": "application/json",
    "map": "application/json",
    "svg": "image/svg+xml",
    "wasm": "application/wasm",
    "webp": "image/webp",
    "woff2": "font/woff2",
}


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file that is there.

    Args:
        content_type: by its name.
        size_bytes: of the file.
        body: its content; None when it is longer than ``WHOLE_BYTES``.
        path: where it is.
    """

    content_type: str
    size_bytes: int
    body: bytes | None
    path: Path

    def read(self, offset: int, limit_bytes: int) -> bytes:
        """Return some of its bytes; for a long one.

        Raises:
            OSError: when it cannot be read.
        """
        with open_regular(self.path) as file:
            file.seek(offset)
            return file.read(limit_bytes)


def find(answer: Answer, path: str) -> LocalFile | None:
    """Return the file that *answer* has for a request's *path*, or None when there is none.

    One of a folder is never outside of it, whatever links say.

    Raises:
        OSError: when there is one, but it cannot be read.
    """
    found = Path(answer.file) if answer.file else _below(answer, path)
    if found is None:
        return None
    try:
        with open_regular(found) as file:
            status = os.fstat(file.fileno())
            body = file.read() if status.st_size <= WHOLE_BYTES else None
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, ValueError):
        return None
    size_bytes = status.st_size if body is None else len(body)
    return LocalFile(content_type_of(found.name, _types()), size_bytes, body, found)


def _below(answer: Answer, path: str) -> Path | None:
    parts = parts_below(path, answer.below)
    if parts is None:
        return None
    folder = Path(answer.folder).resolve()
    found = folder.joinpath(*parts)
    try:
        found = found.resolve(strict=True)
        if stat.S_ISDIR(found.stat().st_mode):
            found = (found / "index.html").resolve(strict=True)
    except (OSError, RuntimeError, ValueError):  # not there, a loop of links, a NUL
        return None
    return found if found.is_relative_to(folder) else None


@lru_cache(maxsize=1)
def _types() -> dict[str, str]:
    known = mimetypes.MimeTypes(filenames=())
    return {ending[1:]: name for ending, name in known.types_map[1].items()} | _TYPES

"""Read the end of a file and what is appended to it, wherever rotation takes it.

Glue: no waiting, whoever follows a file decides when to look again.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from forebay.errors import ForebayError

LONGEST_LINE_BYTES = 16 * 1024 * 1024
"""What is longer is no record, and skipped."""
FARTHEST_BACK_BYTES = 256 * 1024 * 1024
"""How far back lines are looked for that fit."""
_PIECE_BYTES = 256 * 1024


class Follower:
    """A file that grows, is renamed and made anew, or cut; it need not be there yet.

    Args:
        path: its name.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._rest = bytearray()
        self._is_endless = False

    def close(self) -> None:
        """Let go of the file; may come twice."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def last(self, number: int, fits: Callable[[bytes], bool]) -> list[bytes]:
        """Return the last *number* lines that fit, and go on behind the last line of all.

        Raises:
            ForebayError: when there is a file that cannot be read.
        """
        self._open()
        if self._file is None:
            return []
        try:
            return self._last(self._file, number, fits)
        except OSError as error:
            raise self._unreadable(error) from None

    def _last(self, file: BinaryIO, number: int, fits: Callable[[bytes], bool]) -> list[bytes]:
        at = end = file.seek(0, os.SEEK_END)
        found: list[bytes] = []
        later = b""  # what belongs to the line that ends in the piece before
        is_behind_last = True
        self._rest.clear()
        while at > 0 and end - at < FARTHEST_BACK_BYTES and len(later) < LONGEST_LINE_BYTES:
            size = min(_PIECE_BYTES, at)
            at -= size
            file.seek(at)
            first, *lines = (file.read(size) + later).split(b"\n")
            if is_behind_last and lines:
                self._rest += lines.pop()  # empty, or a line that is being written
                is_behind_last = False
            later = first
            if is_behind_last:
                continue
            # What is left ends in a newline: the last of it begins in this piece, or before.
            for line in reversed(lines):
                if len(found) >= number:
                    break
                if line and fits(line):
                    found.append(line)
            later += b"\n"
            if len(found) >= number:
                break
        else:
            line = later.rstrip(b"\n")
            if at == 0 and is_behind_last:
                self._rest += later
            elif at == 0 and line and len(found) < number and fits(line):
                found.append(line)
        file.seek(end)
        return found[::-1]

    def poll(self) -> Iterator[bytes]:
        """Yield all whole lines that were added since, those of a renamed file first.

        Raises:
            ForebayError: when there is a file that cannot be read.
        """
        try:
            if self._file is None:
                self._open()
            if self._file is None:
                return
            yield from self._added(self._file)
            if self._is_replaced(self._file):
                yield from self._added(self._file)  # up to the moment it was renamed
                if self._rest and not self._is_endless:
                    yield bytes(self._rest)  # nobody will end this line
                self._forget()
                self.close()
                self._open()
                if self._file is not None:
                    yield from self._added(self._file)
        except OSError as error:
            raise self._unreadable(error) from None

    def _added(self, file: BinaryIO) -> Iterator[bytes]:
        if os.fstat(file.fileno()).st_size < file.tell():
            file.seek(0)  # it was cut
            self._forget()
        while piece := file.read(_PIECE_BYTES):
            *lines, last = piece.split(b"\n")
            for line in lines:
                whole, is_endless = bytes(self._rest) + line, self._is_endless
                self._forget()
                if whole and not is_endless:
                    yield whole
            self._rest += last
            if len(self._rest) > LONGEST_LINE_BYTES:
                self._rest.clear()
                self._is_endless = True

    def _forget(self) -> None:
        self._rest.clear()
        self._is_endless = False

    def _is_replaced(self, file: BinaryIO) -> bool:
        try:
            return not os.path.samestat(self._path.stat(), os.fstat(file.fileno()))
        except FileNotFoundError:
            return False  # renamed; until there is a new one the old one may be written to

    def _open(self) -> None:
        try:
            # Unbuffered: what is read twice at the end of a file must be looked at twice.
            self._file = self._path.open("rb", buffering=0)
        except FileNotFoundError:
            self._file = None
        except (OSError, ValueError) as error:
            raise self._unreadable(error) from None

    def _unreadable(self, error: OSError | ValueError) -> ForebayError:
        said = (error.strerror if isinstance(error, OSError) else None) or str(error)
        return ForebayError(f"expected to read {self._path}, found: {said}")

"""A body too long for memory: what is known of the file that holds it.

It is cut in pieces, each with a digest of its own, so that none is sent
unproved and none has to wait for the rest.  A ``LargeBody`` has a length and can
be sliced like bytes; a slice is another view of the same file.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Protocol

from forebay.cache.checksum import CHECKSUM_BYTES, Checksum

PIECE_BYTES = 2**20
"""How much of the file has one digest, and lies in memory while it is sent."""

KEPT_BYTES = 2**20
"""A longer body is written to a file while it passes, if it is stored at all."""


class DamagedBodyError(Exception):
    """A file whose bytes are not those that were stored."""


class ValueFile(Protocol):
    """An open file; the last reference to it closes it."""

    def piece(self, number: int, digest: bytes) -> bytes:
        """Return the piece of that number, proved by its digest.

        Raises:
            DamagedBodyError: when it is not what was stored.
            OSError: when it cannot be read.
        """


@dataclass(frozen=True, slots=True)
class LargeBody:
    """The bytes from *first* up to *end* in the file *name*.

    Args:
        name: of the file, below the folder of the value files.
        total_bytes: size of the file.
        digests: those of its pieces, one after the other.
        first: where the view begins.
        end: where it ends; None for the end of the file.
        file: the open file, once it is wanted.
    """

    name: str
    total_bytes: int
    digests: bytes
    first: int = 0
    end: int | None = None
    file: ValueFile | None = field(default=None, compare=False, repr=False)

    def __len__(self) -> int:
        return (self.total_bytes if self.end is None else self.end) - self.first

    def __getitem__(self, wanted: slice) -> LargeBody:
        """Return the view of a slice with a step of one.

        >>> view = LargeBody("x", 10, b"")[2:8][1:3]
        >>> view.first, view.end
        (3, 5)
        """
        start, stop, _ = wanted.indices(len(self))
        return replace(self, first=self.first + start, end=self.first + max(start, stop))

    @property
    def is_sound(self) -> bool:
        """Whether the sizes fit together, and there is a digest for each piece."""
        pieces = -(-self.total_bytes // PIECE_BYTES)
        return self.total_bytes > 0 and len(self.digests) == pieces * CHECKSUM_BYTES

    def read(self, offset: int, limit_bytes: int) -> bytes:
        """Return some of the view's bytes from *offset* on, one at least; may block.

        Raises:
            DamagedBodyError: when they are not those that were stored.
            OSError: when they cannot be read.
        """
        if self.file is None:
            raise DamagedBodyError("expected an open file, found none")
        number, start = divmod(self.first + offset, PIECE_BYTES)
        digest = self.digests[number * CHECKSUM_BYTES : (number + 1) * CHECKSUM_BYTES]
        piece = self.file.piece(number, digest)
        return piece[start : start + min(limit_bytes, len(self) - offset)]


type Body = bytes | LargeBody
"""A body in memory, or in a file."""


class Digester:
    """Digest the pieces of a body that comes in any portions.

    >>> digester = Digester()
    >>> digester.update(bytes(PIECE_BYTES + 1))
    >>> len(digester.digests()) // CHECKSUM_BYTES
    2
    """

    __slots__ = ("_current", "_done", "_room_bytes")

    def __init__(self) -> None:
        self._done = bytearray()
        self._begin()

    def _begin(self) -> None:
        self._current = Checksum()
        self._room_bytes = PIECE_BYTES

    def update(self, data: bytes) -> None:
        """Take the next portion."""
        rest = memoryview(data)
        while rest:
            taken = rest[: self._room_bytes]
            self._current.update(taken)
            self._room_bytes -= len(taken)
            rest = rest[len(taken) :]
            if not self._room_bytes:
                self._done += self._current.digest()
                self._begin()

    def digests(self) -> bytes:
        """Return those of all pieces; the last one may be short."""
        if self._room_bytes == PIECE_BYTES:
            return bytes(self._done)
        self._done += self._current.digest()
        self._begin()
        return bytes(self._done)


def largest_bytes(max_object_bytes: int, *, disk_bytes: int, ram_bytes: int) -> int:
    """Return the longest body that is stored: a disk of 0 bytes is none.

    >>> largest_bytes(2**29, disk_bytes=2**30, ram_bytes=2**26) == 2**27
    True
    """
    return min(max_object_bytes, max(min(ram_bytes // 4, KEPT_BYTES), disk_bytes // 8))

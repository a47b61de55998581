r"""Read traffic logs: plain, gzip or zstd, piece by piece, whatever state they are in.

A line that is damaged (torn by a crash, cut by a full disk, edited by hand)
costs that line only: it is skipped, counted and named with its number.
"""

from __future__ import annotations

import itertools
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path
from typing import Protocol, cast

import msgspec
import zstandard

from forebay.errors import ForebayError
from forebay.trafficlog.record import VERSION

LONGEST_LINE_BYTES = 64 * 1024 * 1024
"""A longer line is damage: nothing that is logged comes near."""
STDIN = Path("-")
_PIECE_BYTES = 256 * 1024
_MOST_NAMED = 20
# As little as this may become 32 MB (zstd has 128 KB blocks of 4 bytes), not more.
_COMPRESSED_BYTES = 1024
_ENDLESS = "expected a record, found an endless line"
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_GZIP_MAGIC = b"\x1f\x8b"
# Levels above 19 want up to 128 MB; what Forebay writes, 8.
_ZSTD_WINDOW = 2**27


@dataclass(frozen=True, slots=True)
class Damage:
    """A line that was skipped: *path*, its number from 1, and why."""

    path: Path
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.reason}"


@dataclass(slots=True)
class Damages:
    """Lines that were skipped: how many, and the first of them."""

    count: int = 0
    first: list[Damage] = field(default_factory=list)

    def add(self, path: Path, line: int, reason: str) -> None:
        """Note one more."""
        self.count += 1
        if len(self.first) < _MOST_NAMED:
            self.first.append(Damage(path, line, reason))


class _Envelope(msgspec.Struct):
    v: int


_ENVELOPE = msgspec.json.Decoder(_Envelope)


def read[T](
    paths: Iterable[Path],
    decode: Callable[[bytes], T],
    damages: Damages,
    progress: Callable[[int], object] = lambda _: None,
) -> Iterator[T]:
    """Yield what *decode* makes of each line of all *paths*, in their order.

    Args:
        paths: files; ``-`` is the standard input.
        decode: returns the record of a line, or raises `msgspec.MsgspecError`
            (or ValueError, or RecursionError when it is nested too deeply).
        damages: where lines that are skipped are noted.
        progress: called with the bytes of the file that each piece took.

    Raises:
        ForebayError: when a file cannot be opened or read.
    """
    for path in paths:
        for number, line in numbered(path, damages, progress):
            try:
                yield decode(line)
            except (msgspec.MsgspecError, ValueError, RecursionError) as error:
                if line.strip():
                    damages.add(path, number, _reason(line, error))


def _reason(line: bytes, error: Exception) -> str:
    try:
        version = _ENVELOPE.decode(line).v
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return f"expected a record, found no JSON object with a version: {error}"
    if version > VERSION:
        return f"expected a record of version {VERSION} or less, found version {version}"
    return f"expected a record, found one that is damaged: {error}"


def numbered(
    path: Path, damages: Damages, progress: Callable[[int], object] = lambda _: None
) -> Iterator[tuple[int, bytes]]:
    """Yield each line of a file without its end, and its number from 1; see `read`.

    Raises:
        ForebayError: when the file cannot be opened or read.
    """
    number = 0
    rest: list[bytes] = []  # of a line that has no end yet; one that is too long keeps nothing
    rest_bytes = 0
    pieces = _pieces(path, progress)
    while True:
        try:
            piece = next(pieces, b"")
        except _BrokenOffError as error:
            damages.add(path, number + 1, str(error))
            return  # what was there of this line is part of the damage
        if not piece:
            break
        *whole, last = piece.split(b"\n")
        for line in whole:
            number += 1
            if rest_bytes:
                rest_bytes += len(line)
                if rest_bytes > LONGEST_LINE_BYTES:
                    damages.add(path, number, _ENDLESS)
                else:
                    yield number, b"".join((*rest, line))
                rest, rest_bytes = [], 0
            else:
                yield number, line
        if last:
            rest_bytes += len(last)
            rest = [*rest, last] if rest_bytes <= LONGEST_LINE_BYTES else []
    if rest_bytes > LONGEST_LINE_BYTES:
        damages.add(path, number + 1, _ENDLESS)
    elif rest:
        yield number + 1, b"".join(rest)  # torn, most likely: to be seen whether it is a record


class _BrokenOffError(Exception):
    """A compressed file that is cut off or damaged."""


def _pieces(path: Path, progress: Callable[[int], object]) -> Iterator[bytes]:
    """Yield the content piece by piece, and report how far the file itself was read.

    The first bytes tell how it is compressed.
    """
    with _opened(path) as raw:
        source = _reported(path, raw, progress)
        first = next(source, b"")
        while first and len(first) < len(_ZSTD_MAGIC):  # a pipe may give less
            more = next(source, b"")
            if not more:
                break
            first += more
        source = itertools.chain([first] if first else [], source)
        if first.startswith(_ZSTD_MAGIC):
            yield from _decompressed(source, _zstd_frame)
        elif first.startswith(_GZIP_MAGIC):
            yield from _decompressed(source, _gzip_member)
        else:
            yield from source


def _reported(
    path: Path, raw: BufferedReader, progress: Callable[[int], object]
) -> Iterator[bytes]:
    """Yield the bytes of the file as they are."""
    while True:
        try:
            piece = raw.read1(_PIECE_BYTES)
        except (OSError, ValueError) as error:
            raise ForebayError(f"expected to read {path}, found: {_said(error)}") from None
        if not piece:
            return
        progress(len(piece))
        yield piece


def _decompressed(source: Iterator[bytes], begin: Callable[[], _Frame]) -> Iterator[bytes]:
    """Yield what *source* holds compressed, in frames one after the other."""
    frame = begin()
    is_begun = False
    gathered: list[bytes] = []
    gathered_bytes = 0
    for compressed in source:
        for at in range(0, len(compressed), _COMPRESSED_BYTES):
            rest = compressed[at : at + _COMPRESSED_BYTES]
            while rest:
                try:
                    piece = frame.decompress(rest)
                except (zstandard.ZstdError, zlib.error) as error:
                    if gathered_bytes:
                        yield b"".join(gathered)
                    raise _BrokenOffError(
                        f"expected compressed data, found damage: {error}"
                    ) from None
                is_begun, rest = not frame.eof, frame.unused_data if frame.eof else b""
                if frame.eof:
                    frame = begin()
                gathered.append(piece)
                gathered_bytes += len(piece)
            if gathered_bytes >= _PIECE_BYTES:
                yield b"".join(gathered)
                gathered, gathered_bytes = [], 0
    if gathered_bytes:
        yield b"".join(gathered)
    if is_begun:
        raise _BrokenOffError("expected more compressed data, found the end of the file")


class _Frame(Protocol):
    """What undoes the compression of a frame (zstd) or a member (gzip)."""

    @property
    def eof(self) -> bool:
        """Whether its end was reached."""

    @property
    def unused_data(self) -> bytes:
        """What was given and lies behind its end."""

    def decompress(self, data: bytes, /) -> bytes:
        """Return what *data* adds."""


def _zstd_frame() -> _Frame:
    return zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).decompressobj()


def _gzip_member() -> _Frame:
    return zlib.decompressobj(wbits=31)


@contextmanager
def _opened(path: Path) -> Iterator[BufferedReader]:
    if path == STDIN:
        yield cast(BufferedReader, sys.stdin.buffer)
        return
    try:
        raw = path.open("rb")
    except FileNotFoundError as error:
        compressed = path.with_name(f"{path.name}.zst")
        try:
            raw = compressed.open("rb")  # the writer was faster
        except OSError:
            raise ForebayError(f"expected a traffic log, found {path}: {_said(error)}") from None
    except (OSError, ValueError) as error:  # ValueError: no file can have this name
        raise ForebayError(f"expected a traffic log, found {path}: {_said(error)}") from None
    with raw:
        yield raw


def _said(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)

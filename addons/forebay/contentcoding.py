"""Undo content codings (RFC 9110 §8.4.1), never beyond a limit.

A few hundred bytes can stand for a gigabyte, so every decoder is asked for no
more than is wanted.

Pure: no mitmproxy, no clock, no files.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable

import brotli
import zstandard

LONGEST_CHAIN = 4
# Content is fed in pieces: what follows a member is copied each time, and of zstd each
# four bytes can stand for 128 KiB, for which its decoder knows no limit.
_INFLATE_PIECE = 4096
_ZSTD_PIECE = 64
_ZSTD_WINDOW = 2**23  # RFC 9659 §3: no sender may want more


class CodingError(Exception):
    """Content that cannot be decoded, or is longer than wanted; its text says which."""


def _inflated(data: bytes, limit_bytes: int, window_bits: int, is_cut: bool) -> bytes:
    found = bytearray()
    at = 0
    while at < len(data):
        decoder = zlib.decompressobj(window_bits)
        while not decoder.eof:
            piece = data[at : at + _INFLATE_PIECE]
            if not piece and is_cut:
                return bytes(found)
            if not piece:
                raise CodingError("content that is cut off")
            found += decoder.decompress(piece, limit_bytes + 1 - len(found))
            if len(found) > limit_bytes:
                return bytes(found)
            at += len(piece) - len(decoder.unused_data)
        if window_bits < 16:
            break  # only gzip has members
    return bytes(found)


def _gzip(data: bytes, limit_bytes: int, is_cut: bool) -> bytes:
    return _inflated(data, limit_bytes, zlib.MAX_WBITS | 16, is_cut)


def _deflate(data: bytes, limit_bytes: int, is_cut: bool) -> bytes:
    # With the wrapper that the RFC wants, or without, as many servers send it.
    wrapped = len(data) >= 2 and data[0] & 15 == 8 and not int.from_bytes(data[:2]) % 31
    return _inflated(data, limit_bytes, zlib.MAX_WBITS if wrapped else -zlib.MAX_WBITS, is_cut)


def _brotli(data: bytes, limit_bytes: int, is_cut: bool) -> bytes:
    decoder = brotli.Decompressor()
    found: bytes = decoder.process(data, output_buffer_limit=limit_bytes + 1)
    if len(found) <= limit_bytes and not decoder.is_finished() and not is_cut:
        raise CodingError("content that is cut off")
    return found


def _zstd(data: bytes, limit_bytes: int, is_cut: bool) -> bytes:
    frames = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
    found = bytearray()
    at = 0
    while at < len(data):
        decoder = frames.decompressobj()
        while not decoder.eof:
            piece = data[at : at + _ZSTD_PIECE]
            if not piece and is_cut:
                return bytes(found)
            if not piece:
                raise CodingError("content that is cut off")
            found += decoder.decompress(piece)
            if len(found) > limit_bytes:
                return bytes(found)
            at += len(piece) - len(decoder.unused_data)
    return bytes(found)


_DECODERS: dict[str, Callable[[bytes, int, bool], bytes]] = {
    "gzip": _gzip,
    "x-gzip": _gzip,
    "deflate": _deflate,
    "br": _brotli,
    "zstd": _zstd,
}
KNOWN = frozenset(_DECODERS)


def codings(value: str) -> list[str]:
    """Return the codings that a Content-Encoding names, in the order in which they were applied.

    >>> codings("gzip, Identity , BR")
    ['gzip', 'br']
    """
    found = (part.strip().lower() for part in value.split(","))
    return [part for part in found if part and part != "identity"]


def decoded(data: bytes, value: str, limit_bytes: int) -> bytes:
    """Return *data* without the codings of *value*, a Content-Encoding.

    Raises:
        CodingError: when a coding is not known, the content is damaged or cut
            off, or it has more than *limit_bytes*.
    """
    found, is_whole = beginning(data, value, limit_bytes)
    if not is_whole:
        raise CodingError(f"more than {limit_bytes:,} bytes")
    return found


def beginning(
    data: bytes, value: str, limit_bytes: int, *, is_cut: bool = False
) -> tuple[bytes, bool]:
    """Return the beginning of `decoded` content, and whether that is all of it.

    Args:
        data: the content.
        value: a Content-Encoding.
        limit_bytes: how much of it is wanted.
        is_cut: whether *data* itself is a beginning only.

    Raises:
        CodingError: as `decoded` does, save that there may be more.
    """
    chain = codings(value)
    if len(chain) > LONGEST_CHAIN:
        raise CodingError(f"more than {LONGEST_CHAIN} content codings")
    is_whole = not is_cut
    for number, coding in enumerate(reversed(chain), start=1):
        decode = _DECODERS.get(coding)
        if decode is None:
            raise CodingError(f"the content coding {coding[:40]}")
        try:
            data = decode(data, limit_bytes, not is_whole) if data else b""
        except (zlib.error, brotli.error, zstandard.ZstdError, EOFError) as error:
            raise CodingError(f"content that is no {coding}: {error}") from None
        if len(data) > limit_bytes:
            is_whole = False
            if number < len(chain):
                data = data[:limit_bytes]
    return data[:limit_bytes], is_whole and len(data) <= limit_bytes

"""The harmless resources that a rule may send in place of a blocked one.

Pure.  They go by the names that lists use, so ``redirect=noop.js`` and
``rewrite=abp-resource:blank-js`` mean what their authors expect.  Stand-ins
with a behaviour of their own, such as for analytics scripts, are not here.
"""

from __future__ import annotations

import re
import struct
import zlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stub:
    """A resource that does nothing."""

    content_type: bytes
    body: bytes


def stub(name: str) -> Stub | None:
    """Return the resource that a rule calls *name*, None when there is none of that name.

    The case does not count, nor does a priority at the end.

    >>> stub("NoOp.json:10")
    Stub(content_type=b'application/json', body=b'{}')
    >>> stub("analytics.js")
    """
    wanted = name.lower()
    return _STUBS.get(wanted) or _STUBS.get(_PRIORITY.sub("", wanted))


_PRIORITY = re.compile(r":-?[0-9]+\Z")


def _png(width: int, height: int) -> Stub:
    """Return a transparent picture: 8-bit RGBA, each row after its filter byte."""
    rows = bytes((1 + 4 * width) * height)
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows, 9)),
        (b"IEND", b""),
    ]
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
    return Stub(b"image/png", b"\x89PNG\r\n\x1a\n" + body)


def _gif() -> Stub:
    """Return one transparent pixel."""
    screen = struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + bytes(6)  # two colours, both black
    transparent = bytes.fromhex("21f9040100000000")  # colour 0 is
    image = struct.pack("<BHHHHB", 0x2C, 0, 0, 1, 1, 0)
    pixel = bytes.fromhex("02 02 4401 00")  # LZW of 3 bits: clear, colour 0, end
    return Stub(b"image/gif", b"GIF89a" + screen + transparent + image + pixel + b";")


def _mp3(frames: int) -> Stub:
    """Return silence of 26 ms for each frame: MPEG-1 layer III, 32 kbit/s, 44.1 kHz, mono.

    Side information of zeros says that a frame has no sound in it.
    """
    header = bytes.fromhex("fffb10c0")
    length = 144 * 32_000 // 44_100
    return Stub(b"audio/mpeg", header.ljust(length, b"\0") * frames)


def _box(kind: bytes, *parts: bytes) -> bytes:
    """Return a box of an ISO base media file (ISO/IEC 14496-12 §4.2)."""
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind) + body


_SPS = bytes.fromhex("6742c00adde4")  # H.264 constrained baseline, 16 x 16
_PPS = bytes.fromhex("68ce3880")
# An IDR slice of one macroblock as plain samples (I_PCM): luma, both chromas, the stop bit.
_PICTURE = bytes.fromhex("6588848680") + b"\x10" * 256 + b"\x80" * 128 + b"\x80"
_MATRIX = struct.pack(">9I", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
_MS = 1_000  # units in a second


def _mp4() -> Stub:
    """Return one second of one black picture, without sound."""
    one = struct.pack(">II", 0, 1)  # version and flags, then a count
    sample = struct.pack(">I", len(_PICTURE)) + _PICTURE
    kind = _box(b"ftyp", b"isom", struct.pack(">I", 0x200), b"isomavc1mp41")
    data = _box(b"mdat", sample)
    configuration = _box(
        b"avcC",
        b"\x01" + _SPS[1:4] + b"\xff\xe1" + struct.pack(">H", len(_SPS)) + _SPS,
        b"\x01" + struct.pack(">H", len(_PPS)) + _PPS,
    )
    picture = struct.pack(">6xH16xHHIIIH32xHh", 1, 16, 16, 72 << 16, 72 << 16, 0, 1, 24, -1)
    samples = _box(
        b"stbl",
        _box(b"stsd", one, _box(b"avc1", picture, configuration)),
        _box(b"stts", one, struct.pack(">II", 1, _MS)),
        _box(b"stsc", one, struct.pack(">III", 1, 1, 1)),
        _box(b"stsz", struct.pack(">III", 0, len(sample), 1)),
        _box(b"stco", one, struct.pack(">I", len(kind) + 8)),
    )
    place = _box(b"dinf", _box(b"dref", one, _box(b"url ", struct.pack(">I", 1))))
    media = _box(
        b"mdia",
        _box(b"mdhd", struct.pack(">5IHH", 0, 0, 0, _MS, _MS, 0x55C4, 0)),
        _box(b"hdlr", struct.pack(">8x4s13x", b"vide")),
        _box(b"minf", _box(b"vmhd", struct.pack(">I8x", 1)), place, samples),
    )
    track = struct.pack(">6I16x36sII", 3, 0, 0, 1, 0, _MS, _MATRIX, 16 << 16, 16 << 16)
    movie = _box(
        b"moov",
        _box(
            b"mvhd",
            struct.pack(">5IIH10x36s24xI", 0, 0, 0, _MS, _MS, 1 << 16, 0x100, _MATRIX, 2),
        ),
        _box(b"trak", _box(b"tkhd", track), media),
    )
    return Stub(b"video/mp4", kind + data + movie)


def _xml(text: str) -> Stub:
    return Stub(b"text/xml; charset=utf-8", text.encode("ascii"))


_NOTHING = Stub(b"text/plain; charset=utf-8", b"")
_VMAP = '<vmap:VMAP xmlns:vmap="http://www.iab.net/videosuite/vmap" version="1.0"/>'

_STUBS: dict[str, Stub] = {
    name: resource
    for names, resource in [
        ("1x1.gif 1x1-transparent.gif abp-resource:1x1-transparent-gif", _gif()),
        *(
            (f"{size}.png {size}-transparent.png abp-resource:{size}-transparent-png", picture)
            for size, picture in [("2x2", _png(2, 2)), ("3x2", _png(3, 2)), ("32x32", _png(32, 32))]
        ),
        ("noop.js noopjs abp-resource:blank-js", Stub(b"text/javascript; charset=utf-8", b"")),
        ("noop.css noopcss abp-resource:blank-css", Stub(b"text/css; charset=utf-8", b"")),
        (
            "noop.html noopframe abp-resource:blank-html",
            Stub(b"text/html; charset=utf-8", b"<!doctype html><title></title>"),
        ),
        ("noop.txt nooptext empty abp-resource:blank-text", _NOTHING),
        ("noop.json noopjson", Stub(b"application/json", b"{}")),
        ("noop-vast2.xml noopvast-2.0", _xml('<VAST version="2.0"/>')),
        ("noop-vast3.xml noopvast-3.0", _xml('<VAST version="3.0"/>')),
        ("noop-vast4.xml noopvast-4.0", _xml('<VAST version="4.0"/>')),
        ("noop-vmap1.xml noop-vmap1.0.xml noopvmap-1.0", _xml(_VMAP)),
        ("noop-0.1s.mp3 noopmp3-0.1s abp-resource:blank-mp3", _mp3(4)),
        ("noop-0.5s.mp3", _mp3(20)),
        ("noop-1s.mp4 noopmp4-1s abp-resource:blank-mp4", _mp4()),
    ]
    for spelled in names.split()
    # Adblock Plus has its resources under a prefix, which a rule's value may have lost.
    for name in {spelled, spelled.removeprefix("abp-resource:")}
}

NAMES: frozenset[str] = frozenset(_STUBS)
"""Every name that there is, in lower case."""

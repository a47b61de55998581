"""The resources that stand in for blocked ones."""

from __future__ import annotations

import json
import struct
import xml.etree.ElementTree as ET
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.blocklist.stubs import NAMES, Stub, stub


@pytest.mark.parametrize(
    ("names", "content_type"),
    [
        ("1x1.gif 1x1-transparent.gif 1x1-transparent-gif", b"image/gif"),
        ("2x2.png 2x2-transparent.png 2x2-transparent-png", b"image/png"),
        ("3x2.png 3x2-transparent.png 3x2-transparent-png", b"image/png"),
        ("32x32.png 32x32-transparent.png 32x32-transparent-png", b"image/png"),
        ("noop.js noopjs blank-js", b"text/javascript; charset=utf-8"),
        ("noop.css noopcss blank-css", b"text/css; charset=utf-8"),
        ("noop.html noopframe blank-html", b"text/html; charset=utf-8"),
        ("noop.txt nooptext blank-text empty", b"text/plain; charset=utf-8"),
        ("noop.json noopjson", b"application/json"),
        ("noop-vast2.xml noopvast-2.0", b"text/xml; charset=utf-8"),
        ("noop-vast3.xml noopvast-3.0", b"text/xml; charset=utf-8"),
        ("noop-vast4.xml noopvast-4.0", b"text/xml; charset=utf-8"),
        ("noop-vmap1.xml noop-vmap1.0.xml noopvmap-1.0", b"text/xml; charset=utf-8"),
        ("noop-0.1s.mp3 noopmp3-0.1s blank-mp3", b"audio/mpeg"),
        ("noop-0.5s.mp3", b"audio/mpeg"),
        ("noop-1s.mp4 noopmp4-1s blank-mp4", b"video/mp4"),
    ],
)
def test_all_spellings_of_a_name_are_one_resource(names, content_type):
    found = {stub(name) for name in names.split()}

    assert len(found) == 1
    assert found.pop().content_type == content_type


@pytest.mark.parametrize(
    "name", ["NoopJS", "noop.js:10", "NOOP.JS:-1", "abp-resource:blank-js", "blank-js:0"]
)
def test_neither_case_nor_priority_nor_prefix_counts(name):
    assert stub(name) == stub("noop.js")


@pytest.mark.parametrize(
    "name",
    [
        *[
            "",
            ":",
            ":10",
            "noop.js:",
            "noop.js:ten",
            "noop.js:1:2",
            "noop.js:\u0661",
            "noop.js:1\n",
        ],
        *["google-analytics_ga.js", "click2load.html", "none", "abp-resource:noop.js"],
    ],
)
def test_any_other_name_is_none(name):
    assert stub(name) is None


@given(st.sampled_from(["", *sorted(NAMES)]), st.text(max_size=10))
def test_what_follows_a_name_is_a_priority_or_spoils_it(name, rest):
    found = stub(name + rest)

    assert found is None or (name + rest).lower() in NAMES or found == stub(name)


def test_all_names_are_in_lower_case_and_found():
    assert len(NAMES) > 40
    assert all(isinstance(stub(name), Stub) and name == name.lower() for name in NAMES)


def test_none_is_large():
    assert max(len(stub(name).body) for name in NAMES) < 4_096


def chunks(png: bytes) -> dict[bytes, bytes]:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    found, place = {}, 8
    while place < len(png):
        length, kind = struct.unpack_from(">I4s", png, place)
        data = png[place + 8 : place + 8 + length]
        (crc,) = struct.unpack_from(">I", png, place + 8 + length)
        assert crc == zlib.crc32(kind + data)
        found[kind] = data
        place += 12 + length
    assert list(found) == [b"IHDR", b"IDAT", b"IEND"]
    return found


@pytest.mark.parametrize(("name", "size"), [("2x2", (2, 2)), ("3x2", (3, 2)), ("32x32", (32, 32))])
def test_a_png_is_as_large_as_it_says_and_transparent(name, size):
    found = chunks(stub(f"{name}.png").body)
    width, height = size

    assert struct.unpack(">IIBBBBB", found[b"IHDR"]) == (*size, 8, 6, 0, 0, 0)
    assert zlib.decompress(found[b"IDAT"]) == bytes((1 + 4 * width) * height)


def test_the_gif_is_one_transparent_pixel():
    body = stub("1x1.gif").body
    screen, palette, control = body[6:13], body[13:19], body[19:27]
    image, pixels = body[27:37], body[37:]

    assert body[:6] == b"GIF89a"
    assert struct.unpack("<HHBBB", screen) == (1, 1, 0x80, 0, 0)
    assert palette == bytes(6)
    assert control[:4] == b"\x21\xf9\x04\x01"
    assert control[6:] == b"\x00\x00"
    assert struct.unpack("<BHHHHB", image) == (0x2C, 0, 0, 1, 1, 0)
    # Codes of three bits, the first one lowest: clear (4), colour 0, end (5).
    assert pixels == bytes([2, 2, *(4 | 0 << 3 | 5 << 6).to_bytes(2, "little"), 0]) + b";"


@pytest.mark.parametrize(("name", "seconds"), [("noop-0.1s.mp3", 0.1), ("noop-0.5s.mp3", 0.5)])
def test_an_mp3_is_whole_frames_of_silence(name, seconds):
    """MPEG-1 layer III at 32 kbit/s and 44.1 kHz: 104 bytes and 1,152 samples a frame."""
    body = stub(name).body
    frames = [body[place : place + 104] for place in range(0, len(body), 104)]

    assert set(frames) == {b"\xff\xfb\x10\xc0" + bytes(100)}
    assert len(frames) * 1_152 / 44_100 == pytest.approx(seconds, abs=0.03)


CONTAINERS = {b"moov", b"trak", b"mdia", b"minf", b"dinf", b"stbl"}


def boxes(data: bytes, start: int = 0) -> dict[bytes, tuple[int, bytes]]:
    """Return the place in the file and the content of each box."""
    found, place = {}, 0
    while place < len(data):
        size, kind = struct.unpack_from(">I4s", data, place)
        assert 8 <= size <= len(data) - place
        content = data[place + 8 : place + size]
        found[kind] = (start + place + 8, content)
        if kind in CONTAINERS:
            found |= boxes(content, start + place + 8)
        place += size
    return found


def test_the_mp4_is_one_picture_for_a_second():
    body = stub("noop-1s.mp4").body
    found = boxes(body)
    (offset,) = struct.unpack_from(">I", found[b"stco"][1], 8)
    (size,) = struct.unpack_from(">I", found[b"stsz"][1], 4)

    assert next(iter(found)) == b"ftyp"
    assert found[b"mdat"] == (offset, body[offset : offset + size])
    assert struct.unpack(">4I", found[b"stts"][1]) == (0, 1, 1, 1_000)
    assert struct.unpack_from(">II", found[b"mdhd"][1], 12) == (1_000, 1_000)
    assert [len(found[kind][1]) for kind in (b"mvhd", b"tkhd", b"vmhd")] == [100, 84, 12]
    # One unit, an IDR slice, whose samples are black: 16 of luma, 128 of both chromas.
    unit = body[offset + 4 : offset + size]
    assert struct.unpack_from(">I", body, offset) == (len(unit),)
    assert unit[0] & 0x1F == 5
    assert unit[-385:-1] == b"\x10" * 256 + b"\x80" * 128


@pytest.mark.parametrize("version", ["2", "3", "4"])
def test_vast_is_a_reply_without_ads(version):
    root = ET.fromstring(stub(f"noop-vast{version}.xml").body)

    assert (root.tag, root.get("version"), len(root)) == ("VAST", f"{version}.0", 0)


def test_vmap_is_a_playlist_without_breaks():
    root = ET.fromstring(stub("noop-vmap1.xml").body)

    assert root.tag.endswith("}VMAP")
    assert len(root) == 0


def test_what_is_text_holds_nothing():
    assert json.loads(stub("noop.json").body) == {}
    assert b"<script" not in stub("noop.html").body
    assert {stub(name).body for name in ("noop.js", "noop.css", "noop.txt", "empty")} == {b""}

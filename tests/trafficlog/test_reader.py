"""Reading logs in whatever state they are."""

from __future__ import annotations

import gzip
import io
import os
import sys
import tempfile
import threading
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from forebay.errors import ForebayError
from forebay.trafficlog import reader
from forebay.trafficlog.reader import STDIN, Damages, numbered, read

DECODE = msgspec.json.Decoder(dict).decode
PACKED = {
    "plain": lambda data: data,
    "gzip": gzip.compress,
    "gzip members": lambda data: gzip.compress(data[:7]) + gzip.compress(data[7:]),
    "zstd": zstandard.ZstdCompressor().compress,
    "zstd frames": lambda data: (
        zstandard.ZstdCompressor().compress(data[:7])
        + zstandard.ZstdCompressor().compress(data[7:])
    ),
}


def lines_of(data: bytes, damages: Damages | None = None) -> list[tuple[int, bytes]]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log"
        path.write_bytes(data)
        return list(numbered(path, Damages() if damages is None else damages))


def expected(data: bytes) -> list[tuple[int, bytes]]:
    lines = data.split(b"\n")
    return list(enumerate(lines if lines[-1] else lines[:-1], 1))


@pytest.mark.parametrize("packed", PACKED.values(), ids=PACKED)
@pytest.mark.parametrize("size", [1, 2, 3, 5, 1000])
def test_lines_and_numbers_are_right_wherever_pieces_end(packed, size, monkeypatch):
    monkeypatch.setattr(reader, "_PIECE_BYTES", size)
    monkeypatch.setattr(reader, "_COMPRESSED_BYTES", size)
    data = b"one\n\ntwo two\n" + b"x" * 40 + b"\nlast"
    damages = Damages()

    found = lines_of(packed(data), damages)

    assert found == expected(data)
    assert damages.count == 0


@given(st.binary(max_size=300), st.sampled_from(sorted(PACKED)), st.integers(0, 400))
def test_any_bytes_are_read_however_they_are_packed_or_cut(data, form, cut):
    """What is cut is named; no exception, no line that was not there."""
    damages = Damages()
    packed = PACKED[form](data)

    whole = lines_of(packed, damages)
    cut_off = lines_of(packed[:cut])

    if form != "plain":
        assert whole == expected(data)
        assert damages.count == 0
        assert len(cut_off) <= len(whole) or cut < 4  # too short to be told from plain text
    assert [number for number, _ in cut_off] == list(range(1, len(cut_off) + 1))


@given(st.lists(st.sampled_from([b'{"v":1}', b"{}", b"x", b"", b"\xff", b"[" * 5000, b'{"v":9}'])))
def test_a_damaged_line_costs_that_line_only(lines):
    damages = Damages()

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log"
        path.write_bytes(b"\n".join(lines))
        found = list(read([path], DECODE, damages))

    bad = [n for n, each in enumerate(lines, 1) if each in (b"x", b"\xff", b"[" * 5000)]
    assert len(found) == len([each for each in lines if each.startswith(b"{")])
    assert damages.count == len(bad)
    assert [each.line for each in damages.first] == bad[:20]


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(data):
    for start in (b"", b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\x1f\x8b\x08\x00", b"\n"):
        lines_of(start + data)


@pytest.mark.parametrize("form", ["gzip", "zstd"])
@pytest.mark.parametrize("count", [1, 5000])
def test_a_cut_file_gives_its_whole_lines_and_is_named(form, count):
    """The line in which it breaks off is part of the damage, and not damage twice."""
    # Pieces that a writer flushes are read whole; a frame that holds nothing is named too.
    data = b"".join(b'{"n":%d}\n' % (n * 7919 % 100_003) for n in range(count))
    packed, damages = PACKED[form](data), Damages()

    found = lines_of(packed[: len(packed) - 5], damages)

    assert found == expected(data)[: len(found)]
    assert damages.count == 1
    assert "expected more compressed data, found the end of the file" in damages.first[0].reason
    assert damages.first[0].line == len(found) + 1


@pytest.mark.parametrize("form", ["gzip", "zstd"])
def test_garbage_behind_a_frame_is_damage_and_no_line(form):
    damages = Damages()

    found = lines_of(PACKED[form](b"a\nb\n") + b"garbage", damages)

    assert found == [(1, b"a"), (2, b"b")]
    assert "expected compressed data, found damage" in damages.first[0].reason


@pytest.mark.parametrize("end", [b"", b"\nnext\n"])
def test_an_endless_line_is_skipped_and_counted(end, monkeypatch):
    monkeypatch.setattr(reader, "LONGEST_LINE_BYTES", 100)
    monkeypatch.setattr(reader, "_PIECE_BYTES", 30)
    damages = Damages()

    found = lines_of(b"first\n" + b"x" * 1000 + end, damages)

    assert found == [(1, b"first")] + ([(3, b"next")] if end else [])
    assert [(each.line, each.reason) for each in damages.first] == [
        (2, "expected a record, found an endless line")
    ]


def test_a_newer_version_is_named(tmp_path):
    (tmp_path / "log").write_bytes(b'{"v":99}\n{"v":1}\n')

    class Old(msgspec.Struct):
        v: int
        needed: str

    damages = Damages()
    assert list(read([tmp_path / "log"], msgspec.json.Decoder(Old).decode, damages)) == []

    assert str(damages.first[0]) == (
        f"{tmp_path}/log:1: expected a record of version 1 or less, found version 99"
    )
    assert "found one that is damaged: Object missing required field `needed`" in str(
        damages.first[1]
    )


def test_only_the_first_damages_are_named():
    damages = Damages()
    for number in range(100):
        damages.add(Path("log"), number, "bad")

    assert damages.count == 100
    assert len(damages.first) == 20


def test_progress_adds_up_to_the_size_of_the_file(tmp_path):
    path = tmp_path / "log.zst"
    path.write_bytes(PACKED["zstd"](os.urandom(1_000_000).hex().encode()))
    seen = []

    list(numbered(path, Damages(), seen.append))

    assert sum(seen) == path.stat().st_size
    assert len(seen) > 1


def test_a_pipe_is_read_as_well(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(PACKED["gzip"](b"a\nb\n"),))

    writer.start()
    found = list(numbered(path, Damages()))
    writer.join()

    assert found == [(1, b"a"), (2, b"b")]


@pytest.mark.parametrize("packed", PACKED.values(), ids=PACKED)
def test_the_standard_input_may_be_compressed(packed, monkeypatch):
    source = io.BufferedReader(io.BytesIO(packed(b"a long line\nb\n")))
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=source))

    assert list(numbered(STDIN, Damages())) == [(1, b"a long line"), (2, b"b")]


def test_a_file_compressed_meanwhile_is_found(tmp_path):
    (tmp_path / "log.zst").write_bytes(PACKED["zstd"](b"a\n"))

    assert list(numbered(tmp_path / "log", Damages())) == [(1, b"a")]


@pytest.mark.parametrize(
    ("name", "said"),
    [("missing", "No such file or directory"), ("", "Is a directory"), ("a\0b", "null")],
)
def test_a_file_that_cannot_be_opened_is_named(tmp_path, name, said):
    with pytest.raises(ForebayError, match=f"expected a traffic log, found .*{said}"):
        list(numbered(tmp_path / name, Damages()))


@pytest.mark.skipif(sys.platform != "linux", reason="needs a file that opens and cannot be read")
def test_a_file_that_cannot_be_read_is_named():
    with pytest.raises(ForebayError, match="expected to read /proc/self/mem, found: Input/output"):
        list(numbered(Path("/proc/self/mem"), Damages()))

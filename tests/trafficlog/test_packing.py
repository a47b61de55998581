"""One file, slice by slice; every fault is a real one where it can be."""

from __future__ import annotations

import errno
import os
import stat

import pytest
import zstandard

from forebay.trafficlog import packing
from forebay.trafficlog.packing import Packing

LINES = [b"%06d %s\n" % (number, b"x" * 40) for number in range(1000)]
CONTENT = b"".join(LINES)


@pytest.fixture(name="plain")
def _plain(tmp_path, monkeypatch):
    monkeypatch.setattr(packing, "FRAME_BYTES", 10_000)
    path = tmp_path / "t.jsonl"
    path.write_bytes(CONTENT)
    return path


def names(plain) -> list[str]:
    return [path.name for path in plain.parent.iterdir()]


def unpacked(path) -> bytes:
    with path.open("rb") as file:
        return zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True).read()


def test_the_whole_is_in_place_before_the_plain_file_goes(plain):
    """At each step one of both is whole."""
    packed = plain.with_name("t.jsonl.zst")
    work = Packing(plain)
    steps = 0
    while not work.step():
        steps += 1
        assert plain.read_bytes() == CONTENT
        assert not packed.exists()

    assert steps == 5
    assert names(plain) == ["t.jsonl.zst"]
    assert unpacked(packed) == CONTENT
    assert stat.S_IMODE(packed.stat().st_mode) == 0o600


def test_each_frame_holds_whole_lines(plain):
    """So damage to one costs only its own."""
    work = Packing(plain)
    while not work.step():
        pass
    rest = plain.with_name("t.jsonl.zst").read_bytes()
    frames = []
    while rest:
        one = zstandard.ZstdDecompressor().decompressobj()
        frames.append(one.decompress(rest))
        rest = one.unused_data

    assert len(frames) == 5
    assert all(frame.endswith(b"\n") for frame in frames)


def test_a_line_longer_than_a_frame_is_kept(plain):
    content = b"1\n" + b"x" * 35_000 + b"\n2\n"
    plain.write_bytes(content)
    work = Packing(plain)
    while not work.step():
        pass

    assert unpacked(plain.with_name("t.jsonl.zst")) == content


def test_what_a_crash_left_is_done_again(plain):
    """Half a file, or a whole one whose plain file is still there."""
    plain.with_name("t.jsonl.zst.part").write_bytes(b"half")
    plain.with_name("t.jsonl.zst").write_bytes(b"somebody's half")
    work = Packing(plain)
    while not work.step():
        pass

    assert names(plain) == ["t.jsonl.zst"]
    assert unpacked(plain.with_name("t.jsonl.zst")) == CONTENT


def test_one_that_was_deleted_meanwhile_does_not_come_back(plain):
    work = Packing(plain)
    work.step()
    plain.unlink()
    while not work.step():
        pass

    assert names(plain) == []


def test_work_that_another_has_taken_for_a_crashs_is_given_up(plain):
    """Where nothing can be locked: the plain file stays."""
    work = Packing(plain)
    part = plain.with_name("t.jsonl.zst.part")
    part.unlink()
    part.write_bytes(b"half")
    while not work.step():
        pass

    assert plain.read_bytes() == CONTENT
    assert not plain.with_name("t.jsonl.zst").exists()


@pytest.mark.skipif(os.name == "nt", reason="no locks")
def test_two_are_never_at_the_same_file(plain):
    work = Packing(plain)

    with pytest.raises(BlockingIOError):
        Packing(plain)
    work.abandon()
    Packing(plain).abandon()
    assert names(plain) == ["t.jsonl"]


@pytest.mark.skipif(os.name == "nt", reason="POSIX files")
@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_what_is_no_plain_file_is_refused(plain, kind):
    """Not even looked at."""
    odd = plain.with_name("odd")
    if kind == "link":
        odd.symlink_to(plain)
    else:
        os.mkfifo(odd)
        keep = os.open(odd, os.O_RDWR)  # else an open would wait for a writer

    with pytest.raises(OSError):
        Packing(odd)
    assert plain.read_bytes() == CONTENT
    if kind == "pipe":
        os.close(keep)


def test_a_disk_that_refuses_leaves_the_plain_file(plain, monkeypatch):
    def full(fd):
        raise OSError(errno.ENOSPC, "No space left on device")

    work = Packing(plain)
    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(OSError, match="No space left"):
        work.step()
    work.abandon()
    assert names(plain) == ["t.jsonl"]
    assert plain.read_bytes() == CONTENT

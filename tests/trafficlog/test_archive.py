"""The folder of one log."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from forebay.trafficlog.archive import Archive
from forebay.trafficlog.rotation import Rotation

fcntl = pytest.importorskip("fcntl")

STAMP = "20250131T235959Z"
NOW_S = 1_738_368_000.0


class Folder:
    """A log's folder, and what was warned of."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.warnings: list[str] = []
        self.archive = Archive(
            path / "t.jsonl", lambda cause, message: self.warnings.append(message)
        )

    def add(self, *names: str, size_bytes: int = 10) -> None:
        for name in names:
            (self.path / name).write_bytes(b"x" * (size_bytes - 1) + b"\n")

    def work(self) -> None:
        self.archive.sweep()
        while self.archive.is_busy:
            self.archive.step()

    @property
    def names(self) -> list[str]:
        return sorted(path.name for path in self.path.iterdir())


@pytest.fixture(name="folder")
def _folder(tmp_path):
    return Folder(tmp_path)


def rotated(number: int, ending: str = "") -> str:
    return f"t-{STAMP}-{number:06}.jsonl{ending}"


def test_a_name_is_numbered_above_all_that_are_there(folder):
    """And above all that were there."""
    folder.add(rotated(7, ".zst"), f"t-9-{STAMP}-000009.jsonl", "u-20250101T000000Z-000900.jsonl")
    first = folder.archive.name(folder.path / "t.jsonl", NOW_S)
    second = folder.archive.name(folder.path / "t-5.jsonl", NOW_S)

    assert first.name == "t-20250201T000000Z-000010.jsonl"
    assert second.name == "t-5-20250201T000000Z-000011.jsonl"


def test_all_that_was_rotated_is_compressed(folder):
    """That of dead processes too; nothing else is touched."""
    others = ["t.jsonl", "t.jsonl.1", "notes.txt", f"u-{STAMP}-000001.jsonl"]
    folder.add(rotated(1), f"t-9-{STAMP}-000002.jsonl", *others)
    folder.work()

    assert folder.names == sorted([rotated(1, ".zst"), f"t-9-{STAMP}-000002.jsonl.zst", *others])
    assert folder.warnings == []


def test_without_compression_files_stay_but_no_record_is_there_twice(folder):
    """A twin is of a crash between two steps, or of the time before."""
    folder.archive.rotation = Rotation(pack=False)
    folder.add(rotated(1), rotated(2), rotated(2, ".zst"), rotated(3), rotated(3, ".zst.part"))
    folder.work()

    assert folder.names == [rotated(1), rotated(2, ".zst"), rotated(3)]


def test_what_a_crash_left_over_goes(folder):
    folder.add(rotated(1, ".zst"), rotated(2, ".zst.part"), rotated(3), rotated(3, ".zst.part"))
    folder.work()

    assert folder.names == [rotated(1, ".zst"), rotated(3, ".zst")]


def test_the_oldest_are_deleted_until_all_fit(folder):
    """With the live files of other processes counted."""
    folder.archive.rotation = Rotation(at_bytes=10, total_bytes=100, pack=False)
    folder.add(*(rotated(n) for n in range(1, 8)), size_bytes=20)
    folder.add("t.jsonl", "t-9.jsonl", size_bytes=15)
    folder.add("t.jsonl.1", "u.jsonl", size_bytes=1000)
    folder.archive.sweep()

    assert folder.names == sorted(
        ["t.jsonl", "t-9.jsonl", "t.jsonl.1", "u.jsonl", *(rotated(n) for n in (5, 6, 7))]
    )


def test_links_and_folders_are_never_followed_or_deleted(folder, tmp_path_factory):
    """However they are called."""
    elsewhere = tmp_path_factory.mktemp("elsewhere") / rotated(1)
    elsewhere.write_bytes(b"precious\n" * 100)
    (folder.path / rotated(1)).symlink_to(elsewhere)
    (folder.path / "t-9.jsonl").symlink_to(elsewhere)
    (folder.path / rotated(2)).mkdir()
    folder.archive.rotation = Rotation(total_bytes=1)
    folder.archive.adopt(folder.path / "t.jsonl", NOW_S)
    folder.work()

    assert folder.names == [rotated(1), rotated(2), "t-9.jsonl"]
    assert elsewhere.read_bytes() == b"precious\n" * 100


def test_live_files_of_the_dead_are_rotated_and_those_of_the_living_are_not(folder):
    folder.add("t.jsonl", "t-1.jsonl", "t-2.jsonl", "t-3.jsonl")
    (folder.path / "t-4.jsonl").touch()
    held = os.open(folder.path / "t-2.jsonl", os.O_RDWR)
    fcntl.flock(held, fcntl.LOCK_EX)
    folder.archive.adopt(folder.path / "t-3.jsonl", NOW_S)

    assert folder.names == [
        "t-1-20250201T000000Z-000001.jsonl", "t-2.jsonl", "t-3.jsonl", "t.jsonl",
    ]  # fmt: skip
    os.close(held)


def test_where_nothing_can_be_locked_no_live_file_is_touched(folder, monkeypatch):
    """It may be a living process's."""

    def unsupported(fd, operation):
        raise OSError(errno.ENOLCK, "No locks available")

    folder.add("t-1.jsonl")
    monkeypatch.setattr(fcntl, "flock", unsupported)
    folder.archive.adopt(folder.path / "t.jsonl", NOW_S)

    assert folder.names == ["t-1.jsonl"]


def test_an_end_leaves_the_plain_file_for_the_next_start(folder):
    folder.add(rotated(1), rotated(2))
    folder.archive.sweep()
    folder.archive.step()
    assert rotated(1, ".zst.part") in folder.names
    folder.archive.stop()

    assert folder.names == [rotated(1), rotated(2)]
    assert not folder.archive.is_busy


def test_a_disk_that_refuses_costs_a_warning_and_is_tried_again(folder, monkeypatch):
    fsync = os.fsync

    def full(fd):
        raise OSError(errno.ENOSPC, "No space left on device")

    folder.add(rotated(1))
    monkeypatch.setattr(os, "fsync", full)
    folder.work()
    assert folder.names == [rotated(1)]
    monkeypatch.setattr(os, "fsync", fsync)
    folder.work()

    assert folder.names == [rotated(1, ".zst")]
    assert folder.warnings == [
        f"expected to rotate, compress or delete {rotated(1)}, found No space left on device"
    ]


def test_a_folder_that_is_gone_is_nothing_to_tell(folder):
    folder.path.rmdir()
    folder.archive.adopt(folder.path / "t.jsonl", NOW_S)
    folder.work()

    assert folder.warnings == []

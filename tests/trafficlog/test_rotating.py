"""The log as files: when a new one begins, and what is synced."""

from __future__ import annotations

import errno
import os

import pytest

from forebay.trafficlog.rotating import RETRY_S, RotatingFile
from forebay.trafficlog.rotation import Rotation

NOON_S = 1_738_411_200.0


class Log(RotatingFile):
    """With clocks that stand until they are set."""

    def __init__(self, folder) -> None:
        self.now_s = 0.0
        self.wall_s = NOON_S
        self.warnings: list[str] = []
        self.folder = folder
        super().__init__(
            folder / "t.jsonl",
            clock=lambda: self.now_s,
            wall=lambda: self.wall_s,
            warn=lambda cause, message: self.warnings.append(message),
        )

    @property
    def names(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir())


@pytest.fixture(name="log")
def _log(tmp_path):
    log = Log(tmp_path)
    log.rotation = Rotation(pack=False)
    log.open()
    yield log
    log.close()


@pytest.fixture(name="syncs")
def _syncs(monkeypatch):
    """Count syncs of files, and have them fail while an error is set."""
    calls = []
    monkeypatch.setattr(os, "fsync", calls.append)
    return calls


def test_a_file_ends_before_it_is_too_long(log):
    log.rotation = Rotation(at_bytes=10, pack=False)
    for line in (b"1234\n", b"5678\n", b"9\n"):
        log.append(line)

    assert log.names == ["t-20250201T120000Z-000001.jsonl", "t.jsonl"]
    assert (log.folder / log.names[0]).read_bytes() == b"1234\n5678\n"
    assert log.path.read_bytes() == b"9\n"


def test_a_file_ends_with_its_period_though_nothing_comes(log):
    log.rotation = Rotation(every_s=3600, pack=False)
    log.append(b"1\n")
    log.wall_s += 3599
    log.rotate_if_due()
    assert log.names == ["t.jsonl"]
    assert log.idle_s() == 1
    log.wall_s += 1
    log.rotate_if_due()

    assert log.names == ["t-20250201T130000Z-000001.jsonl", "t.jsonl"]
    assert log.idle_s() == 60  # not an hour: the clock may be set


def test_a_start_goes_by_when_the_file_was_written_at_last(log):
    """Days may lie between."""
    log.append(b"1\n")
    log.close()
    os.utime(log.path, (NOON_S - 86400, NOON_S - 86400))
    later = Log(log.folder)
    later.rotation = Rotation(every_s=86400, pack=False)
    later.open()
    later.append(b"2\n")
    later.close()

    assert later.names == ["t-20250201T120000Z-000001.jsonl", "t.jsonl"]
    assert later.path.read_bytes() == b"2\n"


def test_an_empty_file_is_not_rotated(log):
    log.rotate()

    assert log.names == ["t.jsonl"]
    assert log.warnings == []


def test_what_is_no_file_is_not_rotated(tmp_path):
    """It says so when asked, and no folder is searched for it."""
    (tmp_path / "t.jsonl").symlink_to("/dev/null")
    log = Log(tmp_path)
    log.rotation = Rotation(at_bytes=1)
    log.open()
    log.begin()
    for _ in range(3):
        assert log.append(b"1\n") == (2, None)
    assert log.warnings == []
    log.rotate()
    log.close()

    assert log.names == ["t.jsonl"]
    assert log.warnings == [f"expected a regular file in its place to rotate, found {log.path}"]


def test_a_rotation_that_fails_costs_nothing_and_is_tried_again_later(log, monkeypatch):
    rename = os.rename
    tries = []

    def refuse(source, target, **_):
        tries.append(target)
        raise OSError(errno.EACCES, "Permission denied")

    log.rotation = Rotation(at_bytes=4, pack=False)
    monkeypatch.setattr(os, "rename", refuse)
    for line in (b"1\n", b"2\n", b"3\n", b"4\n"):
        assert log.append(line) == (2, None)
    assert len(tries) == 1
    monkeypatch.setattr(os, "rename", rename)
    log.now_s += RETRY_S
    log.append(b"5\n")

    assert log.warnings == [f"expected to rotate {log.path}, found Permission denied"]
    assert (log.folder / log.names[0]).read_bytes() == b"1\n2\n3\n4\n"
    assert log.path.read_bytes() == b"5\n"


@pytest.mark.parametrize(
    ("every_s", "expected"), [(None, [0, 0, 0]), (0, [1, 2, 3]), (5, [0, 0, 1])]
)
def test_syncs_come_as_often_as_asked(log, syncs, every_s, expected):
    """Each batch, or when the oldest that is not on the disk is old enough."""
    log.sync_every_s = every_s
    counts = []
    for now_s in (0.0, 4.9, 5.0):
        log.now_s = now_s
        log.append(b"1\n")
        counts.append(len(syncs))

    assert counts == expected


def test_a_sync_is_due_though_nothing_comes(log, syncs):
    log.sync_every_s = 5
    assert log.idle_s() is None
    log.append(b"1\n")
    log.now_s = 2
    assert (log.idle_s(), log.is_sync_due) == (3, False)
    log.now_s = 6
    assert (log.idle_s(), log.is_sync_due) == (0, True)
    log.append(b"")

    assert len(syncs) == 1
    assert log.idle_s() is None


def test_a_file_that_is_synced_is_so_before_it_is_rotated(log, syncs):
    """And its new name after."""
    log.sync_every_s = 60
    log.append(b"1\n")
    log.rotate()

    assert len(syncs) == 2


def test_what_was_written_is_synced_at_the_end(log, syncs):
    log.sync_every_s = 60
    log.append(b"1\n")
    log.finish()

    assert len(syncs) == 1


def test_a_start_puts_the_folder_in_order(log):
    """What was left is compressed, in steps."""
    (log.folder / "t-7.jsonl").write_bytes(b"1\n")
    log.rotation = Rotation()
    log.begin()
    while log.is_busy:
        log.step()

    assert log.names == ["t-7-20250201T120000Z-000001.jsonl.zst", "t.jsonl"]

"""The file itself; every fault is a real one."""

from __future__ import annotations

import errno
import os
import stat
import sys
from pathlib import Path

import pytest

from forebay.trafficlog.logfile import LOOK_EVERY_S, LogFile

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX files")


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture(name="clock")
def _clock():
    return Clock()


@pytest.fixture(name="file")
def _file(tmp_path, clock):
    file = LogFile(tmp_path / "log" / "traffic.jsonl", clock)
    yield file
    file.close()


def test_file_and_folder_are_the_users_alone(file):
    file.open()

    assert file.append(b"1\n") == (2, None)
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.path.parent.stat().st_mode) == 0o700


def test_lines_are_appended_to_what_is_there(file):
    file.open()
    file.append(b"1\n")
    file.close()
    file.close()
    file.append(b"2\n")

    assert file.path.read_bytes() == b"1\n2\n"


def test_a_torn_last_line_is_ended_first(file):
    """As a crash leaves it."""
    file.path.parent.mkdir()
    file.path.write_bytes(b'1\n{"v":1,"ki')

    file.append(b"2\n")
    file.append(b"3\n")

    assert file.path.read_bytes() == b'1\n{"v":1,"ki\n2\n3\n'


@pytest.mark.parametrize("hide", [Path.unlink, lambda path: path.rename(path.with_suffix(".1"))])
def test_a_file_that_others_moved_is_opened_anew(file, clock, hide):
    """Within a second, the first look being due then."""
    file.open()
    file.append(b"1\n")
    hide(file.path)
    file.append(b"2\n")
    clock.now_s = LOOK_EVERY_S
    file.append(b"3\n")

    assert file.path.read_bytes() == b"3\n"
    moved = file.path.with_suffix(".1")
    assert not moved.exists() or moved.read_bytes() == b"1\n2\n"


def test_a_folder_that_others_removed_is_made_anew(file, clock):
    file.open()
    file.path.unlink()
    file.path.parent.rmdir()
    clock.now_s = LOOK_EVERY_S

    assert file.append(b"1\n") == (2, None)
    assert file.path.read_bytes() == b"1\n"


def test_a_truncated_file_is_written_on(file):
    """``copytruncate``."""
    file.open()
    file.append(b"1\n")
    os.truncate(file.path, 0)
    file.append(b"2\n")

    assert file.path.read_bytes() == b"2\n"


@posix
def test_one_that_is_in_use_is_left_to_its_writer(file, clock):
    """Even when both are in this process."""
    file.open()
    others = [LogFile(file.path, clock) for _ in range(3)]
    for other in others:
        other.open()
        other.append(b"2\n")

    assert [other.path.name for other in others] == [
        f"traffic-{os.getpid()}.jsonl",
        f"traffic-{os.getpid()}-2.jsonl",
        f"traffic-{os.getpid()}-3.jsonl",
    ]
    assert file.path.read_bytes() == b""
    for other in others:
        other.close()


@posix
def test_there_is_an_end_to_names(file, clock, monkeypatch):
    """A file system that never grants a lock."""
    import fcntl

    def busy(fd, operation):
        raise BlockingIOError

    monkeypatch.setattr(fcntl, "flock", busy)

    with pytest.raises(OSError, match="Every name for it is in use"):
        file.open()


@posix
def test_a_file_system_without_locks_is_written_all_the_same(file, clock, monkeypatch):
    """Some network file systems."""
    import fcntl

    def unsupported(fd, operation):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", unsupported)
    file.open()

    assert file.path.name == "traffic.jsonl"


def test_a_platform_without_locks_shares_the_file(file, clock, monkeypatch):
    """Windows."""
    monkeypatch.setitem(sys.modules, "fcntl", None)
    file.open()
    other = LogFile(file.path, clock)
    other.open()

    assert other.path == file.path
    other.close()


@pytest.mark.parametrize("name", ["folder", "file/below"])
def test_what_cannot_be_written_says_so(tmp_path, clock, name):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"")
    file = LogFile(tmp_path / name, clock)

    with pytest.raises(OSError):
        file.open()
    written, error = file.append(b"1\n")
    assert written == 0
    assert error is not None


@posix
def test_a_pipe_without_a_reader_is_refused_not_waited_for(tmp_path, clock):
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(OSError) as caught:
        LogFile(tmp_path / "pipe", clock).open()
    assert caught.value.errno == errno.ENXIO


@posix
def test_a_write_that_stops_half_way_tells_how_far_it_came(tmp_path, clock):
    """A pipe that is full stands for a disk that is; the torn line is ended next time."""
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    file = LogFile(tmp_path / "pipe", clock)
    lines = b"0123456\n" * 100_001

    written, error = file.append(b"x" + lines)
    got = b""
    while len(got) < written:
        got += os.read(reader, 1 << 20)
    again, none = file.append(b"2\n")

    assert error is not None
    assert error.errno == errno.EAGAIN
    assert 0 < written < len(lines)
    assert got == (b"x" + lines)[:written]
    assert got[-1:] != b"\n"
    assert (again, none) == (2, None)
    assert os.read(reader, 100) == b"\n2\n"
    file.close()
    os.close(reader)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux")
def test_a_full_disk_is_an_error_not_an_exception(clock):
    file = LogFile(Path("/dev/full"), clock)

    written, error = file.append(b"1\n")

    assert written == 0
    assert error is not None
    assert error.errno == errno.ENOSPC
    file.close()


@posix
def test_what_was_renamed_between_open_and_lock_is_not_written(file, monkeypatch):
    """Its writer rotates it at this moment, and somebody will read it as whole."""
    import fcntl

    flock, moved = fcntl.flock, []

    def late(fd, operation):
        if not moved:
            moved.append(file.path.rename(file.path.with_suffix(".1")))
        return flock(fd, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    file.open()
    file.append(b"1\n")

    assert moved[0].read_bytes() == b""
    assert file.path.read_bytes() == b"1\n"


@posix
def test_a_file_that_others_always_move_is_given_up(file, monkeypatch):
    """An open must end."""
    import fcntl

    flock = fcntl.flock

    def late(fd, operation):
        for path in file.path.parent.glob("*.jsonl"):
            path.unlink()
        return flock(fd, operation)

    monkeypatch.setattr(fcntl, "flock", late)

    with pytest.raises(OSError, match="Every name for it is in use"):
        file.open()


def test_a_file_is_moved_and_begun_anew(file):
    """Torn as it may be, the new one begins with a whole line."""
    file.path.parent.mkdir()
    file.path.write_bytes(b"torn")
    file.open()
    old = file.path.with_name("old.jsonl")
    file.move_to(old)
    file.append(b"1\n")

    assert old.read_bytes() == b"torn"
    assert file.path.read_bytes() == b"1\n"


@posix
def test_only_a_regular_file_in_its_place_is_found(tmp_path, file, clock):
    """What is no such file cannot be rotated."""
    assert file.found() is None
    file.open()
    file.append(b"1\n")
    found = file.found()
    file.path.unlink()
    (tmp_path / "link.jsonl").symlink_to(tmp_path / "elsewhere")
    link = LogFile(tmp_path / "link.jsonl", clock)
    link.open()
    null = LogFile(Path("/dev/null"), clock)
    null.open()

    assert found is not None
    assert found.st_size == 2
    assert [each.found() for each in (file, link, null)] == [None, None, None]
    link.close()
    null.close()


@posix
def test_a_sync_tells_what_is_wrong(file, clock, monkeypatch):
    """And asks nothing of a device, which could only refuse."""

    def broken(fd):
        raise OSError(errno.EIO, "Input/output error")

    null = LogFile(Path("/dev/null"), clock)
    null.open()
    file.open()
    assert file.sync() is None
    monkeypatch.setattr(os, "fsync", broken)

    assert file.sync().errno == errno.EIO
    assert null.sync() is None
    null.close()

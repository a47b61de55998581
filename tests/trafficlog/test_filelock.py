"""Locks that end with their holder."""

from __future__ import annotations

import errno
import os
import sys

import pytest

from forebay.trafficlog.filelock import Lock, lock

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no such locks")


def opened(path):
    return os.open(path, os.O_RDWR | os.O_CREAT)


def test_a_file_is_one_holders_until_it_is_closed(tmp_path):
    first, second = opened(tmp_path / "f"), opened(tmp_path / "f")

    assert [lock(first), lock(second)] == [Lock.OURS, Lock.TAKEN]
    os.close(first)
    assert lock(second) is Lock.OURS
    os.close(second)


def test_a_pipe_has_none():
    ends = os.pipe()

    assert lock(ends[0]) is Lock.NONE
    for end in ends:
        os.close(end)


def test_where_files_cannot_be_locked_nobody_can_tell(tmp_path, monkeypatch):
    import fcntl

    def unsupported(fd, operation):
        raise OSError(errno.ENOLCK, "No locks available")

    fd = opened(tmp_path / "f")
    monkeypatch.setattr(fcntl, "flock", unsupported)

    assert lock(fd) is Lock.NONE
    monkeypatch.setitem(sys.modules, "fcntl", None)
    assert lock(fd) is Lock.NONE
    os.close(fd)

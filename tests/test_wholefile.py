"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import stat

import pytest

from forebay import wholefile


def test_it_takes_the_place_of_what_was_there(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    wholefile.write(path, b"new", durable=True)

    assert path.read_bytes() == b"new"
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("mode", [0o600, 0o640])
def test_its_permissions(tmp_path, mode):
    """Whatever the process gives to new files."""
    before = os.umask(0o077)
    try:
        wholefile.write(tmp_path / "file", b"", mode=mode)
    finally:
        os.umask(before)

    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == mode


def test_what_a_crash_has_left_is_no_hindrance(tmp_path):
    (tmp_path / f".file.{os.getpid()}").write_bytes(b"half of another")
    wholefile.write(tmp_path / "file", b"new", mode=0o600)

    assert (tmp_path / "file").read_bytes() == b"new"
    assert len(list(tmp_path.iterdir())) == 1


def test_what_cannot_be_written_leaves_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def refuse(fd):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OSError, match="No space left"):
        wholefile.write(path, b"new", durable=True)

    assert path.read_bytes() == b"old"
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_without_its_folder_it_is_not_written(tmp_path):
    with pytest.raises(FileNotFoundError):
        wholefile.write(tmp_path / "none" / "file", b"")

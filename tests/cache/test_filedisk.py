"""Rows whose value files are written by others; the whole is tested with the database."""

from __future__ import annotations

import pytest
from diskcache.core import MODE_BINARY, MODE_RAW

from forebay.cache.filedisk import FileDisk, FileRow
from forebay.cache.rawdisk import RefusedRowError

NAME = f"ab/cd/{'0' * 28}.val"


@pytest.fixture
def disk(tmp_path):
    return FileDisk(str(tmp_path), min_file_size=10)


def test_the_row_holds_the_record_and_counts_the_file(disk):
    size, mode, name, value = disk.store(FileRow(b"record" * 9, NAME, 12345), read=False)

    assert (size, mode, name, bytes(value)) == (12345, MODE_RAW, NAME, b"record" * 9)
    assert disk.fetch(mode, name, bytes(value), read=False) == b"record" * 9
    assert disk.written == []


def test_other_values_are_stored_as_ever(disk):
    assert disk.store(b"x", read=False) == (0, MODE_RAW, None, b"x")
    assert disk.store(b"x" * 10, read=False)[1] == MODE_BINARY


def test_what_is_kept_is_not_removed(disk, tmp_path):
    path = tmp_path / NAME
    path.parent.mkdir(parents=True)
    path.write_bytes(b"x")

    disk.kept.add(NAME)
    disk.remove(NAME)
    assert path.exists()
    disk.kept.clear()
    disk.remove(NAME)
    assert not path.exists()


@pytest.mark.parametrize("name", ["../x", "cache.db", "ab/cd/x.val"])
def test_no_path_leads_out(disk, name):
    with pytest.raises(RefusedRowError):
        disk.path(name)

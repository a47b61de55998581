"""Counting and checking a cache folder."""

from __future__ import annotations

import os

import pytest

from cache.builders import NOW, entry, key
from cache.folders import execute, large, stored, written
from forebay.cache.entry import VaryIndex
from forebay.cache.inventory import NoCacheError
from forebay.cli import health

INDEX = VaryIndex(((b"accept",),), 5.0)


def test_everything_is_counted(tmp_path):
    stored(tmp_path, entry(), entry(received_at_s=NOW - 90), INDEX, entry(body=b"x" * 200_000))
    execute(tmp_path, "UPDATE Cache SET raw = 0 WHERE rowid = 1")

    found = health.stats(tmp_path, NOW + 5)

    assert found.pop("disk_bytes") > 200_000
    assert found == {
        "folder": str(tmp_path),
        "responses": 2,
        "fresh": 1,
        "stale": 1,
        "variant_lists": 1,
        "damaged": 1,
        "body_bytes": 200_005,
        "oldest_s": 95,
        "newest_s": 5,
    }


def test_an_empty_cache_has_no_ages(tmp_path):
    stored(tmp_path)

    found = health.stats(tmp_path, NOW)

    assert found["responses"] == 0 and "oldest_s" not in found


def test_what_is_intact_verifies(tmp_path):
    stored(tmp_path, entry(), INDEX)

    assert health.verify(tmp_path) == {"records": 2, "damaged": [], "faults": []}


def test_damaged_rows_and_files_are_found(tmp_path):
    stored(tmp_path, entry(), entry(body=os.urandom(200_000)), entry())
    execute(tmp_path, "UPDATE Cache SET value = x'00' WHERE rowid = 1")
    (file,) = tmp_path.rglob("*.val")
    file.write_bytes(b"other")

    found = health.verify(tmp_path)

    assert found["records"] == 3 and found["faults"] == []
    assert [each["row"] for each in found["damaged"]] == [1, 2]


def test_damaged_pages_are_found(tmp_path):
    stored(tmp_path, *[entry(body=os.urandom(3000))] * 40)
    path = tmp_path / "objects" / "cache.db"
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2] + b"\xee" * (len(data) // 2))

    assert health.verify(tmp_path)["faults"]


@pytest.mark.parametrize("action", [lambda folder: health.stats(folder, NOW), health.verify])
def test_no_cache_is_told(tmp_path, action):
    with pytest.raises(NoCacheError):
        action(tmp_path)


def test_a_damaged_body_in_a_file_of_its_own_is_found(tmp_path):
    stored(tmp_path)
    record = large(tmp_path, os.urandom(600_000))
    with written(tmp_path, {key(): record}):
        assert health.verify(tmp_path)["damaged"] == []
        (file,) = tmp_path.rglob("*.val")
        data = file.read_bytes()
        for content in (data[:-1] + bytes([data[-1] ^ 1]), data[:-1]):
            file.write_bytes(content)
            (found,) = health.verify(tmp_path)["damaged"]
            assert found["key"] == key().hex() and found["reason"].startswith("expected")
        file.unlink()
        (found,) = health.verify(tmp_path)["damaged"]
        assert "No such file" in found["reason"]

"""What a cache folder holds, read beside a proxy."""

from __future__ import annotations

import os
import stat

import pytest

from cache.builders import DEADLINE_S, entry, key
from cache.folders import execute, stored, written
from forebay.cache.entry import FORMAT, VaryIndex
from forebay.cache.inventory import Damage, Inventory, NoCacheError
from forebay.cache.vary import variant_key
from forebay.errors import ForebayError

LONG = entry(body=os.urandom(300_000))


def test_records_are_read_beside_a_store_that_is_open(tmp_path):
    with written(tmp_path, {key(0): entry(), key(1): LONG}) as store, Inventory(tmp_path) as found:
        assert dict(found.records()) == {key(0): entry(), key(1): LONG}
        store.put(key(2), entry())
        assert store.flush(DEADLINE_S)
        assert found.record(key(2)) == entry()
        assert found.record(key(7)) is None


def test_records_are_read_after_the_store_was_closed(tmp_path):
    stored(tmp_path, entry(), LONG)

    with Inventory(tmp_path) as found:
        assert found.record(key(1)) == LONG
        assert found.faults() == []
        assert found.size_bytes() > 300_000


def test_a_writer_is_never_locked_out(tmp_path):
    with (
        written(tmp_path, {key(0): entry(), key(1): entry()}) as store,
        Inventory(tmp_path) as found,
    ):
        rows = found.rows()
        next(rows)
        store.delete(key(1))
        assert store.flush(DEADLINE_S)
        assert list(rows) == []


def test_nothing_is_written(tmp_path):
    stored(tmp_path, entry())
    with Inventory(tmp_path) as found, pytest.raises(ForebayError, match="readonly"):
        found._rows("DELETE FROM Cache")


def test_side_files_are_private(tmp_path):
    stored(tmp_path, entry())
    with Inventory(tmp_path) as found:
        list(found.rows())
    for path in (tmp_path / "objects").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0


def test_variants_are_found_by_the_key_of_the_url(tmp_path):
    index = VaryIndex(((b"accept",),), 5.0)
    records = {key(0): index, key(1): entry(), key(2): entry(said=((b"accept", b"c"),))}
    for value in (b"a", None):
        said = ((b"accept", value),)
        records[variant_key(key(0), said, 5.0)] = entry(said=said)
    outdated = ((b"accept", b"b"),)
    records[variant_key(key(0), outdated, 4.0)] = entry(said=outdated)

    with written(tmp_path, records), Inventory(tmp_path) as found:
        assert {each.said[0][1] for _, each in found.entries_under(key(0))} == {b"a", None}
        assert list(found.entries_under(key(1))) == [(key(1), entry())]
        assert list(found.entries_under(key(9))) == []


@pytest.mark.parametrize(
    ("change", "values", "reason"),
    [
        ("value = ?", [b"junk"], "expected at least"),
        ("value = zeroblob(999)", [], "expected format"),
        ("key = 'text'", [], "expected a key of 20 bytes"),
        ("key = x'00'", [], "expected a key of 20 bytes"),
        ("raw = 0", [], "expected a key of 20 bytes"),
        ("mode = 4", [], "expected raw bytes or a file, found a row of mode 4"),
        ("mode = 2, filename = '/etc/passwd'", [], "expected a value file, found '/etc/passwd'"),
        ("mode = 2, filename = x'ff'", [], "expected a file name of text"),
        ("mode = 2, filename = CAST(x'ff' AS TEXT)", [], "expected a value file"),
        ("mode = 2, filename = ?", ["00/00/" + "0" * 28 + ".val"], "No such file"),
    ],
)
def test_damaged_rows_are_told(tmp_path, change, values, reason):
    stored(tmp_path, entry(), entry())
    execute(tmp_path, f"UPDATE Cache SET {change} WHERE rowid = 1", *values)

    with Inventory(tmp_path) as found:
        damaged, intact = found.rows()
        assert isinstance(damaged, Damage) and damaged.row == 1
        assert reason in damaged.reason
        assert intact == (key(1), entry())
        assert list(found.records()) == [(key(1), entry())]
        assert found.record(key(0)) is None


@pytest.mark.parametrize("content", [b"", b"x" * 4096, b"SQLite format 3\0" + b"\xff" * 9000])
def test_a_damaged_database_is_one_line(tmp_path, content):
    stored(tmp_path, entry())
    (tmp_path / "objects" / "cache.db").write_bytes(content)

    with pytest.raises(ForebayError, match="expected a sound database in") as told:
        Inventory(tmp_path)
    assert "\n" not in str(told.value)


def test_damaged_pages_are_one_line(tmp_path):
    stored(tmp_path, *[entry(body=os.urandom(3000))] * 40)
    path = tmp_path / "objects" / "cache.db"
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2] + b"\xee" * (len(data) // 2))

    with Inventory(tmp_path) as found, pytest.raises(ForebayError, match="sound database"):
        list(found.rows())


def test_no_cache_is_told(tmp_path):
    with pytest.raises(NoCacheError, match=r"expected a cache in .*, found none"):
        Inventory(tmp_path)


@pytest.mark.parametrize("number", [FORMAT - 1, FORMAT + 1])
def test_another_format_is_told(tmp_path, number):
    stored(tmp_path, entry())
    (tmp_path / "format").write_text(f"{number}\n", encoding="ascii")

    with pytest.raises(ForebayError, match=f"found format {number}"):
        Inventory(tmp_path)


def test_an_entry_that_does_not_know_its_url():
    assert entry().url == ""


def test_a_body_in_memory_has_no_file_to_be_damaged(tmp_path):
    stored(tmp_path, entry())
    with Inventory(tmp_path) as found:
        assert found.body_fault(entry()) is None

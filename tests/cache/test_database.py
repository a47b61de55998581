"""The database on a real disk."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from dataclasses import replace

import diskcache
import pytest

from cache.builders import NOW, key
from forebay.cache.database import Database
from forebay.cache.filedisk import FileRow
from forebay.cache.rawdisk import RefusedRowError
from forebay.cache.valuefile import DraftFile

LONG = os.urandom(200_000)


@pytest.fixture
def database(tmp_path):
    opened = Database(tmp_path)
    yield opened
    opened.close()


def execute(tmp_path, statement, *values):
    with contextlib.closing(sqlite3.connect(tmp_path / "cache.db")) as connection, connection:
        connection.execute(statement, values)


def test_changes_are_there_for_the_next_who_opens(database, tmp_path):
    database.write([(key(1), b"one"), (key(2), LONG), (key(3), b"x")])
    database.write([(key(3), None), (key(1), b"two"), (key(9), None)])

    with contextlib.closing(Database(tmp_path)) as again:
        assert [again.read(key(n)) for n in (1, 2, 3)] == [b"two", LONG, None]
        assert sorted(again.stored_keys()) == [key(1), key(2)]


def test_files_are_for_their_owner(database, tmp_path):
    database.write([(key(), LONG)])

    modes = {path.stat().st_mode & 0o777 for path in tmp_path.rglob("*") if path.is_file()}

    assert modes == {0o600}


def test_a_failed_batch_leaves_nothing_behind(database, tmp_path):
    database.write([(key(1), b"before")])

    with pytest.raises(RefusedRowError):
        database.write([(key(1), b"after"), (key(2), LONG), (key(3), "text")])

    assert database.read(key(1)) == b"before" and database.read(key(2)) is None
    assert not list(tmp_path.rglob("*.val"))


def test_a_foreign_lock_is_not_waited_for(database, tmp_path):
    with contextlib.closing(sqlite3.connect(tmp_path / "cache.db")) as other:
        other.execute("BEGIN IMMEDIATE")

        with pytest.raises(diskcache.Timeout):
            database.write([(key(), b"x")])

        assert database.read(key()) is None


def test_what_was_stored_longest_ago_is_culled(database):
    for number in range(40):
        database.write([(key(number), os.urandom(50_000))])
    database.write([(key(0), os.urandom(50_000))])

    gone = database.cull(1_500_000)

    assert database.volume() <= 1_500_000
    assert key(1) in gone
    assert sorted({*gone, *database.stored_keys()}) == [key(n) for n in range(40)]


def test_culling_ends_when_nothing_is_left(database):
    database.write([(key(1), b"x"), (key(2), LONG)])

    assert sorted(database.cull(0)) == [key(1), key(2)]
    assert database.cull(2**40) == []


def test_a_database_that_was_replaced_is_noticed(database, tmp_path):
    assert database.is_in_place()

    (tmp_path / "cache.db").rename(tmp_path / "old")
    assert not database.is_in_place()
    (tmp_path / "cache.db").write_bytes(b"")
    assert not database.is_in_place()


def test_orphans_of_a_killed_process_are_swept(database, tmp_path):
    database.write([(key(), LONG)])
    young, old = (tmp_path / "ab" / "cd" / f"{name * 28}.val" for name in "12")
    old.parent.mkdir(parents=True)
    for path in (young, old):
        path.write_bytes(b"x")
    os.utime(young, (NOW, NOW))
    os.utime(old, (NOW - 9_999, NOW - 9_999))
    for path in tmp_path.rglob("*.val"):
        if path != young:
            os.utime(path, (NOW - 9_999, NOW - 9_999))

    assert database.sweep(NOW) == 1

    assert not old.exists() and young.exists() and database.read(key()) == LONG


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO Settings VALUES ('sqlite_writable_schema', 1)",
        "INSERT INTO Settings VALUES ('get', 'x')",
        "UPDATE Settings SET value = 'off' WHERE key = 'sqlite_journal_mode'",
        "UPDATE Settings SET value = 4 WHERE key = 'disk_pickle_protocol'",
        "UPDATE Settings SET value = 'x' WHERE key = 'size'",
    ],
)
def test_settings_of_others_are_damage(database, tmp_path, statement):
    """diskcache would run them as pragmas, or set them as attributes."""
    execute(tmp_path, statement)

    with pytest.raises(sqlite3.DatabaseError, match="none of ours"):
        Database(tmp_path)


def test_keys_of_others_are_not_listed(database, tmp_path):
    database.write([(key(), b"x")])
    for planted, raw in ((b"\x80\x04}.", 0), ("text", 1), (b"short", 1)):
        execute(tmp_path, "INSERT INTO Cache (key, raw) VALUES (?, ?)", planted, raw)

    assert list(database.stored_keys()) == [key()]
    database.cull(0)
    assert len(database) == 0


def put_file(tmp_path, number, size_bytes=300_000):
    """Return the row of a value file that is there."""
    row = FileRow(b"record %d" % number, f"ab/{number:02}/{number:028}.val", size_bytes)
    path = tmp_path / row.name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size_bytes))
    return row


def test_a_file_is_counted_with_its_row_and_goes_with_it(database, tmp_path):
    before, row = database.volume(), put_file(tmp_path, 1)
    database.write([(key(1), row)])

    assert database.read(key(1)) == row.value
    assert database.volume() - before >= row.size_bytes
    assert database.sweep(NOW * 2) == 0
    database.write([(key(1), b"another")])
    assert not database.path(row.name).exists() and database.volume() == before


def test_a_row_may_be_written_anew_with_its_file(database, tmp_path):
    row = put_file(tmp_path, 1)
    database.write([(key(1), row)])

    database.write([(key(1), replace(row, value=b"refreshed"))])

    assert database.read(key(1)) == b"refreshed" and database.path(row.name).exists()
    database.write([(key(1), None)])
    assert not database.path(row.name).exists()


def test_a_row_whose_file_is_gone_is_not_written(database, tmp_path):
    row = put_file(tmp_path, 1)
    database.path(row.name).unlink()

    database.write([(key(1), row)])

    assert database.read(key(1)) is None


def test_large_ones_go_one_by_one(database, tmp_path):
    for number in range(1, 9):
        database.write([(key(number), put_file(tmp_path, number))])

    gone = database.cull(database.volume() - 400_000)

    assert gone == [key(1), key(2)]
    assert len(list(tmp_path.rglob("*.val"))) == 6


def test_abandoned_drafts_are_swept(database, tmp_path):
    draft = DraftFile(tmp_path / "drafts")
    (tmp_path / "drafts" / "left.part").write_bytes(b"x")

    assert database.sweep(NOW) == 1
    assert list((tmp_path / "drafts").iterdir()) == [draft.path]
    draft.discard()

"""Stored responses are deleted for good, beside a proxy and in it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3

import pytest

from cache.builders import DEADLINE_S, entry, key
from cache.folders import execute, large, of, stored, written
from forebay.cache.entry import VaryIndex
from forebay.cache.inventory import Inventory, NoCacheError
from forebay.cache.purge import forget, purge
from forebay.cache.ram import RamStore
from forebay.cache.selection import Selection, below, of_host, of_url
from forebay.cache.store import TieredStore
from forebay.cache.vary import variant_key
from forebay.errors import ForebayError

URL = "http://a.example/x"


def keys(folder):
    with Inventory(folder) as found:
        return {each for each, _ in found.records()}


def get(store, each):
    return asyncio.run(store.get(each))


def test_one_url_is_deleted(tmp_path):
    wanted = of_url(URL)
    with written(tmp_path, {**of(URL), key(): entry()}) as store:
        assert purge(tmp_path, wanted) == 1

        assert keys(tmp_path) == {key()}
        assert get(store, wanted.key) is None and get(store, key()) == entry()
        assert purge(tmp_path, wanted) == 0


def test_all_variants_go_with_their_url(tmp_path):
    wanted, said = of_url(URL), ((b"accept", b"a"),)
    records = {
        wanted.key: VaryIndex(((b"accept",),), 5.0),
        variant_key(wanted.key, said, 5.0): entry(said=said),
        key(): entry(said=said),
    }
    with written(tmp_path, records):
        assert purge(tmp_path, wanted) == 2
        assert keys(tmp_path) == {key()}


def test_value_files_go_too(tmp_path):
    stored(tmp_path, entry(body=os.urandom(300_000)))
    assert list(tmp_path.rglob("*.val"))

    assert purge(tmp_path, Selection()) == 1
    assert not list(tmp_path.rglob("*.val"))


def test_large_bodies_go_with_their_rows(tmp_path):
    stored(tmp_path)
    record = large(tmp_path, os.urandom(600_000))
    with written(tmp_path, {key(): record}):
        assert purge(tmp_path, Selection()) == 1
        assert not list(tmp_path.rglob("*.val"))


def test_files_outside_stay(tmp_path):
    stored(tmp_path, entry())
    mine = tmp_path / "mine"
    mine.touch()
    execute(tmp_path, "UPDATE Cache SET mode = 2, filename = '../mine'")

    assert purge(tmp_path, Selection()) == 1
    assert mine.exists()


def test_everything_is_deleted_damaged_or_not(tmp_path):
    stored(tmp_path, *[entry()] * 150)
    execute(tmp_path, "UPDATE Cache SET value = x'00' WHERE rowid = 1")
    execute(tmp_path, "UPDATE Cache SET key = 'text', raw = 0 WHERE rowid = 2")

    assert purge(tmp_path, Selection()) == 150
    assert execute(tmp_path, "SELECT count(*) FROM Cache") == [(0,)]
    assert execute(tmp_path, "SELECT value FROM Settings WHERE key = 'count'") == [(0,)]
    assert purge(tmp_path, Selection()) == 0


@pytest.mark.parametrize(
    ("wanted", "left"),
    [
        (of_host("a.example"), {"http://b.a.example/"}),
        (below("http://a.example/x"), {"https://a.example/", "http://b.a.example/"}),
    ],
)
def test_a_host_or_what_is_below_a_prefix_is_deleted(tmp_path, wanted, left):
    urls = (
        "http://a.example/x",
        "http://a.example/xy",
        "https://a.example/",
        "http://b.a.example/",
    )
    records = {each: record for url in urls for each, record in of(url).items()}
    with written(tmp_path, records):
        assert purge(tmp_path, wanted) == len(urls) - len(left)
        assert keys(tmp_path) == {of_url(url).key for url in left}


def test_lists_of_variants_go_with_the_last_one(tmp_path):
    (record,) = of(URL, said=((b"accept", b"a"),)).values()
    primary = of_url(URL).key
    records = {
        primary: VaryIndex(((b"accept",),), 5.0),
        variant_key(primary, record.said, 5.0): record,
    }
    with written(tmp_path, records):
        assert purge(tmp_path, of_host("a.example")) == 2


def test_unknown_urls_are_of_no_host(tmp_path):
    stored(tmp_path, entry())

    assert purge(tmp_path, of_host("a.example")) == 0
    assert keys(tmp_path) == {key(0)}


def test_proxies_are_told_even_of_nothing(tmp_path):
    """What was asked for may be in their memory only."""
    stored(tmp_path, entry())

    purge(tmp_path, of_url(URL))
    first = (tmp_path / "generation").read_bytes()
    purge(tmp_path, of_url(URL))
    assert (tmp_path / "generation").read_bytes() != first


def test_a_lock_that_is_held_is_one_line(tmp_path):
    stored(tmp_path, entry())
    with contextlib.closing(
        sqlite3.connect(tmp_path / "objects" / "cache.db", isolation_level=None)
    ) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(ForebayError, match="database is locked"):
            purge(tmp_path, Selection())
        other.execute("ROLLBACK")
    assert keys(tmp_path) == {key(0)}


def test_no_cache_is_told_and_not_made(tmp_path):
    with pytest.raises(NoCacheError):
        purge(tmp_path / "none", Selection())
    assert not (tmp_path / "none").exists()


class TestForgetting:
    def test_a_url_is_gone_at_once_from_memory_and_disk(self, tmp_path):
        wanted = of_url(URL)
        with written(tmp_path, {}) as disk:
            store = TieredStore(RamStore(2**20), disk)
            store.put(wanted.key, entry())
            store.put(key(), entry())

            forget(store, wanted)

            assert store.peek(wanted.key) is None and get(store, wanted.key) is None
            assert get(store, key()) == entry()
            assert disk.flush(DEADLINE_S)
            assert keys(tmp_path) == {key()}

    def test_memory_alone_forgets_everything(self):
        store = TieredStore(RamStore(2**20), None)
        store.put(key(), entry())

        forget(store, of_host("a.example"))

        assert store.peek(key()) is None
        store.put(key(), entry())
        assert store.peek(key()) == entry()

"""Memory in front of a disk."""

from __future__ import annotations

import asyncio

import pytest

from cache.builders import DEADLINE_S, disk, entry, key
from forebay.cache.ram import RamStore
from forebay.cache.store import TieredStore


@pytest.fixture
def store(tmp_path):
    tiered = TieredStore(RamStore(100_000), disk(tmp_path))
    tiered.start(DEADLINE_S)
    yield tiered
    tiered.close(DEADLINE_S)


def test_what_fell_out_of_memory_comes_from_the_disk(store):
    store.put(key(1), entry())
    assert store.disk.flush(DEADLINE_S)
    store.ram.delete(key(1))
    assert store.peek(key(1)) is None

    found = asyncio.run(store.get(key(1)))

    assert found == entry() and store.peek(key(1)) == found
    assert asyncio.run(store.get(key(1))) is found


def test_a_deletion_is_in_both(store):
    store.put(key(1), entry())
    assert store.disk.flush(DEADLINE_S)

    store.delete(key(1))

    assert asyncio.run(store.get(key(1))) is None


@pytest.mark.parametrize("newer", [entry(body=b"newer"), None])
def test_a_change_during_a_read_wins(store, newer):
    """Else an outdated or deleted record would come back."""

    async def race():
        reading = asyncio.ensure_future(store.get(key(1)))
        await asyncio.sleep(0)
        if newer is None:
            store.delete(key(1))
        else:
            store.put(key(1), newer)
        return await reading

    store.put(key(1), entry())
    assert store.disk.flush(DEADLINE_S)
    store.ram.delete(key(1))

    assert asyncio.run(race()) == newer
    assert store.peek(key(1)) == newer


def test_memory_alone_will_do():
    tiered = TieredStore(RamStore(100_000), None)
    tiered.start(DEADLINE_S)
    tiered.put(key(1), entry())
    tiered.delete(key(2))

    assert asyncio.run(tiered.get(key(1))) == entry()
    assert asyncio.run(tiered.get(key(2))) is None
    tiered.close(DEADLINE_S)


@pytest.mark.parametrize("can_feed", [True, False])
def test_large_bodies_come_from_the_disk_where_they_can_be_sent(tmp_path, can_feed):
    async def write(store):
        draft = store.disk.draft()
        draft.feed(b"large")
        found = asyncio.get_running_loop().create_future()
        draft.finish(found.set_result)
        return await found

    store = TieredStore(RamStore(100_000), disk(tmp_path), lambda: can_feed)
    store.start(DEADLINE_S)
    assert (store.draft() is not None) is can_feed
    record = entry(body=asyncio.run(write(store)))
    store.put(key(), record)

    assert asyncio.run(store.get(key())) == (record if can_feed else None)
    assert store.peek(key()) is None
    store.delete(key())
    store.close(DEADLINE_S)
    assert not list(tmp_path.rglob("*.val"))

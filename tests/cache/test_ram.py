"""Memory in front of the disk."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from cache.builders import entry, key, large
from forebay.cache.entry import VaryIndex
from forebay.cache.ram import RamStore, cost_bytes


def test_the_least_recently_used_goes_first():
    one = cost_bytes(entry())
    store = RamStore(4 * one)
    for number in range(4):
        store.put(key(number), entry())
    store.peek(key(0))

    store.put(key(4), entry())

    assert [number for number in range(5) if store.peek(key(number))] == [0, 2, 3, 4]
    assert store.size_bytes == 4 * one


def test_a_record_replaces_an_earlier_one():
    store = RamStore(10_000)
    store.put(key(), entry(body=b"old"))

    store.put(key(), entry(body=b"new"))

    assert store.peek(key()) == entry(body=b"new")
    assert len(store) == 1 and store.size_bytes == cost_bytes(entry(body=b"new"))


def test_one_record_cannot_drive_out_all_others():
    """It replaces its own predecessor all the same, which is outdated."""
    store = RamStore(10_000)
    store.put(key(1), entry())
    store.put(key(2), entry())

    store.put(key(2), entry(body=bytes(9_000)))

    assert store.peek(key(1)) and store.peek(key(2)) is None


def test_deleting_and_closing_give_the_memory_back():
    store = RamStore(10_000)
    store.put(key(1), entry())
    store.put(key(2), VaryIndex(((b"accept",),), 1.0))

    store.delete(key(1))
    store.delete(key(1))

    assert store.size_bytes == cost_bytes(VaryIndex(((b"accept",),), 1.0))
    store.close(0)
    assert (len(store), store.size_bytes) == (0, 0)


def test_get_is_peek():
    store = RamStore(10_000)
    store.put(key(), entry())

    assert asyncio.run(store.get(key())) == entry()


MEASURE = """
import resource, sys
from forebay.cache.entry import decode, encode
from forebay.cache.ram import RamStore
from cache.builders import entry, key, large
store = RamStore(8 * 2**20)
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()
sizes = []
for number in range(20_001):
    data = encode(key(number), entry(body=number.to_bytes(4) * 256, **{f"x_{i}": f"{number}" for i in range(12)}))
    store.put(key(number), decode(key(number), data))
    if number % 10_000 == 0:
        sizes.append(resident())
print(sizes[1] - sizes[0], sizes[2] - sizes[1], len(store))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_limit_bounds_the_memory_that_is_really_taken():
    """Twenty thousand different objects of 1 KB through 8 MB."""
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {sys.path!r}\n{MEASURE}"],
        capture_output=True,
        text=True,
        check=True,
    )
    filling, full, count = map(int, done.stdout.split())

    assert filling < 1.3 * 8 * 2**20
    assert full < 2**20
    assert count > 1_000


def test_a_body_in_a_file_is_not_kept_here():
    """Nor is what it takes the place of."""
    store = RamStore(10**6)
    store.put(key(), entry())

    store.put(key(), entry(body=large()))

    assert store.peek(key()) is None and store.size_bytes == 0 and store.draft() is None
    assert cost_bytes(entry(body=large(2**30))) < 100_000


def test_the_status_tells_what_is_kept():
    store = RamStore(10_000)
    store.put(key(1), entry())

    assert store.status() == {
        "ram_entries": 1,
        "ram_bytes": store.size_bytes,
        "ram_limit_bytes": 10_000,
    }

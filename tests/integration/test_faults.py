"""The cache's disk fails in every way while clients read: no wrong byte, no hang, no traceback."""

from __future__ import annotations

import contextlib
import http.client
import os
import random
import shutil
import sqlite3
import subprocess
import threading
import time
from pathlib import Path

import httpx
import pytest

from forebay.cache.purge import purge
from forebay.cache.selection import Selection
from origins import Origin, Reply

pytestmark = pytest.mark.integration

KEYS = 60
CLIENTS = 6
FRESH = [("cache-control", "max-age=3600"), ("etag", '"v1"')]
HUGE = random.Random(0).randbytes(6 * 2**20)
HELD_S = 5
"""Longer than anybody may be held up, and shorter than the lock of a test."""
LOCK_S = 6


def body_of(path: str) -> bytes:
    """Return the one body of a path: small ones, some above 128 KB, a few above 1 MB."""
    number = int(path.rpartition("/")[2])
    size = 1_500_000 if number % 20 == 0 else 150_000 if number % 5 == 0 else 300 + number
    return random.Random(number).randbytes(size)


BODIES = {f"/{number}": body_of(f"/{number}") for number in range(KEYS)}


def stored_for_long(seen):
    fields = [("cache-control", "max-age=3600"), ("etag", f'"{seen.target}"')]
    return Reply(headers=fields, body=BODIES[seen.target])


class Load:
    """Clients that read until told to stop, and compare every byte."""

    def __init__(self, proxy, origin) -> None:
        self.proxy, self.origin = proxy, origin
        self.wrong: list[str] = []
        self.answers = 0
        self.hits = 0
        self.is_crash_expected = False
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._read, args=(seed,)) for seed in range(CLIENTS)
        ]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join(30)

    def run(self, answers):
        """Wait until so many more answers have come."""
        wanted, end = self.answers + answers, time.monotonic() + 60
        while self.answers < wanted and not self.wrong:
            assert time.monotonic() < end, f"{wanted - self.answers} answers are missing"
            time.sleep(0.01)

    def _read(self, seed):
        chance = random.Random(seed)
        while not self._stop.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", self.proxy.port, timeout=HELD_S)
            with contextlib.closing(connection):
                try:
                    for _ in range(20):
                        self._get(connection, f"/{chance.randrange(KEYS)}")
                        if self._stop.is_set():
                            return
                except (OSError, http.client.HTTPException) as error:
                    if not self.is_crash_expected:
                        self.wrong.append(repr(error))
                        return
                    time.sleep(0.02)

    def _get(self, connection, path):
        connection.request("GET", self.origin.url(path))
        answer = connection.getresponse()
        body = answer.read()
        if (answer.status, body) != (200, BODIES[path]):
            self.wrong.append(f"{path}: {answer.status}, {len(body)} bytes")
        self.answers += 1
        self.hits += "; hit" in answer.headers.get("cache-status", "")


def objects(proxy) -> Path:
    return proxy.home / "cache" / "objects"


def unnamed_files(proxy) -> set[Path]:
    """Return the value files of a proxy that has ended which no row names, and all drafts."""
    folder = objects(proxy)
    with contextlib.closing(sqlite3.connect(folder / "cache.db")) as database:
        rows = database.execute("SELECT filename FROM Cache WHERE filename IS NOT NULL")
        named = {folder / name for (name,) in rows}
    return {*folder.glob("??/??/*.val"), *folder.glob("drafts/*")} - named


def warnings(proxy):
    return [line for line in proxy.output if "cache: " in line]


def assert_sound(proxy, load):
    assert not load.wrong, load.wrong[:5]
    assert "Traceback" not in proxy.text()
    assert "crashed" not in proxy.text()
    told = warnings(proxy)
    assert len({line.partition("cache: ")[2] for line in told}) == len(told), told


def garbage_everywhere(proxy):
    database = objects(proxy) / "cache.db"
    with database.open("r+b") as file:
        for at in range(0, database.stat().st_size, 512):
            file.seek(at)
            file.write(b"\xff" * 256)


def garbage_in_the_header(proxy):
    with (objects(proxy) / "cache.db").open("r+b") as file:
        file.write(b"garbage " * 8)


def half_of_it(proxy):
    database = objects(proxy) / "cache.db"
    os.truncate(database, database.stat().st_size // 2)


def no_database(proxy):
    for path in objects(proxy).glob("cache.db*"):
        path.unlink()


def no_folder(proxy):
    removed = objects(proxy).rename(proxy.home / "removed")  # it is written to meanwhile
    shutil.rmtree(removed, ignore_errors=True)


def changed_value_files(proxy):
    for number, path in enumerate(sorted(objects(proxy).glob("??/??/*.val"))):
        with contextlib.suppress(FileNotFoundError), path.open("r+b") as file:
            if number % 3 == 0:
                file.truncate(1000)
            elif number % 3 == 1:
                file.seek(50_000)
                file.write(b"wrong")
            else:
                path.unlink()


FAULTS = [
    garbage_everywhere,
    garbage_in_the_header,
    half_of_it,
    no_database,
    no_folder,
    changed_value_files,
]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("is_running", [True, False])
def test_damage_costs_hits_and_nothing_else(start_proxy, fault, is_running):
    """Under load, or between two runs; afterwards the cache works again."""
    proxy = start_proxy(cache_ram_bytes="100k")
    with Origin(stored_for_long) as origin:
        with Load(proxy, origin) as load:
            load.run(150)
            if is_running:
                fault(proxy)
                load.run(150)
        assert_sound(proxy, load)
        proxy.stop()
        if not is_running:
            fault(proxy)
        proxy.start()
        with Load(proxy, origin) as load:
            load.run(200)
    assert_sound(proxy, load)
    assert load.hits > 20


@pytest.mark.parametrize("rounds", [8, pytest.param(200, marks=pytest.mark.nightly)])
def test_kills_under_load_leave_a_sound_cache(start_proxy, rounds):
    """``kill -9`` again and again: what is served afterwards is what was sent."""
    proxy = start_proxy(cache_ram_bytes="100k")
    with Origin(stored_for_long) as origin:
        for _ in range(rounds):
            with Load(proxy, origin) as load:
                load.run(60)
                load.is_crash_expected = True
                proxy.kill()
            assert not load.wrong, load.wrong[:5]
            assert "Traceback" not in proxy.text()
            assert not warnings(proxy)
            proxy.start()
        with Load(proxy, origin) as load:
            load.run(100)
        assert load.hits > 50
    assert_sound(proxy, load)
    assert not warnings(proxy)


def test_a_foreign_write_lock_holds_nobody_up(start_proxy):
    """Of six seconds: longer than any client would wait here."""
    proxy = start_proxy(cache_ram_bytes="100k")
    with Origin(stored_for_long) as origin, Load(proxy, origin) as load:
        load.run(30)
        with contextlib.closing(sqlite3.connect(objects(proxy) / "cache.db", timeout=20)) as other:
            other.execute("BEGIN IMMEDIATE")
            end = time.monotonic() + LOCK_S
            while time.monotonic() < end:
                load.run(20)
            other.rollback()
        load.run(50)
    assert_sound(proxy, load)
    assert len(warnings(proxy)) <= 1, warnings(proxy)


def test_an_end_after_a_foreign_write_lock_leaves_no_file(start_proxy):
    """What waited for the lock is not written any more: neither a row nor a body of its own."""
    proxy = start_proxy(cache_ram_bytes="100k")
    with Origin(stored_for_long) as origin:
        database = objects(proxy) / "cache.db"
        with contextlib.closing(sqlite3.connect(database, timeout=20)) as other:
            other.execute("BEGIN IMMEDIATE")
            with Load(proxy, origin) as load:
                proxy.wait_for("locked by another process")
                load.run(60)
            assert_sound(proxy, load)
            proxy.stop()
            other.rollback()
    assert unnamed_files(proxy) == set()


def test_a_start_under_an_exclusive_lock_serves(start_proxy):
    """In memory, until the disk is there."""
    proxy = start_proxy(cache_ram_bytes="100k")
    with Origin(stored_for_long) as origin:
        with Load(proxy, origin) as load:
            load.run(100)
        proxy.stop()
        with contextlib.closing(sqlite3.connect(objects(proxy) / "cache.db")) as other:
            other.execute("BEGIN EXCLUSIVE")
            proxy.start()
            with Load(proxy, origin) as load:
                load.run(50)
            other.rollback()
        with Load(proxy, origin) as later:
            later.run(100)
    assert_sound(proxy, load)
    assert not later.wrong


def test_two_processes_share_a_folder(start_proxy):
    first = start_proxy(cache_ram_bytes="100k")
    second = start_proxy(cache_ram_bytes="100k")
    with Origin(stored_for_long) as origin, Load(first, origin) as one, Load(second, origin) as two:
        one.run(200)
        two.run(200)
    assert_sound(first, one)
    assert_sound(second, two)


def test_two_processes_purge_each_others_bodies(start_proxy):
    """While both read them: no wrong byte, nothing broken off, and no file left."""
    first = start_proxy(cache_ram_bytes="100k")
    second = start_proxy(cache_ram_bytes="100k")
    with Origin(stored_for_long) as origin, Load(first, origin) as one, Load(second, origin) as two:
        for _ in range(4):
            one.run(60)
            two.run(60)
            purge(first.home / "cache", Selection())
    assert_sound(first, one)
    assert_sound(second, two)
    first.stop()
    second.stop()
    assert unnamed_files(first) == set()


@pytest.fixture(name="small_disk")
def _small_disk(tmp_path):
    """A file system of 4 MB, where one may be mounted."""
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "forebay-test", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_that_is_freed_again(start_proxy, small_disk):
    """Full while it runs: answers go on, nothing is told twice; freed, it stores again."""
    proxy = start_proxy(cache_ram_bytes="100k", cache_dir=small_disk / "cache")
    filler = small_disk / "filler"
    with Origin(stored_for_long) as origin, Load(proxy, origin) as load:
        load.run(40)
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(65536))
        load.run(300)
        filler.unlink()
        load.run(100)
    assert_sound(proxy, load)


@pytest.fixture(name="freezable_disk")
def _freezable_disk(tmp_path):
    """A file system of its own, and what has it take no writes, and take them again."""
    image, folder = tmp_path / "image", tmp_path / "own"
    folder.mkdir()
    with image.open("wb") as file:
        file.truncate(128 * 2**20)
    made = ["mkfs.ext4", "-q", str(image)], ["mount", "-o", "loop", str(image), str(folder)]
    if not shutil.which("fsfreeze") or any(
        subprocess.run(command, capture_output=True, check=False).returncode for command in made
    ):
        pytest.skip("no file system can be mounted here")

    def freeze(how):
        subprocess.run(["fsfreeze", how, str(folder)], check=True)

    yield folder, freeze
    subprocess.run(["fsfreeze", "--unfreeze", str(folder)], capture_output=True, check=False)
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_disk_that_hangs_holds_nobody_up(start_proxy, freezable_disk):
    """Every write waits: small and large bodies go on; a large one may pass unstored then."""
    folder, freeze = freezable_disk
    proxy = start_proxy(cache_ram_bytes="100k", cache_dir=folder / "cache")
    with Origin(stored_for_long) as origin, Load(proxy, origin) as load:
        load.run(20)
        freeze("--freeze")
        load.run(300)
        with Origin(lambda seen: Reply(headers=FRESH, body=HUGE)) as other:
            for number in range(4):
                answer = httpx.get(other.url(f"/{number}"), proxy=proxy.url, trust_env=False)
                assert answer.content == HUGE
        proxy.wait_for("is too slow for a large body")
        freeze("--unfreeze")
        load.run(100)
        hits = load.hits
        load.run(100)
    assert_sound(proxy, load)
    assert load.hits > hits

"""The disk store: threads, faults, restarts."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pickle
import signal
import sqlite3
import subprocess
import sys
import threading
import time

import pytest

from cache.builders import DEADLINE_S, NOW, Clock, disk, entry, key
from forebay.cache import disk as module
from forebay.cache import folder as folders
from forebay.cache.breaker import Breaker
from forebay.cache.entry import FORMAT
from forebay.cache.largebody import DamagedBodyError
from forebay.cache.notices import Notices
from proxies import until

LONG = entry(body=os.urandom(300_000))


@contextlib.contextmanager
def started(store):
    store.start(DEADLINE_S)
    try:
        yield store
    finally:
        store.close(DEADLINE_S)


def read(store, *keys):
    async def gather():
        return [await store.get(each) for each in keys]

    return asyncio.run(gather())


def stored(folder, *records):
    """Have *records* written under keys 0, 1 … by a store that is closed then."""
    with started(disk(folder)) as store:
        for number, record in enumerate(records):
            store.put(key(number), record)


def execute(folder, statement, *values):
    with (
        contextlib.closing(sqlite3.connect(folder / "objects" / "cache.db")) as connection,
        connection,
    ):
        connection.execute(statement, values)


class TestKeeping:
    def test_records_survive_a_restart(self, tmp_path):
        stored(tmp_path, entry(), LONG)

        with started(disk(tmp_path)) as store:
            assert [store.has(key(n)) for n in range(3)] == [True, True, False]
            assert read(store, key(0), key(1), key(2)) == [entry(), LONG, None]
            assert len(store) == 2

    def test_a_record_can_be_read_before_it_is_written(self, tmp_path):
        store = disk(tmp_path)
        store.put(key(), entry())

        assert store.has(key()) and read(store, key()) == [entry()]

    def test_a_deletion_counts_at_once_and_for_good(self, tmp_path):
        stored(tmp_path, entry(), entry())
        with started(disk(tmp_path)) as store:
            store.delete(key(0))
            assert not store.has(key(0)) and read(store, key(0)) == [None]
            store.delete(key(7))

        with started(disk(tmp_path)) as store:
            assert [store.has(key(n)) for n in range(2)] == [False, True]

    def test_many_may_put_at_once(self, tmp_path):
        with started(disk(tmp_path)) as store:

            def put(first):
                for number in range(first, first + 100):
                    store.put(key(number), entry(body=b"%d" % number))

            threads = [threading.Thread(target=put, args=(n * 100,)) for n in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert store.flush(DEADLINE_S)
            found = read(store, *map(key, range(400)))

        assert [record.body for record in found] == [b"%d" % n for n in range(400)]

    def test_two_stores_share_a_folder(self, tmp_path):
        with started(disk(tmp_path)) as one, started(disk(tmp_path)) as other:
            one.put(key(1), entry())
            other.put(key(2), entry())
            assert one.flush(DEADLINE_S) and other.flush(DEADLINE_S)

        with started(disk(tmp_path)) as store:
            assert None not in read(store, key(1), key(2))

    def test_the_limit_holds_and_the_keys_that_went_are_known(self, tmp_path):
        with started(disk(tmp_path, limit_bytes=2_000_000)) as store:
            for number in range(200):
                store.put(key(number), entry(body=os.urandom(50_000)))
                assert store.flush(DEADLINE_S)
            count = len(store)
            found = [number for number in range(200) if store.has(key(number))]

        assert count < 40
        assert found == list(range(200 - count, 200))

    def test_a_killed_process_loses_nothing_that_was_written(self, tmp_path):
        script = (
            f"import sys, time; sys.path[:0] = {sys.path!r}\n"
            "from pathlib import Path\n"
            "from cache.builders import disk, entry, key\n"
            f"store = disk(Path({str(tmp_path)!r}))\n"
            "store.start(20)\n"
            "for number in range(20):\n"
            "    store.put(key(number), entry(body=bytes(20_000 * number)))\n"
            "assert store.flush(20)\n"
            "print('written', flush=True)\n"
            "time.sleep(60)\n"
        )
        with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as process:
            assert process.stdout.readline() == b"written\n"
            process.send_signal(signal.SIGKILL)

        with started(disk(tmp_path)) as store:
            found = read(store, *map(key, range(20)))

        assert [len(record.body) for record in found] == [20_000 * n for n in range(20)]


class TestBounds:
    def test_a_full_queue_drops_and_counts(self, tmp_path):
        store = disk(tmp_path, queue_records=2)
        for number in range(5):
            store.put(key(number), entry())

        assert store.dropped == 3
        assert [store.has(key(n)) for n in range(5)] == [True, True, False, False, False]

    def test_a_dropped_record_takes_the_outdated_one_with_it(self, tmp_path):
        stored(tmp_path, entry())
        with started(disk(tmp_path, queue_records=0)) as store:
            store.put(key(0), entry(body=b"newer"))
            assert not store.has(key(0))

        with started(disk(tmp_path)) as store:
            assert not store.has(key(0))

    def test_after_closing_nothing_is_taken(self, tmp_path):
        store = disk(tmp_path)
        store.close(0)
        store.put(key(), entry())
        store.close(0)

        assert store.dropped == 1

    def test_no_wait_at_the_start_when_none_is_asked_for(self, tmp_path, caplog):
        store = disk(tmp_path)
        store.start(0)
        store.put(key(), entry())

        assert store.flush(DEADLINE_S)
        store.close(DEADLINE_S)
        assert not caplog.records


class TestFaults:
    def test_a_folder_that_cannot_be_made_costs_the_disk_only(self, tmp_path, caplog):
        (tmp_path / "file").write_bytes(b"x")
        notices = Notices()
        with started(disk(tmp_path / "file" / "cache", notices=notices)) as store:
            for number in range(5):
                store.put(key(number), entry())
                store.flush(0.2)

        assert len(caplog.records) == 1
        assert "caching in memory" in caplog.text and "Traceback" not in caplog.text

    def test_three_faults_turn_the_disk_off_for_half_a_minute(self, tmp_path):
        clock, notices = Clock(), Notices()
        objects = folders.prepare(tmp_path)
        (objects / "cache.db").mkdir()  # no database can be opened there
        with started(disk(tmp_path, clock=clock, notices=notices)) as store:
            for number in range(3):
                store.put(key(number), entry())
                store.flush(0.2)
            faults = sum(notices.counts.values())
            store.put(key(8), entry())
            assert (store.has(key(8)), sum(notices.counts.values()), faults) == (False, 3, 3)

            (objects / "cache.db").rmdir()
            clock.now_s += 31
            store.put(key(9), entry())

            assert store.flush(DEADLINE_S) and store.has(key(9))

    def test_a_record_that_cannot_be_written_is_dropped_not_tried_for_ever(self, tmp_path, caplog):
        stored(tmp_path, entry())
        execute(
            tmp_path,
            "CREATE TRIGGER refuse BEFORE INSERT ON Cache BEGIN SELECT RAISE(ABORT, 'refused'); END",
        )
        with started(disk(tmp_path)) as store:
            store.put(key(1), entry())
            store.delete(key(0))

            assert store.flush(DEADLINE_S)
            assert not store.has(key(0)) and not store.has(key(1))
            assert store.dropped == 1

        assert "refused" in caplog.text

    def test_a_disk_that_takes_no_more_still_answers(self, tmp_path):
        """It is full, perhaps."""
        stored(tmp_path, entry(), entry())
        for action in ("UPDATE", "DELETE"):
            execute(
                tmp_path,
                f"CREATE TRIGGER refuse_{action} BEFORE {action} ON Cache "
                "BEGIN SELECT RAISE(ABORT, 'refused'); END",
            )
        notices = Notices()
        with started(disk(tmp_path, notices=notices)) as store:
            store.put(key(1), entry())
            assert not store.flush(0.5)  # what failed is to be deleted, and that fails too
            store.put(key(1), entry())

            assert sum(notices.counts.values()) == 3 and not store.flush(0)
            assert store.dropped == 2 and not store.has(key(1))
            assert store.has(key(0)) and read(store, key(0)) == [entry()]

    def test_three_reads_that_fail_turn_reading_off_but_not_writing(self, tmp_path):
        clock = Clock()
        stored(tmp_path, entry())
        with started(disk(tmp_path, clock=clock)) as store:
            release = threading.Event()
            store._reads.put(lambda: release.wait(DEADLINE_S))
            for _ in range(3):
                assert store.has(key(0)) and read(store, key(0)) == [None]
            release.set()
            assert not store.has(key(0))
            store.put(key(1), entry())
            assert store.flush(DEADLINE_S)
            assert store.dropped == 0 and not store.has(key(1))

            clock.now_s += 31

            assert read(store, key(0)) == [entry()] and store.has(key(1))

    def test_a_disk_with_much_to_read_has_not_failed(self, tmp_path):
        """What takes too long behind others is a miss, and that is all."""
        stored(tmp_path, entry())
        notices, free, first = Notices(), threading.Event(), threading.Event()

        async def run():
            store._reads.put(lambda: first.wait(DEADLINE_S))
            one = asyncio.create_task(store.get(key(0)))
            await asyncio.sleep(0)
            store._reads.put(lambda: free.wait(DEADLINE_S))
            two = asyncio.create_task(store.get(key(0)))
            await asyncio.sleep(0)
            first.set()
            return await one, await two

        with started(disk(tmp_path, notices=notices)) as store:
            assert asyncio.run(run()) == (entry(), None)
            free.set()
            assert notices.counts == {}

    def test_an_answer_that_came_while_the_event_loop_was_busy_counts(self, tmp_path, monkeypatch):
        stored(tmp_path, entry())
        monkeypatch.setattr(module, "_READ_DEADLINE_S", 0.01)

        async def be_busy():
            read, end = threading.Event(), time.monotonic() + 0.02
            store._reads.put(read.set)
            assert read.wait(DEADLINE_S)
            while time.monotonic() < end:
                pass

        async def run():
            return (await asyncio.gather(store.get(key(0)), be_busy()))[0]

        with started(disk(tmp_path)) as store:
            assert asyncio.run(run()) == entry()

    def test_a_read_that_hangs_is_a_miss_soon(self, tmp_path, caplog):
        stored(tmp_path, entry())
        with started(disk(tmp_path)) as store:
            release = threading.Event()
            store._reads.put(lambda: release.wait(DEADLINE_S))
            assert read(store, key(0)) == [None]
            release.set()
            assert read(store, key(0)) == [entry()]

        assert "no answer within 0.5 s" in caplog.text

    def test_a_start_under_a_foreign_lock_goes_on_in_memory(self, tmp_path, caplog):
        stored(tmp_path, entry())
        store = disk(tmp_path)
        with contextlib.closing(sqlite3.connect(tmp_path / "objects" / "cache.db")) as other:
            other.execute("BEGIN IMMEDIATE")
            store.start(0.1)
            assert not store.has(key(0)) and read(store, key(0)) == [None]
            other.rollback()
        store.put(key(1), entry())

        assert store.flush(DEADLINE_S)
        assert read(store, key(0), key(1)) == [entry(), entry()]
        store.close(DEADLINE_S)
        assert "not open yet" in caplog.text

    @pytest.mark.parametrize("content", [b"garbage" * 1000, b"SQLite format 3\0" + b"x" * 5000])
    def test_a_damaged_database_is_put_aside(self, tmp_path, caplog, content):
        stored(tmp_path, entry())
        (tmp_path / "objects" / "cache.db").write_bytes(content)

        with started(disk(tmp_path)) as store:
            assert not store.has(key(0))
            store.put(key(0), entry())
            assert store.flush(DEADLINE_S)
            assert read(store, key(0)) == [entry()]

        assert (tmp_path / "damaged" / "cache.db").read_bytes() == content
        assert len(caplog.records) == 1

    def test_damage_that_shows_later_is_put_aside_too(self, tmp_path, caplog):
        stored(tmp_path, *(entry(body=os.urandom(9_000)) for _ in range(50)))
        path = tmp_path / "objects" / "cache.db"
        with path.open("r+b") as file:
            file.seek(8 * 4096)
            file.write(os.urandom(path.stat().st_size - 8 * 4096))

        with started(disk(tmp_path)) as store:
            found = read(store, *map(key, range(50)))
            assert None in found
            for number in range(100, 103):  # the first may find the damage, and be dropped
                store.put(key(number), entry())
                assert store.flush(DEADLINE_S)

            assert read(store, key(102)) == [entry()]
        assert (tmp_path / "damaged" / "cache.db").exists()

    def test_a_folder_that_was_removed_is_made_again(self, tmp_path):
        with started(disk(tmp_path / "cache")) as store:
            store.put(key(1), entry())
            assert store.flush(DEADLINE_S)
            (tmp_path / "cache").rename(tmp_path / "gone")

            store.put(key(2), entry())

            assert store.flush(DEADLINE_S)
            assert not store.has(key(1)) and read(store, key(2)) == [entry()]

    def test_a_foreign_lock_delays_writes_only(self, tmp_path):
        stored(tmp_path, entry())
        clock = Clock()
        with started(disk(tmp_path, clock=clock)) as store:
            with contextlib.closing(sqlite3.connect(tmp_path / "objects" / "cache.db")) as other:
                other.execute("BEGIN IMMEDIATE")
                store.put(key(1), entry())
                assert not store.flush(0.3)
                assert read(store, key(0)) == [entry()]
                other.rollback()
            clock.now_s += 31

            assert store.flush(DEADLINE_S)
            assert read(store, key(1)) == [entry()]

    @pytest.mark.parametrize("fault", ["cut", "flipped", "gone"])
    def test_a_bad_value_file_is_a_miss(self, tmp_path, fault):
        stored(tmp_path, LONG)
        (path,) = (tmp_path / "objects").rglob("*.val")
        data = bytearray(path.read_bytes())
        if fault == "gone":
            path.unlink()
        else:
            data[1000] ^= 1
            path.write_bytes(data if fault == "flipped" else data[:1000])

        with started(disk(tmp_path)) as store:
            assert read(store, key(0)) == [None]
            store.flush(DEADLINE_S)
            assert store.has(key(0)) is (fault == "gone")

    def test_rows_that_changed_places_are_misses(self, tmp_path):
        stored(tmp_path, entry(body=b"zero"), entry(body=b"one"))
        for new, old in ((b"x" * 20, key(0)), (key(0), key(1)), (key(1), b"x" * 20)):
            execute(tmp_path, "UPDATE Cache SET key = ? WHERE key = ?", new, old)

        with started(disk(tmp_path)) as store:
            assert read(store, key(0), key(1)) == [None, None]

    def test_a_planted_pickle_is_refused_and_not_run(self, tmp_path, caplog):
        """CVE-2025-69872."""
        stored(tmp_path, entry())
        witness = tmp_path / "run"

        class Bomb:
            def __reduce__(self):
                return os.mkdir, (str(witness),)

        execute(tmp_path, "UPDATE Cache SET mode = 4, value = ?", pickle.dumps(Bomb()))
        execute(tmp_path, "INSERT INTO Cache (key, raw) VALUES (?, 0)", pickle.dumps(Bomb()))

        with started(disk(tmp_path)) as store:
            assert read(store, key(0)) == [None]
            assert store.flush(DEADLINE_S) and not store.has(key(0))

        assert not witness.exists()
        assert len(caplog.records) == 1

    def test_a_planted_path_is_refused(self, tmp_path):
        stored(tmp_path, entry())
        secret = tmp_path / "secret"
        secret.write_bytes(b"x")
        execute(tmp_path, "UPDATE Cache SET mode = 2, value = NULL, filename = '../secret'")

        with started(disk(tmp_path)) as store:
            assert read(store, key(0)) == [None]
            assert store.flush(DEADLINE_S)

        assert secret.exists()

    def test_a_newer_format_is_not_touched(self, tmp_path, caplog):
        stored(tmp_path, entry())
        (tmp_path / "format").write_text(f"{FORMAT + 1}\n")

        with started(disk(tmp_path)) as store:
            store.put(key(1), entry())
            store.flush(0.2)

        assert f"found format {FORMAT + 1}" in caplog.text
        (tmp_path / "format").write_text(f"{FORMAT}\n")
        with started(disk(tmp_path)) as store:
            assert [store.has(key(n)) for n in range(2)] == [True, False]


def drafted(store, data=LONG.body):
    """Return the body that *data* becomes in the store's folder."""

    async def wait():
        draft = store.draft()
        draft.feed(data)
        found = asyncio.get_running_loop().create_future()
        assert draft.finish(found.set_result)
        return await asyncio.wait_for(found, DEADLINE_S)

    return asyncio.run(wait())


@contextlib.contextmanager
def foreign_lock(folder):
    """Have another process's write lock on the database."""
    path = folder / "objects" / "cache.db"
    with contextlib.closing(sqlite3.connect(path, timeout=DEADLINE_S)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.rollback()


def value_files(folder):
    return list(folder.glob("objects/??/??/*.val"))


class TestLargeBodies:
    def test_one_is_read_from_its_file_before_and_after_its_row_is_written(self, tmp_path):
        with started(disk(tmp_path)) as store:
            record = entry(body=drafted(store))
            store.put(key(), record)
            (early,) = read(store, key())
            assert store.flush(DEADLINE_S)
        with started(disk(tmp_path)) as store:
            (late,) = read(store, key())

        assert early == late == record
        assert [found.body.read(5, 100) for found in (early, late)] == [LONG.body[5:105]] * 2

    @pytest.mark.parametrize("newer", [entry(), None])
    def test_its_file_goes_with_it(self, tmp_path, newer):
        """Whether or not its row was written meanwhile."""
        with started(disk(tmp_path)) as store:
            for is_flushed in (True, False):
                store.put(key(), entry(body=drafted(store)))
                if is_flushed:
                    assert store.flush(DEADLINE_S)
                if newer is None:
                    store.delete(key())
                else:
                    store.put(key(), newer)
                assert store.flush(DEADLINE_S)

        assert value_files(tmp_path) == []

    def test_a_refreshed_record_keeps_its_file(self, tmp_path):
        with started(disk(tmp_path)) as store:
            store.put(key(), entry(body=drafted(store)))
            assert store.flush(DEADLINE_S)
            (found,) = read(store, key())
            for _ in range(2):
                store.put(key(), entry(body=found.body, etag='"a"', x="new"))
            assert store.flush(DEADLINE_S)
            (again,) = read(store, key())

        assert again.fields != found.fields and again.body.read(0, 9) == LONG.body[:9]

    def test_what_is_dropped_leaves_no_file(self, tmp_path):
        with started(disk(tmp_path, queue_records=0)) as store:
            store.put(key(), entry(body=drafted(store)))

        assert value_files(tmp_path) == []

    def test_what_cannot_be_written_until_the_end_leaves_no_file(self, tmp_path):
        store = disk(tmp_path)
        store._write_breaker = Breaker(limit=1, rest_s=3600)
        with started(store), foreign_lock(tmp_path):
            store.put(key(), entry(body=drafted(store)))
            until(store._is_off)
            assert len(value_files(tmp_path)) == 1
            store.close(DEADLINE_S)

        assert value_files(tmp_path) == []

    @pytest.mark.parametrize("newer", [entry(), None])
    def test_what_is_replaced_while_its_write_fails_leaves_no_file(self, tmp_path, newer):
        with started(disk(tmp_path)) as store:
            with foreign_lock(tmp_path):
                store.put(key(), entry(body=drafted(store)))
                until(lambda: key() in store._writing)
                if newer is None:
                    store.delete(key())
                else:
                    store.put(key(), newer)
                until(lambda: not value_files(tmp_path))
            assert store.flush(DEADLINE_S)
            assert read(store, key()) == [newer]

    @pytest.mark.parametrize("is_open", [True, False])
    def test_a_wrong_byte_drops_it(self, tmp_path, is_open):
        with started(disk(tmp_path)) as store:
            store.put(key(), entry(body=drafted(store)))
            assert store.flush(DEADLINE_S)
            (found,) = read(store, key())
            (path,) = value_files(tmp_path)
            path.write_bytes(bytes(len(LONG.body)))

            if is_open:
                with pytest.raises(DamagedBodyError):
                    found.body.read(0, 1)
            else:
                del found  # what is being sent is not proved anew for others
                assert read(store, key()) == [None]  # before a head is sent for it
            assert not store.has(key())

    def test_its_file_is_open_once_for_all(self, tmp_path):
        with started(disk(tmp_path)) as store:
            store.put(key(), entry(body=drafted(store)))
            assert store.flush(DEADLINE_S)
            one, two = read(store, key(), key())
            assert one.body.file is two.body.file
            del one
            (path,) = value_files(tmp_path)
            path.unlink()

            assert two.body.read(0, 9) == LONG.body[:9]
            del two
            assert read(store, key()) == [None]

    def test_one_without_its_file_is_a_miss(self, tmp_path):
        with started(disk(tmp_path)) as store:
            store.put(key(), entry(body=drafted(store)))
            assert store.flush(DEADLINE_S)
            (path,) = value_files(tmp_path)
            path.unlink()

            assert read(store, key()) == [None]
            assert not store.has(key())

    def test_there_is_no_draft_after_the_end(self, tmp_path):
        store = disk(tmp_path)
        assert store.draft() is None
        with started(store):
            assert store.draft() is not None
        assert store.draft() is None


class TestOthers:
    """Processes that share a folder."""

    def test_what_another_has_stored_is_deleted_and_told(self, tmp_path):
        with started(disk(tmp_path)) as ours, started(disk(tmp_path)) as theirs:
            told = threading.Event()
            ours.tell = told.set
            theirs.put(key(1), entry())
            assert theirs.flush(DEADLINE_S)

            ours.delete(key(1), everywhere=True)

            assert ours.flush(DEADLINE_S)
            assert told.wait(DEADLINE_S)
            assert read(theirs, key(1)) == [None]

    def test_what_only_we_drop_is_not_told(self, tmp_path):
        with started(disk(tmp_path)) as store:
            told = []
            store.tell = lambda: told.append(1)
            store.put(key(1), entry())
            store.flush(DEADLINE_S)

            store.delete(key(1))

            assert store.flush(DEADLINE_S)
            assert told == []

    def test_a_deletion_outlives_a_disk_that_fails_until_the_end(self, tmp_path):
        """The breaker rests then; what was to be deleted is tried once more."""
        stored(tmp_path, entry(), entry())
        with started(disk(tmp_path)) as store:
            store._write_breaker = Breaker(limit=1, rest_s=3600)
            store._write_breaker.failed(NOW)
            store.delete(key(0), everywhere=True)
            store.put(key(1), entry(body=b"newer"))

        with started(disk(tmp_path)) as store:
            assert [store.has(key(n)) for n in range(2)] == [False, False]

    def test_what_cannot_be_stored_does_not_undo_a_deletion(self, tmp_path):
        """Others are told of it all the same, once the disk works again."""
        clock = Clock()
        with started(disk(tmp_path, clock=clock)) as ours, started(disk(tmp_path)) as theirs:
            told = threading.Event()
            ours.tell = told.set
            theirs.put(key(1), entry())
            assert theirs.flush(DEADLINE_S)
            ours._write_breaker.failed(NOW)
            ours._write_breaker.failed(NOW)
            ours._write_breaker.failed(NOW)

            ours.delete(key(1), everywhere=True)
            ours.put(key(1), entry())
            clock.now_s += 60

            assert told.wait(DEADLINE_S)
            assert read(theirs, key(1)) == [None]

    def test_telling_is_tried_again(self, tmp_path):
        with started(disk(tmp_path)) as store:
            told, attempts = threading.Event(), []

            def tell():
                attempts.append(1)
                if len(attempts) == 1:
                    raise OSError("full")
                told.set()

            store.tell = tell
            store.delete(key(1), everywhere=True)

            assert told.wait(DEADLINE_S)

    def test_what_waits_can_be_dropped(self, tmp_path):
        """As somebody has deleted it from the disk meanwhile; deletions stay."""
        with started(disk(tmp_path)) as store:
            store.put(key(2), entry())
            assert store.flush(DEADLINE_S)
            store._write_breaker = Breaker(limit=1, rest_s=3600)
            store._write_breaker.failed(NOW)
            store.put(key(1), entry())
            store.delete(key(2))

            store.drop_pending()

            assert not store.has(key(1)) and not store.has(key(2))

        with started(disk(tmp_path)) as store:
            assert len(store) == 0


class TestStatus:
    def test_what_is_stored_and_what_waits(self, tmp_path):
        with started(disk(tmp_path)) as store:
            store.put(key(1), entry())
            assert store.flush(DEADLINE_S)

            found = store.status()

        assert (found["entries"], found["waiting_records"], found["dropped"]) == (1, 0, 0)
        assert found["disk_bytes"] > 0
        assert found["problems"] == []

    def test_a_disk_that_fails_says_how(self, tmp_path):
        stored(tmp_path, entry())
        execute(
            tmp_path,
            "CREATE TRIGGER refuse BEFORE DELETE ON Cache BEGIN SELECT RAISE(ABORT, 'refused'); END",
        )
        with started(disk(tmp_path)) as store:
            store._write_breaker = Breaker(limit=1, rest_s=3600)
            store.delete(key(0))
            with store._changed:
                store._changed.wait_for(lambda: store.status()["problems"], DEADLINE_S)

            assert store.status()["problems"] == [
                f"expected to write in {tmp_path}, found: refused; tried again within half a minute"
            ]

    def test_a_disk_that_does_not_answer(self, tmp_path):
        stored(tmp_path, entry())
        with started(disk(tmp_path)) as store:
            store._read_breaker = Breaker(limit=1, rest_s=3600)
            release = threading.Event()
            store._reads.put(lambda: release.wait(DEADLINE_S))
            read(store, key(0))
            release.set()

            (problem,) = store.status()["problems"]

        assert problem.startswith(f"expected to read in {tmp_path}, found: no answer within 0.5 s;")

    def test_one_that_cannot_be_opened(self, tmp_path):
        (tmp_path / "file").touch()
        with started(disk(tmp_path / "file")) as store:
            problem, *_ = store.status()["problems"]

        assert problem == f"expected {tmp_path / 'file'} to be open, found: Not a directory"

    def test_one_that_is_not_open(self, tmp_path):
        assert disk(tmp_path).status()["problems"] == [
            f"expected {tmp_path} to be open, found: not yet"
        ]

"""Large bodies on their way to files."""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading

from cache.builders import DEADLINE_S, Clock
from forebay.cache import draft as module
from forebay.cache.draft import Drafts
from forebay.cache.largebody import Digester
from forebay.cache.notices import Notices

BYTES = random.Random(3).randbytes(700_000)


@contextlib.contextmanager
def begun(folder, **options):
    given = {"limit_bytes": 2**30, "clock": Clock(), "notices": Notices(), **options}
    drafts = Drafts(folder, **given)
    try:
        yield drafts
    finally:
        drafts.close(DEADLINE_S)


def finished(draft):
    """Return the body that *draft* becomes."""

    async def wait():
        found = asyncio.get_running_loop().create_future()
        assert draft.finish(found.set_result)
        async with asyncio.timeout(DEADLINE_S):
            return await found

    return asyncio.run(wait())


def done(drafts):
    """Wait until all that was queued is done."""
    reached = threading.Event()
    drafts.add(reached.set)
    assert reached.wait(DEADLINE_S)


def files(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_body_becomes_a_file(tmp_path):
    with begun(tmp_path) as drafts:
        draft = drafts.begin()
        for at in range(0, len(BYTES), 65536):
            draft.feed(BYTES[at : at + 65536])
        body = finished(draft)

    digester = Digester()
    digester.update(BYTES)
    assert (body.total_bytes, body.digests) == (len(BYTES), digester.digests())
    assert [path.read_bytes() for path in files(tmp_path)] == [BYTES]
    assert files(tmp_path) == [tmp_path / body.name]


class Brake:
    """Remembers what is to be awaited before more is read."""

    def __init__(self):
        self.waits = []

    def __call__(self, wait):
        self.waits.append(wait)


@contextlib.contextmanager
def blocked(drafts):
    """Keep the thread busy, as a slow disk would."""
    busy, free = threading.Event(), threading.Event()

    def job():
        busy.set()
        assert free.wait(DEADLINE_S)

    drafts.add(job)
    assert busy.wait(DEADLINE_S)
    try:
        yield free
    finally:
        free.set()


def test_an_origin_faster_than_the_disk_is_held_back(tmp_path):
    """Until half of the queue is free again; nothing is lost."""
    brake = Brake()
    with begun(tmp_path, queue_bytes=1_000_000, hold_back=brake) as drafts:
        draft = drafts.begin()

        async def filled():
            with blocked(drafts) as free:
                draft.feed(BYTES[:500_000])
                assert not brake.waits
                draft.feed(BYTES[500_000:])
                (wait,) = brake.waits
                waiting = asyncio.ensure_future(wait())
                await asyncio.sleep(0)
                assert not waiting.done()
                free.set()
                await asyncio.wait_for(waiting, DEADLINE_S)

        asyncio.run(filled())
        body = finished(draft)

    assert body.total_bytes == len(BYTES)
    assert not draft.is_given_up


def test_no_origin_is_held_back_for_long(tmp_path, monkeypatch):
    """A second in all for one body; then the storing is given up, not the traffic."""
    monkeypatch.setattr(module, "PATIENCE_S", 0.01)
    brake = Brake()
    with begun(tmp_path, queue_bytes=1_000_000, hold_back=brake) as drafts:
        draft = drafts.begin()
        with blocked(drafts):
            draft.feed(BYTES)
            asyncio.run(brake.waits[0]())
            draft.feed(BYTES)

    assert len(brake.waits) == 1
    assert draft.is_given_up


def test_no_connection_is_held_back_for_one_body_after_the_other(tmp_path, monkeypatch):
    """They may share it, over HTTP/2: a second in all while the disk makes no room."""
    monkeypatch.setattr(module, "PATIENCE_S", 0.01)
    brake = Brake()
    with begun(tmp_path, queue_bytes=2_000_000, hold_back=brake) as drafts:
        one, two = drafts.begin(), drafts.begin()
        with blocked(drafts):
            one.feed(BYTES)
            one.feed(BYTES)
            asyncio.run(brake.waits[0]())
            two.feed(BYTES[:100_000])
            assert len(brake.waits) == 1 and not two.is_given_up
        done(drafts)
        with blocked(drafts):  # it works again
            two.feed(BYTES)
            two.feed(BYTES)
            assert len(brake.waits) == 2


def test_what_is_given_up_leaves_nothing(tmp_path):
    with begun(tmp_path) as drafts:
        draft = drafts.begin()
        draft.feed(BYTES)
        done(drafts)
        assert len(files(tmp_path)) == 1
        draft.give_up()
        draft.give_up()
        draft.feed(BYTES)
        assert not draft.finish(None)
        done(drafts)
        assert files(tmp_path) == []


def test_a_body_that_no_record_names_is_removed(tmp_path):
    with begun(tmp_path) as drafts:
        draft = drafts.begin()
        draft.feed(BYTES)
        drafts.discard(finished(draft))
        done(drafts)
        assert files(tmp_path) == []


def test_nor_does_one_that_shows_only_after_the_end(tmp_path):
    """As when the proxy ends between the file and its row."""
    with begun(tmp_path) as drafts:
        draft = drafts.begin()
        draft.feed(BYTES)
        body = finished(draft)

    drafts.discard(body)
    drafts.discard(body)

    assert files(tmp_path) == []


def test_the_end_removes_what_was_not_finished(tmp_path):
    with begun(tmp_path) as drafts:
        drafts.begin().feed(BYTES)

    assert files(tmp_path) == []
    assert drafts.begin() is None


def test_a_disk_that_is_too_slow_costs_the_storing(tmp_path):
    """The queue is bounded; others go on."""
    notices, hold = Notices(), threading.Event()
    with begun(tmp_path, queue_bytes=2 * len(BYTES), notices=notices) as drafts:
        slow, other = drafts.begin(), drafts.begin()
        drafts.add(hold.wait)
        slow.feed(BYTES)
        slow.feed(BYTES)
        assert not slow.is_given_up
        slow.feed(b"x")
        assert slow.is_given_up and notices.counts == {"large slow": 1}
        hold.set()
        done(drafts)
        other.feed(BYTES)
        assert len(finished(other)) == len(BYTES)


def test_all_drafts_together_are_bounded(tmp_path):
    with begun(tmp_path, limit_bytes=4 * len(BYTES)) as drafts:
        one, two = drafts.begin(), drafts.begin()
        one.feed(BYTES[:400_000])
        two.feed(BYTES[:400_000])

        assert (one.is_given_up, two.is_given_up) == (False, True)


def test_so_is_their_number(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_MOST_DRAFTS", 2)
    with begun(tmp_path) as drafts:
        one, two = drafts.begin(), drafts.begin()
        assert drafts.begin() is None
        one.give_up()
        done(drafts)
        assert drafts.begin() is not None and two is not None


def test_a_failing_disk_is_told_once_and_left_alone_for_a_while(tmp_path):
    (tmp_path / "drafts").write_bytes(b"no folder")
    clock, notices = Clock(), Notices()
    with begun(tmp_path, clock=clock, notices=notices) as drafts:
        draft = drafts.begin()
        draft.feed(BYTES)
        draft.feed(BYTES)
        done(drafts)
        assert draft.is_given_up and notices.counts == {"large": 1}
        assert drafts.begin() is None
        clock.now_s += 31
        (tmp_path / "drafts").unlink()
        again = drafts.begin()
        again.feed(BYTES)
        assert len(finished(again)) == len(BYTES)


def test_a_file_that_cannot_be_put_in_place_is_removed(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "new_name", lambda: "drafts/x/y.val")
    with begun(tmp_path) as drafts:
        draft = drafts.begin()
        draft.feed(BYTES)
        done(drafts)
        (tmp_path / "drafts" / "x").write_bytes(b"no folder")
        asyncio.run(_finish(draft))
        done(drafts)
        assert files(tmp_path) == [tmp_path / "drafts" / "x"]


async def _finish(draft):
    assert draft.finish(None)

"""The thread that writes, with real files."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
from itertools import pairwise
from pathlib import Path

import pytest

from forebay.errors import ForebayError
from forebay.trafficlog import reader
from forebay.trafficlog.record import Record
from forebay.trafficlog.rotation import Rotation
from forebay.trafficlog.trouble import Trouble
from forebay.trafficlog.writer import PATIENCE_S as STUCK_S
from forebay.trafficlog.writer import Writer
from proxies import until
from trafficlog.support import lines

FOR_EVER_S = 3600.0
PATIENCE_S = 30.0


def record(seq: int, **fields) -> Record:
    return Record(kind="http", seq=seq, **fields)


class Warned(logging.Handler):
    """Sets an event at the first warning, so that no test has to guess how long that takes."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.event = threading.Event()
        self.texts: list[str] = []

    def emit(self, entry: logging.LogRecord) -> None:
        self.texts.append(entry.getMessage())
        self.event.set()


@pytest.fixture(name="warned")
def _warned():
    handler = Warned()
    logger = logging.getLogger("forebay.trafficlog.writer")
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)


def test_what_is_put_is_in_the_file_after_close(tmp_path):
    """In order, one line each."""
    writer = Writer(tmp_path / "t.jsonl")
    writer.open()
    for seq in range(1, 3001):  # three batches
        writer.put(record(seq))
    writer.close(PATIENCE_S)

    assert [line["seq"] for line in lines(writer.path)] == list(range(1, 3001))


def test_nothing_put_leaves_no_thread(tmp_path):
    """A refused start must end."""
    before = threading.active_count()
    writer = Writer(tmp_path / "t.jsonl")
    writer.open()

    assert threading.active_count() == before
    writer.close(PATIENCE_S)
    writer.close(PATIENCE_S)


def test_what_comes_after_the_end_is_dropped(tmp_path):
    writer = Writer(tmp_path / "t.jsonl")
    writer.open()
    writer.close(PATIENCE_S)
    writer.put(record(1))

    assert lines(writer.path) == []


def test_a_full_queue_leaves_a_gap_with_the_right_numbers(tmp_path, warned):
    """And one warning, however many are lost."""
    writer = Writer(tmp_path / "t.jsonl", instance="abc", max_records=3, linger_s=FOR_EVER_S)
    writer.open()
    for seq in range(1, 11):
        writer.put(record(seq))
    writer.close(PATIENCE_S)

    assert [line["seq"] for line in lines(writer.path)[:3]] == [1, 2, 3]
    assert lines(writer.path)[3:] == [
        {
            "v": 1,
            "kind": "gap",
            "lost": 7,
            "from_seq": 4,
            "to_seq": 10,
            "service.instance.id": "abc",
        }
    ]
    assert warned.texts == [
        "trafficlog: the disk cannot keep up; records are left out and noted as gaps"
    ]


def test_bytes_in_the_queue_are_bounded(tmp_path):
    writer = Writer(tmp_path / "t.jsonl", max_bytes=10_000, linger_s=FOR_EVER_S)
    writer.open()
    writer.put(record(1, url_full="x" * 1000))
    writer.put(record(2, url_full="x" * 5000))
    writer.close(PATIENCE_S)

    assert [line.get("seq", "gap") for line in lines(writer.path)] == [1, "gap"]


def test_a_record_that_could_not_be_made_leaves_a_gap(tmp_path):
    writer = Writer(tmp_path / "t.jsonl")
    writer.open()
    writer.put(record(1))
    writer.lose(2)
    writer.put(record(3))
    writer.close(PATIENCE_S)

    assert [line.get("seq", line.get("lost")) for line in lines(writer.path)] == [1, 1, 3]


def test_a_record_that_cannot_be_encoded_leaves_a_gap(tmp_path, warned):
    """The others of its batch are written."""
    writer = Writer(tmp_path / "t.jsonl", linger_s=FOR_EVER_S)
    writer.open()
    writer.put(record(1, cache={"a": object()}))
    writer.put(record(2))
    writer.close(PATIENCE_S)

    assert lines(writer.path)[0]["seq"] == 2
    assert lines(writer.path)[1]["from_seq"] == 1
    assert len(warned.texts) == 1


@pytest.mark.parametrize("name", ["", "file/t.jsonl"])
def test_a_file_that_cannot_be_written_is_refused(tmp_path, name):
    """In one line that names it."""
    (tmp_path / "file").write_bytes(b"")
    writer = Writer(tmp_path / name)

    with pytest.raises(ForebayError) as caught:
        writer.open()
    assert "expected a writable file, found " in str(caught.value)
    assert str(tmp_path) in str(caught.value)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux")
class TestDisk:
    """A link to /dev/full is a disk that is full; led elsewhere, it has room again."""

    @pytest.fixture(name="path")
    def _path(self, tmp_path):
        path = tmp_path / "t.jsonl"
        path.symlink_to("/dev/full")
        return path

    @pytest.fixture(name="writer")
    def _writer(self, path):
        looks = iter(range(10**9))  # every look is due
        writer = Writer(
            path, max_records=2, linger_s=0, retry_s=0.001, clock=lambda: float(next(looks))
        )
        writer.open()
        yield writer
        writer.close(PATIENCE_S)

    def test_records_wait_and_what_does_not_fit_becomes_a_gap(self, path, writer, warned, tmp_path):
        """Nothing is lost that had room; and one warning for each cause."""
        writer.put(record(1))
        assert warned.event.wait(PATIENCE_S)
        for seq in (2, 3, 4, 5):
            writer.put(record(seq))
        path.unlink()
        path.symlink_to(tmp_path / "disk")
        writer.close(PATIENCE_S)

        found = lines(tmp_path / "disk")
        assert [line["seq"] for line in found[:3]] == [1, 2, 3]
        assert [(gap["kind"], gap["from_seq"], gap["to_seq"]) for gap in found[3:]] == [
            ("gap", 4, 5)
        ]
        assert [text.split(";")[0] for text in warned.texts] == [
            f"trafficlog: expected to write {path}, found No space left on device",
            "trafficlog: the disk cannot keep up",
        ]

    def test_an_end_does_not_wait_for_it(self, writer, warned):
        """The thread gives up."""
        writer.put(record(1))
        assert warned.event.wait(PATIENCE_S)
        writer.close(PATIENCE_S)

        assert not any(thread.name == "forebay log" for thread in threading.enumerate())


def test_a_thread_that_hangs_in_the_disk_is_left_behind(tmp_path, monkeypatch):
    """An end of the proxy must come; the file stays the thread's."""
    release = threading.Event()
    write = os.write

    def hang(fd, data):
        release.wait(PATIENCE_S)
        return write(fd, data)

    monkeypatch.setattr(os, "write", hang)
    writer = Writer(tmp_path / "t.jsonl")
    writer.open()
    writer.put(record(1))
    writer.close(0)
    release.set()
    writer.close(PATIENCE_S)

    assert [line["seq"] for line in lines(writer.path)] == [1]


def test_a_second_process_writes_a_file_of_its_own(tmp_path):
    """And no line of either is lost or mixed."""
    path = tmp_path / "traffic.jsonl"
    writer = Writer(path)
    writer.open()
    program = (
        "import sys; from pathlib import Path\n"
        "from forebay.trafficlog.writer import Writer\n"
        "from forebay.trafficlog.record import Record\n"
        f"w = Writer(Path({str(path)!r})); w.open()\n"
        "for seq in range(1, 501): w.put(Record(kind='http', seq=seq))\n"
        "w.close(30); print(w.path)\n"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    for seq in range(1, 501):
        writer.put(record(seq))
    said, _ = other.communicate(timeout=PATIENCE_S)
    writer.close(PATIENCE_S)

    own = Path(said.strip())
    assert own == tmp_path / f"traffic-{other.pid}.jsonl"
    for each in (path, own):
        assert [json.loads(line)["seq"] for line in each.read_bytes().splitlines()] == list(
            range(1, 501)
        )


class TestFinish:
    """Work that is put off until a record is written."""

    def test_it_is_done_in_the_writers_thread(self, tmp_path):
        seen = []

        def finish(given):
            seen.append(threading.current_thread().name)
            return record(given.seq, url_full="finished")

        writer = Writer(tmp_path / "t.jsonl")
        writer.open()
        writer.put(record(1), finish)
        writer.put(record(2))
        writer.close(PATIENCE_S)

        assert [line["url.full"] for line in lines(writer.path)] == ["finished", None]
        assert seen == ["forebay log"]

    @pytest.mark.parametrize(
        "finish",
        [lambda given: 1 / 0, lambda given: record(given.seq, cache={"body": object()})],
    )
    def test_what_goes_wrong_costs_nothing_else(self, tmp_path, warned, finish):
        """In it, or in the encoding of what it made; one warning, without its words."""
        writer = Writer(tmp_path / "t.jsonl", linger_s=FOR_EVER_S)
        writer.open()
        for seq in (1, 2):
            writer.put(record(seq, url_full="plain"), finish)
        writer.close(PATIENCE_S)

        assert [line["url.full"] for line in lines(writer.path)] == ["plain", "plain"]
        assert len(warned.texts) == 1
        assert "written without them" in warned.texts[0]

    def test_what_it_holds_counts(self, tmp_path):
        """Bodies are what memory is full of."""
        writer = Writer(tmp_path / "t.jsonl", max_bytes=10_000, linger_s=FOR_EVER_S)
        writer.open()
        writer.put(record(1), lambda given: given, extra_bytes=20_000)
        writer.close(PATIENCE_S)

        assert [line["kind"] for line in lines(writer.path)] == ["gap"]


class Told:
    """What a writer has reported, and events for each."""

    def __init__(self) -> None:
        self.all: list[Trouble | None] = []
        self.events = {each: threading.Event() for each in (None, *Trouble)}

    def __call__(self, trouble, text):
        self.all.append(trouble)
        self.events[trouble].set()

    def wait(self, trouble):
        assert self.events[trouble].wait(PATIENCE_S), self.all


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux")
class TestTrouble:
    """As it is reported."""

    def test_a_disk_that_refuses_is_told_of_once_and_once_when_it_is_back(self, tmp_path):
        path = tmp_path / "t.jsonl"
        path.symlink_to("/dev/full")
        told, looks = Told(), iter(range(10**9))
        writer = Writer(
            path, linger_s=0, retry_s=0.001, report=told, clock=lambda: next(looks) / 1000
        )
        writer.open()
        writer.put(record(1))
        told.wait(Trouble.REFUSED)
        path.unlink()
        path.symlink_to(tmp_path / "disk")
        told.events[None].wait(PATIENCE_S)
        writer.close(PATIENCE_S)

        assert told.all == [Trouble.REFUSED, None]
        assert [line["seq"] for line in lines(tmp_path / "disk")] == [1]

    def test_it_is_stuck_when_it_refuses_for_too_long(self, tmp_path):
        path = tmp_path / "t.jsonl"
        path.symlink_to("/dev/full")
        told, looks = Told(), iter(range(10**9))  # each look at the clock is a second later
        writer = Writer(path, linger_s=0, retry_s=0.001, report=told, clock=lambda: next(looks))
        writer.open()
        writer.put(record(1))
        told.wait(Trouble.STUCK)
        writer.close(PATIENCE_S)

        assert told.all == [Trouble.REFUSED, Trouble.STUCK]

    def test_one_that_does_not_answer_is_noticed_by_who_records(self, tmp_path, monkeypatch):
        """For the thread hangs; with its answer all is well."""
        hanging, release, write = threading.Event(), threading.Event(), os.write

        def hang(fd, data):
            hanging.set()
            assert release.wait(PATIENCE_S)
            return write(fd, data)

        told, now_s = Told(), [0.0]
        writer = Writer(tmp_path / "t.jsonl", linger_s=0, report=told, clock=lambda: now_s[0])
        writer.open()
        monkeypatch.setattr(os, "write", hang)
        writer.put(record(1))
        assert hanging.wait(PATIENCE_S)
        writer.put(record(2))
        now_s[0] = STUCK_S + 1
        writer.put(record(3))
        told_before = list(told.all)
        release.set()
        told.wait(None)
        writer.close(PATIENCE_S)

        assert told_before == [Trouble.STUCK]
        assert told.all == [Trouble.STUCK, None]
        assert [line["seq"] for line in lines(writer.path)] == [1, 2, 3]

    def test_a_loss_is_told_of_with_its_cause(self, tmp_path):
        """For want of room, which passes; and of one record, each time."""
        told = Told()
        writer = Writer(tmp_path / "t.jsonl", max_records=1, linger_s=FOR_EVER_S, report=told)
        writer.open()
        for seq in (1, 2, 3):
            writer.put(record(seq))
        writer.lose(4)
        writer.lose(5)
        writer.close(PATIENCE_S)

        assert told.all == [Trouble.FULL, Trouble.LOST, Trouble.LOST, None]

    def test_a_sync_that_fails_is_a_disk_that_refuses(self, tmp_path, monkeypatch):
        """Until it comes about, nothing is said to be well."""
        fsync = os.fsync
        told = Told()

        def broken(fd):
            raise OSError(5, "Input/output error")

        monkeypatch.setattr(os, "fsync", broken)
        writer = Writer(tmp_path / "t.jsonl", linger_s=0, retry_s=0.001, report=told)
        writer.adopt(Rotation(), 0)
        writer.open()
        writer.put(record(1))
        told.wait(Trouble.REFUSED)
        monkeypatch.setattr(os, "fsync", fsync)
        told.wait(None)
        writer.close(PATIENCE_S)

        assert [line["seq"] for line in lines(writer.path)] == [1]


def all_lines(folder: Path) -> list[dict]:
    """All records of all files, in order."""
    damages = reader.Damages()
    # By their number; the live file is the last.
    paths = sorted(folder.iterdir(), key=lambda path: (path.name.count("-") == 0, path.name[-20:]))
    found = [json.loads(line) for path in paths for _, line in reader.numbered(path, damages)]
    assert damages.count == 0
    return found


def test_no_record_is_lost_or_doubled_by_new_files(tmp_path):
    """All are read back, from files that are compressed and one that is not."""
    folder = tmp_path / "log"
    writer = Writer(folder / "t.jsonl", linger_s=0)
    writer.adopt(Rotation(at_bytes=20_000, total_bytes=0), None)
    writer.open()
    for seq in range(1, 3001):
        writer.put(record(seq))
        if seq % 500 == 0:
            writer.rotate()
    writer.close(PATIENCE_S)

    found = all_lines(folder)
    assert sorted(line["seq"] for line in found) == list(range(1, 3001))
    assert len(list(folder.iterdir())) > 3
    assert not list(folder.glob("*.part"))


def test_all_together_never_hold_more_than_they_may(tmp_path):
    folder = tmp_path / "log"
    writer = Writer(folder / "t.jsonl", linger_s=0)
    writer.adopt(Rotation(at_bytes=10_000_000, total_bytes=2_000_000, pack=False), None)
    writer.open()
    for seq in range(1, 6001):
        writer.put(record(seq, url_full="x" * 500))
    writer.close(PATIENCE_S)
    found = [line["seq"] for line in all_lines(folder)]

    assert sum(path.stat().st_size for path in folder.iterdir()) <= 2_000_000
    assert max(found) == 6000
    assert len(found) == len(set(found)) == 6001 - min(found)


KILLS = 8
WRITES_UNTIL_KILLED = """
import sys, time
from pathlib import Path
from forebay.trafficlog import packing
from forebay.trafficlog.record import Record
from forebay.trafficlog.rotation import Rotation
from forebay.trafficlog.writer import Writer
packing.FRAME_BYTES = 2000  # many slices, so that most kills fall between two
writer = Writer(Path(sys.argv[1]), linger_s=0)  # never crowded: there is time to compress
writer.adopt(Rotation(at_bytes=20_000, total_bytes=0), None)
writer.open()
seq = int(sys.argv[2])
while True:
    seq += 1
    writer.put(Record(kind="http", seq=seq))
    while len(writer._backlog) > 50:
        time.sleep(0.0002)
    if seq % 50 == 0:
        print(seq, flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9")
def test_a_crash_while_files_are_rotated_and_compressed_costs_no_record_that_was_written(tmp_path):
    """``kill -9`` at some moments; each start puts in order what the last left."""
    folder, last = tmp_path / "log", 0
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    for after in range(KILLS):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITES_UNTIL_KILLED, str(folder / "t.jsonl"), str(last)],
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for _ in range(4 + 2 * after):
            last = int(process.stdout.readline())
        process.kill()
        rest = process.stdout.read().split()
        last = int(rest[-1]) if rest else last
        last += 1000  # what this one has put is not used again
        process.wait()
        process.stdout.close()
    writer = Writer(folder / "t.jsonl")
    writer.adopt(Rotation(total_bytes=0), None)
    writer.open()
    writer.begin()
    writer.rotate()
    until(lambda: {path.suffix for path in folder.iterdir()} == {".zst", ".jsonl"})
    until(lambda: [path.name for path in folder.glob("*.jsonl")] == ["t.jsonl"])
    writer.close(PATIENCE_S)

    damages = reader.Damages()
    found = sorted(line["seq"] for line in reader.read(folder.iterdir(), json.loads, damages))
    assert damages.count <= KILLS  # a line that was being written
    assert len(found) == len(set(found)), "a record is there twice"
    # No hole but one after each kill.  It is 1001, less what was put since the
    # last print, and more what was put before it but waited: 51 in the
    # backlog, and as many in the batch.
    holes = [after - before for before, after in pairwise(found) if after > before + 1]
    assert len(holes) == KILLS - 1
    assert all(1001 - 50 <= hole <= 1001 + 2 * 51 for hole in holes), holes


class TestStatus:
    def test_what_waits_and_what_was_written(self, tmp_path):
        writer = Writer(tmp_path / "t.jsonl", max_records=5, linger_s=FOR_EVER_S)
        writer.open()
        writer.put(record(1))
        waiting = writer.status()
        writer.close(PATIENCE_S)

        assert (waiting["waiting_records"], waiting["waiting_limit_records"]) == (1, 5)
        assert 0 < waiting["waiting_bytes"] < waiting["waiting_limit_bytes"]
        assert (waiting["written"], waiting["lost"], waiting["problems"]) == (0, 0, [])
        assert (writer.status()["written"], writer.status()["waiting_records"]) == (1, 0)

    def test_what_is_lost_is_a_problem(self, tmp_path, warned):
        writer = Writer(tmp_path / "t.jsonl", max_records=1, linger_s=FOR_EVER_S)
        writer.open()
        writer.put(record(1))
        writer.put(record(2))
        writer.lose(3)
        found = writer.status()
        writer.close(PATIENCE_S)

        assert found["lost"] == 2
        assert found["problems"] == [
            "the disk cannot keep up, and a record is lost",
            "expected every record in the log, found 2 lost",
        ]
        # The trouble has passed, and what is lost stays so.
        assert writer.status()["problems"] == ["expected every record in the log, found 2 lost"]

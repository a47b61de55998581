"""The thread that writes, with real files."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from forebay.errors import ForebayError
from forebay.trafficlog.record import Record
from forebay.trafficlog.writer import Writer
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
    writer = Writer(tmp_path / "t.jsonl", max_records=3, linger_s=FOR_EVER_S)
    writer.open()
    for seq in range(1, 11):
        writer.put(record(seq))
    writer.close(PATIENCE_S)

    assert [line["seq"] for line in lines(writer.path)[:3]] == [1, 2, 3]
    assert lines(writer.path)[3:] == [
        {"v": 1, "kind": "gap", "lost": 7, "from_seq": 4, "to_seq": 10}
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
        assert found[3:] == [{"v": 1, "kind": "gap", "lost": 2, "from_seq": 4, "to_seq": 5}]
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

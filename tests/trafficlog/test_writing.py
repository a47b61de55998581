"""The options of the log's writing, and what follows from trouble."""

from __future__ import annotations

import asyncio
import errno
import functools
import json
import os
import threading
from types import SimpleNamespace

import pytest
from mitmproxy.test import taddons

from forebay import settings
from forebay.errors import ForebayError
from forebay.trafficlog import writing
from forebay.trafficlog.record import Record
from forebay.trafficlog.rotation import Rotation
from forebay.trafficlog.trouble import OnError, Trouble
from forebay.trafficlog.writing import Config, Writing

PATIENCE_S = 30.0


def in_a_loop(test):
    """Run a test on an event loop of its own."""

    @functools.wraps(test)
    def run(*args, **kwargs):
        asyncio.run(test(*args, **kwargs))

    return run


class Options:
    """An addon that declares the options."""

    def load(self, loader):
        settings.declare(loader)
        writing.declare(loader)


@pytest.fixture(name="given")
def _given():
    """Set options."""
    addon = Options()
    with taddons.context(addon) as tctx:
        yield lambda **options: tctx.configure(addon, **options)


class TestOptions:
    def test_defaults(self, given):
        given()

        assert writing.read() == Config(OnError.DROP, Rotation(100 << 20, 0, 1 << 30, True), None)

    def test_all_are_read(self, given):
        given(
            trafficlog_on_error="block",
            trafficlog_fsync="5s",
            trafficlog_rotate="1h",
            trafficlog_rotate_bytes="5m",
            trafficlog_total_bytes="0",
            trafficlog_zstd=False,
        )

        assert writing.read() == Config(OnError.BLOCK, Rotation(5 << 20, 3600, 0, False), 5)

    @pytest.mark.parametrize(("text", "expected"), [("never", None), ("batch", 0), ("2m", 120)])
    def test_fsync(self, given, text, expected):
        given(trafficlog_fsync=text)

        assert writing.read().sync_every_s == expected

    @pytest.mark.parametrize(
        ("option", "value", "message"),
        [
            ("trafficlog_on_error", "wait", "expected drop or stop or block, found 'wait'"),
            ("trafficlog_fsync", "5", "expected never, batch or a time such as 5s, found '5'"),
            ("trafficlog_fsync", "", "expected never, batch or a time such as 5s, found ''"),
            (
                "trafficlog_rotate",
                "daily",
                "expected nothing or a time such as 30m, 1h or 1d, found 'daily'",
            ),
            (
                "trafficlog_rotate",
                "9999999d",
                "expected nothing or a time such as 30m, 1h or 1d, found '9999999d'",
            ),
            (
                "trafficlog_rotate_bytes",
                "-1",
                "expected a size in bytes such as 64k, 8m or 1g, found '-1'",
            ),
            (
                "trafficlog_total_bytes",
                "much",
                "expected a size in bytes such as 64k, 8m or 1g, found 'much'",
            ),
        ],
    )
    def test_a_bad_one_is_one_line(self, given, option, value, message):
        given(**{option: value})

        with pytest.raises(ForebayError) as caught:
            writing.read()
        assert str(caught.value) == f"{option}: {message}"


def test_a_file_that_cannot_be_written_changes_nothing(given, tmp_path):
    given()
    wish = Writing()
    writer = wish.open(tmp_path / "t.jsonl")
    with pytest.raises(ForebayError, match=r"^trafficlog_file: expected a writable file"):
        wish.open(tmp_path)
    writer.put(Record(kind="http", seq=1))
    writer.close(PATIENCE_S)

    assert len((tmp_path / "t.jsonl").read_bytes().splitlines()) == 1


def test_options_reach_a_writer_that_is_open(given, tmp_path):
    given()
    wish = Writing()
    writer = wish.open(tmp_path / "t.jsonl")
    given(trafficlog_rotate_bytes="1", trafficlog_zstd=False)
    wish.configure()
    for seq in (1, 2):
        writer.put(Record(kind="http", seq=seq))
    writer.close(PATIENCE_S)

    assert len(list(tmp_path.iterdir())) == 2


class Case:
    """A log whose disk refuses when told to."""

    def __init__(self, tmp_path, monkeypatch) -> None:
        self.is_full = False
        self.refused = threading.Event()
        write = os.write

        def guarded(fd, data):
            if self.is_full and threading.current_thread().name == "forebay log":
                self.refused.set()
                raise OSError(errno.ENOSPC, "No space left on device")
            return write(fd, data)

        monkeypatch.setattr(os, "write", guarded)
        self.path = tmp_path / "t.jsonl"
        self.wish = Writing()

    def start(self):
        self.writer = self.wish.open(self.path, instance="abc")
        self.writer._retry_s = 0.001
        self.wish.begin()

    async def until(self, condition):
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                await asyncio.sleep(0.001)


@pytest.fixture(name="case")
def _case(tmp_path, monkeypatch):
    return Case(tmp_path, monkeypatch)


class TestBlock:
    @in_a_loop
    async def test_requests_are_refused_until_the_disk_is_back(self, given, case, caplog):
        given(trafficlog_on_error="block")
        case.wish.configure()
        case.start()
        assert case.wish.refuses() is None
        case.is_full = True
        case.writer.put(Record(kind="http", seq=1))
        await case.until(case.wish.refuses)
        text = case.wish.refuses()
        case.is_full = False
        await case.until(lambda: case.wish.refuses() is None)
        case.writer.close(PATIENCE_S)

        assert text == "The traffic log cannot be written, and no request is let through."
        assert json.loads(case.path.read_bytes())["seq"] == 1
        said = [r.getMessage() for r in caplog.records if r.name.endswith("writing")]
        reason = f"expected to write {case.path}, found No space left on device"
        assert said == [
            f"trafficlog: requests are answered 503: {reason}",
            "trafficlog: requests are let through again",
        ]

    @in_a_loop
    async def test_another_wish_takes_effect_at_once(self, given, case):
        given(trafficlog_on_error="drop")
        case.wish.configure()
        case.start()
        case.is_full = True
        case.writer.put(Record(kind="http", seq=1))
        await case.until(lambda: case.wish._trouble is Trouble.REFUSED)
        assert case.wish.refuses() is None
        given(trafficlog_on_error="block")
        case.wish.configure()
        assert case.wish.refuses()
        given(trafficlog_on_error="drop")
        case.wish.configure()

        assert case.wish.refuses() is None
        case.writer.close(PATIENCE_S)

    @in_a_loop
    async def test_the_trouble_of_a_log_that_was_left_is_forgotten(self, given, case):
        """It may come late."""
        given(trafficlog_on_error="block")
        case.wish.configure()
        case.start()
        case.is_full = True
        case.writer.put(Record(kind="http", seq=1))
        await case.until(case.wish.refuses)
        case.wish.open(None)
        assert case.wish.refuses() is None
        case.writer.lose(2)
        case.writer.close(PATIENCE_S)
        await asyncio.sleep(0)

        assert case.wish.refuses() is None

    @in_a_loop
    async def test_a_record_that_was_lost_does_not_hide_that_the_disk_refuses(self, given, case):
        given(trafficlog_on_error="block")
        case.wish.configure()
        case.start()
        case.is_full = True
        case.writer.put(Record(kind="http", seq=1))
        await case.until(case.wish.refuses)
        case.writer.lose(2)
        await asyncio.sleep(0)

        assert case.wish.refuses()
        case.writer.close(PATIENCE_S)


class TestStop:
    @in_a_loop
    async def test_a_loss_ends_the_proxy_with_one_line(self, given, case, caplog, monkeypatch):
        """However many are lost."""
        statuses = []
        monkeypatch.setattr(writing, "sys", SimpleNamespace(exit=statuses.append))
        given(trafficlog_on_error="stop")
        case.wish.configure()
        case.start()
        case.writer.lose(1)
        case.writer.lose(2)
        await case.until(lambda: statuses)
        case.writer.close(PATIENCE_S)
        await asyncio.sleep(0)

        assert statuses == [1]
        assert [r.getMessage() for r in caplog.records if r.levelname == "ERROR"] == [
            "trafficlog: a record is lost; the proxy ends (trafficlog_on_error=stop)"
        ]

    @in_a_loop
    async def test_a_disk_that_refuses_for_a_moment_does_not(self, given, case, monkeypatch):
        statuses = []
        monkeypatch.setattr(writing, "sys", SimpleNamespace(exit=statuses.append))
        given(trafficlog_on_error="stop")
        case.wish.configure()
        case.start()
        case.is_full = True
        case.writer.put(Record(kind="http", seq=1))
        await case.until(lambda: case.wish._trouble is Trouble.REFUSED)
        case.is_full = False
        await case.until(lambda: case.wish._trouble is None)
        case.writer.close(PATIENCE_S)

        assert statuses == []

    @in_a_loop
    async def test_trouble_from_before_the_proxy_runs_is_acted_upon_then(
        self, given, case, monkeypatch
    ):
        """There is no loop to end before."""
        statuses = []
        monkeypatch.setattr(writing, "sys", SimpleNamespace(exit=statuses.append))
        given(trafficlog_on_error="stop")
        case.wish.configure()
        writer = case.wish.open(case.path)
        writer.lose(1)
        assert statuses == []
        case.wish.begin()
        await case.until(lambda: statuses)
        writer.close(PATIENCE_S)

        assert statuses == [1]

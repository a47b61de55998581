"""Watching rule folders."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

from forebay import watch
from forebay.watch import Watcher

DEADLINE_S = 20


async def until_edited(
    folder: Path, edit: Path, changed: Callable[[], Awaitable[None]], done: asyncio.Event
) -> None:
    """Edit until the watcher, which takes a moment to be in place, has noticed."""
    watcher = Watcher(lambda: [folder, folder / "missing"], changed)
    watcher.start()
    watcher.start()
    try:
        async with asyncio.timeout(DEADLINE_S):
            while not done.is_set():
                edit.write_text("edited", encoding="utf-8")
                try:
                    await asyncio.wait_for(done.wait(), 0.3)
                except TimeoutError:
                    continue
    finally:
        watcher.stop()
        watcher.stop()


def test_an_edit_is_noticed(tmp_path):
    """Below a watched folder, however deep."""
    (tmp_path / "blocklists").mkdir()
    seen = asyncio.Event()

    async def changed() -> None:
        seen.set()

    asyncio.run(until_edited(tmp_path, tmp_path / "blocklists" / "ads.txt", changed, seen))

    assert seen.is_set()


def test_a_single_file_is_watched_through_its_replacement(tmp_path):
    """Editors write another file and rename it."""
    rules = tmp_path / "rules.txt"
    rules.write_text("old", encoding="utf-8")
    seen: list[str] = []
    noticed = asyncio.Event()

    async def changed() -> None:
        seen.append(rules.read_text(encoding="utf-8"))
        noticed.set()

    async def run() -> None:
        watcher = Watcher(lambda: [rules], changed)
        watcher.start()
        try:
            async with asyncio.timeout(DEADLINE_S):
                while not noticed.is_set():
                    fresh = tmp_path / "rules.txt.new"
                    fresh.write_text("new", encoding="utf-8")
                    fresh.rename(rules)
                    try:
                        await asyncio.wait_for(noticed.wait(), 0.3)
                    except TimeoutError:
                        continue
        finally:
            watcher.stop()

    asyncio.run(run())

    assert set(seen) == {"new"}


def test_the_neighbours_of_a_file_are_of_no_interest(tmp_path):
    """They lie in the folder through which it is watched."""
    rules = tmp_path / "rules.txt"

    assert watch.only({rules})(None, str(rules))
    assert not watch.only({rules})(None, str(tmp_path / "noise.log"))
    assert watch.only(None)(None, str(tmp_path / "noise.log"))


def test_watching_survives_a_reader_that_raises(tmp_path, caplog):
    """The next edit is noticed again, and the failure is one warning."""
    calls = 0
    twice = asyncio.Event()

    async def changed() -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise ValueError("broken reader")
        twice.set()

    with caplog.at_level(logging.WARNING):
        asyncio.run(until_edited(tmp_path, tmp_path / "a.yaml", changed, twice))

    assert calls >= 2
    assert "rules: not reloaded: broken reader" in caplog.text


def test_nothing_to_watch_is_no_error():
    """A user without own rules has no such folder."""

    async def run() -> None:
        watcher = Watcher(lambda: [Path("/no/such/folder")], lambda: asyncio.sleep(0))
        watcher.start()
        await asyncio.sleep(0)
        watcher.stop()

    asyncio.run(run())

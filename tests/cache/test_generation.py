"""Deletions by other processes are noticed."""

from __future__ import annotations

import asyncio
import logging
import stat

import pytest

from cache.builders import DEADLINE_S
from forebay.cache.generation import Generation, bump


def follow(folder, *bumps, fail=False):
    """Call each of *bumps* once the one before was noticed; return how often that was."""
    count = 0

    async def main():
        nonlocal count
        noticed = asyncio.Event()

        def changed():
            nonlocal count
            count += 1
            noticed.set()
            if fail:
                raise ValueError("no")

        generation = Generation(folder, changed, poll_s=0)
        generation.start()
        generation.start()
        for each in bumps:
            each()
            async with asyncio.timeout(DEADLINE_S):
                await noticed.wait()
            noticed.clear()
            for _ in range(20):  # in which it looks as often
                await asyncio.to_thread(int)
        generation.stop()
        generation.stop()

    asyncio.run(main())
    return count


def test_each_deletion_is_noticed_once(tmp_path):
    assert follow(tmp_path, *[lambda: bump(tmp_path)] * 3) == 3


def test_what_was_before_the_start_does_not_count(tmp_path):
    bump(tmp_path)

    assert follow(tmp_path, lambda: bump(tmp_path)) == 1


def test_the_folder_may_come_later(tmp_path):
    folder = tmp_path / "cache"

    def make():
        folder.mkdir()
        bump(folder)

    assert follow(folder, make) == 1


def test_a_fault_is_told_and_looking_goes_on(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        assert follow(tmp_path, *[lambda: bump(tmp_path)] * 2, fail=True) == 2

    assert caplog.messages == ["cache: not emptied after a purge: no"] * 2


def test_without_an_event_loop_nothing_is_looked_for(tmp_path):
    generation = Generation(tmp_path, lambda: None)
    generation.stop()
    generation.start()
    generation.stop()


def test_the_file_is_private_and_alone(tmp_path):
    bump(tmp_path)
    bump(tmp_path)

    (path,) = tmp_path.iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_folder_that_is_none_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        bump(tmp_path / "none")


def test_ones_own_deletions_are_no_news(tmp_path):
    """What a proxy deletes itself is gone from its memory already."""
    count = 0

    async def main():
        nonlocal count
        noticed = asyncio.Event()

        def changed():
            nonlocal count
            count += 1
            noticed.set()

        generation = Generation(tmp_path, changed, who="me", poll_s=0)
        generation.start()
        bump(tmp_path, "me")
        for _ in range(20):
            await asyncio.to_thread(int)
        assert count == 0
        bump(tmp_path, "other")
        async with asyncio.timeout(DEADLINE_S):
            await noticed.wait()
        generation.stop()

    asyncio.run(main())

    assert count == 1
    assert [path.name for path in tmp_path.iterdir()] == ["generation-other"]

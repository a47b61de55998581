"""Watching rule folders."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from forebay import watch
from forebay.watch import Watcher

DEADLINE_S = 20
POLL_S = 0.1


async def begun() -> None:
    """Let the task of the watcher run, and then those that it starts."""
    await asyncio.sleep(0)
    await asyncio.sleep(0)


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


def test_stopping_leaves_nothing_behind(tmp_path):
    """Neither the watch of folders, nor that of files, nor what looks for another folder."""
    file = tmp_path / "rules.txt"
    file.write_text("old", encoding="utf-8")

    async def run() -> tuple[int, set[asyncio.Task]]:
        watcher = Watcher(lambda: [tmp_path, file], lambda: asyncio.sleep(0))
        watcher.start()
        await begun()
        started = asyncio.all_tasks() - {asyncio.current_task()}
        watcher.stop()
        _, pending = await asyncio.wait(started, timeout=DEADLINE_S)
        return len(started), pending

    assert asyncio.run(run()) == (3, set())


def fresh(top: Path, text: str) -> Path:
    """Return a folder, new each time, with a rule file."""
    folder = top / f"fresh {len(list(top.iterdir()))}" / "rules"
    folder.mkdir(parents=True)
    (folder / "own.txt").write_text(text, encoding="utf-8")
    return folder


def point(link: Path, target: Path) -> None:
    """Make or exchange a link in one step."""
    other = link.with_name("other link")
    other.symlink_to(target)
    other.replace(link)


def rename(top: Path, text: str) -> None:
    new, rules = fresh(top, text), top / "rules"
    if rules.exists():
        rules.rename(new.with_name("old"))
    new.rename(rules)


def make_again(top: Path, text: str) -> None:
    """The new folder may have the inode of the old one."""
    rules = top / "rules"
    if rules.exists():
        shutil.rmtree(rules)
    rules.mkdir()
    (rules / "own.txt").write_text(text, encoding="utf-8")


def link(top: Path, text: str) -> None:
    point(top / "rules", fresh(top, text))


def link_above(top: Path, text: str) -> None:
    """The folder itself is no link, but lies below one."""
    (top / "rules").is_symlink() or point(top / "rules", Path("current", "rules"))
    point(top / "current", fresh(top, text).parent)


def mount(top: Path, text: str) -> None:
    """Files are links through one link that is exchanged, as in a mounted ConfigMap."""
    rules = top / "rules"
    rules.mkdir(exist_ok=True)
    new = fresh(top, text).rename(rules / f"..{text}")
    point(rules / "..data", new)
    if not (rules / "own.txt").is_symlink():
        (rules / "own.txt").symlink_to(Path("..data", "own.txt"))


async def texts_seen(top: Path, watched: Path, steps: list[Callable[[], None]]) -> list[str | None]:
    """Return what a reader found after each of *steps*, each done once the last was noticed."""
    seen: list[str | None] = []
    noticed = asyncio.Event()
    file = top / "rules" / "own.txt"

    async def changed() -> None:
        seen.append(file.read_text(encoding="utf-8") if file.exists() else None)
        noticed.set()

    watcher = Watcher(lambda: [watched], changed, poll_s=POLL_S)
    watcher.start()
    await begun()
    try:
        async with asyncio.timeout(DEADLINE_S):
            for step in steps:
                noticed.clear()
                step()
                await noticed.wait()
    finally:
        watcher.stop()
    return seen


@pytest.mark.parametrize("watched", ["rules", "rules/own.txt"])
@pytest.mark.parametrize("replace", [rename, make_again, link, link_above, mount])
def test_what_takes_the_place_of_a_folder_is_watched(tmp_path, replace, watched):
    """A folder, or that of a single file; the reader is called once, and not in between."""
    replace(tmp_path, "first")
    edited = tmp_path / "edited"
    edited.write_text("edited", encoding="utf-8")

    seen = asyncio.run(
        texts_seen(
            tmp_path,
            tmp_path / watched,
            [
                lambda: replace(tmp_path, "second"),
                lambda: replace(tmp_path, "third"),
                lambda: edited.replace(tmp_path / "rules" / "own.txt") and None,
            ],
        )
    )

    assert seen == ["second", "third", "edited"]


@pytest.mark.parametrize("watched", ["rules", "rules/own.txt"])
@pytest.mark.parametrize("appear", [rename, make_again, link, link_above, mount])
def test_what_appears_later_is_watched(tmp_path, appear, watched):
    """A user may make the folder while the proxy runs, and edits it then."""
    edited = tmp_path / "edited"
    edited.write_text("edited", encoding="utf-8")

    seen = asyncio.run(
        texts_seen(
            tmp_path,
            tmp_path / watched,
            [
                lambda: appear(tmp_path, "first"),
                lambda: edited.replace(tmp_path / "rules" / "own.txt") and None,
            ],
        )
    )

    assert seen == ["first", "edited"]


def test_a_folder_that_vanishes_is_told_and_looked_for(tmp_path):
    rename(tmp_path, "first")

    seen = asyncio.run(
        texts_seen(
            tmp_path,
            tmp_path / "rules",
            [
                lambda: shutil.rmtree(tmp_path / "rules"),
                lambda: rename(tmp_path, "second"),
            ],
        )
    )

    assert seen == [None, "second"]


def test_a_file_behind_a_link_is_watched_where_it_is(tmp_path):
    """Its own folder hears nothing of an edit in place."""
    mount(tmp_path, "first")
    target = tmp_path / "rules" / "..first" / "own.txt"

    seen = asyncio.run(
        texts_seen(
            tmp_path,
            tmp_path / "rules" / "own.txt",
            [lambda: target.write_text("edited", encoding="utf-8") and None],
        )
    )

    assert seen == ["edited"]


def test_a_folder_is_replaced_while_its_reader_fails(tmp_path, caplog):
    """What it raises costs no later change."""
    rename(tmp_path, "first")
    calls = 0
    noticed = asyncio.Event()

    async def changed() -> None:
        nonlocal calls
        calls += 1
        noticed.set()
        raise ValueError("broken reader")

    async def run() -> None:
        watcher = Watcher(lambda: [tmp_path / "rules"], changed, poll_s=POLL_S)
        watcher.start()
        await begun()
        async with asyncio.timeout(DEADLINE_S):
            for text in ("second", "third"):
                noticed.clear()
                rename(tmp_path, text)
                await noticed.wait()
        watcher.stop()

    with caplog.at_level(logging.WARNING):
        asyncio.run(run())

    assert calls == 2
    assert caplog.text.count("rules: not reloaded: broken reader") == 2

"""Files of rules, whatever the rules are."""

from __future__ import annotations

import asyncio
import logging

import pytest

from forebay.errors import ForebayError, RuleError, RuleErrors
from forebay.rulefiles import RuleFiles, Source, files_of, read_all, stamp


def lines_of(source):
    text = source.path.read_text(encoding="utf-8")
    if "bad" in text:
        raise RuleErrors([RuleError("expected good, found bad", source.path, 1)])
    if "gone" in text:
        raise ForebayError("cannot read it")
    return text.split()


@pytest.fixture
def files(tmp_path):
    sources = tuple(Source(tmp_path / name, "some_option") for name in ("a", "b"))
    for source in sources:
        source.path.write_text("one two", encoding="utf-8")
    return sources


def held(files):
    found = []
    rules = RuleFiles(
        "x", lambda files: read_all(files, lines_of), found.append, lambda s: f"{len(s)} words"
    )
    rules.read(files, running=False)
    return rules, found


def test_all_mistakes_of_all_files_are_said(files):
    files[0].path.write_text("bad", encoding="utf-8")
    files[1].path.write_text("gone", encoding="utf-8")

    with pytest.raises(RuleErrors) as caught:
        read_all(files, lines_of)

    assert [str(error) for error in caught.value.errors] == [
        f"{files[0].path}:1: expected good, found bad",
        "some_option: cannot read it",
    ]


def test_the_stamp_changes_when_a_file_does(files):
    seen = {stamp(files)}
    files[0].path.write_text("one two three", encoding="utf-8")
    seen.add(stamp(files))
    files[1].path.unlink()
    seen.add(stamp(files))

    assert len(seen) == 3


def test_an_edit_is_put_in_force_and_told(files, caplog):
    caplog.set_level(logging.INFO)
    rules, found = held(files)
    files[0].path.write_text("three", encoding="utf-8")

    asyncio.run(rules.renew())
    asyncio.run(rules.renew())

    assert found == [["one", "two"] * 2, ["three", "one", "two"]]
    assert caplog.messages == ["x: 3 words (reloaded)"]


def test_a_mistake_is_said_once_and_changes_nothing(files, caplog):
    rules, found = held(files)
    files[0].path.write_text("bad", encoding="utf-8")

    asyncio.run(rules.renew())
    asyncio.run(rules.renew())

    assert len(found) == 1
    assert caplog.messages == [
        f"x: rules not reloaded: {files[0].path}:1: expected good, found bad"
    ]


def test_a_folder_is_its_yaml_files(tmp_path):
    """Written to, added or removed; others in it do not matter, and neither does its absence."""
    source = Source(tmp_path / "sets", "some_option")
    assert files_of(source.path) == (source.path,)
    source.path.mkdir()
    seen = {stamp([source])}
    for name, text in (("b.yaml", "1"), ("a.yaml", "1"), ("a.yaml", "22"), ("notes.txt", "x")):
        (source.path / name).write_text(text, encoding="utf-8")
        seen.add(stamp([source]))

    assert files_of(source.path) == (source.path / "a.yaml", source.path / "b.yaml")
    assert len(seen) == 4


def test_a_folder_is_watched_itself(tmp_path):
    (tmp_path / "sets").mkdir()
    rules = RuleFiles("x", list, lambda found: None, str)
    rules.read((Source(tmp_path / "sets"), Source(tmp_path / "one.yaml")), running=False)

    assert rules._folders() == [tmp_path / "sets", tmp_path]


def test_the_status_tells_the_files_and_a_refused_edit(files, tmp_path):
    """Until it is mended."""
    (tmp_path / "sets").mkdir()
    (tmp_path / "sets" / "c.yaml").write_text("three", encoding="utf-8")
    rules = RuleFiles(
        "x",
        lambda files: read_all([each for each in files if each.path.is_file()], lines_of),
        lambda found: None,
        str,
        clock=lambda: 1000.0,
    )
    sources = (*files, Source(tmp_path / "absent"), Source(tmp_path / "sets"))
    assert rules.status() == {"files": [], "read_at_s": None, "problems": []}

    rules.read(sources, running=False)
    found = rules.status()
    assert [each["path"] for each in found["files"]] == [
        *(str(each.path) for each in files),
        str(tmp_path / "sets" / "c.yaml"),
    ]
    assert found["files"][0]["modified_at_s"] == files[0].path.stat().st_mtime_ns / 1e9
    assert (found["read_at_s"], found["problems"]) == (1000.0, [])

    files[0].path.write_text("bad", encoding="utf-8")
    asyncio.run(rules.renew())
    assert rules.status()["problems"] == [
        f"edit refused, rules before it in force: {files[0].path}:1: expected good, found bad"
    ]

    files[0].path.write_text("mended", encoding="utf-8")
    asyncio.run(rules.renew())
    assert rules.status()["problems"] == []

"""Cassettes on the disk."""

from __future__ import annotations

import os

import pytest

from forebay.errors import ForebayError, RuleError, RuleErrors
from forebay.recording.interaction import (
    Interaction,
    Message,
    Request,
    Response,
    Side,
    WebSocket,
)
from forebay.recording.store import Places, load, save, side_folder


def interaction(body=b"x"):
    return Interaction(Request("GET", "http://h/"), Response(200, body=body))


@pytest.fixture(name="path")
def _path(tmp_path):
    return tmp_path / "recordings" / "c.yaml"


def test_none_is_no_error(path):
    assert load(path) is None


def test_there_and_back_with_side_files(path):
    save(path, [interaction(b"\x00\xff"), interaction(b"text")])

    assert load(path) == [interaction(b"\x00\xff"), interaction(b"text")]
    assert len(list(side_folder(path).iterdir())) == 1


def test_nothing_is_left_over(path):
    """No drafts, and no side files that nothing names."""
    save(path, [interaction(b"\x00")])
    save(path, [interaction(b"text")])

    assert [each.name for each in path.parent.iterdir()] == ["c.yaml"]


def test_other_files_in_the_folder_stay(path):
    save(path, [interaction(b"\x00")])
    (side_folder(path) / "mine.txt").write_text("", encoding="utf-8")
    save(path, [interaction(b"text")])

    assert [each.name for each in side_folder(path).iterdir()] == ["mine.txt"]


def test_a_side_file_that_was_changed_is_noticed(path):
    save(path, [interaction(b"\x00")])
    (file,) = side_folder(path).iterdir()
    file.write_bytes(b"\x01")

    with pytest.raises(RuleErrors, match=r"c\.yaml:.*expected the content that .* names"):
        load(path)


@pytest.mark.parametrize("name", ["../c.yaml", "/etc/hostname", ".."])
def test_side_files_lie_in_their_folder(path, name):
    """Whatever a cassette says."""
    save(path, [interaction(b"text")])
    path.write_text(
        path.read_text(encoding="utf-8").replace("body: text", f'body_file: "{name}"'),
        encoding="utf-8",
    )

    with pytest.raises(RuleErrors, match="beside the cassette, found none"):
        load(path)


def test_line_ends_of_windows(path):
    save(path, [interaction(b"a\nb")])
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))

    assert load(path) == [interaction(b"a\nb")]


def test_what_is_no_text_is_named(path):
    path.parent.mkdir()
    path.write_bytes(b"version: 1\n\xff")

    with pytest.raises(RuleError, match=r"c\.yaml:2: expected UTF-8 text, found the byte 0xff"):
        load(path)


def test_what_cannot_be_read_is_named(path):
    path.mkdir(parents=True)

    with pytest.raises(ForebayError, match=r"expected a cassette, found .*: Is a directory"):
        load(path)


def test_what_cannot_be_written_is_named_and_the_old_stays(path, monkeypatch):
    save(path, [interaction(b"old")])

    def refuse(fd):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(ForebayError, match=r"expected to write the cassette .*: No space left"):
        save(path, [interaction(b"new")])

    assert load(path) == [interaction(b"old")]
    assert [each.name for each in path.parent.iterdir()] == ["c.yaml"]


def test_places_name_file_and_line(tmp_path):
    path = tmp_path / "c.yaml"
    said = WebSocket((Message(Side.CLIENT, b"a"),))
    save(path, [Interaction(Request("GET", "ws://h/"), Response(101), said)])
    places = Places(path)

    assert places.of(0) == f"{path}:4"
    assert places.of(0, 0) == f"{path}:11"
    assert places.of(7) == str(path)
    assert Places(tmp_path / "none").of(0) == str(tmp_path / "none")

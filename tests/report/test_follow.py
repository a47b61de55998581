"""Following a file through all that may happen to it; nothing waits here."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.errors import ForebayError
from forebay.report import follow
from forebay.report.follow import Follower


@pytest.fixture(name="path")
def _path(tmp_path):
    return tmp_path / "traffic.jsonl"


@pytest.fixture(name="follower")
def _follower(path):
    found = Follower(path)
    yield found
    found.close()
    found.close()


def append(path, data):
    with path.open("ab") as file:
        file.write(data)


def anything(_):
    return True


def test_lines_come_once_they_are_whole(path, follower):
    append(path, b"a\nb\nto")

    assert follower.last(1, anything) == [b"b"]
    assert list(follower.poll()) == []
    append(path, b"rn\nc\n")
    assert list(follower.poll()) == [b"torn", b"c"]
    assert list(follower.poll()) == []


def test_a_file_need_not_be_there_yet(path, follower):
    assert follower.last(5, anything) == []
    assert list(follower.poll()) == []
    append(path, b"a\n")
    assert list(follower.poll()) == [b"a"]


def test_a_renamed_file_is_read_to_its_end_before_the_new_one(path, follower):
    append(path, b"a\n")
    follower.last(0, anything)
    append(path, b"b\n")
    path.rename(path.with_name("old"))
    append(path.with_name("old"), b"c\nlast")
    assert list(follower.poll()) == [b"b", b"c"]
    append(path, b"d\n")

    assert list(follower.poll()) == [b"last", b"d"]
    append(path, b"e\n")
    assert list(follower.poll()) == [b"e"]


def test_a_file_that_was_cut_is_read_from_its_start(path, follower):
    append(path, b"a\nb\nc\nto")
    follower.last(0, anything)
    os.truncate(path, 0)
    append(path, b"d\n")

    assert list(follower.poll()) == [b"d"]


def test_an_endless_line_is_skipped(path, follower, monkeypatch):
    monkeypatch.setattr(follow, "LONGEST_LINE_BYTES", 10)
    monkeypatch.setattr(follow, "_PIECE_BYTES", 4)
    append(path, b"")
    follower.last(0, anything)
    append(path, b"x" * 100)
    assert list(follower.poll()) == []
    append(path, b"x\nok\n")

    assert list(follower.poll()) == [b"ok"]


@given(
    st.lists(st.sampled_from([b"a", b"bb", b"cccccc", b""])),
    st.booleans(),
    st.integers(0, 6),
    st.integers(1, 9),
)
def test_the_last_lines_are_right_wherever_pieces_end(
    tmp_path_factory, lines, is_torn, number, size
):
    path = tmp_path_factory.mktemp("log") / "log"
    path.write_bytes(b"".join(line + b"\n" for line in lines) + b"to" * is_torn)
    follower, before = Follower(path), follow._PIECE_BYTES
    follow._PIECE_BYTES = size
    try:
        found = follower.last(number, lambda line: line != b"bb")
        append(path, b"rn\n")
        later = list(follower.poll())
    finally:
        follow._PIECE_BYTES = before
        follower.close()

    fitting = [line for line in lines if line not in (b"", b"bb")]
    assert found == (fitting[-number:] if number else [])
    assert later == [b"to" * is_torn + b"rn"]


def test_lines_are_looked_for_no_farther_back_than_stated(path, follower, monkeypatch):
    monkeypatch.setattr(follow, "FARTHEST_BACK_BYTES", 10)
    monkeypatch.setattr(follow, "_PIECE_BYTES", 4)
    append(path, b"wanted\n" + b"x\n" * 50)

    assert follower.last(1, lambda line: line == b"wanted") == []


def test_what_cannot_be_read_is_named(tmp_path):
    with pytest.raises(ForebayError, match=f"expected to read {tmp_path}, found: Is a directory"):
        Follower(tmp_path).last(1, anything)

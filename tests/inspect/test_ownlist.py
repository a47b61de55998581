"""The user's own list, as commands write it."""

from __future__ import annotations

import os

import pytest

from forebay.blocklist.parse import parse_line
from forebay.cli import init
from forebay.errors import ForebayError
from forebay.inspect import ownlist


@pytest.mark.parametrize(
    ("host", "rule"),
    [
        ("ads.example", "||ads.example^"),
        (" ADS.Example. ", "||ads.example^"),
        ("bücher.example", "||xn--bcher-kva.example^"),
        ("localhost", "||localhost^"),
        ("192.0.2.1", "||192.0.2.1^"),
    ],
)
def test_a_host_becomes_a_rule_that_the_lists_understand(host, rule):
    assert ownlist.rule_for(host, allow=False) == rule
    assert ownlist.rule_for(host, allow=True) == f"@@{rule}"
    assert parse_line(rule) is not None


@pytest.mark.parametrize(
    "host",
    ["", " ", "com", "a b.example", "a.example/path", "a.example$third-party", "||a.b^",
     "*.example", "a.example\n||b.example^", "a.example^", "x" * 300 + ".example", "a..example"],
)  # fmt: skip
def test_what_is_no_host_is_refused(host):
    with pytest.raises(ForebayError, match=r"\Aexpected a host name such as ads\.example, found"):
        ownlist.rule_for(host, allow=False)


def test_a_rule_is_appended_once(tmp_path):
    init.run(["--home", str(tmp_path)])
    rules = tmp_path / "rules"
    path = rules / "blocklists" / "own.txt"
    before = path.read_text()
    lines = len(before.splitlines())

    assert ownlist.put(rules, "||a.example^") == ("added", path, lines + 1)
    assert ownlist.put(rules, "||b.example^") == ("added", path, lines + 2)
    assert ownlist.put(rules, "||a.example^") == ("there already", path, lines + 1)

    assert path.read_text() == f"{before}||a.example^\n||b.example^\n"
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_file_and_its_folders_are_made(tmp_path):
    rules = tmp_path / "home" / "rules"

    done, path, line = ownlist.put(rules, "@@||a.example^")

    assert (done, line, path.read_text()) == ("added", 1, "@@||a.example^\n")
    assert rules.stat().st_mode & 0o777 == path.parent.stat().st_mode & 0o777 == 0o700
    assert [each.name for each in path.parent.iterdir()] == ["own.txt"]


def test_the_opposite_gives_way_where_it_stands(tmp_path):
    """An exception would win over a block beside it, and so undo it."""
    path = tmp_path / "blocklists" / "own.txt"
    path.parent.mkdir()
    path.write_text("! a\n||a.example^\n||b.example^")

    assert ownlist.put(tmp_path, "@@||a.example^") == ("in place of ||a.example^", path, 2)
    assert path.read_text() == "! a\n@@||a.example^\n||b.example^\n"
    path.write_text("@@||a.example^\n! a\n||a.example^\n")
    assert ownlist.put(tmp_path, "||a.example^") == ("in place of @@||a.example^", path, 2)
    assert path.read_text() == "! a\n||a.example^\n"


def test_line_ends_and_mode_of_the_file_stay(tmp_path):
    path = tmp_path / "blocklists" / "own.txt"
    path.parent.mkdir()
    path.write_bytes(b"! a\r\n||a.example^\r\n")
    path.chmod(0o644)

    assert ownlist.put(tmp_path, "||a.example^")[0] == "there already"
    ownlist.put(tmp_path, "||b.example^")

    assert path.read_bytes() == b"! a\r\n||a.example^\r\n||b.example^\n"
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_link_stays_a_link(tmp_path):
    target = tmp_path / "elsewhere.txt"
    target.write_text("")
    (tmp_path / "blocklists").mkdir()
    link = tmp_path / "blocklists" / "own.txt"
    link.symlink_to(target)

    assert ownlist.put(tmp_path, "||a.example^") == ("added", target, 1)
    assert link.is_symlink() and target.read_text() == "||a.example^\n"


def test_a_file_that_cannot_be_written_is_told_of(tmp_path):
    (tmp_path / "blocklists" / "own.txt").mkdir(parents=True)
    with pytest.raises(ForebayError, match=r"expected to write .*own\.txt, found Is a directory"):
        ownlist.put(tmp_path, "||a.example^")

    other = tmp_path / "other"
    (other / "blocklists").mkdir(parents=True)
    (other / "blocklists" / "own.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(ForebayError, match="found no UTF-8"):
        ownlist.put(other, "||a.example^")


def test_a_draft_that_fails_leaves_the_list_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "blocklists" / "own.txt"
    path.parent.mkdir()
    path.write_text("||a.example^\n")

    def full(fd):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ForebayError, match="No space left"):
        ownlist.put(tmp_path, "||b.example^")

    assert path.read_text() == "||a.example^\n"
    assert [each.name for each in path.parent.iterdir()] == ["own.txt"]
    monkeypatch.setattr(ownlist, "_LONGEST_BYTES", 4)
    with pytest.raises(ForebayError, match="at most 4 bytes"):
        ownlist.put(tmp_path, "||b.example^")

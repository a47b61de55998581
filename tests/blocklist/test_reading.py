"""Lists that include others, and conditions in them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from forebay.blocklist import load as loading
from forebay.blocklist import reading
from forebay.blocklist.reading import ListFile, stamp
from forebay.blocklist.request import Request


@pytest.fixture(name="write")
def _write(tmp_path):
    def write(name: str, *lines: str) -> Path:
        path: Path = tmp_path / name
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    return write


def load(*paths: Path, **given):
    return loading.load(tuple(ListFile(path.stem, path, **given) for path in paths))


def matched(rules, host: str):
    return rules.matcher.decide(Request.of(f"http://{host}/")).matched


def test_rules_of_an_included_file_are_named_by_it(write):
    """And belong to the list that includes it: its group, its trust, its count."""
    main = write("main.txt", "a.example", "!#include more.txt", "c.example")
    more = write("more.txt", "! x", "b.example")

    rules = load(main, group="ads", trusted=False)

    cited = matched(rules, "b.example")
    assert (cited.list, cited.path, cited.line, cited.group) == ("more", str(more), 2, "ads")
    assert matched(rules, "c.example").line == 3
    assert rules.counts == {main: 3}
    assert rules.included == stamp((more,))
    assert not rules.matcher.sources[1].trusted


def test_an_included_file_may_include_others(write):
    """Itself, and those before it, not again."""
    main = write("main.txt", "a.example", "!#include b.txt")
    write("b.txt", "b.example", "!#include c.txt", "!#include b.txt", "!#include main.txt")
    write("c.txt", "c.example", "!#include b.txt")

    rules = load(main)

    assert rules.counts == {main: 3}
    assert rules.warnings == ()


def test_a_file_that_is_a_list_too_is_read_once(write):
    first, second = write("a.txt", "a.example", "!#include b.txt"), write("b.txt", "b.example")

    assert load(first, second).counts == {first: 2}
    assert load(second, first).counts == {second: 1, first: 1}


@pytest.mark.parametrize("given", [{"group": "kids"}, {"enabled": False}, {"trusted": False}])
def test_a_list_that_another_includes_keeps_its_own_standing(write, given):
    """Else whoever includes it would switch it off for the others."""
    first, second = write("a.txt", "!#include b.txt"), write("b.txt", "b.example")
    lists = (ListFile("a", first, **given), ListFile("b", second))

    for each in (lists, lists[::-1]):
        rules = loading.load(each)

        assert rules.counts == {first: 1, second: 1}
        found = [(s.group, s.enabled, s.trusted) for s in rules.matcher.sources if s.name == "b"]
        assert len(found) == 2
        assert ("", True, True) in found


def test_what_is_wrong_is_said_where_it_is(write, tmp_path):
    (tmp_path / "folder.txt").mkdir()
    write("page.txt", "<html>")
    main = write(
        "main.txt",
        "a.example",
        "!#include none.txt",
        "!#include ../x.txt",
        "!#include folder.txt",
        "!#include page.txt",
        "!#include bad.txt",
    )
    write("bad.txt", "||^", "!#if true")

    rules = load(main)

    of_main, of_bad = rules.warnings
    assert "left out 4 malformed lines: line 3: expected a file in the same folder" in of_main
    assert "line 2: expected to include none.txt, found No such file" in of_main
    assert "bad.txt: left out 2 malformed lines: line 1: " in of_bad
    assert "line 2: expected !#endif below this !#if, found none" in of_bad
    assert rules.left_out == {main: (6, 0)}


def test_there_is_room_for_so_many_files_and_bytes(write, monkeypatch):
    main = write("main.txt", "a.example", *(f"!#include {i}.txt" for i in range(5)))
    for i in range(5):
        write(f"{i}.txt", f"b{i}.example")
    monkeypatch.setattr(reading, "MOST_INCLUDED", 3)

    rules = load(main)

    assert rules.counts == {main: 4}
    assert "expected to include 3.txt, found 3 files in this list already" in rules.warnings[0]
    monkeypatch.setattr(reading, "MOST_INCLUDED_BYTES", 25)
    rules = load(main)
    assert rules.counts == {main: 3}
    assert "expected to include 2.txt, found more than 25 bytes in all" in rules.warnings[0]


def test_a_downloaded_list_includes_nothing(write):
    """Its other parts are not beside the copy; what is may be another list."""
    main = write("main.txt", "a.example", "!#include more.txt")
    write("more.txt", "b.example")

    rules = load(main, remote=True)

    assert rules.counts == {main: 1}
    assert "1 include of a downloaded list" in rules.notes[0]


def test_lines_under_a_condition_that_is_not_so_do_not_count(write):
    """Nor are they mistakes; each keeps its number."""
    main = write(
        "main.txt", "!#if ext_ublock", "a.example", "||^", "!#else", "b.example", "!#endif"
    )

    rules = load(main)

    assert matched(rules, "a.example") is None
    assert matched(rules, "b.example").line == 5
    assert (rules.warnings, rules.notes) == ((), ())


def test_unknown_constants_are_counted(write):
    rules = load(write("main.txt", "a.example", "!#if env_x", "b.example", "!#endif"))

    assert rules.counts.popitem()[1] == 1
    assert re.search("left out what a proxy cannot do: 1 unknown constant$", rules.notes[0])


def test_no_room_in_an_included_file_is_said_there(write):
    main = write("main.txt", "a.example", "!#include more.txt")
    write("more.txt", *(f"||b.example/{i}^" for i in range(502)))

    rules = load(main)

    assert rules.counts == {main: 502}
    assert (
        "more.txt: left out 1 malformed line: line 502: expected at most 500" in rules.warnings[0]
    )

"""Reading lists from files."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import forebay
from forebay.blocklist import load as loading
from forebay.blocklist import reading
from forebay.blocklist.load import lists_in, measure, refuse_loss
from forebay.blocklist.parse import LONGEST_LINE
from forebay.blocklist.reading import ListFile, stamp
from forebay.blocklist.request import Request
from forebay.errors import ForebayError


def write(folder: Path, name: str, text: str | bytes) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def load(*paths: Path):
    return loading.load(tuple(ListFile(path.stem, path, in_folder=True) for path in paths))


def verdict(rules, host: str):
    return rules.matcher.decide(Request.of(f"http://{host}/"))


class TestLists:
    def test_they_are_read_in_order_and_the_first_is_named(self, tmp_path):
        first = write(tmp_path, "b.txt", "ads.example")
        second = write(tmp_path, "a.hosts", "0.0.0.0 ads.example d.example")

        rules = load(first, second)

        assert list(rules.counts) == [first, second]
        assert rules.summary() == "2 rules from 2 lists"
        assert verdict(rules, "ads.example").matched.list == "b"
        assert verdict(rules, "d.example").matched.path == str(second)

    def test_a_list_named_twice_is_read_once(self, tmp_path):
        path = write(tmp_path, "x.txt", "ads.example")

        assert load(path, path).summary() == "1 rule from 1 list"

    def test_only_text_files_in_sight_are_lists_of_a_folder(self, tmp_path):
        for name in ("notes.md", ".hidden.txt", "list.txt~", "b.txt", "a.txt"):
            write(tmp_path, name, "ads.example")

        assert [path.name for path in lists_in(tmp_path)] == ["a.txt", "b.txt"]
        assert lists_in(tmp_path / "none") == []

    def test_group_trust_and_place_are_kept(self, tmp_path):
        path = write(tmp_path, "x.txt", "! a comment\nads.example")

        rules = loading.load((ListFile("ads", path, group="advertising", trusted=False),))

        (source,) = rules.matcher.sources
        assert (source.name, source.group, source.trusted) == ("ads", "advertising", False)
        assert verdict(rules, "ads.example").matched.line == 2

    def test_pauses_are_made_while_reading(self, tmp_path):
        path = write(tmp_path, "x.txt", "ads.example\n" * 1000)
        pauses: list[int] = []

        loading.load((ListFile("x", path),), lambda: pauses.append(1))

        assert len(pauses) == 10


class TestErrors:
    def test_a_file_that_is_missing(self, tmp_path):
        path = tmp_path / "none.txt"
        message = f"blocklist_files: cannot read {path}: No such file or directory"

        with pytest.raises(ForebayError, match=re.escape(message)):
            loading.load((ListFile("none", path, "blocklist_files"),))

    def test_a_download_that_is_missing_is_unfiltered(self, tmp_path):
        rules = loading.load((ListFile("none", tmp_path / "none.txt", remote=True),))

        assert rules.unfiltered == ("none",)
        assert rules.counts == {}

    def test_a_folder_of_that_name(self, tmp_path):
        """Rules must not be missing silently."""
        (tmp_path / "x.txt").mkdir()

        with pytest.raises(ForebayError, match=r"blocklist: cannot read .*x\.txt: Is a directory"):
            load(*lists_in(tmp_path))

    def test_a_pipe_is_not_waited_for(self, tmp_path):
        os.mkfifo(tmp_path / "x.txt")

        with pytest.raises(ForebayError, match="expected a file, found a device or a pipe"):
            load(tmp_path / "x.txt")

    def test_a_folder_that_cannot_be_listed(self, tmp_path):
        with pytest.raises(ForebayError, match=r"blocklist: cannot read .*: File name too long"):
            lists_in(tmp_path / ("x" * 300))

    def test_a_list_with_too_many_lines(self, tmp_path, monkeypatch):
        monkeypatch.setattr(reading, "MOST_LINES", 10)
        path = write(tmp_path, "x.txt", "\n" * 11)

        with pytest.raises(ForebayError, match="expected at most 10 lines in a list, found more"):
            load(path)


class TestMeasure:
    def test_rules_and_mistakes_are_counted(self, tmp_path):
        path = write(tmp_path, "x.txt", "ads.example\n||b.example^$script\n||^\n##.ad\n")

        assert measure(path) == (2, 1)

    @pytest.mark.parametrize("text", ["\n<!DOCTYPE html>", "<!-- x -->", "<head>", '{"error": 1}'])
    def test_a_web_page_is_no_list(self, tmp_path, text):
        path = write(tmp_path, "x.txt", text + "\nads.example\n")

        with pytest.raises(ForebayError, match="expected a filter list, found HTML, XML or JSON"):
            measure(path)


class TestBadLines:
    def test_a_bad_line_costs_only_itself(self, tmp_path):
        text = (
            b"\xef\xbb\xbfa.example\nb\xff.example\n"
            + b"x" * 10_000_000
            + b"\nc.example\n||^\nd.example"
        )
        path = write(tmp_path, "x.txt", text)

        rules = load(path)

        assert rules.counts == {path: 3}
        assert verdict(rules, "c.example").matched.line == 4
        assert verdict(rules, "d.example").matched.line == 6

    @pytest.mark.parametrize("end", [b"", b"\n", b"\nads.example"])
    @pytest.mark.parametrize("extra", range(-3, 4))
    def test_line_numbers_survive_a_line_about_as_long_as_one_may_be(self, tmp_path, extra, end):
        path = write(tmp_path, "x.txt", b"#" * (4 * LONGEST_LINE + extra) + end)

        rules = load(path)

        found = verdict(rules, "ads.example")
        assert (found.matched.line if found.matched else None) == (2 if len(end) > 1 else None)
        assert len(rules.warnings) == 1

    def test_they_are_counted_by_kind_and_the_first_three_are_shown(self, tmp_path):
        path = write(tmp_path, "x.txt", "ads.example\n||^\n##.y\nadword\n*\n##.x\n/.*/\n||^^\n")

        (warning,) = load(path).warnings

        assert warning == (
            f"blocklist: {path}: left out 4 malformed lines: "
            "line 2: expected a host or a pattern, found a rule for everything: '||^'; "
            "line 5: expected a host or a pattern, found a rule for everything: '*'; "
            "line 7: expected a regex, found a rule for everything: '/.*/' …"
        )

    def test_what_a_proxy_cannot_do_is_counted_by_kind(self, tmp_path):
        path = write(tmp_path, "x.txt", "||a.example^$popup\n##.y\nadword\n##.x\n")

        rules = load(path)

        assert rules.warnings == ()
        assert rules.notes == (
            f"blocklist: {path}: left out what a proxy cannot do: 2 cosmetic, 1 popup, 1 bare word",
        )

    def test_one_is_in_the_singular(self, tmp_path):
        path = write(tmp_path, "x.txt", "||^\n")

        (warning,) = load(path).warnings

        assert warning.startswith(f"blocklist: {path}: left out 1 malformed line: ")
        assert "…" not in warning

    def test_a_good_list_warns_of_nothing(self, tmp_path):
        path = write(tmp_path, "x.txt", "ads.example\n# comment\n")

        assert load(path).warnings == ()

    @given(st.lists(st.binary(max_size=40), max_size=8).map(b"\n".join))
    def test_any_bytes_load(self, tmp_path_factory, data):
        path = write(tmp_path_factory.getbasetemp(), "any.txt", data)

        try:
            rules = load(path)
        except ForebayError as error:
            assert "found HTML, XML or JSON" in str(error)  # noqa: PT017
            return

        assert rules.counts[path] <= data.count(b"\n") + 1


class TestStamp:
    def test_it_changes_when_a_list_is_edited_added_or_removed(self, tmp_path):
        extra = tmp_path / "extra"

        def now() -> object:
            return stamp((*lists_in(tmp_path / "own"), extra))

        seen = {now()}
        path = write(tmp_path / "own", "x.txt", "a.example")
        seen.add(now())
        path.write_text("a.example\nb.example")
        seen.add(now())
        os.utime(path, ns=(1, 1))
        seen.add(now())
        write(tmp_path, "extra", "c.example")
        seen.add(now())

        assert len(seen) == 5
        write(tmp_path / "own", "log.jsonl", "not a list")
        assert now() in seen


class TestLoss:
    @pytest.mark.parametrize("after", [None, "", "! nothing left\n", "||^\n"])
    def test_a_list_that_vanished_or_ran_empty_is_refused(self, tmp_path, after):
        path = write(tmp_path, "x.txt", "ads.example")
        write(tmp_path, "y.txt", "! a comment\n")
        before = load(*lists_in(tmp_path))
        if after is None:
            path.unlink()
        else:
            path.write_text(after)

        with pytest.raises(
            ForebayError, match=f"expected rules in {re.escape(str(path))}, found none"
        ):
            refuse_loss(before, load(*lists_in(tmp_path)))

    def test_one_that_shrinks_below_half_is_refused(self, tmp_path):
        """As when it is caught half written."""
        path = write(tmp_path, "x.txt", "".join(f"n{i}.example\n" for i in range(30)))
        before = load(path)
        path.write_text("".join(f"n{i}.example\n" for i in range(14)))

        with pytest.raises(ForebayError, match=r"at least half .*x\.txt \(30 before, 14 now\)"):
            refuse_loss(before, load(path))

    def test_one_that_is_no_longer_asked_for_may_go(self, tmp_path):
        """As when lists.yaml switches it off."""
        path = write(tmp_path, "x.txt", "ads.example")

        refuse_loss(loading.load((ListFile("x", path),)), load())

    def test_a_list_may_shrink_and_one_without_rules_may_go(self, tmp_path):
        path = write(tmp_path, "x.txt", "ads.example\ntracker.example")
        empty = write(tmp_path, "y.txt", "! a comment\n")
        before = load(*lists_in(tmp_path))
        path.write_text("ads.example")
        empty.unlink()

        refuse_loss(before, load(*lists_in(tmp_path)))


class TestSample:
    """The list that ships, and that the README shows."""

    RULES = load(*lists_in(Path(forebay.__file__).parents[2] / "rules" / "blocklists"))

    def test_every_line_of_it_is_good(self):
        assert self.RULES.warnings == ()

    @pytest.mark.parametrize(
        ("name", "blocked"),
        [
            ("ads.example", True),
            ("x.ads.example", True),
            ("tracker.example", True),
            ("stats.g.doubleclick.net", True),
            ("www.google-analytics.com", True),
            ("pixel.example", True),
            ("x.pixel.example", False),
            ("acceptable.ads.example", False),
            ("example", False),
            ("www.google.com", False),
        ],
    )
    def test_it_blocks_what_it_says(self, name, blocked):
        assert verdict(self.RULES, name).blocked is blocked

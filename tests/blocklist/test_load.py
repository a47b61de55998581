"""Reading lists from files."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import forebay
from forebay.blocklist.load import Places, load, refuse_loss, stamp
from forebay.blocklist.parse import LONGEST_LINE
from forebay.errors import ForebayError


def write(folder: Path, name: str, text: str | bytes) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


class TestPlaces:
    def test_folders_are_read_in_order_then_the_named_files(self, tmp_path):
        shipped, own = tmp_path / "shipped", tmp_path / "own"
        write(shipped, "b.txt", "b.example")
        write(shipped, "a.txt", "a.example")
        write(own, "c.txt", "c.example")
        extra = write(tmp_path, "extra.hosts", "0.0.0.0 d.example")

        rules = load(Places((shipped, own), (extra,)))

        assert [path.name for path in rules.counts] == ["a.txt", "b.txt", "c.txt", "extra.hosts"]
        assert rules.summary() == "4 rules from 4 lists"
        assert rules.matcher.decide(["d.example"]).matched.path == str(extra)

    def test_what_ships_is_named_before_the_users_own(self, tmp_path):
        write(tmp_path / "shipped", "x.txt", "ads.example")
        write(tmp_path / "own", "y.txt", "ads.example")

        verdict = load(Places((tmp_path / "shipped", tmp_path / "own"))).matcher.decide(
            ["ads.example"]
        )

        assert verdict.matched.list == "x"

    def test_only_text_files_in_sight_are_lists(self, tmp_path):
        for name in ("notes.md", ".hidden.txt", "list.txt~"):
            write(tmp_path, name, "ads.example")

        assert load(Places((tmp_path,))).summary() == "0 rules from 0 lists"

    def test_a_missing_folder_is_an_empty_one(self, tmp_path):
        file = write(tmp_path, "x.txt", "ads.example")

        assert load(Places((tmp_path / "none", file))).summary() == "0 rules from 0 lists"

    def test_a_list_named_twice_is_read_once(self, tmp_path):
        path = write(tmp_path, "x.txt", "ads.example")

        assert load(Places((tmp_path,), (path, path))).summary() == "1 rule from 1 list"


class TestErrors:
    def test_a_named_file_that_is_missing(self, tmp_path):
        path = tmp_path / "none.txt"
        message = f"blocklist_files: cannot read {path}: No such file or directory"

        with pytest.raises(ForebayError, match=re.escape(message)):
            load(Places((), (path,)))

    def test_a_list_in_a_folder_that_cannot_be_read(self, tmp_path):
        """Here a folder of that name: rules must not be missing silently."""
        (tmp_path / "x.txt").mkdir()

        with pytest.raises(ForebayError, match=r"blocklist: cannot read .*x\.txt: Is a directory"):
            load(Places((tmp_path,)))

    def test_a_folder_that_cannot_be_listed(self, tmp_path):
        places = Places((tmp_path / ("x" * 300),))

        with pytest.raises(ForebayError, match=r"blocklist: cannot read .*: File name too long"):
            load(places)
        assert "File name too long" in stamp(places)[0][0]


class TestBadLines:
    def test_a_bad_line_costs_only_itself(self, tmp_path):
        text = (
            b"\xef\xbb\xbfa.example\nb\xff.example\n"
            + b"x" * 10_000_000
            + b"\nc.example\n||^\nd.example"
        )
        path = write(tmp_path, "x.txt", text)

        rules = load(Places((), (path,)))

        assert rules.counts == {path: 3}
        assert rules.matcher.decide(["c.example"]).matched.line == 4
        assert rules.matcher.decide(["d.example"]).matched.line == 6

    @pytest.mark.parametrize("end", [b"", b"\n", b"\nads.example"])
    @pytest.mark.parametrize("extra", range(-3, 4))
    def test_line_numbers_survive_a_line_about_as_long_as_one_may_be(self, tmp_path, extra, end):
        path = write(tmp_path, "x.txt", b"#" * (4 * LONGEST_LINE + extra) + end)

        rules = load(Places((), (path,)))

        verdict = rules.matcher.decide(["ads.example"])
        assert (verdict.matched.line if verdict.matched else None) == (2 if len(end) > 1 else None)
        assert len(rules.warnings) == 1

    def test_they_are_counted_by_kind_and_the_first_three_are_shown(self, tmp_path):
        path = write(tmp_path, "x.txt", "ads.example\n||^\n/ad/\nadword\n*\n##.x\n")

        (warning,) = load(Places((), (path,))).warnings

        assert warning == (
            f"blocklist: {path}: left out 5 lines (3 unsupported, 2 malformed): "
            "line 2: expected a host, found a rule for everything: '||^'; "
            "line 3: expected a host rule, found a pattern: '/ad/'; "
            "line 4: expected a domain or ||adword^, found 'adword' …"
        )

    def test_one_is_in_the_singular(self, tmp_path):
        path = write(tmp_path, "x.txt", "||^\n")

        (warning,) = load(Places((), (path,))).warnings

        assert warning.startswith(
            f"blocklist: {path}: left out 1 line (0 unsupported, 1 malformed): "
        )
        assert "…" not in warning

    def test_a_good_list_warns_of_nothing(self, tmp_path):
        path = write(tmp_path, "x.txt", "ads.example\n# comment\n")

        assert load(Places((), (path,))).warnings == ()

    @given(st.lists(st.binary(max_size=40), max_size=8).map(b"\n".join))
    def test_any_bytes_load(self, tmp_path_factory, data):
        path = write(tmp_path_factory.getbasetemp(), "any.txt", data)

        rules = load(Places((), (path,)))

        assert rules.counts[path] <= data.count(b"\n") + 1


class TestStamp:
    def test_it_changes_when_a_list_is_edited_added_or_removed(self, tmp_path):
        places = Places((tmp_path / "own",), (tmp_path / "extra",))
        seen = {stamp(places)}
        path = write(tmp_path / "own", "x.txt", "a.example")
        seen.add(stamp(places))
        path.write_text("a.example\nb.example")
        seen.add(stamp(places))
        os.utime(path, ns=(1, 1))
        seen.add(stamp(places))
        write(tmp_path, "extra", "c.example")
        seen.add(stamp(places))

        assert len(seen) == 5
        write(tmp_path / "own", "log.jsonl", "not a list")
        assert stamp(places) in seen


class TestLoss:
    @pytest.mark.parametrize("after", [None, "", "! nothing left\n", "||^\n"])
    def test_a_list_that_vanished_or_ran_empty_is_refused(self, tmp_path, after):
        path = write(tmp_path, "x.txt", "ads.example")
        write(tmp_path, "y.txt", "! a comment\n")
        before = load(Places((tmp_path,)))
        if after is None:
            path.unlink()
        else:
            path.write_text(after)

        with pytest.raises(
            ForebayError, match=f"expected rules in {re.escape(str(path))}, found none"
        ):
            refuse_loss(before, load(Places((tmp_path,))))

    def test_a_list_may_shrink_and_one_without_rules_may_go(self, tmp_path):
        path = write(tmp_path, "x.txt", "ads.example\ntracker.example")
        empty = write(tmp_path, "y.txt", "! a comment\n")
        before = load(Places((tmp_path,)))
        path.write_text("ads.example")
        empty.unlink()

        refuse_loss(before, load(Places((tmp_path,))))


class TestSample:
    """The list that ships, and that the README shows."""

    RULES = load(Places((Path(forebay.__file__).parents[2] / "rules" / "blocklists",)))

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
        assert self.RULES.matcher.decide([name]).blocked is blocked

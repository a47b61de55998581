"""The exchange of rules."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest
from mitmproxy.test import taddons

from forebay.blocklist.addon import BlocklistAddon
from forebay.blocklist.current import Current
from forebay.blocklist.request import Request
from forebay.errors import ForebayError


@pytest.fixture
def lists(tmp_path):
    """The user's own lists, with one rule."""
    folder = tmp_path / "home" / "rules" / "blocklists"
    folder.mkdir(parents=True)
    (folder / "own.txt").write_text("ads.example\n")
    return folder


@pytest.fixture
def options(tmp_path, lists):
    (tmp_path / "shipped").mkdir()
    with taddons.context() as tctx:
        tctx.master.addons.register(BlocklistAddon())
        tctx.options.update(
            forebay_home=str(tmp_path / "home"), forebay_rules=str(tmp_path / "shipped")
        )
        yield tctx.options


@pytest.fixture
def current(options):
    current = Current()
    current.put(*current.build())
    return current


def is_blocked(current: Current, name: str) -> bool:
    return current.rules.lists.matcher.decide(Request.of(f"http://{name}/")).blocked


def renew(current: Current) -> None:
    asyncio.run(current.renew())


def test_an_edited_list_is_put_in_force(current, lists, caplog):
    (lists / "own.txt").write_text("ads.example\ntracker.example\n||^\n")

    with caplog.at_level(logging.INFO, "forebay"):
        renew(current)

    assert is_blocked(current, "tracker.example")
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert caplog.messages[1] == "blocklist: 2 rules from 1 list (reloaded)"


def test_what_is_no_list_changes_nothing(current, lists, caplog):
    """A log in the same folder must not make its own reload log another line."""
    before = current.rules
    (lists / "traffic.jsonl").write_text("{}")

    with caplog.at_level(logging.INFO, "forebay"):
        renew(current)

    assert current.rules is before
    assert caplog.messages == []


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_text("")])
def test_the_last_good_rules_stay_with_one_warning(current, lists, caplog, damage):
    damage(lists / "own.txt")

    renew(current)
    renew(current)

    assert is_blocked(current, "ads.example")
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith("blocklist: kept the last good rules: expected rules in ")


def test_a_folder_that_is_gone_keeps_them_too(current, options, tmp_path, caplog):
    (tmp_path / "shipped").rmdir()

    renew(current)

    assert is_blocked(current, "ads.example")
    assert "kept the last good rules: forebay_rules: expected a folder" in caplog.text
    assert current.watched() == [tmp_path / "home" / "rules"]


def test_a_list_that_is_mended_is_put_in_force(current, lists):
    (lists / "own.txt").write_text("")
    renew(current)
    (lists / "own.txt").write_text("tracker.example")
    renew(current)

    assert is_blocked(current, "tracker.example")
    assert not is_blocked(current, "ads.example")


def test_rules_of_a_newer_option_are_not_overwritten(current, lists, options, tmp_path):
    """A reload began before the option changed and ends after it."""
    extra = tmp_path / "extra.txt"
    extra.write_text("extra.example")
    (lists / "own.txt").write_text("tracker.example")

    async def run() -> None:
        reload = asyncio.create_task(current.renew())
        await asyncio.sleep(0)
        options.update(blocklist_files=[str(extra)])
        current.put(*current.build())
        await reload

    asyncio.run(run())

    assert is_blocked(current, "extra.example")


def test_the_first_rules_may_come_by_a_reload(options):
    current = Current()

    renew(current)

    assert is_blocked(current, "ads.example")


def test_unchanged_files_are_not_read_again(current, lists):
    before = current.rules

    rules, _ = current.build()

    assert rules is before
    current.drop()
    assert current.build()[0] is not before


def test_a_named_file_that_is_missing_is_an_error(current, options, tmp_path):
    options.update(blocklist_files=[str(tmp_path / "none.txt")])

    with pytest.raises(ForebayError, match="blocklist_files: cannot read"):
        current.build()


def test_folders_and_named_files_are_watched(current, options, tmp_path):
    """Downloads too, which come without a word."""
    home, named = tmp_path / "home", tmp_path / "a.txt"
    options.update(blocklist_files=[str(named)])

    assert current.watched() == [tmp_path / "shipped", home / "rules", home / "lists", named]


LISTS = 'lists: [{name: remote, url: "https://lists.example/x"}]'


class TestRemote:
    def test_one_that_was_never_fetched_is_said_and_named_in_the_summary(
        self, options, lists, caplog
    ):
        (lists.parent / "lists.yaml").write_text(LISTS)
        current = Current()

        current.put(*current.build())

        assert current.rules.lists.summary() == (
            "1 rule from 1 list (unfiltered, as never fetched: remote)"
        )
        assert "unfiltered, as never fetched: remote; get them by: forebay lists update" in (
            caplog.text
        )

    def test_when_every_list_is_required_it_is_an_error(self, options, lists):
        (lists.parent / "lists.yaml").write_text(LISTS)
        options.update(blocklist_require_lists=True)

        with pytest.raises(ForebayError, match="blocklist_require_lists: expected every list"):
            Current().build()

    def test_its_arrival_puts_it_in_force(self, options, lists, tmp_path):
        (lists.parent / "lists.yaml").write_text(LISTS)
        current = Current()
        current.put(*current.build())
        folder = tmp_path / "home" / "lists"
        folder.mkdir()
        (folder / "remote.txt").write_text("||remote.example^")

        renew(current)

        assert is_blocked(current, "remote.example")
        assert current.rules.lists.unfiltered == ()


def test_policies_are_part_of_the_rules(current, lists):
    (lists.parent / "policies.yaml").write_text("policies: [{id: kids, mode: off}]")

    renew(current)

    assert [policy.id for policy in current.rules.policies.policies] == ["kids"]


def test_a_broken_policy_keeps_the_last_good_rules(current, lists, caplog):
    before = current.rules
    (lists.parent / "policies.yaml").write_text("policies: nonsense")

    renew(current)

    assert current.rules is before
    assert "kept the last good rules: " in caplog.text
    assert "policies.yaml:1:1: " in caplog.text


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_text("policies:\n")])
def test_policies_that_vanish_or_run_empty_stay(current, lists, caplog, damage):
    path = lists.parent / "policies.yaml"
    path.write_text("policies: [{id: kids, mode: allow-only, allow: [a.example]}]")
    renew(current)
    damage(path)

    renew(current)

    assert [policy.id for policy in current.rules.policies.policies] == ["kids"]
    assert f"kept the last good rules: expected entries in {path}, found none" in caplog.text


class TestStatus:
    def test_each_list_with_what_was_left_out(self, options, lists):
        path = lists / "own.txt"
        path.write_text("ads.example\n||^\n##.ad\n##.banner\n")
        current = Current(clock=lambda: 1000.0)
        current.put(*current.build())

        assert current.status() == {
            "rules": 1,
            "read_at_s": 1000.0,
            "lists": [
                {
                    "name": "own",
                    "group": None,
                    "enabled": True,
                    "rules": 1,
                    "mistakes": 1,
                    "unsupported": 2,
                    "modified_at_s": path.stat().st_mtime_ns / 1e9,
                    "path": str(path),
                }
            ],
            "unfiltered": [],
            "policies": [],
            "problems": [],
        }

    def test_without_rules_there_are_none(self):
        assert Current().status() == {"rules": 0, "lists": []}

    def test_a_refused_edit_until_it_is_mended(self, current, lists):
        (lists / "own.txt").write_text("")
        renew(current)
        (problem,) = current.status()["problems"]
        assert problem.startswith("edit refused, rules before it in force: expected rules in ")
        assert current.status()["rules"] == 1

        (lists / "own.txt").write_text("tracker.example")
        renew(current)
        assert current.status()["problems"] == []

    def test_a_list_that_was_never_fetched(self, current, lists):
        (lists.parent / "lists.yaml").write_text(
            "lists:\n  - {name: far, url: 'https://lists.example/far.txt', enabled: true}\n"
        )
        renew(current)

        assert current.status()["unfiltered"] == ["far"]
        assert current.status()["problems"] == [
            "unfiltered, as never fetched: far; get them by: forebay lists update"
        ]


def test_an_included_file_that_is_edited_counts(current, lists):
    """Though it is no list by itself: its name says so."""
    (lists / "own.txt").write_text("ads.example\n!#include more.part\n")
    (lists / "more.part").write_text("a.example\n")
    renew(current)
    assert is_blocked(current, "a.example")

    (lists / "more.part").write_text("a.example\nb.example\n")
    renew(current)

    assert is_blocked(current, "b.example")
    before = current.rules
    renew(current)
    assert current.rules is before


def test_a_list_that_is_included_has_not_vanished(current, lists):
    (lists / "own.txt").write_text("ads.example\n")
    (lists / "zoo.txt").write_text("a.example\n")
    renew(current)
    (lists / "own.txt").write_text("ads.example\n!#include zoo.txt\n")

    renew(current)

    assert is_blocked(current, "a.example")
    assert current.refused == ""

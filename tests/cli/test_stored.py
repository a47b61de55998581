"""What is said of a stored response."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from cache.builders import NOW, entry, key
from forebay.cli.places import add_places
from forebay.cli.stored import (
    add_cache_folder,
    cache_folder,
    cache_rules,
    facts,
    state,
)
from forebay.errors import ForebayError


def given(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_places(parser)
    add_cache_folder(parser)
    return parser.parse_args(arguments)


def test_the_folder_is_that_of_the_proxy():
    assert cache_folder(given()) == Path.home() / ".forebay" / "cache"
    assert cache_folder(given("--home", "/h")) == Path("/h/cache")
    assert cache_folder(given("--home", "/h", "--cache-dir", "~/c")) == Path.home() / "c"
    with pytest.raises(ForebayError, match="--cache-dir: expected a path, found '~nobody-at-all'"):
        cache_folder(given("--cache-dir", "~nobody-at-all"))


def test_rules_of_both_folders_count(tmp_path):
    (tmp_path / "shipped").mkdir()
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "cache.yaml").write_text("rules: [{bypass: true}]", encoding="utf-8")

    places = given("--home", str(tmp_path), "--rules", str(tmp_path / "shipped"))

    assert [rule.bypass for rule in cache_rules(places)] == [True]


@pytest.mark.parametrize(
    ("fields", "now_s", "text", "fresh"),
    [
        ({"cache_control": "max-age=60"}, NOW + 10, "fresh for 50 s", True),
        ({"cache_control": "max-age=60"}, NOW + 60, "stale for 0 s", False),
        ({"cache_control": "max-age=60", "age": "100"}, NOW + 5, "stale for 45 s", False),
        ({"cache_control": "no-cache, max-age=9"}, NOW, "validated each time (no-cache)", False),
    ],
)
def test_states(fields, now_s, text, fresh):
    found = facts(key(), entry(**fields), now_s)

    assert state(found) == text
    assert found["fresh"] is fresh


def test_facts_are_plain():
    assert facts(key(), entry(said=((b"accept", None),)), NOW + 1.5) == {
        "url": None,
        "key": key().hex(),
        "status": 200,
        "size_bytes": 5,
        "stored_at_s": NOW,
        "age_s": 1,
        "fresh": True,
        "ttl_s": 58,
        "no_cache": False,
        "varies": ["accept"],
    }

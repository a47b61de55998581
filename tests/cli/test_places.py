"""Where commands find rules and state."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from forebay import shipped
from forebay.cli.places import add_places, home_folder, rules_folder
from forebay.errors import ForebayError


def given(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_places(parser)
    return parser.parse_args(arguments)


def test_defaults_are_those_of_the_proxy():
    assert home_folder(given()) == Path.home() / ".forebay"
    assert rules_folder(given()) == shipped.rules_folder()


def test_both_can_be_named(tmp_path):
    told = given("--home", "~/other", "--rules", str(tmp_path))

    assert (home_folder(told), rules_folder(told)) == (Path.home() / "other", tmp_path)


def test_an_unknown_home_is_one_line():
    with pytest.raises(ForebayError, match="--home: expected a path, found '~nobody-at-all/x'"):
        home_folder(given("--home", "~nobody-at-all/x"))


def test_rules_must_be_there(tmp_path):
    with pytest.raises(ForebayError, match="--rules: expected a folder, found nothing at"):
        rules_folder(given("--rules", str(tmp_path / "none")))

"""Paths that users write."""

from __future__ import annotations

from pathlib import Path

import pytest

from forebay.errors import ForebayError
from forebay.paths import expanded, shown


def test_the_home_folder_is_put_in():
    assert expanded("x", "~/a") == Path.home() / "a"
    assert expanded("x", "a/b") == Path("a/b")


def test_an_unknown_home_is_one_line():
    with pytest.raises(
        ForebayError, match=r"^x: expected a path, found '~nobody-at-all/a': no such"
    ):
        expanded("x", "~nobody-at-all/a")


def test_a_path_is_shown_as_people_write_it():
    assert shown(Path.home() / "a" / "b") == "~/a/b"
    assert shown(Path("/elsewhere/a")) == "/elsewhere/a"

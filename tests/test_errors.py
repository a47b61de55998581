"""Errors that a user can mend."""

from __future__ import annotations

from pathlib import Path

import pytest

from forebay.errors import ForebayError, RuleError, RuleErrors


@pytest.mark.parametrize(
    ("path", "line", "text"),
    [
        (None, None, "expected a, found b"),
        (Path("x.yaml"), None, "x.yaml: expected a, found b"),
        (Path("x.yaml"), 7, "x.yaml:7: expected a, found b"),
    ],
)
def test_the_place_comes_first(path, line, text):
    assert str(RuleError("expected a, found b", path, line)) == text


def test_a_place_is_added_and_a_known_line_kept():
    """The column is that of the line it was found in."""
    assert str(RuleError("m", line=3).at(Path("x"))) == "x:3: m"
    assert str(RuleError("m", line=3, column=5).at(Path("x"))) == "x:3:5: m"
    assert str(RuleError("m", line=3, column=5).at(Path("x"), 4)) == "x:4: m"


def test_several_errors_are_several_lines():
    errors = RuleErrors([RuleError("a"), RuleError("b")])

    assert str(errors) == "a\nb"
    assert isinstance(errors, ForebayError)

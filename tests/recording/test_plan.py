"""What a test asks for."""

from __future__ import annotations

from pathlib import Path

import pytest

from forebay.errors import ForebayError
from forebay.recording import plugin
from forebay.recording.plan import MARKED, MODES, Plan, made, usual_mode
from forebay.recording.tape import Mode

FOLDER = Path("/tests/recordings/test_pay")


def plan(*marks, modes=(None, MARKED, "", "once")):
    return made(marks, FOLDER, "test_one", modes)


def test_nothing_is_said():
    assert plan() == Plan(FOLDER / "test_one.yaml", "once", {}, needs_all=False)


def test_the_nearest_marker_wins_and_the_others_add():
    """A class's marker holds for its tests, but for what they say themselves."""
    found = plan({"ignore": "query:t", "mode": "all"}, {"mode": "none", "allow": ("a", "b")})

    assert found.mode == "all"
    assert found.said == {"ignore": ["query:t"], "allow": ["a", "b"]}


def test_all_that_may_be_said():
    found = plan(
        {"name": "x/y", "fail_on_unused": True, "on_exhausted": "fail", "match": ["method"]}
    )

    assert found == Plan(
        FOLDER / "x" / "y.yaml",
        "once",
        {"on_exhausted": "fail", "match": ["method"]},
        needs_all=True,
    )


@pytest.mark.parametrize(
    ("modes", "expected"),
    [
        (("all", MARKED, "once", "none"), "all"),
        ((None, MARKED, "once", "none"), "new_episodes"),
        ((None, None, "", "none"), "none"),
    ],
)
def test_the_first_mode_that_is_said_wins(modes, expected):
    assert plan({"mode": "new_episodes"}, modes=modes).mode == expected


@pytest.mark.parametrize(
    ("mark", "expected"),
    [
        ({"modus": "x", "file": 1}, "as arguments of the marker, found file, modus"),
        ({"mode": "sometimes"}, "recording: expected none or once .* as mode, found 'sometimes'"),
        ({"name": "../x"}, r"found '\.\./x'"),
    ],
)
def test_mistakes(mark, expected):
    with pytest.raises(ForebayError, match=expected):
        plan(mark)


def test_the_modes_are_those_of_the_tape():
    assert set(MODES) == set(plugin._MODES) == set(Mode)


@pytest.mark.parametrize("text", ["1", "true", "TRUE", "yes", "woodpecker"])
def test_in_ci_nothing_is_recorded(text):
    assert usual_mode({"CI": text}) == "none"


@pytest.mark.parametrize("environ", [{}, {"CI": ""}, {"CI": " "}, {"CI": "0"}, {"CI": "False"}])
def test_elsewhere_what_is_missing_is(environ):
    assert usual_mode(environ) == "once"

"""Whose a cassette is."""

from __future__ import annotations

from pathlib import Path

import pytest

from forebay.errors import ForebayError
from forebay.recording.claims import claim, release

ONE, OTHER = Path("/recordings/one.yaml"), Path("/recordings/other.yaml")


def test_the_second_test_is_told_of_the_first(tmp_path):
    claim(tmp_path / "claims", ONE, "test_a.py::test_one")

    with pytest.raises(ForebayError) as caught:
        claim(tmp_path / "claims", ONE, "test_a.py::test_two")

    assert str(caught.value) == (
        f"expected one test to record {ONE}, found two: test_a.py::test_one and "
        "test_a.py::test_two; give one of them another cassette: @pytest.mark.recording(name=…)"
    )


def test_a_test_may_run_again_and_others_have_others(tmp_path):
    for cassette, test in ((ONE, "a"), (OTHER, "b"), (ONE, "a")):
        claim(tmp_path, cassette, test)

    assert len(list(tmp_path.iterdir())) == 2


def test_a_test_that_has_recorded_nothing_leaves_it_to_others(tmp_path):
    """It gives up its own only."""
    claim(tmp_path, ONE, "a")

    release(tmp_path, ONE, "b")
    release(tmp_path, OTHER, "a")
    with pytest.raises(ForebayError, match="found two: a and b"):
        claim(tmp_path, ONE, "b")
    release(tmp_path, ONE, "a")
    claim(tmp_path, ONE, "b")

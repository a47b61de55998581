"""Where cassettes are."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.errors import ForebayError
from forebay.recording.cassettepath import file_safe, named, of_test

FOLDER = PurePosixPath("recordings/test_pay")


@pytest.mark.parametrize(
    "name", ["test_pay", "TestPay.test_once[eur]", "test_größe", "test_a[1.5-x]"]
)
def test_usual_names_stay(name):
    assert of_test(FOLDER, name) == FOLDER / f"{name}.yaml"


def test_names_that_would_be_the_same_are_not():
    """What tells them apart is a hash of the name."""
    found = {file_safe(name) for name in ("t[a/b]", "t[a:b]", "t[a_b]", "t[a\\b]", "t" * 300)}

    assert len(found) == 5
    assert "t[a_b]" in found


@given(st.text(max_size=400))
def test_any_name_is_one_that_file_systems_take(name):
    found = file_safe(name)

    assert 0 < len(found.encode()) <= 160
    assert not set(found) & set('/\\:*?"<>|\0\n')
    assert found.strip(".")


@given(st.text(max_size=40), st.text(max_size=40))
def test_names_that_differ_stay_different(one, other):
    assert (file_safe(one) == file_safe(other)) == (one == other)


def test_a_name_may_have_folders():
    assert named(FOLDER, "shared/log in") == FOLDER / "shared" / f"{file_safe('log in')}.yaml"


@pytest.mark.parametrize("name", ["../x", "", "/etc/x", "a//b", "a/./b", "."])
def test_a_cassette_is_nowhere_else(name):
    with pytest.raises(ForebayError, match=r"recording: expected the name of a cassette"):
        named(FOLDER, name)

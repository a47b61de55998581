"""Lines that shells evaluate."""

from __future__ import annotations

import json
import os
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forebay.trust.shells import SHELLS, lines

VALUES = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=40)
ODD = '/a b/$HOME/`id`/$(id)/it\'s/"q"/back\\slash/\n/ü/;&|*?#~!\u2019'


def evaluated_by_sh(text: str) -> dict[str, str]:
    done = subprocess.run(
        ["/bin/sh", "-c", 'eval "$1"; env -0', "sh", text],
        env={"DIR": "/etc"},
        capture_output=True,
        check=True,
    )
    pairs = (pair.partition("=") for pair in os.fsdecode(done.stdout).split("\0") if pair)
    return {name: value for name, _, value in pairs}


@settings(max_examples=25)
@given(VALUES)
def test_sh_gets_the_value_as_it_is(value):
    found = evaluated_by_sh(lines({"CERT": value}, ["DIR", "NONE"], "sh"))

    assert (found["CERT"], "DIR" in found) == (value, False)


def test_sh_gets_odd_paths_as_they_are():
    assert evaluated_by_sh(lines({"CERT": ODD}, [], "sh"))["CERT"] == ODD


@pytest.mark.parametrize(
    ("shell", "value", "expected"),
    [
        pytest.param("fish", "a b", "set -gx CERT 'a b'\nset -e DIR\n", id="fish"),
        pytest.param("fish", "it's\\", "set -gx CERT 'it\\'s\\\\'\nset -e DIR\n", id="fish quotes"),
        pytest.param(
            "powershell",
            "C:\\a$b`'\u2019",
            "$env:CERT = 'C:\\a$b`''\u2019\u2019'\n"
            "Remove-Item Env:DIR -ErrorAction SilentlyContinue\n",
            id="every quote of PowerShell is doubled",
        ),
    ],
)
def test_other_shells_have_their_own_quotes(shell, value, expected):
    assert lines({"CERT": value}, ["DIR"], shell) == expected


@given(VALUES)
def test_json_is_read_back(value):
    assert json.loads(lines({"CERT": value}, ["DIR"], "json")) == {
        "set": {"CERT": value},
        "unset": ["DIR"],
    }


@pytest.mark.parametrize("shell", SHELLS)
def test_nothing_to_say_is_nothing_to_do(shell):
    text = lines({}, [], shell)

    assert text == "" or json.loads(text) == {"set": {}, "unset": []}

"""The options of a recording."""

from __future__ import annotations

from pathlib import Path

import pytest
from mitmproxy.test import taddons

from forebay.errors import ForebayError
from forebay.recording import config
from forebay.recording.match import PARTS
from forebay.recording.tape import Mode, OnExhausted


class Declares:
    name = "declares"

    def load(self, loader):
        config.declare(loader)


@pytest.fixture(name="options")
def _options():
    with taddons.context(Declares()) as tctx:
        yield tctx.options.update


@pytest.mark.usefixtures("options")
def test_by_default_there_is_none():
    found = config.from_options()

    assert found.path is None
    assert found.mode is Mode.ONCE
    assert found.matcher.parts == PARTS


def test_what_is_asked_for(options):
    options(
        recording_file="~/c.yaml",
        recording_mode="new_episodes",
        recording_match=["path"],
        recording_ignore=["query:a"],
        recording_allow=["*.example"],
        recording_on_exhausted="repeat_last",
    )
    found = config.from_options()

    assert found.path == Path.home() / "c.yaml"
    assert found.mode is Mode.NEW_EPISODES
    assert found.matcher.parts == ("path",)
    assert found.allow.matches("a.example")
    assert found.on_exhausted is OnExhausted.REPEAT_LAST


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"mode": "twice"}, "recording_mode: expected none or once or"),
        ({"match": ["hosts"]}, "recording_match: expected method,"),
        ({"ignore": ["hosts"]}, "recording_match: expected a part,"),
        ({"allow": ["a b"]}, "recording_allow: expected"),
        ({"match": "path"}, "recording_match: expected a list of texts, found 'path'"),
        ({"on_exhausted": 1}, "recording_on_exhausted: expected fail or repeat_last, found 1"),
    ],
)
def test_mistakes_name_the_option(said, expected):
    with pytest.raises(ForebayError) as caught:
        config.made(said)

    assert str(caught.value).startswith(expected)

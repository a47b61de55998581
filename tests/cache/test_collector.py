"""The body on its way to the store."""

from __future__ import annotations

import pytest

from forebay.cache.collector import Collector


class Draft:
    """Keeps in memory what would go to a file."""

    def __init__(self, is_willing=True):
        self.fed, self.given_up, self.is_willing = b"", False, is_willing

    def feed(self, data):
        self.fed += data

    def finish(self, done):
        if self.is_willing:
            done(self)
        return self.is_willing

    def give_up(self):
        self.given_up = True


def collected(pieces, *, limit_bytes=10, expected_bytes=None, end="end"):
    found = []
    collector = Collector(
        limit_bytes=limit_bytes, expected_bytes=expected_bytes, commit=found.append
    )
    for piece in pieces:
        collector.feed(piece)
    getattr(collector, end)()
    return found


@pytest.mark.parametrize(
    ("pieces", "given", "expected"),
    [
        ([], {}, [b""]),
        ([b"hello"], {"expected_bytes": 5}, [b"hello"]),
        ([b"he", b"llo"], {}, [b"hello"]),
        ([b"1234567890"], {}, [b"1234567890"]),
        pytest.param([b"123456789", b"01"], {}, [], id="beyond the limit"),
        pytest.param([b"hell"], {"expected_bytes": 5}, [], id="too short"),
        pytest.param([b"hello!"], {"expected_bytes": 5}, [], id="too long"),
        pytest.param([b"hello"], {"end": "abort"}, [], id="broken off"),
    ],
)
def test_only_a_whole_body_is_handed_over(pieces, given, expected):
    assert collected(pieces, **given) == expected


def long(pieces, *, draft, expected_bytes=None, end="end"):
    """Return what is handed over of a body of which three bytes may lie in memory."""
    found = []
    collector = Collector(
        limit_bytes=10,
        expected_bytes=expected_bytes,
        commit=found.append,
        draft=lambda: draft,
        promised=lambda: found.append("promised"),
        kept_bytes=3,
    )
    for piece in pieces:
        collector.feed(piece)
    getattr(collector, end)()
    return found


@pytest.mark.parametrize("expected_bytes", [None, 8])
def test_a_long_body_is_handed_over_as_a_file(expected_bytes):
    draft = Draft()

    assert long([b"ab", b"cd", b"efgh"], draft=draft, expected_bytes=expected_bytes) == [
        draft,
        "promised",
    ]
    assert draft.fed == b"abcdefgh" and not draft.given_up


def test_a_short_one_needs_no_file():
    assert long([b"abc"], draft=None) == [b"abc"]


@pytest.mark.parametrize(
    ("pieces", "given"),
    [
        pytest.param([b"abcd", b"efghijk"], {}, id="beyond the limit"),
        pytest.param([b"abcd"], {"expected_bytes": 5}, id="too short"),
        pytest.param([b"abcdef"], {"expected_bytes": 5}, id="too long"),
        pytest.param([b"abcd"], {"end": "abort"}, id="broken off"),
    ],
)
def test_a_long_body_that_is_not_whole_is_given_up(pieces, given):
    draft = Draft()

    assert long(pieces, draft=draft, **given) == []
    assert draft.given_up


@pytest.mark.parametrize("draft", [None, Draft(is_willing=False)])
def test_where_there_can_be_no_file_nothing_is_handed_over(draft):
    assert long([b"abcd", b"e"], draft=draft) == []


@pytest.mark.parametrize(("pieces", "expected"), [([b"123"], 0), ([b"12", b"34", b"56"], 1)])
def test_it_is_told_once_that_a_body_is_too_long_for_memory(pieces, expected):
    grown = []
    collector = Collector(
        limit_bytes=10,
        expected_bytes=None,
        commit=lambda body: None,
        draft=Draft,
        grown=lambda: grown.append(1),
        kept_bytes=3,
    )
    for piece in pieces:
        collector.feed(piece)

    assert len(grown) == expected

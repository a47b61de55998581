"""Invalidation: RFC 9111 §4.4."""

from __future__ import annotations

import pytest

from cache.builders import head
from forebay.cache.invalidation import Recent, invalidated, is_unsafe
from forebay.cache.key import Target

TARGET = Target(b"POST", b"http", "a.example", 80, b"/form")


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        (b"GET", False),
        (b"HEAD", False),
        (b"OPTIONS", False),
        (b"TRACE", False),
        (b"POST", True),
        (b"PUT", True),
        (b"DELETE", True),
        (b"PATCH", True),
        (b"M-SEARCH", True),
        (b"get", True),
    ],
)
def test_what_may_change_things(method, expected):
    """An unknown method may."""
    assert is_unsafe(method) is expected


def paths(status, **fields):
    return [target.path for target in invalidated(TARGET, status, head(**fields))]


@pytest.mark.parametrize(
    ("status", "expected"),
    [(200, [b"/form"]), (204, [b"/form"]), (303, [b"/form"]), (400, []), (404, []), (500, [])],
)
def test_only_a_success_changes_things(status, expected):
    assert paths(status) == expected


def test_what_the_response_names_changes_too_on_the_same_origin():
    assert paths(201, location="/a", content_location="b") == [b"/form", b"/a", b"/b"]
    assert paths(201, location="http://b.example/a", content_location="/form") == [b"/form"]
    assert paths(200, location=["/a", "/b"]) == [b"/form"]
    assert paths(200, location="") == [b"/form"]


def test_an_answer_asked_for_before_the_change_is_outdated():
    recent = Recent()
    recent.note(b"a", 5.0)
    recent.note(b"a", 10.0)

    assert recent.is_outdated(b"a", 9.0)
    assert not recent.is_outdated(b"a", 10.0)
    assert not recent.is_outdated(b"b", 9.0)


def test_what_is_forgotten_counts_as_changed():
    """Memory is bounded; the answer is only asked for again."""
    recent = Recent(limit=1)
    recent.note(b"a", 5.0)
    recent.note(b"b", 10.0)

    assert recent.is_outdated(b"a", 4.9) and recent.is_outdated(b"c", 4.9)
    assert not recent.is_outdated(b"a", 5.1)

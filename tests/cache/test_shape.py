"""The form of an answer from the store: RFC 9110 §13.2.2, §14.2."""

from __future__ import annotations

import pytest

from cache.builders import NOW, entry, head
from forebay.cache.ranges import Part
from forebay.cache.shape import AS_STORED, NOT_MODIFIED, UNSATISFIABLE, Shape, shape

LATER = "Wed, 15 Nov 2023 22:13:20 GMT"


def form(stored, is_get=True, **fields):
    return shape(head(**fields), stored, NOW, is_get=is_get)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, AS_STORED),
        ({"if_none_match": '"a"'}, NOT_MODIFIED),
        ({"if_none_match": '"b"'}, AS_STORED),
        ({"if_modified_since": LATER}, NOT_MODIFIED),
        ({"range": "bytes=1-2"}, Shape(206, Part(1, 2, 5))),
        ({"range": "bytes=-2"}, Shape(206, Part(3, 4, 5))),
        ({"range": "bytes=0-"}, Shape(206, Part(0, 4, 5))),
        ({"range": "bytes=9-"}, UNSATISFIABLE),
        ({"range": "bytes=0-1, 3-4"}, AS_STORED),
        ({"range": "junk"}, AS_STORED),
        ({"range": "bytes=1-2", "if_range": '"a"'}, Shape(206, Part(1, 2, 5))),
        ({"range": "bytes=1-2", "if_range": '"b"'}, AS_STORED),
        ({"range": "bytes=1-2", "if_none_match": '"a"'}, NOT_MODIFIED),
        ({"range": "bytes=1-2", "if_none_match": '"b"'}, Shape(206, Part(1, 2, 5))),
        ({"if_range": '"b"'}, AS_STORED),
    ],
)
def test_of_a_whole_response(fields, expected):
    """Conditions come before ranges."""
    assert form(entry(), **fields) == expected


def test_a_range_means_nothing_for_head():
    assert form(entry(), is_get=False, range="bytes=1-2") == AS_STORED
    assert form(entry(), is_get=False, if_none_match='"a"') == NOT_MODIFIED


@pytest.mark.parametrize("status", [404, 503, 301])
def test_conditions_and_ranges_are_about_success(status):
    stored = entry(status=status, etag='"a"')

    assert form(stored, if_none_match='"a"', range="bytes=0-1") == AS_STORED


def test_only_a_200_is_cut():
    assert form(entry(status=203), range="bytes=0-1") == AS_STORED
    assert form(entry(body=b""), range="bytes=0-1") == AS_STORED


PART = entry(
    status=206,
    body=b"cdefg",
    cache_control="max-age=60",
    content_range="bytes 2-6/10",
    etag='"a"',
)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, None),
        ({"range": "bytes=2-6"}, Shape(206, Part(2, 6, 10))),
        ({"range": "bytes=3-4"}, Shape(206, Part(3, 4, 10))),
        ({"range": "bytes=3-"}, None),
        ({"range": "bytes=0-3"}, None),
        ({"range": "bytes=-5"}, None),
        ({"range": "bytes=99-"}, None),
        ({"range": "junk"}, None),
        ({"range": "bytes=3-4", "if_range": '"a"'}, Shape(206, Part(3, 4, 10))),
        ({"range": "bytes=3-4", "if_range": '"b"'}, None),
        ({"if_none_match": '"a"'}, NOT_MODIFIED),
    ],
)
def test_a_part_answers_for_what_lies_inside(fields, expected):
    assert form(PART, **fields) == expected


def test_a_part_does_not_answer_head():
    assert form(PART, is_get=False, range="bytes=3-4") is None

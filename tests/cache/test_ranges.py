"""Parts: RFC 9110 §14, RFC 9111 §3.3, §3.4."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache.builders import NOW, head
from forebay.cache import ranges
from forebay.cache.ranges import Part, Span

OLD = "Tue, 14 Nov 2023 21:13:20 GMT"
OLD_ASCTIME = "Tue Nov 14 21:13:20 2023"
YOUNG = "Tue, 14 Nov 2023 22:12:21 GMT"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("bytes=0-4", Span(0, 4)),
        ("Bytes=5-", Span(5)),
        ("bytes=-5", Span(suffix=5)),
        ("bytes= 0-4 ,", Span(0, 4)),
        ("bytes=0-0,2-3", None),
        ("bytes=4-2", None),
        ("bytes=-", None),
        ("bytes=", None),
        ("bytes=a-b", None),
        ("bytes=+1-2", None),
        ("bytes=1 - 2", None),
        ("bytes 0-4", None),
        ("lines=0-4", None),
        ("bytes=" + "9" * 40 + "-", None),
        (["bytes=0-1", "bytes=0-1"], None),
        ("", None),
    ],
)
def test_what_a_range_asks_for(value, expected):
    """One that cannot be read is ignored, and several are answered with the whole."""
    assert ranges.span(head(range=value)) == expected


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        (Span(0, 4), Part(0, 4, 10)),
        (Span(5), Part(5, 9, 10)),
        (Span(5, 99), Part(5, 9, 10)),
        (Span(suffix=3), Part(7, 9, 10)),
        (Span(suffix=99), Part(0, 9, 10)),
        (Span(suffix=0), None),
        (Span(10), None),
    ],
)
def test_where_it_lies(span, expected):
    assert span.within(10) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("bytes 0-4/10", Part(0, 4, 10)),
        ("bytes 0-9/10", Part(0, 9, 10)),
        ("bytes 0-10/10", None),
        ("bytes 5-4/10", None),
        ("bytes 0-4/*", None),
        ("bytes */10", None),
        ("bytes=0-4/10", None),
        ("bytes 0-4/10 ", None),
        (["bytes 0-4/10"] * 2, None),
        ("lines 0-4/10", None),
    ],
)
def test_which_part_a_response_is(value, expected):
    assert ranges.content_range(head(content_range=value)) == expected


@pytest.mark.parametrize(
    ("value", "stored", "expected"),
    [
        (None, {}, True),
        ('"a"', {"etag": '"a"'}, True),
        ('"b"', {"etag": '"a"'}, False),
        ('W/"a"', {"etag": 'W/"a"'}, False),
        ('"a"', {"etag": 'W/"a"'}, False),
        ('"a"', {}, False),
        (OLD, {"last_modified": OLD}, True),
        (OLD, {"last_modified": OLD_ASCTIME}, True),
        (YOUNG, {"last_modified": OLD}, False),
        (YOUNG, {"last_modified": YOUNG}, False),
        (OLD, {}, False),
        ("x", {"last_modified": OLD}, False),
        (['"a"', '"a"'], {"etag": '"a"'}, False),
    ],
)
def test_if_range_is_compared_strongly(value, stored, expected):
    """A date that is not a minute old may stand for two versions (RFC 9110 §8.8.2.2)."""
    request = head() if value is None else head(if_range=value)

    assert ranges.if_range_holds(request, head(**stored), date_s=NOW, now_s=NOW) is expected


@pytest.mark.parametrize(
    ("part", "tag", "expected"),
    [
        (Part(0, 4, 10), '"a"', b"bytes=5-"),
        (Part(5, 9, 10), '"a"', b"bytes=0-4"),
        (Part(2, 4, 10), '"a"', None),
        (Part(0, 9, 10), '"a"', None),
        (Part(0, 4, 10), 'W/"a"', None),
        (Part(0, 4, 10), None, None),
    ],
)
def test_the_rest_is_asked_for_under_a_strong_tag_only(part, tag, expected):
    fields = ranges.request_for_rest(part, head() if tag is None else head(etag=tag))

    assert fields == (() if expected is None else ((b"Range", expected), (b"If-Range", b'"a"')))


WHOLE = bytes(range(30))


@given(st.data())
def test_parts_are_joined_to_what_the_whole_has_there(data):
    total = data.draw(st.integers(1, 30))
    parts = []
    for _ in range(2):
        first = data.draw(st.integers(0, total - 1))
        parts.append(Part(first, data.draw(st.integers(first, total - 1)), total))
    bodies = [WHOLE[part.first : part.last + 1] for part in parts]

    found = ranges.joined(parts[0], bodies[0], parts[1], bodies[1])

    if found is None:
        assert parts[0].last + 1 < parts[1].first or parts[1].last + 1 < parts[0].first
    else:
        part, body = found
        assert body == WHOLE[part.first : part.last + 1]
        assert part.holds(parts[0]) and part.holds(parts[1])


def test_of_what_both_have_the_newer_is_taken():
    assert ranges.joined(Part(0, 3, 9), b"aaaa", Part(2, 5, 9), b"bbbb") == (
        Part(0, 5, 9),
        b"aabbbb",
    )
    assert ranges.joined(Part(2, 5, 9), b"aaaa", Part(0, 3, 9), b"bbbb") == (
        Part(0, 5, 9),
        b"bbbbaa",
    )


def test_a_gap_of_one_byte_is_a_gap():
    assert ranges.joined(Part(0, 3, 9), b"aaaa", Part(5, 6, 9), b"bb") is None
    assert ranges.joined(Part(5, 6, 9), b"bb", Part(0, 3, 9), b"aaaa") is None


def test_parts_of_different_wholes_are_not_joined():
    assert ranges.joined(Part(0, 3, 9), b"aaaa", Part(4, 5, 8), b"bb") is None


def test_the_fields_say_what_is_sent():
    stored = head(content_range="bytes 0-8/9", content_length="9", x="1").fields

    assert ranges.fields_of(Part(2, 3, 9), stored) == (
        (b"X", b"1"),
        (b"Content-Range", b"bytes 2-3/9"),
        (b"Content-Length", b"2"),
    )
    assert ranges.fields_of_whole(stored, 9) == ((b"X", b"1"), (b"Content-Length", b"9"))


def test_a_part_of_a_part():
    assert Part(2, 6, 10).slice(b"cdefg", Part(3, 4, 10)) == b"de"
    assert Part(2, 6, 10).holds(Part(2, 6, 10)) and not Part(2, 6, 10).holds(Part(2, 7, 10))
    assert not Part(2, 6, 10).holds(Part(2, 6, 11))


@given(st.text(st.characters(max_codepoint=255), max_size=40), st.integers(0, 50))
def test_any_range_lies_inside_or_nowhere(value, total):
    for text in (value, "bytes=" + value):
        span = ranges.span(head(range=text))
        part = None if span is None else span.within(total)
        assert part is None or 0 <= part.first <= part.last < total
    assert ranges.content_range(head(content_range=value)) is None

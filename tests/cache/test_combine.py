"""Putting parts together: RFC 9111 §3.4."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cache.builders import NOW, entry, large
from forebay.cache.combine import combined, settled
from forebay.cache.ranges import Part


def part(first, body, *, total=10, etag='"a"', **fields):
    place = Part(first, first + len(body) - 1, total)
    given = {"etag": etag} if etag else {}
    return entry(status=206, body=body, content_range=place.field().decode(), **given, **fields)


def test_two_halves_are_the_whole():
    first = part(0, b"01234", x="old", y="1", cache_control="max-age=1")
    second = part(5, b"56789", x="new", cache_control="max-age=60")

    found = combined(first, second)

    assert (found.status, found.reason, found.body, found.part) == (200, b"OK", b"0123456789", None)
    fields = dict(found.fields)
    assert fields[b"X"] == b"new" and fields[b"Y"] == b"1" and fields[b"Content-Length"] == b"10"
    assert b"Content-Range" not in fields and found.validity.max_age_s == 60


def test_what_touches_becomes_a_larger_part():
    found = combined(part(2, b"234"), part(4, b"456"))

    assert (found.status, found.body, found.part) == (206, b"23456", Part(2, 6, 10))
    assert dict(found.fields)[b"Content-Length"] == b"5"


def test_a_part_of_what_is_whole_refreshes_it():
    whole = entry(body=b"0123456789", etag='"a"', x="old", cache_control="max-age=1")

    found = combined(whole, part(2, b"234", x="new"))

    assert (found.status, found.body) == (200, b"0123456789")
    assert dict(found.fields)[b"X"] == b"new" and found.received_at_s == NOW


@pytest.mark.parametrize(
    ("stored", "new"),
    [
        pytest.param(part(0, b"01", etag='"b"'), part(2, b"23"), id="another tag"),
        pytest.param(part(0, b"01", etag='W/"a"'), part(2, b"23", etag='W/"a"'), id="weak"),
        pytest.param(part(0, b"01", etag=""), part(2, b"23", etag=""), id="no tag"),
        pytest.param(part(0, b"01"), part(4, b"45"), id="a gap"),
        pytest.param(part(0, b"01", total=9), part(2, b"23"), id="another length"),
        pytest.param(entry(status=404, etag='"a"'), part(2, b"23"), id="no success"),
        pytest.param(entry(body=b"", etag='"a"'), part(2, b"23"), id="empty"),
        pytest.param(part(0, b"01"), entry(etag='"a"'), id="new is whole"),
    ],
)
def test_what_does_not_provably_belong_together_stays_apart(stored, new):
    assert combined(stored, new) is None


def test_a_part_that_is_all_there_is_is_the_whole():
    found = settled(part(0, b"0123456789"))

    assert (found.status, found.part) == (200, None)
    assert settled(entry()) == entry()
    assert settled(part(0, b"0123")).part == Part(0, 3, 10)


def test_what_is_in_a_file_is_not_put_together():
    fields = {"etag": '"a"', "cache_control": "max-age=60"}
    whole = entry(body=large(10), **fields)
    part = entry(status=206, body=b"cd", content_range="bytes 2-3/10", **fields)

    assert combined(whole, part) is None and combined(part, whole) is None
    assert combined(replace(whole, body=bytes(10)), part) is not None

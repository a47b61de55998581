"""A part and its rest: RFC 9111 §3.4."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache.builders import entry, head
from forebay.cache.completion import completion, is_rest

TAG = '"a"'


def part(first: int, body: bytes, total: int):
    said = f"bytes {first}-{first + len(body) - 1}/{total}"
    return {"etag": TAG, "content_range": said}


@given(st.binary(min_size=2, max_size=50), st.data())
def test_either_half_completes_the_other(body, data):
    """Whichever is stored; with one byte less it is refused."""
    cut = data.draw(st.integers(1, len(body) - 1))
    halves = (0, body[:cut]), (cut, body[cut:])
    for stored, rest in (halves, halves[::-1]):
        kept = entry(status=206, body=stored[1], **part(*stored, len(body)))

        found = completion(kept, head(**part(*rest, len(body))))

        assert found is not None
        assert found.whole(rest[1]) == body
        assert found.whole(rest[1][1:]) is None
        assert dict(found.fields)[b"Content-Length"] == str(len(body)).encode()


@given(st.integers(0, 9), st.integers(0, 9))
def test_only_what_is_lacking_completes(first, last):
    """Any other range of ten bytes leaves a gap, or has bytes twice."""
    kept = entry(status=206, body=b"012", **part(0, b"012", 10))
    said = {"etag": TAG, "content_range": f"bytes {first}-{last}/10"}

    found = completion(kept, head(**said))

    assert (found is not None) == ((first, last) == (3, 9))


@pytest.mark.parametrize(
    ("status", "fields", "expected"),
    [
        pytest.param(206, part(3, b"3456789", 10), True, id="the rest"),
        pytest.param(
            206, {**part(3, b"3456789", 10), "content_length": "7"}, True, id="its length"
        ),
        pytest.param(206, {**part(3, b"3456789", 10), "content_length": "8"}, False, id="a longer"),
        pytest.param(206, part(3, b"345678", 10), False, id="not all of it"),
        pytest.param(206, {**part(3, b"3456789", 10), "etag": '"b"'}, False, id="of another"),
        pytest.param(206, part(3, b"3456789x", 11), False, id="of a longer whole"),
        pytest.param(206, {"etag": TAG}, False, id="of nobody knows what"),
        pytest.param(416, {}, False, id="416"),
        pytest.param(304, {}, False, id="304"),
        pytest.param(200, {"etag": '"b"'}, True, id="a new whole"),
        pytest.param(503, {}, True, id="an error"),
    ],
)
def test_what_can_be_used_of_an_answer(status, fields, expected):
    kept = entry(status=206, body=b"012", **part(0, b"012", 10))

    assert is_rest(kept, status, head(**fields)) is expected

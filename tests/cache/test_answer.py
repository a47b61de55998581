"""Responses from stored ones: RFC 9111 §4, §5.1."""

from __future__ import annotations

import pytest

from cache.builders import NOW, entry, get, head, large
from forebay.cache import answer
from forebay.cache.decision import Serve
from forebay.cache.ranges import Part
from forebay.cache.shape import Shape


def test_the_stored_head_is_whole_and_its_age_is_ours():
    stored = entry(age="3", date="x", set_cookie=["a", "b"], content_length="5")

    response = answer.from_entry(stored, Serve(30, 31), NOW, with_body=True)

    assert response.headers.fields == (
        (b"Date", b"x"),
        (b"Set-Cookie", b"a"),
        (b"Set-Cookie", b"b"),
        (b"Content-Length", b"5"),
        (b"Age", b"30"),
        (b"Cache-Status", b"forebay; hit; ttl=31"),
    )
    assert (response.status_code, response.raw_content) == (200, b"hello")


def test_an_answer_to_head_has_no_body_but_its_length():
    response = answer.from_entry(entry(), Serve(0, 1), NOW, with_body=False)

    assert response.raw_content == b"" and response.headers["content-length"] == "5"


@pytest.mark.parametrize(
    ("status", "fields", "expected"),
    [
        (200, {}, [b"Content-Length"]),
        (204, {}, []),
        (200, {"content_length": "9"}, [b"Content-Length"]),
    ],
)
def test_a_length_takes_the_place_of_a_transfer_coding(status, fields, expected):
    """The stored bytes are no longer chunked."""
    assert [name for name, _ in answer.framed(head(**fields).fields, status, 5)] == expected


def test_our_mark_comes_last():
    """RFC 9211 §2: the cache nearest the client adds to the end."""
    response = answer.from_entry(
        entry(cache_status="origin; hit"), Serve(0, 1), NOW, with_body=True
    )

    assert response.headers["cache-status"] == "origin; hit, forebay; hit; ttl=1"


@pytest.mark.parametrize(
    ("version", "name"), [(b"HTTP/1.1", b"Cache-Status"), (b"HTTP/2.0", b"cache-status")]
)
def test_the_mark_is_spelled_as_the_protocol_wants(version, name):
    response = answer.gateway_timeout()
    response.data.http_version = version

    answer.mark(response, b"x")

    assert response.headers.fields[-1] == (name, b"x")


def test_the_504_is_not_to_be_stored_by_others():
    response = answer.gateway_timeout()

    assert response.status_code == 504
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["cache-status"] == "forebay; detail=only-if-cached"


PART = entry(
    status=206,
    body=b"cdefg",
    content_range="bytes 2-6/10",
    content_length="5",
    content_type="x",
    age="3",
    etag='"a"',
)


@pytest.mark.parametrize(
    ("stored", "shape", "expected"),
    [
        pytest.param(
            entry(etag='"a"', content_type="x", age="3"),
            Shape(304),
            answer.Formed(304, b"Not Modified", ((b"Etag", b'"a"'),), b""),
            id="304",
        ),
        pytest.param(
            entry(etag='"a"', content_length="5"),
            Shape(206, Part(1, 2, 5)),
            answer.Formed(
                206,
                b"Partial Content",
                (
                    (b"Etag", b'"a"'),
                    (b"Content-Range", b"bytes 1-2/5"),
                    (b"Content-Length", b"2"),
                ),
                b"el",
            ),
            id="206 of the whole",
        ),
        pytest.param(
            PART,
            Shape(206, Part(3, 4, 10)),
            answer.Formed(
                206,
                b"Partial Content",
                (
                    (b"Content-Type", b"x"),
                    (b"Etag", b'"a"'),
                    (b"Content-Range", b"bytes 3-4/10"),
                    (b"Content-Length", b"2"),
                ),
                b"de",
            ),
            id="206 of a part",
        ),
        pytest.param(
            entry(),
            Shape(416),
            answer.Formed(
                416,
                b"Range Not Satisfiable",
                ((b"Content-Range", b"bytes */5"), (b"Content-Length", b"0")),
                b"",
            ),
            id="416",
        ),
    ],
)
def test_the_form_of_an_answer(stored, shape, expected):
    assert answer.formed(stored, shape) == expected


def test_a_hit_by_a_rule_names_it():
    response = answer.from_entry(entry(), Serve(0, 1), NOW, with_body=True, detail="cache.yaml:7")

    assert response.headers["cache-status"] == "forebay; hit; ttl=1; detail=cache.yaml:7"


@pytest.mark.parametrize(
    ("method", "shape", "expected"),
    [
        ("GET", Shape(), 300_000),
        ("GET", Shape(206, Part(10, 19, 300_000)), 10),
        ("HEAD", Shape(), None),
        ("GET", Shape(304), None),
    ],
)
def test_a_body_in_a_file_is_attached(monkeypatch, method, shape, expected):
    told = []
    monkeypatch.setattr(
        answer.source, "attach", lambda flow, size_bytes, read, **more: told.append(size_bytes)
    )
    flow, stored = get(method=method), entry(body=large(300_000), etag='"a"')
    flow.response = answer.from_entry(stored, Serve(0, 1, shape=shape), NOW, with_body=True)

    answer.feed(flow, stored, shape)

    assert flow.response.raw_content == b""
    assert told == ([] if expected is None else [expected])

"""Which requests are the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.errors import RuleError
from forebay.recording.interaction import Request
from forebay.recording.match import Matcher, matcher

JSON = (("content-type", "application/json"),)
FORM = (("content-type", "application/x-www-form-urlencoded"),)


def get(url, **given):
    return Request(given.pop("method", "GET"), url, **given)


def post(body, headers=JSON):
    return Request("POST", "http://h/", headers, body)


def multipart(boundary):
    return post(
        f'--{boundary}\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--{boundary}--\r\n'.encode(),
        (("content-type", f"multipart/form-data; boundary={boundary}"),),
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (get("http://h/?a=1&b=2"), get("http://h:80/?b=2&a=1")),
        (get("https://H/"), get("https://h:443")),
        (get("http://h/?a=%20"), get("http://h/?a=+")),
        (get("http://h/", headers=(("accept", "a"),)), get("http://h/")),
        (post(b'{"a": 1, "b": [2]}'), post(b'{"b":[2],"a":1}')),
        (post(b"a=1&b=2", FORM), post(b"b=2&a=1", FORM)),
        (multipart("x1"), multipart("y22")),
        (
            post(b'{"query": "query A {\\n  a(x: 1, y: 2)\\n}", "variables": {"v": 1}}'),
            post(b'{"variables":{"v":1},"query":"query A { a(x: 1 y: 2) }"}'),
        ),
    ],
)
def test_what_means_the_same_is_the_same(one, other):
    assert Matcher().key(one) == Matcher().key(other)
    assert Matcher().differences(one, other) == []


@pytest.mark.parametrize(
    ("one", "other", "part"),
    [
        (get("http://h/"), get("http://h/", method="HEAD"), "method"),
        (get("http://h/"), get("https://h:80/"), "scheme"),
        (get("http://h/"), get("http://i/"), "host"),
        (get("http://h/"), get("http://h:81/"), "port"),
        (get("http://h/a"), get("http://h/A"), "path"),
        (get("http://h/?a=1"), get("http://h/?a=2"), "query"),
        (get("http://h/?a=1&a=1"), get("http://h/?a=1"), "query"),
        (post(b'{"a": 1}'), post(b'{"a": 2}'), "body"),
        (post(b'{"a": [1, 2]}'), post(b'{"a": [2, 1]}'), "body"),
        (
            post(b'{"query": "{ a }", "operationName": "A"}'),
            post(b'{"query": "{ a }", "operationName": "B"}'),
            "body",
        ),
        (post(b"\x00\x01", ()), post(b"\x00\x02", ()), "body"),
        (post(b"a" * 9999, ()), post(b"a" * 9998 + b"b", ()), "body"),
    ],
)
def test_what_means_something_else_is_told_by_its_part(one, other, part):
    assert [each.part for each in Matcher().differences(one, other)] == [part]


def test_what_is_compared_can_be_chosen():
    one = get("http://h/?a=1", headers=(("x-tenant", "1"),))
    other = get("https://h/?a=2", headers=(("x-tenant", "2"),))

    assert matcher(["host", "path"], []).key(one) == matcher(["host", "path"], []).key(other)
    assert matcher([], ["scheme", "port", "query"]).key(one) == matcher(
        [], ["scheme", "port", "query"]
    ).key(other)
    with_header = matcher(["host", "header:X-Tenant"], [])
    assert [each.part for each in with_header.differences(one, other)] == ["header:x-tenant"]


def test_pieces_of_parts_can_be_left_out():
    ignoring = matcher([], ["query:ts", "query:utm_*", "form:nonce", "json:/meta/at", "json:/*/id"])

    assert ignoring.key(get("http://h/?a=1&ts=5&utm_x=1")) == ignoring.key(get("http://h/?a=1"))
    assert ignoring.key(post(b"a=1&nonce=5", FORM)) == ignoring.key(post(b"a=1", FORM))
    assert ignoring.key(post(b'{"meta": {"at": 1, "b": 2}}')) == ignoring.key(
        post(b'{"meta": {"b": 2, "at": 9, "id": 3}}')
    )


@pytest.mark.parametrize("text", ["hosts", "header:", "header:a b", ""])
def test_an_unknown_part_is_refused(text):
    with pytest.raises(RuleError, match="as what is compared, found"):
        matcher([text], [])


@pytest.mark.parametrize("text", ["query:", "cookie:a", "x", ""])
def test_what_cannot_be_left_out_is_refused(text):
    with pytest.raises(RuleError, match="as what does not count, found"):
        matcher([], [text])


def test_the_nearest_is_the_one_that_differs_least():
    recorded = [
        get("http://h/a", method="POST"),
        get("http://h/users/1?x=1"),
        get("http://other/users/1"),
    ]

    assert Matcher().nearest(get("http://h/users/2"), recorded) == 1
    assert Matcher().nearest(get("http://h/b", method="POST"), recorded) == 0
    assert Matcher().nearest(get("http://h/"), []) is None


def test_long_values_are_cut_in_what_is_shown():
    (found,) = Matcher().differences(post(b"a" * 20_000, ()), post(b"b" * 20_000, ()))

    assert len(found.asked) == 10_001


@given(
    st.binary(max_size=100),
    st.sampled_from([JSON, FORM, (), (("content-type", "multipart/x; boundary=a"),)]),
    st.text(max_size=30),
)
def test_any_request_is_taken(body, headers, path):
    one = Request("POST", f"http://h/{path.encode('utf-8', 'replace').hex()}", headers, body)

    assert Matcher().key(one) == Matcher().key(one)
    matcher([], ["json:/a/*", "form:a*"]).key(one)

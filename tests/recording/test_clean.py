"""What is kept of messages."""

from __future__ import annotations

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.recording import clean
from forebay.recording.interaction import Interaction, Message, Side, WebSocket
from forebay.trafficlog.redact import DEFAULT, Policy, Redactor

LIMIT = 100_000
FIELD = st.tuples(
    st.sampled_from([b"Cookie", b"Authorization", b"X-A", b"Set-Cookie", b"Content-Type"]),
    st.binary(max_size=20) | st.sampled_from([b"a=b; c", b"Bearer x", b"application/json"]),
)


def request(fields=(), body=b"", url="http://h/"):
    return clean.request(DEFAULT, "POST", url, fields, body, LIMIT)


def response(fields=(), body=b"", status=200):
    return clean.response(DEFAULT, status, fields, body, LIMIT)


def test_what_differs_from_run_to_run_is_left_out():
    asked = request(
        [
            (b"Host", b"h"),
            (b"User-Agent", b"curl/8"),
            (b"Traceparent", b"00-1"),
            (b"Accept", b"*/*"),
            (b"Content-Length", b"0"),
            (b"Connection", b"close, X-Once"),
            (b"X-Once", b"1"),
        ]
    )
    answered = response([(b"Date", b"now"), (b"CF-Ray", b"1"), (b"ETag", b'"a"'), (b"Via", b"x")])

    assert asked.headers == (("accept", "*/*"),)
    assert answered.headers == (("etag", '"a"'),)


def test_names_are_sorted_and_values_stay_in_order():
    found = response([(b"X-B", b"2"), (b"Vary", b"b"), (b"vary", b"a"), (b"X-A", b"1")])

    assert found.headers == (("vary", "b"), ("vary", "a"), ("x-a", "1"), ("x-b", "2"))


def test_secrets_are_masked_everywhere():
    asked = request(
        [(b"Authorization", b"Bearer abc"), (b"Content-Type", b"application/json")],
        b'{"password": "abc"}',
        "http://u:abc@h/?token=abc",
    )

    assert "abc" not in repr(asked)
    assert asked.url == "http://REDACTED:REDACTED@h/?token=REDACTED"
    assert asked.header("authorization") == "Bearer REDACTED"


def test_the_time_at_which_a_cookie_ends_is_left_out_unless_it_is_deleted_by_it():
    found = response(
        [
            (b"Set-Cookie", b"a=1; Expires=Sat, 28 Nov 2026 18:00:00 GMT; Path=/"),
            (b"Set-Cookie", b"b=; expires=Thu, 01 Jan 1970 00:00:00 GMT"),
        ]
    )

    assert [value for _, value in found.headers] == [
        "a=REDACTED; Path=/",
        "b=REDACTED; expires=Thu, 01 Jan 1970 00:00:00 GMT",
    ]


def test_bodies_are_decoded_where_they_can_be():
    packed = gzip.compress(b"hello")

    assert response([(b"Content-Encoding", b"gzip")], packed).body == b"hello"
    assert response([(b"Content-Encoding", b"gzip")], packed).headers == ()
    assert response([(b"Content-Encoding", b"gzip")], b"x").headers == (
        ("content-encoding", "gzip"),
    )
    long = clean.response(DEFAULT, 200, [(b"Content-Encoding", b"gzip")], packed, 4)
    assert (long.body, long.headers) == (packed, (("content-encoding", "gzip"),))


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (b"text/html", b"<p>Error code: 404</p>"),
        (b"text/javascript", b"f({key:1,token:a})"),
        (b"image/png", b"\x89PNG\0\xff"),
        (b"application/json", b'{ "a" : 1 }'),
        (b"", b"caf\xe9"),
    ],
)
def test_what_holds_no_secret_stays_as_it_is(content_type, body):
    assert response([(b"Content-Type", content_type)], body).body == body


@given(st.lists(FIELD, max_size=4), st.binary(max_size=60))
def test_cleaning_again_changes_nothing(fields, body):
    """So that what comes in matches what was recorded, and a recording can be checked."""
    once = Interaction(request(fields, body), response(fields, body))

    assert clean.again(DEFAULT, once) == once


def test_another_policy_masks_more():
    found = Interaction(request(url="http://h/?employee=7"), response(body=b'{"employee": 7}'))
    redactor = Redactor(Policy(names=("employee",)))

    assert clean.again(redactor, found).request.url == "http://h/?employee=REDACTED"
    assert b"7" not in clean.again(redactor, found).response.body


def test_messages_are_masked_like_bodies():
    secret = b"ghp_" + b"a1B2" * 9
    said = WebSocket(
        (
            Message(Side.CLIENT, b'{"password": "x", "n": 1}'),
            Message(Side.SERVER, b"\0\xff" + secret, is_text=False),
            Message(Side.SERVER, b"hello"),
        ),
        Side.SERVER,
        4000,
        "Bearer " + "x" * 20,
    )
    found = clean.websocket(DEFAULT, said)

    one, two, three = found.messages
    assert one == Message(Side.CLIENT, b'{"password":"REDACTED","n":1}')
    assert secret not in two.content and two.content.startswith(b"\0\xff")
    assert three.content == b"hello"
    assert (found.closed_by, found.code, found.reason) == (Side.SERVER, 4000, "Bearer REDACTED")


def test_fields_of_a_handshake_are_not_kept():
    fields = [(b"Sec-WebSocket-Key", b"a"), (b"Sec-WebSocket-Protocol", b"chat")]

    found = clean.request(DEFAULT, "GET", "ws://h/", fields, b"", 100)
    assert found.headers == (("sec-websocket-protocol", "chat"),)

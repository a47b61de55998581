"""What has slipped through."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.trafficlog.record import Record, encode
from forebay.trafficlog.redact import DEFAULT, Mode, Policy, Redactor
from forebay.trafficlog.scan import NAMED, RANDOM, Scanner, is_random

JWT = "eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxIn0" + ".c2ln"
WORD = "q8Zr1LwX0vNp5TgKd7JmYc2B"


POLICY = Policy()


def leaks(record, *, policy=POLICY, strict=False):
    return [
        (leak.field, leak.kind) for leak in Scanner(Redactor(policy), strict=strict).leaks(record)
    ]


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"url.full": "https://h/?token=abc"}, [("url.full", NAMED)]),
        ({"url.path": f"/a/{JWT}"}, [("url.path", "jwt")]),
        ({"http.request.header": {"cookie": ["a=b"]}}, [("http.request.header.cookie", NAMED)]),
        (
            {"http.request.header": {"x-note": [f"see {JWT}"]}},
            [("http.request.header.x-note", "jwt")],
        ),
        (
            {"forebay.rewrite": [{"changes": [{"after": "password: x"}]}]},
            [("forebay.rewrite.changes.after", NAMED)],
        ),
        (
            {
                "forebay.request.body": {"text": '{"pin": 1}'},
                "forebay.request.content_type": "application/json",
            },
            [("forebay.request.body", NAMED)],
        ),
        (
            {"forebay.response.body": {"base64": base64.b64encode(b"\0" + JWT.encode()).decode()}},
            [("forebay.response.body", "jwt")],
        ),
        ({"error.message": "no http://u:p@h/"}, [("error.message", NAMED)]),
        ({"forebay.response.body": {"base64": "!"}, "http.request.header": {"a": "b"}, "n": 1}, []),
    ],
)
def test_each_place_is_searched(record, expected):
    assert leaks(record) == expected


@pytest.mark.parametrize("mode", Mode)
@given(name=st.sampled_from(["token", "password"]), secret=st.text("abc123", min_size=6))
def test_what_was_masked_is_no_leak(mode, name, secret):
    """In whatever way it was."""
    redactor = Redactor(Policy(mode, key=b"k"))
    headers, _ = redactor.fields(
        [
            (b"Cookie", f"a={secret}".encode()),
            (b"Authorization", f"Bearer {secret}".encode()),
            (b"Set-Cookie", f"a={secret}; Path=/".encode()),
            (b"X-Note", f"{name}: {secret}".encode()),
        ],
        9999,
    )
    record = Record(
        kind="http",
        seq=1,
        url_full=redactor.target(f"https://u:{secret}@h/?{name}={secret}"),
        error_message=redactor.text(f"{name}={secret} http://u:{secret}@h/"),
        request_headers=headers,
    )

    assert leaks(json.loads(encode(record))) == []


def test_rules_of_the_user_count():
    record = {"url.full": "https://h/?employee=7"}

    assert leaks(record) == []
    assert leaks(record, policy=Policy(names=("employee",))) == [("url.full", NAMED)]


def test_random_words_only_on_demand():
    record = {"http.request.header": {"x-id": [WORD]}, "forebay.flow.id": WORD}

    assert leaks(record) == []
    assert leaks(record, strict=True) == [("http.request.header.x-id", RANDOM)]


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        (WORD, True),
        ("9f86d081884c7d659a2feaa0c55ad015", True),
        ("550e8400-e29b-41d4-a716-446655440000", False),
        ("application-vnd-openxmlformats", False),
        ("aaaaaaaaaaaaaaaaaaaaaaaa1", False),
        ("REDACTED-0123456789abcdef", False),
    ],
)
def test_random(word, expected):
    assert is_random(word) is expected


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
KEYS = st.sampled_from(
    ["url.full", "http.request.header", "forebay.request.body", "forebay.rewrite", "v"]
)


@given(st.dictionaries(KEYS, JSON))
def test_any_line_is_taken(record):
    for leak in Scanner(DEFAULT, strict=True).leaks(record):
        assert leak.text

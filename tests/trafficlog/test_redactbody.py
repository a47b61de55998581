"""Bodies without their secrets."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.trafficlog.redact import DEFAULT, Mode, Policy, Redactor
from forebay.trafficlog.redactbody import body, completed

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4)
    ),
    max_leaves=12,
)
SECRET = "s3cr3t-v4lue"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ('{"a": 1}', '{"a": 1}'),
        ('{"password": "x"}', '{"password":"REDACTED"}'),
        ('{"password": 1234}', '{"password":"REDACTED"}'),
        (
            '{"password": null, "token": "", "pin": false}',
            '{"password": null, "token": "", "pin": false}',
        ),
        ('{"secret": {"a": ["b"]}}', '{"secret":"REDACTED"}'),
        ('[{"user": {"apiKey": "x", "name": "é"}}]', '[{"user":{"apiKey":"REDACTED","name":"é"}}]'),
        ('{"u": "http://me:pw@h/?sig=1"}', '{"u":"http://REDACTED:REDACTED@h/?sig=REDACTED"}'),
        ('{"pan": 4111111111111111}', '{"pan":"REDACTED"}'),
        ('{"n": 1e400, "token": "x"}', '{"n":Infinity,"token":"REDACTED"}'),
        ('{"token": "x", "cut": "of', '{"token":"REDACTED"}'),
        ('{"a": {"token": {"b": "s3cr3t"', '{"a":{"token":"REDACTED"}}'),
        ("[" * 100_000, "[" * 100_000),
    ],
)
def test_json(given, expected):
    assert body(DEFAULT, given, JSON) == expected


@given(VALUES, st.data())
def test_cut_json_is_read_as_far_as_it_goes(value, data):
    text = json.dumps(value)
    cut = text[: data.draw(st.integers(0, len(text)))]

    whole = completed(cut)

    if whole:
        json.loads(whole)
    assert completed(text) == text or not isinstance(value, dict | list)


@given(VALUES, st.integers(0, 200))
def test_no_planted_secret_stays_in_json_wherever_it_is_cut(value, cut):
    text = json.dumps({"a": value, "b": [{"password": SECRET}], "c": {"token": {"x": [SECRET]}}})

    assert SECRET not in body(DEFAULT, text, JSON)
    assert SECRET not in body(DEFAULT, text[: len(text) - cut], "text/plain")


@pytest.mark.parametrize(
    ("given", "kind", "expected"),
    [
        ("a=1&token=x&b", FORM, "a=1&token=REDACTED&b"),
        ("user%5Bpassword%5D=x", FORM + "; charset=utf-8", "user%5Bpassword%5D=REDACTED"),
        ('{"token": "x"}', "text/plain", '{"token":"REDACTED"}'),
        (
            "<a><Password type='x'>y</Password></a>",
            "text/xml",
            "<a><Password type='x'>REDACTED</Password></a>",
        ),
        ("<s:apiKey>\nx\n</s:apiKey>", "text/xml", "<s:apiKey>REDACTED</s:apiKey>"),
        ("<token><![CDATA[x]]></token>", "text/xml", "<token>REDACTED</token>"),
        ('data: {"token": "x y"}\n\n', "text/event-stream", 'data: {"token":"REDACTED"}\n\n'),
        (
            'id: 7\r\ndata: {"pin":\r\ndata:  1}\r\n\r\ndata: {"b": 1}',
            "text/event-stream",
            'id: 7\r\ndata: {"pin":"REDACTED"}\r\n\r\ndata: {"b": 1}',
        ),
        (
            ": password=x\ndata: one\ndata: two\n\n",
            "text/event-stream; charset=utf-8",
            ": password=REDACTED\ndata: one\ndata: two\n\n",
        ),
        ("hello", "text/html", "hello"),
        ("<p>Error code: 404</p>", "text/html", "<p>Error code: 404</p>"),
        ("var a={password:b,key:c};", "text/javascript", "var a={password:b,key:c};"),
        ('<a href="https://h/?key=k">', "text/html", '<a href="https://h/?key=REDACTED">'),
        (
            "<input type=hidden name='csrf_token' value='x'>",
            "text/html",
            "<input type=hidden name='csrf_token' value=\"REDACTED\">",
        ),
        ("Error code: 404, password=x", "text/plain", "Error code: 404, password=REDACTED"),
        ("Basic usage, Bearer " + "x" * 20, "text/plain", "Basic usage, Bearer REDACTED"),
    ],
)
def test_others(given, kind, expected):
    assert body(DEFAULT, given, kind) == expected


def test_parts_of_a_form():
    """By the names of parts; what is in the others is looked through."""
    text = (
        '--b\r\nContent-Disposition: form-data; name="password"\r\n\r\nx\r\ny\r\n'
        '--b\r\nContent-Disposition: form-data; name="f"; filename="a"\r\nContent-Type: application/json\r\n\r\n{"pin": 1}\r\n'
        '--b\r\nContent-Disposition: form-data; name="n"\r\n\r\nplain\r\n--b--\r\n'
    )

    found = body(DEFAULT, text, 'multipart/form-data; boundary="b"')

    assert "\r\n\r\nREDACTED\r\n--b" in found
    assert '{"pin":"REDACTED"}' in found
    assert "plain" in found
    assert found.endswith("--b--\r\n")


class TestModes:
    def test_equal_secrets_stay_equal(self):
        hashing = Redactor(Policy(Mode.HASH, key=b"k"))
        first, second = json.loads(body(hashing, '[{"token":"x"},{"api_key":"x"}]', JSON))

        assert first["token"] == second["api_key"] == hashing.mask("x")

    def test_dropped_members_are_gone(self):
        dropping = Redactor(Policy(Mode.DROP))

        assert body(dropping, '{"token": "x", "a": [{"pin": 1}]}', JSON) == '{"a":[{}]}'
        assert body(dropping, "token=x&a=1", FORM) == "a=1"


@given(
    st.text(st.characters(exclude_categories=()), max_size=200),
    st.sampled_from([JSON, FORM, "text/xml", "multipart/form-data; boundary=a", ""]),
)
def test_any_text_is_taken(text, kind):
    once = body(DEFAULT, text, kind)

    assert isinstance(once, str)
    assert body(DEFAULT, once, kind) == once

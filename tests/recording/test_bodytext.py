"""Bodies that people can read, and back."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.recording.bodytext import BodyError, file_name, read, shown

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4)
    ),
    max_leaves=12,
)


def back(data: bytes) -> bytes:
    said, aside = shown(data)
    return read(said, {} if aside is None else {said["body_file"]: aside})


@given(st.binary() | st.text().map(str.encode))
def test_the_same_bytes_come_back(data):
    assert back(data) == data


@given(VALUES, st.booleans(), st.sampled_from([None, (",", ":")]), st.sampled_from([None, 2]))
def test_json_comes_back_as_it_was_sent(value, ascii_only, separators, indent):
    data = json.dumps(value, ensure_ascii=ascii_only, separators=separators, indent=indent)

    assert back(data.encode("utf-8", "surrogatepass")) == data.encode("utf-8", "surrogatepass")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b'{"b":1,"a":[]}', {"body": '{\n  "b": 1,\n  "a": []\n}\n', "sent_as": "json compact"}),
        (b'{"a": "\\u00e9"}', {"body": '{\n  "a": "é"\n}\n', "sent_as": "json ascii"}),
        ('{"a":"é"}'.encode(), {"body": '{\n  "a": "é"\n}\n', "sent_as": "json compact"}),
        (b'{"a":1,"a":2}', {"body": '{"a":1,"a":2}'}),  # a member would be lost
        (b'{"a":1.10}', {"body": '{"a":1.10}'}),
        (b'{ "a":1}', {"body": '{ "a":1}'}),
        (b"[]", {"body": "[]"}),
        (b"[" * 9999, {"body": "[" * 9999}),
        (b"a\nb\n", {"body": "a\nb\n"}),
    ],
)
def test_json_is_shown_on_many_lines_where_nothing_is_lost(data, said):
    assert shown(data) == (said, None)


def test_binary_lies_aside():
    said, aside = shown(b"\x89PNG\0")

    assert said == {"body_file": file_name(b"\x89PNG\0")}
    assert aside == b"\x89PNG\0"


@pytest.mark.parametrize(
    ("said", "files", "expected"),
    [
        ({"body_file": "a.bin"}, {}, "expected the file 'a.bin' beside the cassette, found none"),
        ({"body_file": "a.bin"}, {"a.bin": b"x"}, "expected the content that 'a.bin' names"),
        ({"body": "{", "sent_as": "json"}, {}, "expected JSON, as sent_as says, found"),
    ],
)
def test_what_cannot_be_made_out_is_said(said, files, expected):
    with pytest.raises(BodyError, match=expected):
        read(said, files)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"data: 1\r\n\r\n", {"body": "data: 1\n\n", "sent_as": "crlf"}),
        (b"data: 1\r\n\n", {"body": "data: 1\r\n\n"}),
        (b"data: 1\n\n", {"body": "data: 1\n\n"}),
    ],
)
def test_streams_of_events_have_plain_ends_of_lines(data, expected):
    said, aside = shown(data, "text/event-stream")

    assert (said, aside) == (expected, None)
    assert read(said, {}) == data
    assert shown(data)[0].get("sent_as") is None

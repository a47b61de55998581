"""The schema and its line."""

from __future__ import annotations

import inspect
import json
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.trafficlog.record import Gap, Record, encode, weight

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=20)
TEXT_FIELDS = sorted(
    set(Record.__struct_fields__)
    & {"kind", "method", "url_full", "url_path", "host", "user_agent", "error_message", "flow_id"}
)


def strict(line: bytes) -> dict:
    """Read a line as the strictest of readers do."""
    assert line.isascii()
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert not any(byte < 0x20 for byte in line[:-1])
    found = msgspec.json.decode(line)
    assert found == json.loads(line)
    return found


@given(
    st.fixed_dictionaries(dict.fromkeys(TEXT_FIELDS, ANY_TEXT)),
    st.dictionaries(ANY_TEXT, st.lists(ANY_TEXT)),
)
def test_any_text_gives_one_line_of_ascii(texts, headers):
    """Nothing that a client sends can break a line or lose a record."""
    record = Record(seq=1, request_headers=headers, block={"reason": texts["method"]}, **texts)

    found = strict(encode(record))

    assert found["seq"] == 1
    if all(text.isprintable() for text in texts.values()):
        assert found["user_agent.original"] == texts["user_agent"]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        pytest.param("a\r\nb\nc", "a\r\nb\nc", id="line ends"),
        pytest.param('"},{"v":1', '"},{"v":1', id="JSON"),
        pytest.param("\x00\x1b\x7f", "\x00\x1b\x7f", id="control characters"),
        pytest.param("\u2028\u2029\x85", "\u2028\u2029\x85", id="Unicode line ends"),
        pytest.param("bücher 😀", "bücher 😀", id="not ASCII"),
        pytest.param("/a\udcff", "/a\\xff", id="a byte that is no UTF-8"),
        pytest.param("/\udcc3\udca9", "/é", id="bytes that are UTF-8 after all"),
        pytest.param("\ud800", "\\ud800", id="a surrogate that stands for no byte"),
    ],
)
def test_text_reads_back(text, written):
    """As it was, save for what no JSON text can hold."""
    assert strict(encode(Record(kind="http", seq=1, url_path=text)))["url.path"] == written


def test_numbers_that_json_lacks_are_null():
    """On the common way and on the way for odd texts."""
    for text in ("plain", "\udcff"):
        found = strict(encode(Record(kind="http", seq=1, cache={"a": float("nan"), "b": text})))
        assert found["forebay.cache"]["a"] is None


def test_a_record_reads_back_whole():
    """The schema is the reader's too."""
    record = Record(
        kind="http",
        seq=7,
        timestamp=datetime(2026, 1, 2, 3, 4, 5, 678901, UTC),
        method="GET",
        status=200,
        request_headers={"a": ["1", "2"]},
        rewrite=[{"id": "x"}],
    )

    assert msgspec.json.decode(encode(record), type=Record) == record
    assert b'"timestamp":"2026-01-02T03:04:05.678901Z"' in encode(record)


def test_names_are_the_documented_ones():
    """OpenTelemetry's, our own under one prefix, and the envelope."""
    names = list(json.loads(encode(Record(kind="http", seq=1))))

    assert names[:4] == ["v", "kind", "seq", "timestamp"]
    standard = (
        "http.",
        "url.",
        "server.",
        "client.",
        "network.",
        "user_agent.",
        "error.",
        "tls.",
        "dns.",
        "user.",
        "service.",
    )
    assert all(name.startswith((*standard, "forebay.")) for name in names[4:])
    assert {"http.request.method", "url.full", "http.response.status_code"} <= set(names)


def test_every_field_is_documented():
    """One line of the docstring each."""
    for field in Record.__struct_fields__:
        assert f"\n    {field}: " in inspect.getdoc(Record)


def test_what_is_not_known_is_null():
    """Never left out, never guessed."""
    found = json.loads(encode(Record(kind="http", seq=1)))

    assert {value for name, value in found.items() if name not in ("v", "kind", "seq")} == {None}


def test_a_gap_is_a_line_like_the_others():
    assert strict(encode(Gap(lost=2, from_seq=3, to_seq=5))) == {
        "v": 1,
        "kind": "gap",
        "lost": 2,
        "from_seq": 3,
        "to_seq": 5,
        "service.instance.id": None,
    }


def test_weight_grows_with_what_is_long():
    light = weight(Record(kind="http", seq=1))

    assert weight(Record(kind="http", seq=1, url_full="x" * 1000)) >= light + 1000
    assert weight(Record(kind="http", seq=1, response_headers={"a": ["x" * 500]})) >= light + 500

"""Field lines: RFC 9110 §5, RFC 9111 §3.1."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache.builders import head
from forebay.cache import headers


def test_lines_keep_their_order_and_any_case_finds_them():
    """Age is read from the first line, so joining is not enough."""
    found = headers.Head([(b"AGE", b"1"), (b"X", b"2"), (b"age", b"3")])

    assert found.lines(b"age") == [b"1", b"3"]
    assert found.lines(b"none") == []
    assert b"age" in found and b"none" not in found


@pytest.mark.parametrize(
    ("fields", "expected"),
    [({"etag": '"a"'}, b'"a"'), ({"etag": ['"a"', '"b"']}, None), ({}, None)],
)
def test_only_returns_the_value_of_an_unrepeated_field(fields, expected):
    assert head(**fields).only(b"etag") == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(b"", [], id="empty"),
        pytest.param(b" , ,\t", [], id="empty members"),
        pytest.param(b'"a\\"b,c", d', [b'"a\\"b,c"', b"d"], id="escaped quote"),
        pytest.param(b'a, "b, c', [b"a", b'"b, c'], id="quote that is not closed"),
        pytest.param(b'a, "b\\', [b"a", b'"b\\'], id="escape at the end"),
        pytest.param(b'x="a,b"y, z', [b'x="a,b"y', b"z"], id="quote inside"),
    ],
)
def test_members_of_a_list(value, expected):
    assert list(headers.members(value)) == expected


@given(st.binary(max_size=200) | st.text('",\\ ab', max_size=60).map(str.encode))
def test_members_lose_nothing_but_white_space_and_commas(value):
    """Any bytes: what is left out can hide no directive."""
    kept = b"".join(headers.members(value))

    for byte in b'"\\abA\x00\xff':
        assert kept.count(byte) == value.count(byte)


@pytest.mark.parametrize("byte", [b"\r", b"\n", b"\0"])
def test_control_characters_are_found_in_names_and_values(byte):
    assert headers.has_control(((b"A", b"b" + byte),))
    assert headers.has_control(((b"A" + byte, b"b"),))
    assert not headers.has_control(((b"A", b"\tb\xff"),))


def test_fields_for_one_hop_are_not_stored():
    """§3.1: Connection, what it names, and the proxy's own."""
    given_head = head(
        connection="close, X-Hop",
        x_hop="1",
        keep_alive="9",
        transfer_encoding="chunked",
        proxy_authenticate="Basic",
        te="trailers",
        upgrade="h2c",
        x_kept="2",
    )

    assert headers.end_to_end(given_head) == ((b"X-Kept", b"2"),)


def test_connection_cannot_take_away_what_restricts_reuse():
    """Else a response would be stored for anybody, or for ever."""
    given_head = head(connection="vary, Cache-Control", vary="Cookie", cache_control="max-age=1")

    assert [name for name, _ in headers.end_to_end(given_head)] == [b"Vary", b"Cache-Control"]


def test_names_are_lower_case():
    assert set(head(etag="1", x_a="2").names()) == {b"etag", b"x-a"}

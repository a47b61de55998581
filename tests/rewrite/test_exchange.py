"""What rules look at: an exchange, and its fields."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.rewrite.exchange import bytes_of, first, text_of, values
from rewrite.builders import exchange, fields


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        pytest.param("/a", "/a", None, id="no query"),
        pytest.param("/a?", "/a", "", id="an empty query"),
        pytest.param("/a?b=1?c", "/a", "b=1?c", id="a second question mark"),
        pytest.param("*", "*", None, id="asterisk"),
    ],
)
def test_a_target_is_path_and_query(target, path, query):
    found = exchange(target=target)

    assert (found.path, found.query) == (path, query)


@pytest.mark.parametrize(
    ("given_", "url"),
    [
        pytest.param({}, "https://www.example.com/", id="the port of https"),
        pytest.param({"scheme": "http"}, "http://www.example.com:443/", id="another port"),
        pytest.param({"scheme": "http", "port": 80}, "http://www.example.com/", id="that of http"),
        pytest.param({"host": "2001:db8::1"}, "https://[2001:db8::1]/", id="IPv6"),
        pytest.param({"host": "::1", "port": 8080}, "https://[::1]:8080/", id="IPv6 and port"),
        pytest.param({"target": "/x?y"}, "https://www.example.com/x?y", id="target"),
    ],
)
def test_the_url_has_a_port_only_where_the_scheme_implies_another(given_, url):
    """RFC 9110 §4.2.3."""
    assert exchange(**given_).url == url


def test_each_message_has_its_own_fields():
    found = exchange(request=fields("A: 1"), response=fields("B: 2"))

    assert found.fields(of_response=False) == fields("A: 1")
    assert found.fields(of_response=True) == fields("B: 2")
    assert found.with_fields((), of_response=False).response == fields("B: 2")
    assert found.with_fields((), of_response=True).request == fields("A: 1")
    assert found.with_fields((), of_response=True).response == ()


def test_fields_are_found_in_any_case():
    found = fields("A: 1", "b: 2", "a: 3", "AA: 4")

    assert first(found, b"a") == b"1"
    assert first(found, b"x") is None
    assert values(found, b"a") == [b"1", b"3"]
    assert values(found, b"x") == []


@given(st.binary())
def test_a_value_as_text_is_the_same_bytes_again(value):
    assert bytes_of(text_of(value)) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param("é", b"\xe9", id="of ISO 8859-1"),
        pytest.param("é€", b"\xc3\xa9\xe2\x82\xac", id="not of it: UTF-8"),
        pytest.param("€\udcff", b"\xe2\x82\xac\xff", id="a byte of a path that is no UTF-8"),
    ],
)
def test_what_is_not_of_iso_8859_1_becomes_utf_8(text, value):
    assert bytes_of(text) == value

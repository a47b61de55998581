"""Parameters of a query."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.rewrite import query
from forebay.rewrite.patterns import Glob


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        pytest.param("a=1&b=2", "b", "2", id="by name"),
        pytest.param("a=1&a=2", "a", "1", id="the first"),
        pytest.param("a", "a", "", id="without ="),
        pytest.param("a=b=c", "a", "b=c", id="a second ="),
        pytest.param("%61=x%2By+z", "a", "x+y z", id="decoded"),
        pytest.param("a=%ff", "a", "\ufffd", id="no UTF-8"),
        pytest.param("A=1", "a", None, id="names are case-sensitive"),
        pytest.param("", "a", None, id="no query"),
    ],
)
def test_value(text, name, expected):
    assert query.value(text, name) == expected


@pytest.mark.parametrize(
    ("text", "pattern", "expected"),
    [
        pytest.param("utm_a=1&b=2&utm_c", "utm_*", "b=2", id="by pattern"),
        pytest.param("%75tm_a=1&b=2", "utm_*", "b=2", id="an encoded name"),
        pytest.param("a=1&&b=%2f", "x", "a=1&&b=%2f", id="not there"),
        pytest.param("a=1", "a", "", id="the last one"),
        pytest.param("a=1&b", "*", "", id="all"),
        pytest.param("", "a", "", id="no query"),
    ],
)
def test_remove(text, pattern, expected):
    assert query.remove(text, Glob.of(pattern)) == expected


@pytest.mark.parametrize(
    ("text", "only_if_absent", "expected"),
    [
        pytest.param("", False, "a=x%20%26", id="to none"),
        pytest.param("b=1", False, "b=1&a=x%20%26", id="at the end"),
        pytest.param("a&b=1&%61=2", False, "a=x%20%26&b=1", id="in the place of the first"),
        pytest.param("a&b=1&a=2", True, "a&b=1&a=2", id="default yields"),
        pytest.param("b=1", True, "b=1&a=x%20%26", id="default fills in"),
    ],
)
def test_put(text, only_if_absent, expected):
    assert query.put(text, "a", "x &", only_if_absent=only_if_absent) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("a=x+y&b=x", "a=X%20Y&b=x", id="decoded, and encoded again"),
        pytest.param("a=x&a=1&a=y", "a=X&a=1&a=Y", id="each of them"),
        pytest.param("a=%4A+&%61=%2f", "a=%4A+&%61=%2f", id="the same stays as it is written"),
        pytest.param("a&b", "a&b", id="one without = has no value"),
    ],
)
def test_change(text, expected):
    assert query.change(text, "a", str.upper) == expected


def test_many_parameters_of_one_name_take_little_time():
    """It takes seconds when each is looked for among the others."""
    assert query.put("a&" * 50_000, "a", "1") == "a=1&"


NAMES = st.sampled_from(["a", "b", "utm_x", "%61", "a%5B%5D", ""])
PAIRS = st.one_of(NAMES, st.tuples(NAMES, st.text("aA%2+=;/", max_size=4)).map("=".join))
QUERIES = st.lists(PAIRS, max_size=6).map("&".join)


@given(QUERIES, st.sampled_from(["a", "b", "a[]"]), st.text(max_size=4))
def test_an_edit_of_one_parameter_leaves_all_others_byte_for_byte(text, name, value):
    def others(of: str) -> list[str]:
        return [pair for pair in of.split("&") if pair and query.name_of(pair) != name]

    for edited in (
        query.put(text, name, value),
        query.put(text, name, value, only_if_absent=True),
        query.change(text, name, lambda _: value),
        query.remove(text, Glob(name)),
    ):
        assert others(edited) == others(text)


@given(QUERIES, st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.text())
def test_what_is_put_is_what_a_server_reads(text, name, value):
    edited = query.put(text, name, value)
    expected = value.encode("utf-8", "replace").decode()

    assert edited.isascii()
    assert [v for n, v in parse_qsl(edited, keep_blank_values=True) if n == name] == [expected]
    assert query.value(edited, name) == expected


@given(QUERIES)
def test_a_change_to_the_same_changes_nothing(text):
    assert query.change(text, "a", lambda value: value) == text

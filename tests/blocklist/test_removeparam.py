"""Parameters that are taken out of a query."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.blocklist.removeparam import MOST_CHARS, MOST_PARAMETERS, parse_parameters, without
from forebay.errors import RuleError


def left(target: str, *values: str) -> str:
    return without(target, [parse_parameters(value) for value in values])[0]


@pytest.mark.parametrize(
    ("value", "query", "expected"),
    [
        pytest.param("b", "a=1&b=2&c=3", "a=1&c=3", id="a name"),
        pytest.param("b", "b=1&a=1&b=2", "a=1", id="each of that name"),
        pytest.param("b", "b&a=1", "a=1", id="one without a value"),
        pytest.param("b", "ab=1&b%20=2&B=3", "ab=1&b%20=2&B=3", id="no other name, no other case"),
        pytest.param("%24x", "%24x=1&a=1", "a=1", id="as it stands in the URL"),
        pytest.param("~b", "a=1&b=2&c=3", "b=2", id="all but a name"),
        pytest.param("~b", "b=2", "b=2", id="nothing but that name"),
        pytest.param("", "a=1&b=2", None, id="all"),
        pytest.param("*", "a=1&b=2", None, id="all, in words"),
        pytest.param("/^utm_/", "utm_a=1&x_utm_=2&UTM_b=3", "x_utm_=2&UTM_b=3", id="a regex"),
        pytest.param("/^utm_/i", "utm_a=1&UTM_b=3&c=1", "c=1", id="of any case"),
        pytest.param("/=secret$/", "a=%73ecret&b=x", "b=x", id="a regex sees values decoded"),
        pytest.param("/^b=$/", "b&a=1", "a=1", id="a regex sees an equals sign always"),
        pytest.param("~/^q=/", "q=1&a=2", "q=1", id="all but what a regex finds"),
        pytest.param("|ga_", "GA_x=1&a=ga_", "a=ga_", id="the old spelling of a prefix"),
        pytest.param("b", "a=1&&b=2&", "a=1&&", id="empty ones stay"),
        pytest.param("~b", "&&b=2&", "&&b=2&", id="empty ones have no name"),
    ],
)
def test_what_is_taken_out(value, query, expected):
    assert left(f"/p?{query}", value) == ("/p" if expected is None else f"/p?{expected}")


@pytest.mark.parametrize("target", ["/p", "/p?", "/p?a=1", "/b=1", "/p#?b=1", "/p?a=%7E+%zz&&"])
def test_what_has_none_of_it_stays_as_it_is(target):
    assert left(target, "b") == target


def test_the_rest_of_the_target_stays():
    """Path and fragment, though a fragment is no part of a request."""
    assert left("/b=1;b?b=1#b=1", "b") == "/b=1;b#b=1"


def test_each_rule_is_told_what_it_took():
    """The first takes, the next finds less."""
    target = "/?b=1&a=1&b=2&c=3"

    _, removed = without(target, [parse_parameters(v) for v in ("b", "/^[ab]=/", "d")])

    assert removed == [("b",), ("a",), ()]


def test_a_regex_looks_at_so_many_parameters():
    """A bound for its time; a name is looked for in all."""
    query = "&".join(f"b{i}=1" for i in range(MOST_PARAMETERS + 1))

    assert left(f"/?{query}", "/^b/") == f"/?b{MOST_PARAMETERS}=1"
    assert left(f"/?{query}", f"b{MOST_PARAMETERS}") == f"/?{query.rpartition('&')[0]}"


@pytest.mark.parametrize("value", ["a|b", "~", "a&b", "a=b", "a b", "|", "/(/", "/(a+)+$/", "~a|b"])
def test_what_is_no_value(value):
    with pytest.raises(RuleError, match=r"^expected "):
        parse_parameters(value)


@pytest.mark.parametrize(
    ("value", "tokens"),
    [
        ("utm_source", ("utm", "source")),
        ("Utm-X", ("utm", "x")),
        ("~utm", ()),
        ("/utm/", ()),
        ("%24x", ()),
        ("", ()),
    ],
)
def test_runs_that_a_url_must_have(value, tokens):
    """By them a rule is found that has no pattern."""
    assert parse_parameters(value).tokens() == tokens


NAMES = st.sampled_from(["a", "b", "utm_x", "utm_y", "%61", "A", ""])
PAIRS = st.builds(
    lambda name, equals, value: f"{name}{equals}{value}",
    NAMES,
    st.sampled_from(["", "="]),
    st.text("abc%2=+/;é\udcff", max_size=6),
)
VALUES = st.sampled_from(["a", "~a", "/^utm_/", "~/^utm_/i", "", "|b", "%61"])


@given(st.text("/a;=%", max_size=5), st.lists(PAIRS, max_size=8), st.lists(VALUES, max_size=3))
def test_what_stays_is_as_it_was(path, pairs, values):
    """In its order and byte for byte, whatever is taken out of its middle."""
    target = f"/{path}?{'&'.join(pairs)}"

    after, removed = without(target, [parse_parameters(value) for value in values])

    if not any(removed):
        assert after == target
        return
    before, _, query = after.partition("?")
    kept = query.split("&") if query else []
    assert before == f"/{path}"
    rest = iter(pairs)
    assert all(pair in rest for pair in kept)  # a subsequence
    gone = {name for names in removed for name in names}
    assert all(pair in kept or pair == "" for pair in pairs if _name(pair) not in gone)


def _name(pair: str) -> str:
    return re.split("=", pair, maxsplit=1)[0]


@given(st.text(max_size=40), VALUES)
def test_twice_is_once(query, value):
    """So that a request may be judged again."""
    once = left(f"/?{query}", value)

    assert left(once, value) == once


def test_regexes_take_so_much_time():
    """Names do not; what a regex has no time for stays."""
    target = f"/?a=1&b={'x' * 4000}"
    regexes = [parse_parameters(f"/^never{i}=/") for i in range(MOST_CHARS // 4000)]

    late = [parse_parameters(value) for value in ("/^a=/", "~b", "b")]

    assert without(target, [*regexes[:9], late[0]])[0] == f"/?b={'x' * 4000}"
    assert without(target, [*regexes, late[0]])[0] == target
    assert without(target, [*regexes, late[2]])[0] == "/?a=1"


def test_what_is_nothing_but_a_query_becomes_the_root():
    """An HTTP/2 :path may begin with it, and must not be empty (RFC 9113 §8.3.1)."""
    assert left("?a=1", "a") == "/"


def test_the_first_rule_that_has_a_name_takes_it():
    meant = [parse_parameters(value) for value in ("b", "a", "a", "c")]

    assert without("/?a=1&b&a=2&d", meant) == ("/?d", [("b",), ("a",), (), ()])

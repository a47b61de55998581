"""Regexes that cannot stall the proxy."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forebay.errors import RuleError
from forebay.rewrite.regexes import LIMIT_CHARS, LIMIT_PATTERN, Regex

TOO_LONG = "expected a regex that takes little time on any path, found"


@pytest.mark.parametrize(
    "text",
    [
        "",
        r"^$",
        r"^.*$",
        r"\.(png|jpe?g|gif)$",
        r"^/api/v\d+/",
        r"^/api/[^/]+/items/[^/]+/[^/]+$",
        r"^/foo.*bar.*\.js$",
        r"foo.*bar",
        r"^/static/.*\.(css|js)$",
        r"^(/[^/]+)+$",
        r"^/(a|b|cc)+/x",
        r"(\d{1,3}\.){3}\d{1,3}",
        r"(?i)^/Admin(/|$)",
        r"(?i)^/[a-c]+[x-z]+/",
        r"^/(?!private/)",
        r"^/a(?=b)",
        r"^/(en|de|fr)(-[A-Z]{2})?/",
        r"\A/(?>a+)b",
        r"[^a-c\d]x*+y",
        r"^/\w+\.\W?$",
        r"^(|/a)b",
        r"^[\u0100-\u0200]+[^\u0300]$",
        r"^a+\Z",
        r"^\x00*?é+/",
    ],
)
def test_ordinary_regexes_are_taken(text):
    assert Regex.of(text).pattern.pattern == text


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(r"(a+)+$", id="repeated repeat"),
        pytest.param(r"(?>(a+)+b)", id="in an atomic group"),
        pytest.param(r"(a|aa)+$", id="overlapping alternatives, repeated"),
        pytest.param(r"(?:a|b|ab)*c", id="alternatives that begin alike"),
        pytest.param(r"^(a|)+$", id="an empty alternative"),
        pytest.param(r"(.*)*x", id="repeated star"),
        pytest.param(r"^(\w+\s?)*$", id="optional separator"),
        pytest.param(r"(a?){30}a{30}", id="repeated option"),
        pytest.param(r"(a{1,40}){1,40}b", id="bounded but large"),
        pytest.param(r"\d+\d+\d+x", id="cubic"),
        pytest.param(r"^.*a.*b.*c$", id="three stars"),
        pytest.param(r"^.*.*" + "a" * 500 + "b", id="two stars before a long text"),
        pytest.param(r"(?=(a+)+b)x", id="in a lookahead"),
        pytest.param(r"(a*)\1\1b", id="back reference"),
        pytest.param(r"^(a)?(?(1)b|c)", id="condition"),
        pytest.param(r"(?i)^(?:ax|Ay|A)+$", id="alike but for case"),
    ],
)
def test_regexes_that_could_take_long_are_refused(text):
    with pytest.raises(RuleError, match=TOO_LONG):
        Regex.of(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("(", "expected a regex, found '(': missing ), unterminated subpattern at position 0"),
        ("a{99999999999999}", "expected a regex, found 'a{99999999999999}': the repetition number is too large"),
        ("a" * 1001, "expected a regex of at most 1000 characters, found more"),
        ("[[a]", "expected a regex, found '[[a]': Possible nested set at position 1"),
        ("(?i:a)b", "expected flags at the beginning of a regex only, as in (?i)"),
    ],
)  # fmt: skip
def test_what_is_no_regex_is_refused(text, message):
    with pytest.raises(RuleError) as caught:
        Regex.of(text)

    assert str(caught.value) == message


def test_a_deeply_nested_regex_is_refused():
    with pytest.raises(RuleError, match="expected a regex"):
        Regex.of("(" * (LIMIT_PATTERN // 2) + ")" * (LIMIT_PATTERN // 2))


def test_it_is_searched_for_in_texts_up_to_the_limit():
    regex = Regex.of("b$")

    assert regex.matches("a" * (LIMIT_CHARS - 1) + "b")
    assert not regex.matches("a" * LIMIT_CHARS + "b")
    assert not regex.matches("ba")


BITS = st.sampled_from(
    [*"ab./\\()[]{}|*+?^$-,1ié", "(?:", "(?=", "(?!", "(?<=", "(?>", "(?i)", "(?P<n>", "(?P=n)", r"\1", r"\d", r"\W", r"\b", "{2,}", "{,3}", "*?", "++"]
)  # fmt: skip


@settings(deadline=None, max_examples=400)
@given(st.one_of(st.text(max_size=30), st.lists(BITS, max_size=12).map("".join)))
def test_any_text_is_a_regex_or_an_error(text):
    try:
        regex = Regex.of(text)
    except RuleError:
        return
    assert regex.matches("/ab/a.b") is bool(re.search(text, "/ab/a.b"))


@settings(deadline=2000, max_examples=150)
@given(
    st.lists(BITS, max_size=10).map("".join), st.sampled_from("ab/1.é"), st.text("ab", max_size=3)
)
def test_what_is_taken_ends_soon_on_repetitive_paths(text, char, tail):
    """The deadline is a hundred times what the slowest should take."""
    try:
        regex = Regex.of(text)
    except RuleError:
        return
    for path in (char * 2045 + tail, ("a" + char) * 1022 + tail):
        assert regex.matches(path) in {True, False}

"""Regexes that cannot stall the proxy."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forebay.errors import RuleError
from forebay.regexes import LIMIT_CHARS, LIMIT_PATTERN, CostlyRegexError, Regex

TOO_LONG = "expected a regex that takes little time on any text, found"


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


# What a filter allows: a few milliseconds, and no less than 256 characters.
FILTER = {"ignore_case": True, "ascii_only": True, "limit_steps": 4_500_000, "least_chars": 256}


@pytest.mark.parametrize(
    ("text", "limit_chars"),
    [
        (r"^https?:\/\/[a-z]{8,}\.example\/", 2048),
        (r"^https?:\/\/[0-9a-z]{5,}\.example\/x", 2048),
        (r"^https?:\/\/.*\.(one|two|six|four|five)\/", 2048),
        (r"\/[0-9a-f]{32}\/go\.js", 2048),
        (r"(https?:\/\/)192\.0\.2\..{100,}", 1024),
        (r"\.shop\.example\/[0-9]+\.[a-z]+\?s?Find=", 2048),
        (r"^https?:\/\/.*\/.*go[0-9._]", 512),
        (r"(https?:\/\/)\w{30,}\.example\/\w{30,}\.", 1024),
        (r"[a-z]+\d", 512),
        (r"\d*(one|two|six|four|five)", 256),
    ],
)
def test_the_costlier_a_regex_the_less_it_sees(text, limit_chars):
    assert Regex.of(text, **FILTER).limit_chars == limit_chars
    assert Regex.of(text, ignore_case=True).limit_chars == LIMIT_CHARS


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(r"\w+\d+x", id="cubic"),
        pytest.param(
            r"[a-z]+(?:\W(?:ab|cd|ef|gh|ij|kl|mn|op|qr|st|uv|wx)*)*x", id="groups at every end"
        ),
        pytest.param("(" + "|".join(f"{n:04}" for n in range(190)) + ")+x", id="many alternatives"),
        pytest.param(r"(?=.*a.*b)x", id="in a lookahead"),
        pytest.param(r"(ab?)+c.*d.*e.*f", id="a literal among repeats"),
    ],
)
def test_what_takes_long_on_256_characters_is_refused(text):
    with pytest.raises(RuleError, match=TOO_LONG):
        Regex.of(text, **FILTER)


def test_a_literal_tells_where_a_repeat_ends_unless_it_overlaps_itself():
    assert Regex.of(r"^.*abcdefghijkl.*x", **FILTER).limit_chars == 2048
    assert Regex.of(r"^.*aaaaaaaaaaaa.*x", **FILTER).limit_chars == 512


def test_of_a_longer_text_the_beginning_is_searched_where_that_is_wanted():
    regex = Regex.of(r"[a-z]+\d", **FILTER)

    assert regex.limit_chars == 512
    assert regex.matches("/" * 510 + "a1" + "/" * 5000, cut=True)
    assert not regex.matches("/" * 511 + "a1" + "/" * 5000, cut=True)
    assert not regex.matches("a1" + "/" * 5000)


NOT_UTF8 = b"\xff/ad1.js".decode("utf-8", "surrogateescape")


def test_bytes_that_are_no_utf8_stand_for_themselves():
    assert Regex.of(r"\d\.js").matches(NOT_UTF8)
    assert not Regex.of(r"\?").matches(NOT_UTF8)


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


class TestCut:
    def test_a_longer_text_is_searched_at_its_beginning(self):
        regex = Regex.of("b")

        assert regex.matches("b" + "a" * LIMIT_CHARS, cut=True)
        assert not regex.matches("a" * LIMIT_CHARS + "b", cut=True)

    @pytest.mark.parametrize(
        ("text", "limit_chars"), [("^/a", LIMIT_CHARS), ("a.*b", 512), ("[0-9]+-[0-9]+", 256)]
    )
    def test_what_takes_longer_sees_less(self, text, limit_chars):
        regex = Regex.of(text, limit_steps=2_000_000, least_chars=256)

        assert regex.limit_chars == limit_chars

    def test_what_takes_too_long_even_so_is_refused(self):
        with pytest.raises(RuleError, match=TOO_LONG):
            Regex.of("a.*b.*c.*d", limit_steps=1_500_000, least_chars=256)


class TestFlags:
    def test_the_case_may_not_count(self):
        assert Regex.of("ab", ignore_case=True).matches("AB")
        assert not Regex.of("ab").matches("AB")

    def test_classes_may_be_ascii(self):
        assert Regex.of(r"^\w$").matches("é")
        assert not Regex.of(r"^\w$", ascii_only=True).matches("é")

    def test_the_guard_knows_that_the_case_does_not_count(self):
        assert Regex.of("^(?:ax|Ay|B)+$")
        with pytest.raises(RuleError, match=TOO_LONG):
            Regex.of("^(?:ax|Ay|A)+$", ignore_case=True)


class TestLinear:
    """With google-re2; the package is not needed."""

    @pytest.fixture(autouse=True)
    def _needs_it(self):
        pytest.importorskip("re2")

    def test_it_takes_what_the_guard_refuses_and_has_no_limit(self):
        regex = Regex.linear("(a+)+$", ignore_case=True)

        assert regex.matches("b" * 10_000 + "A")
        assert not regex.matches("a" * 10_000 + "b")

    @pytest.mark.parametrize("text", ["(?=a)b", r"(a)\1", "(", "a{2000}", "\udcff", "a" * 1001])
    def test_what_it_cannot_do_is_left_to_python(self, text):
        assert Regex.linear(text) is None

    def test_undecodable_bytes_are_searched_too(self):
        assert Regex.linear("b").matches("a\udcffb")
        assert Regex.linear(r"^.\/ad\d\.js$").matches(NOT_UTF8)
        assert not Regex.linear(r"\?").matches(NOT_UTF8)

    @given(st.text(st.characters(), max_size=20))
    def test_any_text_can_be_searched(self, text):
        assert Regex.linear("[ab]x?").matches(text) is ("a" in text or "b" in text)

    @given(st.text(st.characters(), max_size=20))
    def test_any_pattern_is_a_regex_or_none(self, text):
        regex = Regex.linear(text)

        assert regex is None or regex.matches("\udcff") in {True, False}


def test_without_it_there_is_none(monkeypatch):
    monkeypatch.setattr("forebay.regexes.re2", None)

    assert Regex.linear("a") is None


@settings(deadline=2000, max_examples=150)
@given(
    st.lists(BITS, max_size=10).map("".join), st.sampled_from("ab/1.é"), st.text("ab", max_size=3)
)
def test_what_a_filter_takes_ends_soon_on_repetitive_urls(text, char, tail):
    """The deadline is some hundred times what the slowest should take."""
    try:
        regex = Regex.of(text, **FILTER)
    except RuleError:
        return
    assert 256 <= regex.limit_chars <= LIMIT_CHARS
    for body in (char, "a" + char, "https://" + char):
        url = body * LIMIT_CHARS
        assert regex.matches(tail + url, cut=True) in {True, False}
        seen = url[: regex.limit_chars - len(tail)] + tail
        assert regex.matches(seen) is regex.matches(seen + char, cut=True)


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [
        ("v([0-9]+)", True),
        ("[0-9]+", True),
        ("[0-9]+?", True),
        ("[0-9]*", False),
        ('"name":\\s*"[^"]*"', True),
        ("(?i)X-[0-9]+;", True),
        ("a[^a]*b", False),  # what ends the repeat may be in it, and is tried at each place
        ("a[^ab]*b", True),
        ("<script[^>]*>", False),  # a text of many <script
        ("[0-9]+v", False),
        ("v?[0-9]+", False),
        ("v(?:[0-9]+,)*", False),
        ("v[0-9]*w*[0-9]+", False),
    ],
)
def test_long_texts_are_for_regexes_whose_attempts_share_them(pattern, fits):
    """A body has a million characters, and a square of that is too much."""

    def of():
        return Regex.of(pattern, limit_steps=200_000_000, least_chars=10**6, most_chars=10**6)

    if fits:
        assert of().limit_chars == 10**6
    else:
        with pytest.raises(CostlyRegexError):
            of()


@pytest.mark.parametrize("pattern", ["v([0-9]+)", '"name":\\s*"[^"]*"', "a[^ab]*b"])
@pytest.mark.parametrize("unit", ["v", "v1", '"', '"name":', '"name":"x', "a", "ab", "1"])
def test_they_take_time_linear_in_the_text(pattern, unit):
    """Ten times the text takes nowhere near a hundred times as long; counted by what is read."""
    regex = Regex.of(pattern, limit_steps=200_000_000, least_chars=10**6, most_chars=10**6)
    text = unit * (10**6 // len(unit))

    at = 0
    while (found := regex.search(text, at)) is not None:
        at = max(found.end(), at + 1)
        if at > 200_000:  # a quadratic one would not have come so far within the suite's deadline
            break


@pytest.mark.parametrize("pattern", ["(?ms)^.*x", "(?m)^\\s*x", "(?m)\\n*$\\n*x"])
def test_the_beginning_of_each_line_is_no_anchor(pattern):
    """A text of a million lines has as many beginnings."""
    with pytest.raises(CostlyRegexError):
        Regex.of(pattern, limit_steps=200_000_000, least_chars=10**6, most_chars=10**6)


def test_the_beginning_of_the_text_is():
    for pattern in ("(?ms)\\A.*x", "(?s)^.*x"):
        Regex.of(pattern, limit_steps=200_000_000, least_chars=10**6, most_chars=10**6)

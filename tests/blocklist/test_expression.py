"""Rules that are regular expressions."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.blocklist.expression import literal_of, parse_expression
from forebay.blocklist.request import Request
from forebay.errors import RuleError


class TestMatches:
    @pytest.mark.parametrize(
        ("text", "url", "expected"),
        [
            ("ads?[0-9]", "http://q.example/ad1", True),
            ("ads?[0-9]", "http://q.example/ads", False),
            (r"^https?:\/\/ads\.", "https://ads.example/", True),
            (r"^https?:\/\/ads\.", "https://x.ads.example/", False),
            ("ADS", "http://q.example/ads", True),
            ("ads", "http://q.example/ADS", True),
            (r"\.js$", "http://q.example/x.js", True),
            (r"\.js$", "http://q.example/x.js?", False),
            ("a(?!b)", "http://q.zz/ab", False),
            ("(?<=a)c", "http://q.zz/ac", True),
            (r"ads\b", "http://q.example/ads/", True),
            (r"x\wx", "http://q.zz/xäx", False),
            ("ads.*", "http://q.example/ads", True),
            (r"ads\.*", "http://q.example/ads", True),
            (r"ads\.*x", "http://q.example/adsx", True),
        ],
    )
    def test_it_is_searched_for_in_the_whole_url(self, text, url, expected):
        assert parse_expression(text, match_case=False).matches(Request.of(url)) is expected

    @pytest.mark.parametrize(("url", "expected"), [("/Ads", True), ("/ads", False)])
    def test_its_case_counts_when_told_so(self, url, expected):
        request = Request.of("http://q.example" + url)

        assert parse_expression("/Ads", match_case=True).matches(request) is expected

    @pytest.mark.parametrize("text", ["ads", "(?=ads)a", "a(d)s"])
    def test_the_beginning_of_a_long_url_is_searched(self, text):
        request = Request.of("http://q.example/ads" + "x" * 100_000)

        assert parse_expression(text, match_case=False).matches(request)

    def test_what_is_no_text_is_no_obstacle(self):
        request = Request.of("http://q.example/ads\udcff")

        assert parse_expression("ads", match_case=False).matches(request)


class TestRefused:
    @pytest.mark.parametrize("text", ["(", "[a", "a**", r"\1", "a{2,1}", "(?P<a", "x" * 1001])
    def test_what_is_no_regex(self, text):
        with pytest.raises(RuleError, match="expected a regex"):
            parse_expression(text, match_case=False)

    @pytest.mark.parametrize(
        "text",
        [
            r"\pLads",
            r"ads\z",
            r"\Qa.b\E",
            "[[:alpha:]]x",
            "ads(?i)x",
            r"\x{41}",
            "(?U)a+",
            "(?<n>a)",
        ],
    )
    def test_what_engines_read_in_different_ways(self, text):
        """Whether google-re2 is installed does not change what a list means."""
        with pytest.raises(RuleError, match="expected a regex, found"):
            parse_expression(text, match_case=False)

    @pytest.mark.parametrize("text", ["(?=x)(a+)+$", "(?=x)(a|a)*b", r"(a)\1*\1*\1*b"])
    def test_what_could_take_long_and_no_linear_engine_reads(self, text):
        with pytest.raises(RuleError, match="expected a regex that takes little time"):
            parse_expression(text, match_case=False)


class TestLiteral:
    @pytest.mark.parametrize(
        ("text", "literal"),
        [
            ("ads", "ads"),
            ("ADS", "ads"),
            (r"\/ads\.js", "/ads.js"),
            ("ads?x", "ad"),
            ("ab|cd", ""),
            ("(ab)cd", "abcd"),
            ("(?:ab)?cd", "cd"),
            ("a(b|c)de", "de"),
            ("ab+cd", "cd"),
            ("(abc)+d", "abc"),
            ("x{3}yy", "yy"),
            ("(?!abc)de", "de"),
            ("(?=abc)d", "d"),
            ("[a]bc", "abc"),
            ("[^a]bc", "bc"),
            ("a.bc", "bc"),
            ("^ads$", "ads"),
            (r"\bads\b", "ads"),
            ("äads", "ads"),
            ("(?i)ADS", "ads"),
            ("ads.*", "ads"),
            ("", ""),
        ],
    )
    def test_the_longest_text_of_every_match(self, text, literal):
        assert literal_of(text) == literal

    @given(st.data())
    def test_every_match_has_it(self, data):
        atom = st.sampled_from(
            [
                "a",
                "B",
                "cd",
                r"\.",
                ".",
                "[ab]",
                "[^a]",
                r"\w",
                "(?:ab|c)",
                "(aB)",
                "(?:x(y)?)",
                "^",
                r"\b",
            ]
        )
        piece = st.builds(
            "{}{}".format, atom, st.sampled_from(["", "", "", "?", "*", "+", "{2}", "{0,1}", "+?"])
        ).filter(lambda text: not re.match(r"(\^|\\b)[?*+{]", text))
        text = "".join(data.draw(st.lists(piece, min_size=1, max_size=6)))

        match = data.draw(st.text("abcdxy.B/", max_size=12))

        found = re.search(text, match, re.IGNORECASE | re.ASCII)
        if found:
            assert literal_of(text) in match.lower()


@given(st.text(max_size=20) | st.text(r"ab\/[](){}?*+|.^$!=<:-,12pQzi", max_size=16), st.booleans())
def test_any_text_is_a_regex_or_an_error(text, match_case):
    try:
        expression = parse_expression(text, match_case=match_case)
    except RuleError:
        return
    request = Request.of("http://ab.example/a1-b?2")
    assert literal_of(text) in request.url or not expression.matches(request)

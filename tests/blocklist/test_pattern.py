"""Patterns against URLs."""

from __future__ import annotations

import re
from functools import cache

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from forebay.blocklist.pattern import LONGEST_SEPARATED, LONGEST_WILD, parse_pattern
from forebay.blocklist.request import Request
from forebay.errors import RuleError


def matches(pattern: str, url: str, *, match_case: bool = False) -> bool:
    found = parse_pattern(pattern, match_case=match_case)
    request = Request.of(url)
    hit = (
        (found.host is None or found.host in request.host.parents)
        and found.literal in request.url
        and (found.glob is None or found.glob.matches(request))
    )
    if hit:
        assert set(found.tokens) <= set(request.tokens())
    return hit


class TestText:
    @pytest.mark.parametrize(
        ("pattern", "url", "expected"),
        [
            ("/banner/", "http://a.example/x/banner/y", True),
            ("/banner/", "http://a.example/banner", False),
            ("BANNER", "http://a.example/Banner", True),
            ("a.example/b", "http://a.example/b", True),
            ("?ad=", "http://a.example/?ad=1", True),
            ("&ad=", "http://a.example/?ad=1", False),
            ("ad$1", "http://a.example/ad$1", True),
            ("a.b", "http://q.example/axb", False),
            ("/%2fads", "http://a.example/%2FADS", True),
            ("/ä", "http://a.example/ä", True),
        ],
    )
    def test_it_is_found_anywhere(self, pattern, url, expected):
        assert matches(pattern, url) is expected


class TestSeparator:
    @pytest.mark.parametrize(
        ("pattern", "url", "expected"),
        [
            ("^ads^", "http://a.example/ads/", True),
            ("^ads^", "http://a.example/ads", True),
            ("^ads^", "http://a.example/ads?x", True),
            ("^ads^", "http://a.example/ads:x", True),
            ("^ads^", "http://a.example/ads-x", False),
            ("^ads^", "http://a.example/ads.js", False),
            ("^ads^", "http://a.example/ads_x", False),
            ("^ads^", "http://a.example/ads%20", False),
            ("^ads^", "http://a.example/adsä", False),
            ("^ads^", "http://a.example/xads/", False),
            ("a^b", "http://q.example/a/b", True),
            ("a^b", "http://q.example/a//b", False),
            ("a^^b", "http://q.example/a//b", True),
            ("x^|", "http://q.example/x", True),
            ("x^|", "http://q.example/x/", True),
            ("x^|", "http://q.example/x/y", False),
            ("x^*y", "http://q.example/xy", False),
            ("x^*y", "http://q.example/x/-y", True),
            ("x^*", "http://q.example/x", True),
        ],
    )
    def test_it_is_no_part_of_a_word_or_the_end(self, pattern, url, expected):
        assert matches(pattern, url) is expected


class TestWild:
    @pytest.mark.parametrize(
        ("pattern", "url", "expected"),
        [
            ("/ads/*.gif", "http://a.example/ads/x/y.gif", True),
            ("/ads/*.gif", "http://a.example/ads.gif", False),
            ("/ads/*", "http://a.example/ads/", True),
            ("*ads*", "http://a.example/xadsx", True),
            ("a*a|", "http://q.zz/ba", False),
            ("a*a|", "http://q.zz/aba", True),
            ("aa*aa|", "http://q.zz/aaa", False),
            ("/a*b*c", "http://q.zz/b/a-c-b-c", True),
            ("/a*b*c", "http://q.zz/c/a-c-b", False),
            ("|http:*ttp", "http://q.zz/", False),
            ("||ads.*ads", "http://ads.example/", False),
            ("||ads.*ads", "http://ads.ads.example/", True),
        ],
    )
    def test_it_is_anything_between(self, pattern, url, expected):
        assert matches(pattern, url) is expected


class TestAnchors:
    @pytest.mark.parametrize(
        ("pattern", "url", "expected"),
        [
            ("|http://a.", "http://a.example/", True),
            ("|http://a.", "https://b.example/?http://a.example", False),
            (".gif|", "http://a.example/x.gif", True),
            (".gif|", "http://a.example/x.gif?y", False),
            ("|http://a.example/|", "http://a.example/", True),
            ("|http://a.example/|", "http://a.example/x", False),
            ("|*x.gif|", "http://a.example/x.gif", True),
            ("x.gif*|", "http://a.example/x.gif?", True),
            ("a|b", "http://a.example/a|b", True),
            ("a|b", "http://a.example/ab", False),
        ],
    )
    def test_they_are_the_ends_of_the_url(self, pattern, url, expected):
        assert matches(pattern, url) is expected


class TestHost:
    @pytest.mark.parametrize(
        ("pattern", "url", "expected"),
        [
            ("||ads.example^", "http://ads.example/", True),
            ("||ads.example^", "https://x.ads.example:8080/", True),
            ("||ads.example^", "http://notads.example/", False),
            ("||ads.example^", "http://ads.example.org/", False),
            ("||ads.example^", "http://a.example/?http://ads.example/", False),
            ("||ADS.example^*", "http://ads.example/x", True),
            ("||ads.example", "http://ads.example.org/", True),
            ("||ads.example", "http://x-ads.example/", False),
            ("||ads.", "http://x.ads.example/", True),
            ("||ads.", "http://a.example/ads.js", False),
            ("||ads*.js", "http://ads1.example/a.js", True),
            ("||ads.example/x", "http://ads.example/x", True),
            ("||ads.example/x", "http://ads.example/y/x", False),
            ("||ads.example/*x", "http://ads.example/y/x", True),
            ("||ads.example^x", "http://ads.example/x", True),
            ("||ads.example:8080^", "http://ads.example:8080/", True),
            ("||ads.example:8080^", "http://ads.example/", False),
            ("||ads.example/x|", "http://ads.example/x", True),
            ("||ads.example/x|", "http://ads.example/xy", False),
            ("||bücher.example^", "http://xn--bcher-kva.example/", True),
            ("||192.0.2.7^", "http://192.0.2.7/", True),
            ("||2.7^", "http://192.0.2.7/", False),
            ("||192.0.2.", "http://192.0.2.7/", True),
            ("||[::1]^", "http://[::1]:8080/", True),
            ("||::1^", "http://[::1]/", True),
            ("||2001:db8::7^", "http://[2001:db8::7]/", True),
            ("||[2001:DB8::7]/x", "http://[2001:db8::7]/x", True),
            ("||*.ads.example^", "http://x.ads.example/", True),
        ],
    )
    def test_it_begins_at_a_label(self, pattern, url, expected):
        assert matches(pattern, url) is expected


class TestCase:
    @pytest.mark.parametrize(
        ("pattern", "url", "expected"),
        [
            ("/Ads/", "http://a.example/Ads/", True),
            ("/Ads/", "http://a.example/ads/", False),
            ("||A.example/Ads", "http://a.example/Ads", True),
            ("||A.example/Ads", "http://a.example/ads", False),
            ("/a*B|", "http://q.example/axB", True),
            ("/a*B|", "http://q.example/axb", False),
        ],
    )
    def test_it_counts_when_told_so(self, pattern, url, expected):
        assert matches(pattern, url, match_case=True) is expected
        assert matches(pattern, url) or not expected


class TestTokens:
    @pytest.mark.parametrize(
        ("pattern", "tokens"),
        [
            ("/banner/ad", ("banner",)),
            ("/banner/ad|", ("banner", "ad")),
            ("|ad/x/", ("ad", "x")),
            ("ad/x/", ("x",)),
            ("||ad.x", ("ad",)),
            ("/ad*x/", ()),
            ("/Ad_x-", ("ad", "x")),
            ("^ad^", ("ad",)),
            ("/%2Fä/", ("2fä",)),
            ("||ads.example/x/", ()),
        ],
    )
    def test_they_are_whole_in_every_url(self, pattern, tokens):
        assert parse_pattern(pattern).tokens == tokens


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("*a" * (LONGEST_WILD + 1), f"expected at most {LONGEST_WILD} \\* and \\^ in a pattern"),
        ("^a" * (LONGEST_WILD + 1), f"expected at most {LONGEST_WILD} \\* and \\^ in a pattern"),
        ("*a^a" * 40, f"expected at most {LONGEST_WILD} \\* and \\^ in a pattern"),
        ("^" + "a" * LONGEST_SEPARATED, "expected at most 512 characters in a pattern with \\^"),
        ("/a b/", "expected a pattern without spaces, found '/a b/'"),
        ("/a\x00", "expected a pattern without spaces"),
        ("||a..b^", "expected a host after |"),
        ("||.ads.example^", "expected a host after |"),
        ("||" + "a" * 64 + ".example^", "expected a host after |"),
    ],
)
def test_what_is_no_pattern(pattern, message):
    with pytest.raises(RuleError, match=message):
        parse_pattern(pattern)


def test_one_at_the_limits_is_found():
    assert matches("a" * (LONGEST_SEPARATED + 1), "http://q.zz/" + "a" * 600)
    assert matches("^" + "a" * (LONGEST_SEPARATED - 1), "http://q.zz/" + "a" * 600)
    assert matches("a^" * LONGEST_WILD, "http://q.zz/" + "a/" * LONGEST_WILD)


def slowly(pattern: str, url: str, host_start: int, host_end: int) -> bool:
    """Try everything, one character after the other."""
    starts = range(len(url) + 1)
    if pattern.startswith("||*"):
        pattern = pattern[2:]
    elif pattern.startswith("||"):
        pattern = pattern[2:]
        starts = [
            i for i in range(host_start, host_end) if i == host_start or url[i - 1] == "."
        ]  # fmt: skip
    elif pattern.startswith("|"):
        pattern, starts = pattern[1:], [0]
    end = pattern.endswith("|")
    pattern = pattern[:-1] if end else pattern + "*"

    @cache
    def at(i: int, j: int) -> bool:
        if i == len(pattern):
            return j == len(url)
        rest_is_free = all(char == "*" for char in pattern[i + 1 :]) or pattern[i + 1] == "*"
        if pattern[i] == "*":
            return at(i + 1, j) or (j < len(url) and at(i, j + 1))
        if j == len(url):
            return pattern[i] == "^" and rest_is_free and at(i + 1, j)
        if pattern[i] == "^":
            char = url[j]
            separates = char.isascii() and not char.isalnum() and char not in "_-.%"
            return separates and at(i + 1, j + 1)
        return pattern[i] == url[j] and at(i + 1, j + 1)

    return any(at(0, start) for start in starts)


PATH = st.text("ab/.:?|_%é", max_size=10)


@given(
    pattern=st.text("ab/^*|.", max_size=9)
    | st.builds(
        "{}{}".format, st.sampled_from(["|", "||", "|http"]), st.text("ab/^*|.:", max_size=6)
    ),
    host=st.text("ab.", min_size=1, max_size=6),
    port=st.sampled_from(["", ":8"]),
    path=PATH,
)
@example("a*a|", "b", "", "a")
@example("||a^*b^|", "a.b", "", "b")
@example("^|", "a", "", "")
def test_it_agrees_with_trying_everything(pattern, host, port, path):
    request = Request.of(f"http://{host}{port}/{path}")
    assume(request.host.name == host)
    # A dot at the end of a host, and nothing after it, is no part of the name here.
    assume(not re.match(r"\|\|[ab.]*\.[\^/:?|]|\|\|[ab.]+\|\Z", pattern))
    assume(pattern.strip("|"))
    try:
        parse_pattern(pattern)
    except RuleError:
        assume(False)

    expected = slowly(pattern, request.url, request.host_start, request.host_end)

    assert matches(pattern, request.url) is expected


@given(st.text(max_size=30) | st.text("ab/^*|.:[]1%é", max_size=20), st.booleans(), PATH)
def test_any_text_is_a_pattern_or_an_error(text, match_case, path):
    try:
        found = parse_pattern(text, match_case=match_case)
    except RuleError:
        return
    assert found.literal == found.literal.lower()
    assert matches(text, f"http://ab.a/{path}", match_case=match_case) in (True, False)
    if match_case and found.host is None and matches(text, f"http://ab.a/{path}", match_case=True):
        assert matches(text, f"http://ab.a/{path}")

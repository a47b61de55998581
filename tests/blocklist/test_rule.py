"""Lists kept as bytes, and rules as they are asked."""

from __future__ import annotations

import pytest

from forebay.blocklist.parse import parse_line
from forebay.blocklist.request import Request
from forebay.blocklist.resource import ANYTHING
from forebay.blocklist.rule import Cited, NetworkRule, Rule, Source


@pytest.mark.parametrize(
    ("line", "text"),
    [(1, "! first"), (2, "ads.example"), (3, "b\ufffdd"), (4, "last.example")],
)
def test_a_line_is_cited_as_it_was_read(line, text):
    """Also the last, without a line end, and one with undecodable bytes."""
    source = Source("ads", "/lists/ads.txt", "social")
    for raw in (b"! first\r\n", b"  ads.example\n", b"b\xffd\n", b"last.example"):
        source.append(raw)

    assert source.cite(line) == Cited(text, "ads", "/lists/ads.txt", line, "social")


def test_lines_are_numbered_from_one():
    source = Source("ads", "/lists/ads.txt")

    assert [source.append(b"a\n"), source.append(b"b\n")] == [1, 2]
    assert source.cite(1).group == ""


class TestMatches:
    @pytest.mark.parametrize(
        ("line", "given", "expected"),
        [
            ("/ads/x$script", {"type": "script"}, True),
            ("/ads/x$script", {"type": "image"}, False),
            ("/ads/y$script", {"type": "script"}, False),
            ("/ads/x$match-case", {}, False),
            ("/Ads/x$match-case", {}, True),
            ("/ads/x$domain=shop.example", {"source": "http://shop.example/"}, True),
            ("/ads/x$domain=shop.example", {}, False),
            (r"/\/ads\/[xy]$/", {}, True),
        ],
    )
    def test_type_literal_options_and_pattern_are_asked(self, line, given, expected):
        parsed = parse_line(line)
        rule = Rule(1, parsed.mask, parsed)

        assert rule.matches(Request.of("http://q.example/Ads/x", **given)) is expected

    @pytest.mark.parametrize(
        ("line", "plain"),
        [
            ("||ads.example^$important", True),
            ("||ads.example^$all", True),
            ("||ads.example^$script", False),
            ("||ads.example^$third-party", False),
            ("||ads.example^$domain=a.example", False),
            ("||ads.example^$denyallow=a.ads.example", False),
            ("||ads.example/x", False),
            ("ads/x", False),
        ],
    )
    def test_a_plain_one_is_about_all_requests_for_its_host(self, line, plain):
        parsed = parse_line(line)

        assert isinstance(parsed, NetworkRule)
        assert Rule(1, parsed.mask, parsed).is_plain is plain

    def test_one_without_text_is_plain(self):
        assert Rule(1, ANYTHING).is_plain
        assert not Rule(1, ANYTHING & ~1).is_plain

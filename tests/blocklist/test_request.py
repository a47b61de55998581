"""One request under one name."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.blocklist import domains
from forebay.blocklist.request import LONGEST, TAIL, Request, normal_path, place
from forebay.blocklist.resource import BIT_OF, FIRST, THIRD, TYPES, UNKNOWN


class TestUrl:
    @pytest.mark.parametrize(
        ("url", "cased"),
        [
            ("https://ads.example/a", "https://ads.example/a"),
            ("HTTPS://ADS.Example./A?B", "https://ads.example/A?B"),
            ("http://ads.example", "http://ads.example/"),
            ("http://ads.example?q", "http://ads.example/?q"),
            ("http://ads.example/a#b", "http://ads.example/a"),
            ("http://ads.example:80/", "http://ads.example/"),
            ("https://ads.example:443/", "https://ads.example/"),
            ("wss://ads.example:443/", "wss://ads.example/"),
            ("http://ads.example:443/", "http://ads.example:443/"),
            ("http://ads.example:/", "http://ads.example/"),
            ("http://me@ads.example/", "http://ads.example/"),
            ("http://me:pw@ads.example:8080/", "http://ads.example:8080/"),
            ("http://good.example@me@ads.example/", "http://ads.example/"),
            ("http://good.example/@ads.example", "http://good.example/@ads.example"),
            ("http://[::FFFF:192.0.2.7]/", "http://192.0.2.7/"),
            ("http://[2001:DB8::7]:8080/x", "http://[2001:db8::7]:8080/x"),
            ("http://0x7f.1/", "http://127.0.0.1/"),
            ("http://bücher.example/", "http://xn--bcher-kva.example/"),
            ("http://%61ds.example/", "http://ads.example/"),
            ("http:///x", "http:///x"),
        ],
    )
    def test_it_is_written_in_one_way(self, url, cased):
        request = Request.of(url)

        assert request.cased == cased
        assert request.url == cased.lower()

    @pytest.mark.parametrize("url", ["", "ads.example", "/x", "//ads.example/", "about:blank"])
    def test_it_must_be_absolute(self, url):
        with pytest.raises(ValueError, match="expected an absolute URL, found '"):
            Request.of(url)

    @pytest.mark.parametrize(
        "url", ["http://a.example:8080/x", "http://[::1]/x", "http://[2001:db8::7]:81", "ws://x"]
    )
    def test_it_knows_where_its_host_is(self, url):
        request = Request.of(url)

        found = request.url[request.host_start : request.host_end]
        assert found.strip("[]") == request.host.name

    def test_its_place_is_the_same_for_all_its_paths(self):
        assert place("http", "A.example", "") is place("http", "A.example", "")


class TestTokens:
    @pytest.mark.parametrize(
        ("url", "tokens"),
        [
            ("http://a.example/Ad_2-x", {"http", "a", "example", "ad", "2", "x"}),
            ("http://a.example/%2Fä", {"http", "a", "example", "2fä"}),
            ("http://a.example/\udcff/\u3000x", {"http", "a", "example", "\udcff", "\u3000x"}),
        ],
    )
    def test_they_are_runs_of_letters_and_digits(self, url, tokens):
        assert set(Request.of(url).tokens()) - {""} == tokens


class TestParty:
    @pytest.mark.parametrize(
        ("source", "same_site", "party"),
        [
            ("https://www.shop.example/", None, FIRST),
            ("https://shop.example/", None, FIRST),
            ("https://other.example/", None, THIRD),
            ("https://other.example/", True, THIRD),
            (None, None, UNKNOWN),
            (None, True, FIRST),
            (None, False, THIRD),
            ("about:blank", None, UNKNOWN),
            ("about:blank", False, THIRD),
            ("", None, UNKNOWN),
            ("http:///x", None, UNKNOWN),
        ],
    )
    def test_it_is_that_of_the_page(self, source, same_site, party):
        request = Request.of("https://cdn.shop.example/", source=source, same_site=same_site)

        assert request.party == party
        assert request.bit == BIT_OF["other", party]

    @pytest.mark.parametrize(
        ("url", "source", "party"),
        [
            ("http://a.co.uk/", "http://b.co.uk/", THIRD),
            ("http://x.a.co.uk/", "http://a.co.uk/", FIRST),
            ("http://a.github.io/", "http://b.github.io/", THIRD),
            ("http://192.0.2.7/", "http://192.0.2.8/", THIRD),
            ("http://192.0.2.7/", "https://192.0.2.7/x", FIRST),
            ("http://a.example/", "http://me@b.example@a.example/", FIRST),
        ],
    )
    def test_a_site_ends_at_its_public_suffix(self, url, source, party):
        assert Request.of(url, source=source).party == party

    @pytest.mark.parametrize("type_", TYPES)
    def test_its_bit_is_of_its_type(self, type_):
        request = Request.of("http://a.example/", source="http://b.example/", type=type_)

        assert request.bit == BIT_OF[type_, THIRD]


class TestNormal:
    @pytest.mark.parametrize(
        ("path", "normal"),
        [
            ("/%61%64s/", "/ads/"),
            ("/%41", "/A"),
            ("/a%2Fb", "/a/b"),
            ("/%7e%2d%2E%5F%30", "/~-._0"),
            ("/%2561", "/%2561"),
            ("/%%361", "/%%361"),
            ("/%4%31", "/%4%31"),
            ("/x/../ads/", "/ads/"),
            ("/./ads/.", "/ads/"),
            ("/../../ads", "/ads"),
            ("/x/%2e%2E/ads", "/ads"),
            ("/..", "/"),
            ("/.well-known/..x", "/.well-known/..x"),
            ("//ads//", "/ads/"),
            ("/x\\ads", "/x/ads"),
            ("/x;y=1/ads;z", "/x/ads"),
            ("/x/..%5cads", "/ads"),
            ("/?q=a//b;c%2F", "/?q=a//b;c%2F"),
            ("/x/..?q", "/?q"),
            ("/x/.?q=/../y", "/x/?q=/../y"),
            ("/?q=/x/../%61", "/?q=/x/../a"),
        ],
    )
    def test_a_path_has_one_spelling(self, path, normal):
        request = Request.of("http://a.example:8080" + path)

        found = request.normal() or request

        assert found.cased == "http://a.example:8080" + normal
        assert found.url == found.cased.lower()

    def test_all_else_stays(self):
        request = Request.of(
            "http://a.example/%61", source="http://b.example/", type="script", method="POST"
        )
        normal = request.normal()

        for name in ("host", "type", "source", "party", "method", "source_url", "bit", "host_end"):
            assert getattr(normal, name) == getattr(request, name)
        assert "a" in normal.tokens() and "61" not in normal.tokens()

    def test_there_is_none_of_what_is_normal(self):
        assert Request.of("http://a.example/ads?q=.%2F").normal() is None

    @given(st.text("/.%?a2eE5136f", max_size=30) | st.text(max_size=20))
    def test_it_is_found_at_once(self, text):
        url = "http://a.example:81/" + text

        normal = normal_path(url, 16)

        assert normal_path(normal, 16) == normal
        assert normal.startswith("http://a.example:81/")
        assert not re.search(r"/\.\.?(/|\Z)", normal.partition("?")[0])


@given(
    st.text(max_size=60) | st.text("htp:/@[]a.1?#%é", max_size=40).map("http://{}".format),
    st.none() | st.text("htp:/@[]a.1?#%", max_size=30),
)
def test_any_text_is_a_request_or_no_url(url, source):
    try:
        request = Request.of(url, source=source)
    except ValueError:
        return
    assert request.url == request.cased.lower()
    assert request.cased[request.host_end] in "/:"
    assert (
        normal_path(request.cased, request.host_end)[: request.host_end]
        == (request.cased[: request.host_end])
    )


def test_a_fragment_is_no_part_of_what_is_judged():
    assert Request.at(
        place("http", "a.example", ""), "/evil#/ok/",
        source=None, type="other", method="GET", same_site=None,
    ).url == "http://a.example/evil"  # fmt: skip


def test_of_a_very_long_url_the_beginning_and_the_end_are_judged():
    request = Request.of("http://a.example/" + "x" * 20_000 + "/ad.js")

    assert len(request.url) < LONGEST + 2 * TAIL
    assert request.url.endswith("/ad.js")


def test_names_that_are_no_names_are_not_kept():
    """Everybody can make up as many as they like."""
    before = domains._host.cache_info().currsize

    Request.of("http://" + "a." * 400 + "example/")

    assert domains._host.cache_info().currsize == before

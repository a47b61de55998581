"""The patterns of a rule's match."""

from __future__ import annotations

import fnmatch
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.errors import RuleError
from forebay.names import canonical
from forebay.regexes import Regex
from forebay.rewrite.patterns import (
    Glob,
    Hosts,
    media_type,
    method,
    path_pattern,
    ports,
    scheme,
    statuses,
    value_pattern,
)


class TestHosts:
    @pytest.mark.parametrize(
        ("pattern", "host", "expected"),
        [
            ("example.com", "example.com", True),
            ("example.com", "www.example.com", False),
            ("example.com", "notexample.com", False),
            ("Example.COM.", "example.com", True),
            ("*.example.com", "example.com", False),
            ("*.example.com", "www.example.com", True),
            ("*.example.com", "a.b.example.com", True),
            ("*.example.com", "notexample.com", False),
            (".example.com", "example.com", True),
            (".example.com", "a.b.example.com", True),
            (".example.com", "notexample.com", False),
            ("*", "example.com", True),
            ("*", "127.0.0.1", True),
            ("api-*.example.com", "api-1.example.com", True),
            ("api-*.example.com", "api-1.x.example.com", True),
            ("API-*.example.com.", "api-1.example.com", True),
            ("api-*.example.com", "www.example.com", False),
            ("*.example.*", "www.example.org", True),
            ("*example.com", "notexample.com", True),
            ("192.0.2.*", "192.0.2.7", True),
            ("127.1", "127.0.0.1", True),
            ("[::FFFF:127.0.0.1]", "127.0.0.1", True),
            ("2001:DB8::1", "2001:db8::1", True),
            ("bücher.example", "xn--bcher-kva.example", True),
            ("*.bücher.example", "www.xn--bcher-kva.example", True),
            ("www*.bücher.example", "www1.xn--bcher-kva.example", True),
            ("localhost", "localhost", True),
            ("_dmarc.example.com", "_dmarc.example.com", True),
        ],
    )
    def test_matching(self, pattern, host, expected):
        assert Hosts.of([pattern]).matches(host) is expected

    def test_one_of_several_is_enough(self):
        hosts = Hosts.of(["a.example", "*.b.example", "c*.example"])

        assert [hosts.matches(host) for host in ("a.example", "x.b.example", "c1.example", "d.example")] == [True, True, True, False]  # fmt: skip

    @pytest.mark.parametrize(
        "pattern",
        ["", ".", "*.", "..", "a..b", "https://example.com", "example.com:80", "example.com/x", "a b", "user@a.example",
         "*.example.com/", "a..*", "*:80", "regex:^a", "*.[::1]", "a*,b", "é é*.example", "[::1"[:1]],
    )  # fmt: skip
    def test_what_is_no_host_is_refused(self, pattern):
        with pytest.raises(RuleError) as caught:
            Hosts.of([pattern])

        assert str(caught.value) == (
            "expected a host such as www.example.com, *.example.com or .example.com, "
            f"without scheme, port and path, found {pattern!r}"
        )

    @given(st.text(max_size=20))
    def test_any_text_is_a_pattern_that_matches_its_own_host_or_an_error(self, text):
        try:
            hosts = Hosts.of([text])
        except RuleError:
            return
        if "*" not in text and not text.startswith("."):
            assert hosts.matches(canonical(text))


class TestGlob:
    @pytest.mark.parametrize(
        ("glob", "text", "expected"),
        [
            ("/a", "/a", True),
            ("/a", "/a/", False),
            ("/a*", "/a", True),
            ("*a", "/b/a", True),
            ("/*/c", "/a/b/c", True),
            ("/a*a", "/a", False),
            ("/a*b*a", "/aba", True),
            ("*b*", "abc", True),
            ("*b*c*", "acb", False),
            ("**", "", True),
            ("a**c", "abc", True),
            ("[a]", "[a]", True),
            ("*.js", "/X.JS", False),
        ],
    )
    def test_matching(self, glob, text, expected):
        assert Glob.of(glob).matches(text) is expected

    @given(st.text("ab*", max_size=8), st.text("ab", max_size=12))
    def test_it_agrees_with_the_standard_library(self, glob, text):
        assert Glob.of(glob).matches(text) is fnmatch.fnmatchcase(text, glob)

    def test_many_stars_on_a_long_text_take_no_time(self):
        """Where a translation to a regex would take longer than the universe is old."""
        assert not Glob.of("*a" * 100 + "*b").matches("a" * 100_000)


class TestPath:
    @pytest.mark.parametrize(
        "text", ["/", "*", "/api/*", "*.json", "/%C3%A9/[x]", "/a;b=c&d'e\"{}|^`<>\\"]
    )
    def test_globs(self, text):
        assert path_pattern(text) == Glob.of(text)

    def test_regex(self):
        pattern = path_pattern(r"regex:^/v[12]/")

        assert isinstance(pattern, Regex)
        assert pattern.matches("/v1/x") and not pattern.matches("/v3/x")

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "expected a path that begins with / or *, found ''"),
            ("api/*", "expected a path that begins with / or *, found 'api/*'"),
            ("https://x/", "expected a path that begins with / or *, found 'https://x/'"),
            ("/a?b=c", "expected a path without query, found '/a?b=c'"),
            ("/a#b", "expected a path without query, found '/a#b'"),
            ("/café", "expected the path as it is sent, such as /caf%C3%A9, found '/café'"),
            ("/a b", "expected the path as it is sent, such as /a%20b, found '/a b'"),
        ],
    )
    def test_what_matches_no_path_is_refused(self, text, message):
        with pytest.raises(RuleError, match=f"^{re.escape(message)}$"):
            path_pattern(text)

    @given(st.text(max_size=20))
    def test_any_text_is_a_pattern_or_an_error(self, text):
        try:
            found = path_pattern(text)
        except RuleError:
            return
        assert isinstance(found, Glob | Regex)
        assert found.matches("/ab") in {True, False}


class TestMethod:
    @pytest.mark.parametrize("text", ["GET", "PROPFIND", "M-SEARCH", "purge"])
    def test_any_token(self, text):
        """An uncommon method may well be in lower case."""
        assert method(text) == text

    @pytest.mark.parametrize("text", ["get", "Post", "", "GET POST", "GÉT"])
    def test_a_slip_is_refused(self, text):
        """Methods are case-sensitive: such a rule would never match."""
        with pytest.raises(RuleError) as caught:
            method(text)

        assert str(caught.value) == (
            f"expected a method such as GET, in upper case (RFC 9110 §9.1), found {text!r}"
        )


class TestStatuses:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("200", {200}),
            ("999", {999}),
            ("4xx", set(range(400, 500))),
            ("5XX", set(range(500, 600))),
            ("500-502", {500, 501, 502}),
            ("404-404", {404}),
        ],
    )
    def test_codes_classes_and_ranges(self, text, expected):
        assert statuses(text) == expected

    @pytest.mark.parametrize(
        "text", ["", "99", "1000", "0xx", "4x", "200 - 300", "ok", "٤٠٤", "099-200"]
    )
    def test_what_is_none_is_refused(self, text):
        with pytest.raises(
            RuleError, match=r"^expected a status such as 404, 4xx or 500-599, found "
        ):
            statuses(text)

    def test_a_range_upside_down_is_refused(self):
        with pytest.raises(RuleError) as caught:
            statuses("599-500")

        assert str(caught.value) == (
            "expected a range from the lower to the higher, found '599-500'"
        )


class TestScheme:
    @pytest.mark.parametrize("text", ["http", "https"])
    def test_there_are_two(self, text):
        assert scheme(text) == text

    @pytest.mark.parametrize("text", ["", "HTTP", "ws", "http:", "ftp"])
    def test_others_are_refused(self, text):
        with pytest.raises(RuleError, match=f"^expected http or https, found '{text}'$"):
            scheme(text)


class TestPorts:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("443", range(443, 444)),
            ("1-65535", range(1, 65536)),
            ("8000-8099", range(8000, 8100)),
            ("80-80", range(80, 81)),
            ("00080", range(80, 81)),
        ],
    )
    def test_one_or_a_range(self, text, expected):
        assert ports(text) == expected

    @pytest.mark.parametrize(
        "text",
        ["", "0", "0-80", "65536", "80-65536", "90-80", "-80", "80-", "http", "80 - 90", "٨٠", "8" * 5000],
    )  # fmt: skip
    def test_what_is_none_is_refused(self, text):
        with pytest.raises(RuleError, match=r"^expected a port such as 443, or 8000-8099, found '"):
            ports(text)


class TestMediaType:
    @pytest.mark.parametrize(
        ("pattern", "kind", "expected"),
        [
            ("text/html", "text/html", True),
            ("Text/HTML", "text/html", True),
            ("text/*", "text/css", True),
            ("text/*", "application/json", False),
            ("*/*", "a/b", True),
            ("*/*", "", False),
            ("application/*+json", "application/problem+json", True),
            ("application/vnd.ms-excel", "application/vnd.ms-excel", True),
            ("*/json", "text/html", False),
        ],
    )
    def test_matching(self, pattern, kind, expected):
        assert media_type(pattern).matches(kind) is expected

    @pytest.mark.parametrize(
        "text",
        ["", "*", "html", "text/", "/html", "text/html; charset=utf-8", "text/html ", "a/b/c", "té/x", "regex:a/b"],
    )  # fmt: skip
    def test_what_fits_no_type_is_refused(self, text):
        with pytest.raises(RuleError) as caught:
            media_type(text)

        assert str(caught.value) == (
            f"expected a media type such as text/html or text/*, without parameters, found {text!r}"
        )

    @given(st.text(max_size=8))
    def test_any_text_is_a_pattern_or_an_error(self, text):
        try:
            found = media_type(text)
        except RuleError:
            return
        assert found.matches(text.lower())


class TestValue:
    @pytest.mark.parametrize(
        ("pattern", "value", "expected"),
        [
            ("gzip", "gzip", True),
            ("gzip", "gzip, br", False),
            ("*gzip*", "br, gzip;q=1", True),
            ("*", "", True),
            ("", "", True),
            ("", "a", False),
            ("A", "a", False),
            ("regex:gz", "br, gzip", True),
            ("regex:^gz", "br, gzip", False),
            ("regex:(?i)GZ", "gzip", True),
            ("regex:", "x", True),
            ("Regex:x", "x", False),
        ],
    )
    def test_matching(self, pattern, value, expected):
        assert value_pattern(pattern).matches(value) is expected

    @pytest.mark.parametrize("text", ["regex:(", "regex:(a+)+$"])
    def test_a_bad_or_costly_regex_is_refused(self, text):
        with pytest.raises(RuleError, match=r"^expected a regex"):
            value_pattern(text)

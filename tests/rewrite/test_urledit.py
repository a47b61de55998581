"""Requests that are sent elsewhere."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.errors import RuleError
from forebay.rewrite.edits import (
    EditError,
)
from forebay.rewrite.template import Template, Values
from forebay.rewrite.urledit import UrlEdit, check_url, location_of, split_url
from rewrite.builders import edited, exchange, template, values


class TestUrlEdit:
    @pytest.mark.parametrize(
        ("url", "expected"),
        [
            pytest.param("https://b.example/y", "https://b.example/y", id="absolute"),
            pytest.param("http://b.example:8080", "http://b.example:8080/", id="port, no path"),
            pytest.param("https://b.example?z", "https://b.example/?z", id="no path, but a query"),
            pytest.param("https://b.example/?", "https://b.example/?", id="an empty query"),
            pytest.param("{url.scheme}://b.example{url.target}", "https://b.example/x?y=1", id="placeholders"),
            pytest.param("/new{url.path}", "https://a.example/new/x", id="a path on the same host"),
            pytest.param("/a b#c", "https://a.example/a%20b", id="a path that cannot be sent so"),
            pytest.param('https://b.example/é%20"#c', 'https://b.example/%C3%A9%20"', id="nor this"),
            pytest.param("HTTPS://B.Example./", "https://b.example/", id="spelt otherwise"),
            pytest.param("https://bücher.example/", "https://xn--bcher-kva.example/", id="a name of Unicode"),
            pytest.param("https://[2001:DB8::0:1]:8443/y", "https://[2001:db8::1]:8443/y", id="IPv6"),
            pytest.param("https://[::1]", "https://[::1]/", id="IPv6 without path"),
            pytest.param("http://0x7f.1/", "http://127.0.0.1/", id="IPv4, spelt otherwise"),
            pytest.param("https://b.example:65535/", "https://b.example:65535/", id="the last port"),
            pytest.param("https://b.example:/", "https://b.example/", id="an empty port"),
        ],
    )  # fmt: skip
    def test_it_goes_there(self, url, expected):
        assert edited(UrlEdit(template(url)), exchange("https://a.example/x?y=1")).url == expected

    @pytest.mark.parametrize(
        ("url", "message"),
        [
            pytest.param("https://me@b.example/", "no http or https URL", id="user"),
            pytest.param("https://me:pw@b.example/", "no http or https URL", id="password"),
            pytest.param("https://@b.example/", "no http or https URL", id="empty user"),
            pytest.param("https:///x", "no http or https URL", id="no host"),
            pytest.param("https://:443/", "no http or https URL", id="only a port"),
            pytest.param("https://", "no http or https URL", id="nothing"),
            pytest.param("//b.example/", "no http or https URL", id="no scheme"),
            pytest.param("", "no http or https URL", id="empty"),
            pytest.param("b.example", "no http or https URL", id="only a host"),
            pytest.param("javascript:alert(1)", "no http or https URL", id="javascript"),
            pytest.param("javascript://b.example/%0aalert(1)", "no http or https URL", id="javascript with a host"),
            pytest.param("file:///etc/passwd", "no http or https URL", id="file"),
            pytest.param("https://" + "a" * 64 + ".example/", "could be connected to", id="a label too long"),
            pytest.param("https://" + "a.b" * 100 + "/", "could be connected to", id="a name too long"),
            pytest.param("https://b.example:0/", "could be connected to", id="port 0"),
            pytest.param("https://b.example:99999/", "cannot be read: Port out of range", id="port 99999"),
            pytest.param("https://b.example:x/", "cannot be read", id="a word for a port"),
            pytest.param("https://[::1/", "cannot be read", id="half a bracket"),
            pytest.param("https://[b.example]/", "cannot be read", id="a name in brackets"),
            pytest.param("https://::1/", "cannot be read", id="IPv6 without brackets"),
            pytest.param("https://b example/", "could be connected to", id="a space"),
            pytest.param("https://b.example\\@evil.example/", "no http or https URL", id="a backslash and @"),
            pytest.param("https://b.example\\x/", "could be connected to", id="a backslash"),
            pytest.param("https://b..example/", "could be connected to", id="an empty label"),
            pytest.param("https:/\t/b.example/?u=http://c.example", "with a tab", id="a tab"),
            pytest.param("https://b.exa℀mple/", "cannot be read", id="a character that becomes a slash"),
        ],
    )  # fmt: skip
    def test_what_could_not_be_connected_to_is_an_error(self, url, message):
        edit = UrlEdit(template("{re.1}"))

        with pytest.raises(EditError, match=message):
            edit.apply(exchange(), values(groups={"1": url}), of_response=False)

    def test_hosts_are_those_it_goes_to(self):
        seen = exchange("https://192.0.2.1/", hosts=("192.0.2.1", "a.example"))

        there = edited(UrlEdit(template("https://B.example/")), seen)
        same = edited(UrlEdit(template("http://192.0.2.1/y")), seen)

        assert (there.host, there.hosts) == ("b.example", ("b.example",))
        assert same.hosts == seen.hosts

    @given(st.text())
    def test_any_text_is_an_url_or_an_edit_error(self, text):
        try:
            scheme, host, port, target = split_url(text)
        except EditError:
            return
        assert scheme in ("http", "https")
        assert host and 0 < port < 65536
        assert re.fullmatch(r"/[\x21-\x7e]*", target) and "#" not in target

    @given(st.text("/?#@:[]\\ .%\tabé", max_size=12))
    def test_no_text_smuggles_another_host_in(self, text):
        """As a browser reads it, the host is what stands between // and the next / ? # or \\."""
        try:
            _, host, _, target = split_url(f"https://a.example{text}")
        except EditError:
            return
        if text[:1] in ("/", "?", "#", ""):
            assert host == "a.example"
        assert re.fullmatch(r"/[\x21-\x7e]*", target)


class TestCheckUrl:
    @pytest.mark.parametrize(
        "text", ["/x", "http://a.example", "https://{url.host}/", "{url.scheme}://a.example"]
    )
    def test_what_could_become_an_url_may_be_written(self, text):
        assert check_url(text) == text

    @pytest.mark.parametrize("text", ["", "x", "//a.example/", "javascript:x", " /x", "ftp://a/"])
    def test_anything_else_is_refused(self, text):
        with pytest.raises(RuleError, match="expected a URL, or a path that begins with /, found"):
            check_url(text)


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("https://a.example/x", True),
        ("https://{url.host}/", True),
        ("/x", True),
        ("//a.example/", False),
        ("https://u@a.example/", False),
        ("https://a.example:0/", False),
        ("https:///x", False),
        ("ftp://a.example/", False),
    ],
)
def test_a_url_that_could_never_be_one_is_a_mistake(text, fits):
    if fits:
        assert check_url(text) == text
    else:
        with pytest.raises(RuleError, match="expected a URL"):
            check_url(text)


TO_ELSEWHERE = [
    pytest.param("https://b.example{url.target}", "@evil.example/", id="user information"),
    pytest.param("https://b.example{url.target}", ".evil.example/", id="more of a name"),
    pytest.param("https://b.example{url.target}", ":81/", id="a port"),
    pytest.param("https://b.example{url.target}", "x", id="a letter"),
    pytest.param("{url.scheme}://b.example{url.path}", ".evil.example", id="behind a placeholder"),
    pytest.param("https://{re.1}.b.example/", "evil.example/x", id="a slash in a label"),
    pytest.param("https://{re.1}.b.example/", "evil.example?", id="a question mark in a label"),
    pytest.param("https://{re.1}.b.example/", "evil.example#", id="a hash in a label"),
    pytest.param(
        "https://api-{re.1}.b.example/", "x.evil.example/", id="a name behind a beginning"
    ),
    pytest.param("https://b.example:{re.1}/", "80@evil.example", id="a name for a port"),
    pytest.param("https://{re.1}/", "evil.example@b.example", id="user information in a name"),
    pytest.param("https://{method}{re.1}{method}.b.example/", "evil.example/x", id="among others"),
    pytest.param("https://b{re.1}:8080/", ".evil.example", id="before a port"),
    pytest.param("{url.path}.gz", "https://evil.example/", id="a path that is a URL"),
    pytest.param("{url.path}.gz", "x", id="a path that is none"),
]


def filled(sent: str) -> Values:
    """Return values in which a client's *sent* is its target, path and first group."""
    return Values(exchange(target=sent), 0.0, lambda: "", {"1": sent})


class TestPlaceholdersInUrls:
    @pytest.mark.parametrize(("url", "sent"), TO_ELSEWHERE)
    def test_none_says_another_host_than_the_rule_means(self, url, sent):
        for make in (lambda: UrlEdit(of(url)).apply(exchange(), filled(sent), of_response=False),
                     lambda: location_of(of(url), filled(sent))):  # fmt: skip
            with pytest.raises(EditError, match="would say another host"):
                make()

    @pytest.mark.parametrize(
        "sent", ["https://evil.example/", "http://x.example?", "", "ftp", "//x"]
    )
    def test_nor_another_scheme(self, sent):
        edit = UrlEdit(of("{re.1}://b.example{url.path}"))

        with pytest.raises(EditError, match="begins otherwise"):
            edit.apply(exchange(), filled(sent), of_response=False)

    @pytest.mark.parametrize(
        ("url", "sent", "expected"),
        [
            pytest.param("https://b.example{url.target}", "/y?z", "https://b.example/y?z", id="a path"),
            pytest.param("https://b.example{url.target}", "?z", "https://b.example/?z", id="a query"),
            pytest.param("https://{re.1}.b.example/", "eu-1", "https://eu-1.b.example/", id="a label"),
            pytest.param("https://b.example:{re.1}/", "8080", "https://b.example:8080/", id="a port"),
            pytest.param("https://b.example/{re.1}", "//@evil.example", "https://b.example///@evil.example", id="anything in a path"),
            pytest.param("https://{re.1}/x", "c.example", "https://c.example/x", id="a host the rule leaves open"),
            pytest.param("{re.1}/x?u=https://c.example", "https://b.example", "https://b.example/x?u=https://c.example", id="a URL in the query"),
            pytest.param("{url.path}.gz", "/y", "https://www.example.com/y.gz", id="a path with an end"),
            pytest.param("{url.path}/?{re.1}", "/y", "https://www.example.com/y/?/y", id="a path before a query"),
            pytest.param("https://{re.1}b.example/", "", "https://b.example/", id="a beginning that is empty"),
            pytest.param("https://{re.1}b.example/", "www.", "https://www.b.example/", id="one that is not"),
            pytest.param("HTTPS://{re.1}-b.example/", "a", "https://a-b.example/", id="a scheme in upper case"),
            pytest.param("https://{re.1}/x", "c.example:81", "https://c.example:81/x", id="with its port"),
        ],
    )  # fmt: skip
    def test_what_fits_its_place_passes(self, url, sent, expected):
        found = UrlEdit(of(url)).apply(exchange(), filled(sent), of_response=False)
        assert found.url == expected

    @given(st.text(st.sampled_from("a1.:@/?#[]\\\t-%"), max_size=12))
    def test_no_target_leads_elsewhere(self, sent):
        try:
            found = UrlEdit(of("https://b.example{url.target}")).apply(
                exchange(), filled(sent), of_response=False
            )
        except EditError:
            return
        assert (found.scheme, found.host, found.port) == ("https", "b.example", 443)


class TestLocationOf:
    @pytest.mark.parametrize("sent", ["/evil.example", "\\evil.example", "\t/evil.example"])
    def test_a_path_never_becomes_a_host(self, sent):
        try:
            found = location_of(of("/{re.1}"), filled(sent))
        except EditError:
            return
        assert re.match(r"/[^/\\]", found)

    def test_a_path_on_the_same_host(self):
        assert location_of(of("/new/{re.1}"), filled("a b")) == "/new/a%20b"

    @pytest.mark.parametrize("sent", ["javascript:alert(1)", "//evil.example", "x"])
    def test_all_of_a_url_must_be_one(self, sent):
        with pytest.raises(EditError):
            location_of(of("{re.1}"), filled(sent))


def of(text: str) -> Template:
    """Return the template *text*, in a rule whose path has a group."""
    return Template.of(text, groups={"1": ""})

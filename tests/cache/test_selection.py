"""Which stored responses are meant."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.cache.key import Target, primary_key
from forebay.cache.parse import parse
from forebay.cache.selection import (
    Selection,
    below,
    of_host,
    of_url,
    of_url_or_host,
    target_of,
    url_of,
)
from forebay.errors import ForebayError


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://a.example", "http://a.example/"),
        ("HTTP://A.Example:80/X", "http://a.example/X"),
        ("https://a.example:443/", "https://a.example/"),
        ("https://a.example:80/", "https://a.example:80/"),
        ("http://a.example?", "http://a.example/?"),
        ("http://a.example/x?y=1#top", "http://a.example/x?y=1"),
        ("http://me:secret@a.example/", "http://a.example/"),
        ("http://[::1]:8080/", "http://[::1]:8080/"),
        ("http://bücher.example/é b", "http://xn--bcher-kva.example/%C3%A9%20b"),
        ("http://a.example/%2f%zz/../", "http://a.example/%2f%zz/../"),
        ("http://a.example:/x", "http://a.example/x"),
    ],
)
def test_spellings_of_a_url(text, url):
    assert of_url(text).url == url
    assert url_of(target_of(url)) == url


@pytest.mark.parametrize(
    "text",
    ["", "a.example", "ftp://a.example/", "http://", "http:///x", "http://a b/", "http://a:x/",
     "http://[::1/", "//a.example/", "data:,x", "http://a.example\\@b.example/"],
)  # fmt: skip
def test_what_is_no_url_is_told(text):
    with pytest.raises(ForebayError, match="expected an absolute http or https URL, found '"):
        of_url(text)


def test_the_key_is_that_of_the_proxy():
    target = Target(b"HEAD", b"http", "A.example.", 80, b"/x?y")

    assert of_url("http://a.example/x?y").key == primary_key(target)


def test_rules_change_the_key():
    text = """
rules:
  - match: {host: a.example}
    key: {ignore_query: utm_*}
  - match: {host: b.example}
    key: {fields: Accept}
"""
    rules = parse(text, Path("cache.yaml"))

    assert of_url("http://a.example/?utm_x=1", rules).key == of_url("http://a.example/").key
    assert of_url("http://b.example/", rules).key == b""


@pytest.mark.parametrize(
    ("wanted", "covered", "others"),
    [
        (Selection(), ["http://a.example/", ""], []),
        (of_url("http://a.example/x"), ["http://a.example/x"], ["http://a.example/", ""]),
        (
            of_host("A.example"),
            ["http://a.example/", "https://a.example:8443/x"],
            ["http://b.a.example/", "http://x/?http://a.example/", ""],
        ),
        (of_host("::1"), ["http://[::1]:81/"], ["http://[::2]/"]),
        (
            below("http://a.example/x"),
            ["http://a.example/x", "http://a.example/xy"],
            ["https://a.example/x", "http://a.example/", "http://b/?http://a.example/x", ""],
        ),
        (below("http://a.example"), ["http://a.example/"], ["http://a.example.evil.example/"]),
    ],
)
def test_what_is_covered(wanted, covered, others):
    assert all(map(wanted.covers, covered))
    assert not any(map(wanted.covers, others))


def test_a_host_or_a_url():
    assert of_url_or_host("a.example") == of_host("a.example")
    assert of_url_or_host("http://a.example/") == of_url("http://a.example/")
    with pytest.raises(ForebayError, match=r"expected a host such as www\.example, found 'a b'"):
        of_url_or_host("a b")


@given(st.text(max_size=40) | st.from_regex(r"https?://[a-z.\[\]:@0-9%]{0,9}[/?#][^a]{0,9}"))
def test_any_text_is_a_url_or_told(text):
    try:
        found = of_url(text)
    except ForebayError:
        return
    assert found.url.isascii() and of_url(found.url) == found and found.covers(found.url)


def test_what_is_no_url_is_of_no_host():
    """A record of an older version may have such a name; it must not keep others from going."""
    assert not Selection(host="a.example").covers("http://a.example:80*")

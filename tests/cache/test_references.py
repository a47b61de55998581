"""What Location and Content-Location name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache.builders import head
from forebay.cache.key import Target
from forebay.cache.references import is_of_itself, resolve

BASE = Target(b"POST", b"http", "a.example", 80, b"/dir/form?x=1")


@pytest.mark.parametrize(
    ("reference", "path"),
    [
        (b"", b"/dir/form?x=1"),
        (b"/", b"/"),
        (b"list", b"/dir/list"),
        (b"../list?p=2", b"/list?p=2"),
        (b"?y", b"/dir/form?y"),
        (b"#top", b"/dir/form?x=1"),
        (b"http://a.example/z", b"/z"),
        (b"HTTP://A.Example:80/z", b"/z"),
        (b"http://a.example", b"/"),
        (b"//a.example/z", b"/z"),
        (b"/\xfc", b"/\xfc"),
        (b"/%fc", b"/%fc"),
        (b"https://a.example/z", None),
        (b"https://a.example:80/z", None),
        (b"http://a.example:81/z", None),
        (b"http://b.example/z", None),
        (b"//b.example/z", None),
        (b"http://[::1/z", None),
        (b"http://a.example:x/z", None),
        (b"mailto:a", None),
        (b"/" + b"x" * 9000, None),
    ],
)
def test_what_is_on_the_same_origin(reference, path):
    found = resolve(BASE, reference)

    assert (found and found.path) == path


def test_an_ipv6_host():
    base = Target(b"POST", b"https", "::1", 8443, b"/")

    assert resolve(base, b"https://[::1]:8443/x").path == b"/x"
    assert resolve(base, b"x").path == b"/x"
    assert resolve(base, b"https://[::2]:8443/x") is None


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], False),
        (["/dir/form?x=1"], True),
        (["http://a.example/dir/form?x=1"], True),
        (["/dir/form"], False),
        (["http://b.example/dir/form?x=1"], False),
        (["/dir/form?x=1"] * 2, False),
    ],
)
def test_what_represents_the_target_itself(lines, expected):
    assert is_of_itself(BASE, head(content_location=lines)) is expected


@given(st.binary(max_size=40), st.binary(max_size=20))
def test_any_bytes_name_something_on_the_origin_or_nothing(reference, path):
    found = resolve(Target(b"POST", b"http", "a.example", 80, b"/" + path), reference)

    assert found is None or (found.host, found.port) == ("a.example", 80)

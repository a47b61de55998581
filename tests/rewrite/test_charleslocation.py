"""Locations of Charles."""

from __future__ import annotations

import pytest

from forebay.errors import RuleError
from forebay.rewrite.charleslocation import Location, location_of, matches_of
from forebay.rewrite.plainxml import parse


def location(**parts):
    inner = "".join(f"<{name}>{text}</{name}>" for name, text in parts.items())
    return location_of(parse(f"<location>{inner}</location>".encode(), "f"))


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ({}, {}),
        ({"protocol": "https", "host": "A.example", "port": "443", "path": "/x/*"},
         {"scheme": "https", "host": "a.example", "port": "443", "path": "/x/*"}),
        ({"protocol": "*", "host": "*", "port": "*", "path": "/*", "query": "*"}, {}),
        ({"host": "*.a.example", "path": "x"}, {"host": "*.a.example", "path": "/x"}),
        ({"query": "a=*&amp;b.c"}, {"url": "regex:^[^?]*[?]a=.*\\&b\\.c$"}),
    ],
)  # fmt: skip
def test_what_it_matches(parts, expected):
    assert location(**parts).match() == expected


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"host": "a?.example"}, "host: expected no .*, found 'a.?.example'"),
        ({"path": "/[ab]"}, "path: expected no .*, found '/.ab]'"),
        ({"protocol": "ftp"}, "protocol: expected http or https, found 'ftp'"),
        ({"port": "x"}, "port: expected a number, found 'x'"),
        ({"user": "x"}, "<user>: unknown here"),
    ],
)
def test_what_cannot_be_said(parts, said):
    with pytest.raises(RuleError, match=said):
        location(**parts)


@pytest.mark.parametrize("data", [b"<location>a.example</location>", None])
def test_what_is_no_location(data):
    with pytest.raises(RuleError, match="expected"):
        location_of(None if data is None else parse(data, "f"))


def test_no_request_is_for_two_of_them():
    found = matches_of(
        [Location(host="a", path="/x"), Location(path="/y"), Location(host="b", path="/x")]
    )

    assert found == [
        ({"host": ["a", "b"], "path": "/x"}, []),
        ({"path": "/y"}, [{"host": ["a", "b"], "path": "/x"}]),
    ]


@pytest.mark.parametrize("hosts", [["a", ""], ["", "a"]])
def test_one_for_all_hosts_is_for_all(hosts):
    assert matches_of(Location(host=each) for each in hosts) == [({}, [])]
    assert matches_of([]) == []


def test_many_locations_are_refused():
    with pytest.raises(RuleError, match=r"at most 100 locations .*, found 101"):
        matches_of(Location(path=f"/{i}") for i in range(101))

"""Which messages a rule is for."""

from __future__ import annotations

import re
from dataclasses import fields as fields_of
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.blocklist.policies import Clients
from forebay.blocklist.policyfile import network
from forebay.regexes import Regex
from forebay.rewrite.match import ClientRanges, Matcher, Named, groups_of, media_type_of
from forebay.rewrite.patterns import (
    Glob,
    Hosts,
    media_type,
    path_pattern,
    ports,
    statuses,
    url_pattern,
    value_pattern,
)
from rewrite.builders import exchange, fields

SEEN = exchange(
    "http://www.example.com:8080/api/x?a=1&b=x+y&b=z&empty=&bare",
    status=200,
    request=fields("Accept: text/html", "X-Id: 1", "x-id: 2", "Content-Type: application/JSON"),
    response=fields("Content-Type: Text/HTML; charset=utf-8", "Vary: a"),
    client="192.0.2.7",
    user="alice",
    flow="the flow",
)


def clients(*texts: str) -> ClientRanges:
    return ClientRanges(Clients(frozenset(map(network, texts))))


def named(name: str, *patterns: str) -> Named:
    return Named(name, tuple(map(value_pattern, patterns)))


def matcher(**given: object) -> Matcher:
    """Return a matcher from what rules say."""
    read = {
        "hosts": Hosts.of,
        "paths": lambda texts: tuple(map(path_pattern, texts)),
        "urls": lambda texts: tuple(map(url_pattern, texts)),
        "methods": frozenset,
        "schemes": frozenset,
        "ports": lambda text: frozenset(ports(text)),
        "statuses": statuses,
        "content_types": lambda texts: tuple(map(media_type, texts)),
        "users": lambda texts: tuple(map(Glob.of, texts)),
    }
    return Matcher(**{key: read.get(key, lambda it: it)(it) for key, it in given.items()})


def matches(found: Matcher, seen: dict[str, object], *, of_response: bool = True) -> bool:
    return found.match(replace(SEEN, **seen), of_response=of_response) is not None


@pytest.mark.parametrize(
    ("given", "seen", "expected"),
    [
        pytest.param({}, {}, True, id="nothing given holds always"),
        pytest.param({"hosts": ["*.example.com"]}, {}, True, id="host"),
        pytest.param({"hosts": ["a.example"]}, {}, False, id="other host"),
        pytest.param({"hosts": ["a.example"]}, {"hosts": ("192.0.2.1", "a.example")}, True, id="a second name"),
        pytest.param({"hosts": ["*"]}, {"hosts": ()}, False, id="no name at all"),
        pytest.param({"paths": ["/api/*"]}, {}, True, id="path"),
        pytest.param({"paths": ["/b", "regex:x$"]}, {}, True, id="one of the paths"),
        pytest.param({"paths": ["/b", "regex:y$"]}, {}, False, id="other path"),
        pytest.param({"paths": ["*a=1*"]}, {}, False, id="the query is no part of the path"),
        pytest.param({"urls": ["*?a=1&b=*"]}, {}, True, id="the query is part of the URL"),
        pytest.param({"urls": ["https://b/*", "regex:^http://[^/]*:8080/"]}, {}, True, id="one of the URLs"),
        pytest.param({"urls": ["*:8080"]}, {}, False, id="a glob fits the whole URL"),
        pytest.param({"methods": ["GET", "HEAD"]}, {}, True, id="method"),
        pytest.param({"methods": ["GET"]}, {"method": "get"}, False, id="methods are case-sensitive"),
        pytest.param({"schemes": ["http"]}, {}, True, id="scheme"),
        pytest.param({"schemes": ["https"]}, {}, False, id="other scheme"),
        pytest.param({"ports": "8000-8099"}, {}, True, id="port"),
        pytest.param({"ports": "80"}, {}, False, id="other port"),
        pytest.param({"statuses": "2xx"}, {}, True, id="status"),
        pytest.param({"statuses": "2xx"}, {"status": 304}, False, id="other status"),
        pytest.param({"statuses": "2xx"}, {"status": None}, False, id="status not known yet"),
        pytest.param({"content_types": ["image/*", "text/*"]}, {}, True, id="one of the types"),
        pytest.param({"content_types": ["application/json"]}, {}, False, id="type of the other message"),
        pytest.param({"content_types": ["*/*"]}, {"response": ()}, False, id="no type"),
        pytest.param({"request_fields": (named("accept", "image/*", "*html*"),)}, {}, True, id="request field"),
        pytest.param({"request_fields": (named("accept", "image/*"),)}, {}, False, id="other value"),
        pytest.param({"request_fields": (named("x-id", "2"),)}, {}, True, id="one of several lines"),
        pytest.param({"request_fields": (named("x-id", "1, 2"),)}, {}, False, id="lines are not joined"),
        pytest.param({"request_fields": (named("x-id", "1"), named("accept", "x"))}, {}, False, id="each field must fit"),
        pytest.param({"request_fields": (named("x-none", "*"),)}, {}, False, id="an absent field fits nothing"),
        pytest.param({"request_fields": (named("vary", "*"),)}, {}, False, id="field of the response"),
        pytest.param({"response_fields": (named("vary", "regex:^a$"),)}, {}, True, id="response field"),
        pytest.param({"response_fields": (named("accept", "*"),)}, {}, False, id="field of the request"),
        pytest.param({"response_fields": (named("vary", "\xe9"),)}, {"response": fields("Vary: \xe9")}, True, id="Latin-1"),
        pytest.param({"parameters": (named("a", "1"),)}, {}, True, id="parameter"),
        pytest.param({"parameters": (named("b", "x y"),)}, {}, True, id="parameters are decoded"),
        pytest.param({"parameters": (named("empty", ""),)}, {}, True, id="empty parameter"),
        pytest.param({"parameters": (named("bare", ""),)}, {}, True, id="parameter without ="),
        pytest.param({"parameters": (named("a", "2"),)}, {}, False, id="other value of a parameter"),
        pytest.param({"parameters": (named("c", "*"),)}, {}, False, id="absent parameter"),
        pytest.param({"parameters": (named("a", "*"),)}, {"target": "/"}, False, id="no query"),
        pytest.param({"parameters": (named("a", "1"), named("c", "1"))}, {}, False, id="each parameter must fit"),
        pytest.param({"clients": clients("192.0.2.0/24")}, {}, True, id="client"),
        pytest.param({"clients": clients("198.51.100.0/24")}, {}, False, id="other client"),
        pytest.param({"clients": clients("0.0.0.0/0", "::/0")}, {"client": None}, False, id="unknown client"),
        pytest.param({"users": ["bob", "al*"]}, {}, True, id="user"),
        pytest.param({"users": ["bob"]}, {}, False, id="other user"),
        pytest.param({"users": ["*"]}, {"user": None}, False, id="no user"),
        pytest.param({"filter_text": "~q", "flow_filter": lambda flow: flow == "the flow"}, {}, True, id="filter"),
        pytest.param({"filter_text": "~q", "flow_filter": lambda flow: ""}, {}, False, id="filter says no"),
        pytest.param({"filter_text": "~q", "flow_filter": lambda flow: True}, {"flow": None}, False, id="no flow for a filter"),
        pytest.param({"filter_text": "~q"}, {}, False, id="filter that was not compiled"),
        pytest.param({"unless": (Matcher(),)}, {}, False, id="unless anything"),
        pytest.param({"unless": (matcher(hosts=["*.example.com"], methods=["POST"]),)}, {}, True, id="unless holds in part"),
        pytest.param({"unless": (matcher(hosts=["*.example.com"], methods=["GET"]),)}, {}, False, id="unless holds"),
        pytest.param({"unless": (matcher(methods=["POST"]), matcher(methods=["GET"]))}, {}, False, id="one of unless holds"),
        pytest.param({"unless": (matcher(methods=["POST"]), matcher(methods=["PUT"]))}, {}, True, id="none of unless holds"),
        pytest.param({"unless": (matcher(statuses="200"),)}, {"status": None}, True, id="unless is not known yet"),
        pytest.param({"hosts": ["a.example"], "unless": (matcher(statuses="404"),)}, {}, False, id="unless is no match"),
        pytest.param({"users": ["alice"], "unless": (matcher(clients=clients("192.0.2.7")),)}, {}, False, id="unless after all else"),
    ],
)  # fmt: skip
def test_all_that_is_given_must_hold(given, seen, expected):
    assert matches(matcher(**given), seen) is expected


EVERYTHING = {
    "hosts": ["*.example.com"],
    "paths": ["/api/*"],
    "urls": ["*&b=z&*"],
    "methods": ["GET"],
    "statuses": "2xx",
    "schemes": ["http"],
    "ports": "8080",
    "content_types": ["text/html"],
    "request_fields": (named("accept", "text/html"),),
    "response_fields": (named("vary", "a"),),
    "parameters": (named("a", "1"),),
    "clients": clients("192.0.2.7"),
    "users": ["alice"],
    "filter_text": "~q",
    "flow_filter": bool,
    "unless": (matcher(methods=["POST"]),),
}
OTHERWISE = {
    "hosts": {"hosts": ("a.example",)},
    "paths": {"target": "/b?a=1"},
    "urls": {"target": "/api/x?a=1"},
    "methods": {"method": "PUT"},
    "statuses": {"status": 404},
    "schemes": {"scheme": "https"},
    "ports": {"port": 80},
    "content_types": {"response": fields("Vary: a")},
    "request_fields": {"request": ()},
    "response_fields": {"response": fields("Content-Type: text/html")},
    "parameters": {"target": "/api/x?a=2"},
    "clients": {"client": "192.0.2.8"},
    "users": {"user": "bob"},
    "filter_text": {"flow": 0},
    "unless": {"method": "POST"},
}


def test_all_together_hold():
    assert {field.name for field in fields_of(Matcher)} == set(EVERYTHING)
    assert matches(matcher(**EVERYTHING), {})


@pytest.mark.parametrize("missed", OTHERWISE)
def test_all_but_one_do_not(missed):
    assert not matches(matcher(**EVERYTHING), OTHERWISE[missed])


def test_the_type_is_that_of_the_message_that_is_edited():
    kind = matcher(content_types=["application/json"])

    assert matches(kind, {}, of_response=False)
    assert not matches(kind, {}, of_response=True)


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["/api/*"], {}),
        (["regex:^/api/"], {}),
        (["regex:^/(a.i)/(?P<name>.)(/.*)?"], {"1": "api", "2": "x", "3": "", "name": "x"}),
        (["regex:^/(b)", "regex:(x)"], {"1": "x"}),
        (["/api/x", "regex:(x)"], {}),
    ],
)
def test_what_the_groups_of_the_path_matched(paths, expected):
    """Those of the first path that fits."""
    assert matcher(paths=paths).match(SEEN, of_response=False) == expected


def test_groups_have_numbers_and_names():
    found = re.search(r"(?P<a>x)(y)?(?P<b>z)?", "x")

    assert groups_of(found) == {"1": "x", "2": "", "3": "", "a": "x", "b": ""}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, False),
        ({"paths": ["/a"], "content_types": ["a/b"]}, False),
        ({"statuses": "200"}, True),
        ({"response_fields": (named("a", "*"),)}, True),
    ],
)
def test_what_needs_a_response(given, expected):
    assert matcher(**given).needs_response is expected


class TestClients:
    @pytest.mark.parametrize(
        ("ranges", "address", "expected"),
        [
            ("192.0.2.0/24", "192.0.2.255", True),
            ("192.0.2.0/24", "192.0.3.0", False),
            ("192.0.2.0/24", "::ffff:192.0.2.1", True),
            ("::ffff:192.0.2.0/120", "192.0.2.1", True),
            ("192.0.2.0/24", "::ffff:192.0.2.1%eth0", True),
            ("fe80::/10", "fe80::1%eth0", True),
            ("fe80::/10", "fe80::1", True),
            ("::/0", "192.0.2.1", False),
            ("0.0.0.0/0", "2001:db8::1", False),
            ("2001:db8::1", "2001:DB8:0::1", True),
            ("::/0", "", False),
            ("0.0.0.0/0", "unix:/run/x", False),
            ("0.0.0.0/0", "192.0.2.01", False),
        ],
    )
    def test_addresses(self, ranges, address, expected):
        """An IPv4-mapped one is that of IPv4: it depends on the socket only (RFC 4291 §2.5.5.2)."""
        assert clients(ranges).covers(address) is expected

    def test_one_range_is_enough(self):
        assert clients("192.0.2.1", "fd00::/8").covers("fd00::1")

    @given(st.text("0123456789abcdef:.%/", max_size=20))
    def test_any_text_is_covered_or_not(self, text):
        assert clients("0.0.0.0/0").covers(text) in {True, False}


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ([], ""),
        (["Content-Type: Text/HTML"], "text/html"),
        (["content-type:  a/b ;charset=x"], "a/b"),
        (["Content-Type: a/b", "Content-Type: c/d"], "a/b"),
        (["Content-Type:"], ""),
        (["Content-Type: ;a"], ""),
    ],
)
def test_media_types(head, expected):
    assert media_type_of(fields(*head)) == expected


def test_of_many_values_a_regex_sees_the_first():
    """No client makes it search megabytes; globs take linear time, and see all."""
    filler = ["x" * 1000] * 9
    regex, glob = (Named("a", (make("needle"),)) for make in (Regex.of, Glob.of))

    assert regex.fits(["needle", *filler]) and glob.fits(["needle", *filler])
    assert not regex.fits([*filler, "needle"]) and glob.fits([*filler, "needle"])
    assert regex.fits(["x" * 60_000, "needle"])  # the first is longer than it ever sees

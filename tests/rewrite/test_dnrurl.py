"""URL patterns of declarativeNetRequest."""

from __future__ import annotations

import pytest

from forebay.errors import RuleError
from forebay.rewrite.dnrurl import of_filter, of_regex, websocket_exception
from forebay.rewrite.patterns import Hosts, url_pattern

# As Chrome's reference has them, and the corners of its grammar.
FILTERS = [
    ("abc", ["https://x.example/abcd", "https://abc.example/", "https://x.example/ABC"], ["https://x.example/ab"]),
    ("abc*d", ["https://abc.example/d", "https://x.example/abcxyzd"], ["https://x.example/abc"]),
    ("||a.example", ["https://b.a.example/", "https://a.example.org/", "http://A.EXAMPLE:8080/x"], ["https://x.example/a.example", "https://ba.example/", "https://x.example/?u=http://a.example/"]),
    ("||a.example^", ["https://a.example/", "https://b.a.example:8443/"], ["https://a.example.org/", "https://ba.example/"]),
    ("||a.example/x?y", ["https://a.example/x?yz", "https://b.a.example/x?y"], ["https://a.example/xzy", "https://a.example/x"]),
    ("|https*", ["https://x.example/"], ["http://x.example/https"]),
    ("|http://x/|", ["http://x/"], ["http://x/y", "https://x/"]),
    (".gif|", ["https://x.example/a.gif"], ["https://x.example/a.gif?b", "https://x.example/agif"]),
    ("example*^123|", ["https://example.org/123", "https://x/example?a=1&123"], ["https://example.org/0123"]),
    ("a^", ["https://x.example/a", "https://x.example/a?b"], ["https://x.examplf/ab", "https://x.examplf/a%20", "https://x.examplf/a-"]),
    ("(a+)+$", ["https://x.example/(a+)+$"], ["https://x.example/aa"]),
    ("*", ["https://x.example/"], []),
]  # fmt: skip


@pytest.mark.parametrize("as_regex", [False, True])
@pytest.mark.parametrize(("text", "fits", "others"), FILTERS)
def test_a_filter_fits_what_it_does_in_chrome(text, fits, others, as_regex):
    host, regex = of_filter(text, is_case_sensitive=False, as_regex=as_regex)

    def found(url: str) -> bool:
        name = url.split("/")[2].partition(":")[0].lower()
        if host is not None and not Hosts.of([host]).matches(name):
            return False
        return regex is None or url_pattern(f"regex:{regex}").matches(url)

    if as_regex:
        assert regex is not None or text == "*"
        host = None
    else:
        host = host if text != "||a.example" else None
    assert [url for url in [*fits, *others] if found(url)] == fits


def test_case_counts_where_it_is_said():
    _, regex = of_filter("/Ab", is_case_sensitive=True)

    assert [url_pattern(f"regex:{regex}").matches(u) for u in ("http://x/Ab", "http://x/ab")] == [
        True,
        False,
    ]


@pytest.mark.parametrize("text", ["", "\u00e4", "||*a", "a" * 1001])
def test_what_is_no_filter(text):
    with pytest.raises(RuleError, match="urlFilter"):
        of_filter(text, is_case_sensitive=False)


def test_a_regex_is_taken_as_it_is():
    assert of_regex("^a", is_case_sensitive=True) == "^a"
    assert of_regex("^a", is_case_sensitive=False) == "(?i)^a"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (r"\pN", "a regex with .p"),
        ("[[:alpha:]]", r"a regex with \[\[:"),
        ("(?U)a", r"a regex with \(\?U"),
        ("(", "expected a regex"),
    ],
)
def test_what_means_something_else_here(text, said):
    with pytest.raises(RuleError, match=said):
        of_regex(text, is_case_sensitive=True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("|http://a", True), ("|https*", True), ("^https?://a", True), ("||a", False), ("http", False), ("||http.example/", False), ("https://a", True), ("^(?:https?|wss?)://a", False)],
)  # fmt: skip
def test_a_named_scheme_is_none_of_websockets(text, expected):
    assert (websocket_exception(text) is not None) is expected

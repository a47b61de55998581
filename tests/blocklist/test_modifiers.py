"""Which rules change something, once exceptions have had their say."""

from __future__ import annotations

import pytest

from forebay.blocklist.changes import judge_response
from forebay.blocklist.matcher import EVERY_LIST, TOO_MANY_RULES, Matcher
from forebay.blocklist.modifier import Kind
from forebay.blocklist.modifiers import Modifiers
from forebay.blocklist.parse import parse_line
from forebay.blocklist.request import Request
from forebay.blocklist.rule import Rule, Source

URL = "http://shop.example/p?a=1&b=2"


def matcher(*lists: str) -> Matcher:
    """Build from texts; the first is the user's own."""
    built = Matcher()
    for number, text in enumerate(lists):
        source = Source(f"list{number}", f"/l/list{number}.txt", trusted=not number)
        built.add_source(source)
        for line in text.splitlines():
            place = source.append(line.encode() + b"\n")
            rule = parse_line(line)
            if rule is not None:
                built.add(rule, place)
    assert list(built.seal()) == []
    return built


def values(
    rules: Matcher, kind: Kind = Kind.REMOVEPARAM, url: str = URL, response=None, **given
) -> list[str]:
    """The values that are not excepted, in the order in which they apply."""
    request = Request.of(url, **given)
    found = rules.changes(kind, request, EVERY_LIST, response)
    return [change.modifier.value for change in found if change.exception is None]


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        pytest.param("$removeparam=a", ["a"], id="on every URL"),
        pytest.param("||shop.example^$removeparam=a", ["a"], id="on a host"),
        pytest.param("||other.example^$removeparam=a", [], id="not on another"),
        pytest.param("/p?$removeparam=a", ["a"], id="on a pattern"),
        pytest.param("/q?$removeparam=a", [], id="not on another"),
        pytest.param("/^http:..shop/$removeparam=a", ["a"], id="on a regex"),
        pytest.param("$removeparam=a,script", [], id="not for another type"),
        pytest.param("$removeparam=a,document", ["a"], id="for this type"),
        pytest.param("$removeparam=a,~document", [], id="but for this type"),
        pytest.param("$removeparam=a,domain=x.example", [], id="not from another page"),
        pytest.param("$queryprune=a", ["a"], id="by its old name"),
        pytest.param("$removeparam=a\n@@||shop.example^$removeparam=a", [], id="excepted"),
        pytest.param("$removeparam=a\n@@||shop.example^$removeparam=b", ["a"], id="others are"),
        pytest.param("$removeparam=a\n@@||shop.example^$removeparam", [], id="all are"),
        pytest.param("$removeparam=a\n@@||shop.example^", ["a"], id="blocks are, not changes"),
        pytest.param("$removeparam=a\n@@||shop.example^$document", [], id="the page is"),
        pytest.param("$removeparam=a\n@@||shop.example^$csp", ["a"], id="another kind is"),
        pytest.param("$removeparam=a,important\n@@||shop.example^$removeparam", ["a"],
                     id="important"),
        pytest.param("$removeparam=a,important\n@@||shop.example^$removeparam=a,important", [],
                     id="important, and excepted so"),
        pytest.param("$removeparam=a\n$removeparam=b,important", ["b", "a"], id="their order"),
        pytest.param("$removeparam=a\n$removeparam=a,badfilter", [], id="taken back"),
        pytest.param("||shop.example^$removeparam=a\n||shop.example^$removeparam=a,badfilter", [],
                     id="taken back on a host"),
    ],
)  # fmt: skip
def test_which_hold(rules, expected):
    """Of a page that is asked for."""
    source = "http://shop.example/"

    assert values(matcher(rules), type="document", source=source) == expected


def test_a_downloaded_exception_undoes_no_rule_of_ones_own():
    exception = "@@||shop.example^$removeparam"

    assert values(matcher("$removeparam=a", exception)) == ["a"]
    assert values(matcher(exception, "$removeparam=a")) == []
    assert values(matcher("", f"$removeparam=a\n{exception}")) == []


def test_an_exception_for_a_page_counts_for_all_that_it_asks_for():
    rules = matcher("$removeparam=a\n@@||page.example^$document")

    assert values(rules, source="http://page.example/", type="image") == []
    assert values(rules, source="http://other.example/", type="image") == ["a"]


def test_a_list_that_is_switched_off_changes_nothing():
    rules = matcher("$removeparam=a", "$removeparam=b")
    request = Request.of(URL)

    found = rules.changes(Kind.REMOVEPARAM, request, 0b10)

    assert [change.cited.list for change in found] == ["list1"]


@pytest.mark.parametrize(
    ("type_", "expected"),
    [("document", ["img-src *"]), ("subdocument", ["img-src *"]), ("script", []), ("other", [])],
)
def test_policies_are_for_pages_and_frames(type_, expected):
    assert values(matcher("||shop.example^$csp=img-src *"), Kind.CSP, type=type_) == expected


def test_policies_add_up():
    rules = matcher(
        "$csp=img-src *\n||shop.example^$csp=script-src 'none'\n@@||shop.example^$csp=img-src *"
    )

    assert values(rules, Kind.CSP, type="document") == ["script-src 'none'"]
    assert values(rules, Kind.CSP, type="document", url="http://x.example/") == ["img-src *"]


VIA = ((b"Via", b"cdn"),)


@pytest.mark.parametrize(
    ("rules", "response", "expected"),
    [
        ("||shop.example^$header=via:cdn", VIA, ["via:cdn"]),
        ("||shop.example^$header=via:x", VIA, []),
        ("||shop.example^$header=via", (), []),
        ("||shop.example^$header=via\n@@||shop.example^$header=via:/cdn/", VIA, []),
        ("||shop.example^$header=via\n@@||shop.example^$header=via:/x/", VIA, ["via"]),
        ("||shop.example^$header=via\n@@||shop.example^$header", VIA, []),
        ("||shop.example^$header=via\n@@||shop.example^", VIA, ["via"]),
        ("||shop.example^$header=via,important\n@@||shop.example^$header=via", VIA, ["via"]),
    ],
)
def test_responses_are_judged_by_their_fields(rules, response, expected):
    """An exception is one whose own field the response has."""
    assert values(matcher(rules), Kind.HEADER, response=response, type="image") == expected


def test_a_page_is_not_refused_by_a_rule_that_names_no_type():
    """As in uBlock Origin, where no page is ever."""
    rules = "||shop.example^$header=via"

    assert values(matcher(rules), Kind.HEADER, response=VIA, type="document") == []
    assert values(matcher(f"{rules},document"), Kind.HEADER, response=VIA, type="document")


def test_without_a_response_all_that_could_hold():
    """What ``forebay check`` tells."""
    rules = matcher("||shop.example^$header=via\n||shop.example^$header=server")

    assert values(rules, Kind.HEADER, type="image") == ["via", "server"]


def test_hundreds_of_names_have_room():
    """Each is found by a run of letters in it."""
    rules = "\n".join(f"$removeparam=p{i}x" for i in range(400))

    assert values(matcher(rules), url="http://a.example/?p7x=1&p399x=2") == ["p7x", "p399x"]


def test_a_rule_is_found_by_its_kind():
    """Of which there is an index each."""
    parsed = parse_line("||shop.example^$removeparam=a")
    found = Modifiers(Kind.REMOVEPARAM)
    found.add(Rule(1, parsed.mask, parsed), parsed)

    assert [each.modifier.value for each in found.find(Request.of(URL), 1, 1)] == ["a"]
    assert found.find(Request.of("http://x.example/"), 1, 1) == []


def test_a_response_is_refused_when_there_is_no_time_for_its_rules():
    """No long field, and no long URL, leads round them; each request has its own time."""
    rules = matcher("\n".join(f"||shop.example^$header=x-a:/^[a-z]+{i}/" for i in range(40)))
    request = Request.of(URL)

    short, long = ((b"X-A", b"a" * 100),), ((b"x-a", b"a" * 4000),)

    for _ in range(50):
        assert judge_response([request], rules, EVERY_LIST, short) is None
    assert judge_response([request], rules, EVERY_LIST, long) is TOO_MANY_RULES
    assert judge_response([request], rules, EVERY_LIST, ((b"x-b", b"a" * 9000),)) is None


def test_nothing_is_taken_out_when_there_is_no_time():
    globs = "\n".join(f"/a*a*a*a*a*{i}*x$removeparam=a" for i in range(150))
    rules = matcher(globs + "\n||shop.example^$removeparam=b")

    assert values(rules) == ["b"]
    assert values(rules, url=f"http://shop.example/{'a' * 8000}?a=1&b=2") == []

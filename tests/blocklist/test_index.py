"""Finding the rules that a request can match."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.blocklist import index as index_module
from forebay.blocklist.index import (
    MOST_CANDIDATES,
    MOST_IN_ONE_PLACE,
    MOST_OF_HOST,
    Index,
    TooManyCandidatesError,
)
from forebay.blocklist.matcher import EVERY_LIST
from forebay.blocklist.parse import parse_line
from forebay.blocklist.request import Request
from forebay.blocklist.resource import TYPES
from forebay.blocklist.rule import LINE_BITS, HostRule, Rule, Scope
from forebay.errors import RuleError


def place(list_: int, line: int) -> int:
    return list_ << LINE_BITS | line


def add(index: Index, line: str, where: int) -> None:
    parsed = parse_line(line)
    if isinstance(parsed, HostRule):
        for host in parsed.hosts:
            index.add_host(host, where, parsed.scope)
    elif parsed is not None:
        index.add(Rule(where, parsed.mask, parsed), parsed)


def filled(*lines: str) -> Index:
    index = Index()
    for number, line in enumerate(lines, 1):
        add(index, line, place(0, number))
    assert list(index.seal()) == []
    return index


def found(index: Index, url: str, **given_) -> list[int]:
    return sorted(rule.place for rule in index.all(Request.of(url, **given_)))


class TestFind:
    @pytest.mark.parametrize(
        ("line", "url", "expected"),
        [
            ("||ads.example^", "http://x.ads.example/", True),
            ("0.0.0.0 ads.example", "http://ads.example/", True),
            ("0.0.0.0 ads.example", "http://x.ads.example/", False),
            ("||ads.example/x", "http://y.ads.example/x", True),
            ("||2.7^$script", "http://192.0.2.7/", False),
            ("/banner/*", "http://q.example/banner/", True),
            ("*anner/", "http://q.example/banner/", True),
            ("/banner", "http://q.example/banners", True),
            ("/js/*.js", "http://q.example/js/x.js", True),
            ("/Ad^$match-case", "http://q.example/Ad", True),
            ("/äöx^", "http://q.example/äöx", True),
            ("^äöx^", "http://q.example/%20äöx", False),
            ("%20ad^", "http://q.example/x%20ad", True),
            ("x%2", "http://q.example/x%20", True),
            ("|http://qqq", "http://qqq.example/", True),
            (".gif|", "http://q.example/x.gif", True),
            ("*gif|", "http://q.example/xgif", True),
            ("*$domain=shop.*,image", "http://q.example/", True),
            ("*$domain=a.example|b.example|shop.com,image", "http://q.example/", True),
            ("*js$domain=www.shop.com,image", "http://q.example/js", True),
        ],
    )
    def test_a_rule_is_found_wherever_it_is_kept(self, line, url, expected):
        index = filled(line)
        request = Request.of(url, type="image", source="http://www.shop.com/")

        rule = index.find(request, EVERY_LIST)

        assert (rule is not None) is expected
        assert found(index, url, type="image", source="http://www.shop.com/") == [1] * expected

    def test_all_are_found_each_once(self):
        index = filled(
            "||ads.example^", "ads.example", "0.0.0.0 ads.example", "/ads/x", "*ads*", "||ads.",
            "*$script,domain=shop.com|shop.*|com", "||example^$script",
        )  # fmt: skip

        assert found(
            index, "http://ads.example/ads/x", type="script", source="http://shop.com/"
        ) == [1, 3, 4, 5, 6, 7, 8]

    def test_lists_that_are_switched_off_are_not(self):
        index = Index()
        add(index, "||ads.example^", place(0, 1))
        add(index, "/ads/x", place(1, 1))
        list(index.seal())
        request = Request.of("http://ads.example/ads/x")

        assert index.find(request, 0b01).place == place(0, 1)
        assert index.find(request, 0b10).place == place(1, 1)
        assert index.find(request, 0b100) is None
        assert index.find(request, 0) is None

    def test_an_empty_one_is_false(self):
        assert not Index()
        assert filled("/ads/x") and filled("||ads.example^")


class TestRoom:
    def test_a_host_has_room_for_so_many(self):
        index = Index()
        for i in range(MOST_OF_HOST + 1):
            add(index, f"||ads.example/x{i}", place(0, i + 1))
        expected = f"expected at most {MOST_OF_HOST} rules for ads.example, found more"

        with pytest.raises(RuleError, match=expected):
            add(index, "||ads.example/y", 2000)
        with pytest.raises(RuleError, match=expected):
            add(index, "ads.example", 2001)
        add(index, "||x.ads.example/y", 2002)

    def test_one_list_does_not_crowd_out_another(self):
        index = Index()
        for i in range(MOST_OF_HOST):
            add(index, f"||ads.example/x{i}", place(0, i + 1))

        add(index, "||ads.example^", place(1, 1))

        assert found(index, "http://ads.example/y") == [place(1, 1)]

    def test_the_same_line_again_takes_none(self):
        index = Index()
        for i in range(2 * MOST_OF_HOST):
            add(index, "||ads.example^", place(0, i + 1))

        assert found(index, "http://ads.example/") == [1]

    @pytest.mark.parametrize(
        ("line", "told_apart"),
        [
            ("/banner/*{}x*", "'banner'"),
            ("*$script,domain=shop.example,to=a{}.example", "'trying them'"),
            ("*xx{}x*", "'trying them'"),
        ],
    )
    def test_what_finds_no_room_is_said(self, line, told_apart, monkeypatch):
        monkeypatch.setattr(index_module, "MOST_IN_ONE_PLACE", 3)
        index = Index()
        for i in range(5):
            add(index, line.format("a" * i), place(0, i + 1))

        refused = list(index.seal())

        assert [where for where, _ in refused] == [4, 5]
        assert str(refused[0][1]) == (
            f"expected at most 3 rules that can be told apart only by {told_apart}, found more"
        )

    def test_a_request_to_which_too_many_lead_is_refused(self):
        index = Index()
        words = [f"w{i}" for i in range(MOST_CANDIDATES // MOST_IN_ONE_PLACE + 1)]
        for number, word in enumerate(words):
            for i in range(MOST_IN_ONE_PLACE):
                add(index, f"/{word}/{'-' * (i + 1)}x*z|", place(number, i + 1))
        assert list(index.seal()) == []

        assert index.find(Request.of("http://a.example/" + "/".join(words[:9])), EVERY_LIST) is None
        with pytest.raises(TooManyCandidatesError):
            index.find(Request.of("http://a.example/" + "/".join(words) + "/"), EVERY_LIST)


class TestRemove:
    def test_what_is_like_it_and_meant_goes(self):
        index = Index()
        for number, line in enumerate(["/ads/x", "/ads/x", "/ads/x$script", "/ads/y"], 1):
            add(index, line, place(0, number))
        meant = parse_line("/ads/x$badfilter").key
        index.discard(lambda parsed, where: parsed.key == meant and where != 2)
        list(index.seal())

        assert found(index, "http://q.example/ads/x", type="script") == [2, 3]

    def test_of_a_host_only_what_is_meant(self):
        index = Index()
        for number, line in enumerate(
            ["||ads.example^$script", "||ads.example/x", "ads.example"], 1
        ):
            add(index, line, place(0, number))
        index.discard_of_host("ads.example", lambda where: where == 1)
        index.discard_of_host("none.example", lambda _: True)
        list(index.seal())

        assert found(index, "http://ads.example/x", type="script") == [2, 3]


def test_it_is_emptied_with_pauses():
    index = filled("||ads.example^", "/ads/x", "*$script,domain=shop.example")
    pauses = []

    index.release(lambda: pauses.append(1), each=1)

    assert found(index, "http://ads.example/ads/x") == []
    assert len(pauses) >= 3


PIECES = st.text("ab1/^*|.-_%é", max_size=7)
LINES = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["", "|", "||", "||a.b^", "||a.b/", "|http://", "*", "/", "http", "||b^"]),
    PIECES,
    st.sampled_from(["", "", "/", "|", "^", "*"]),
    st.sampled_from(
        [
            "", "", "$script", "$~script", "$3p", "$domain=a.b", "$script,domain=a.*|~x.a.b", "$domain=b|a.b|1.1.1.1", "$domain=~a.b",
            "$match-case", "$script,match-case", "$to=b", "$script,denyallow=a.b", "$all", "$document",
        ]
    ),
) | st.sampled_from(["a.b", "0.0.0.0 a.b", "/a[b1]/", "/b+$/$script", r"/^http:\/\/a/$match-case"])  # fmt: skip
NAMES = st.sampled_from(["a.b", "x.a.b", "b", "ab.b", "1.1.1.1"])
REQUESTS = st.builds(
    lambda scheme, host, path, source, **more: Request.of(
        f"{scheme}://{host}/{path}", source=source and f"http://{source}/", **more
    ),
    st.sampled_from(["http", "https"]),
    NAMES,
    st.text("aAbB1/.-_%?é", max_size=10),
    st.none() | NAMES,
    type=st.sampled_from(TYPES[:4]),
)


@given(st.lists(LINES, max_size=12), REQUESTS, st.integers(0, 7))
def test_it_agrees_with_asking_every_rule(lines, request_, active):
    """No token, page or host by which a rule is kept may lose it."""
    index, expected = Index(), set()
    name = request_.host.name
    for number, line in enumerate(lines):
        where = place(number % 3, number + 1)
        try:
            parsed = parse_line(line)
            add(index, line, where)
        except RuleError:
            continue
        if isinstance(parsed, HostRule):
            exact = parsed.scope is Scope.HOST
            if name in parsed.hosts or (
                not exact and set(parsed.hosts) & set(request_.host.parents)
            ):
                expected.add((number % 3, parsed.hosts, parsed.scope))
        elif (
            parsed is not None
            and (parsed.host is None or parsed.host in request_.host.parents)
            and Rule(where, parsed.mask, parsed).matches(request_)
        ):
            expected.add(where)
    assert list(index.seal()) == []

    hits = {rule.place: rule for rule in index.all(request_)}

    def kept(where):
        parsed = parse_line(lines[(where & 0xFFFF) - 1])
        if isinstance(parsed, HostRule):
            return where >> LINE_BITS, parsed.hosts, parsed.scope
        return where

    assert {kept(where) for where in hits} == expected
    rule = index.find(request_, active)
    usable = {where for where in hits if active >> (where >> LINE_BITS) & 1}
    assert (rule is not None) == bool(usable)
    assert rule is None or rule.place in usable

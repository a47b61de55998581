"""Decisions on requests."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.blocklist import index as index_module
from forebay.blocklist.matcher import EVERY_LIST, Matcher
from forebay.blocklist.parse import parse_line
from forebay.blocklist.request import Request
from forebay.blocklist.resource import TYPES
from forebay.blocklist.rule import MOST_LINES, Cited, Source
from forebay.blocklist.verdict import NOT_LISTED, Action
from forebay.errors import RuleError
from forebay.names import canonical

OWN, LIST = True, False


def matcher(*lists: str | tuple[bool, str]) -> Matcher:
    """Build from texts; with False before it, one is not the user's own."""
    built = Matcher()
    for number, given_ in enumerate(lists):
        trusted, text = given_ if isinstance(given_, tuple) else (OWN, given_)
        source = Source(f"list{number}", f"/lists/list{number}.txt", trusted=trusted)
        built.add_source(source)
        for line in text.splitlines():
            place = source.append(line.encode() + b"\n")
            rule = parse_line(line)
            if rule is not None:
                built.add(rule, place)
    assert list(built.seal()) == []
    return built


def asked(host: str, **given_) -> Request:
    host = f"[{host}]" if ":" in host else host
    return Request.of(f"http://{host}/", **given_)


def blocked(rules: str, url: str, source: str | None = None, **given_) -> bool:
    return matcher(rules).decide(Request.of(url, source=source, **given_)).blocked


class TestScope:
    @pytest.mark.parametrize(
        ("rule", "name", "expected"),
        [
            ("ads.example", "ads.example", True),
            ("ads.example", "x.y.ads.example", True),
            ("ads.example", "notads.example", False),
            ("ads.example", "example", False),
            ("||ads.example^", "x.ads.example", True),
            ("||com^", "ads.com", True),
            ("||com^", "com.example", False),
            ("0.0.0.0 ads.example", "ads.example", True),
            ("0.0.0.0 ads.example", "x.ads.example", False),
            ("192.0.2.7", "192.0.2.7", True),
            ("192.0.2.7", "192.0.519", True),
            ("||2.7^", "192.0.2.7", False),
            ("||::1^", "::1", True),
        ],
    )
    def test_a_rule_covers_its_host_or_its_subtree(self, rule, name, expected):
        for type_ in TYPES:
            assert matcher(rule).decide(asked(name, type=type_)).blocked is expected

    @pytest.mark.parametrize(
        "lines", ["0.0.0.0 a.example\na.example", "a.example\n0.0.0.0 a.example"]
    )
    def test_the_wider_of_two_rules_for_a_host_stays(self, lines):
        assert matcher(lines).decide(asked("x.a.example")).blocked

    def test_the_end_of_an_endless_name_is_judged(self):
        """With a bounded number of look-ups."""
        assert matcher("ads.example").decide(asked("a." * 100_000 + "ads.example")).blocked


class TestVerdict:
    def test_it_names_rule_list_path_and_line(self):
        found = matcher("a.example", "! two\n||ads.example^ # why").decide(asked("x.ads.example"))

        assert found.matched == Cited("||ads.example^ # why", "list1", "/lists/list1.txt", 2)
        assert found.name == "x.ads.example"
        assert found.reason == "x.ads.example lies below ads.example"

    def test_the_first_of_equal_rules_is_named(self):
        found = matcher("ads.example", "ads.example").decide(asked("ads.example"))

        assert found.matched.list == "list0"
        assert found.reason == "ads.example is listed"

    def test_the_closest_rule_is_named(self):
        found = matcher("example.org\nads.example.org").decide(asked("x.ads.example.org"))

        assert found.matched.rule == "ads.example.org"

    def test_a_rule_for_more_than_a_host_says_so(self):
        found = matcher("||ads.example/x$script").decide(
            Request.of("http://ads.example/x", type="script")
        )

        assert found.reason == "ads.example is asked for in a way that is listed"

    def test_what_is_not_listed_is_the_same_verdict_always(self):
        assert matcher("ads.example\n/banner/x").decide(asked("a.example")) is NOT_LISTED
        assert matcher().decide(asked("a.example")) is NOT_LISTED


A, B, SHOP = "http://a.example/", "http://b.example/", "https://www.shop.com/"


class TestRules:
    """As a user of a browser's blocker would say it."""

    @pytest.mark.parametrize(
        ("rules", "url", "source", "given_", "expected"),
        [
            # what is asked for
            ("/ads/*$script", A + "ads/x", B, {"type": "script"}, True),
            ("/ads/*$script", A + "ads/x", B, {"type": "image"}, False),
            ("/ads/*$~script", A + "ads/x", B, {"type": "script"}, False),
            ("/ads/*$~script", A + "ads/x", B, {"type": "image"}, True),
            ("/ads/*$~script", A + "ads/x", B, {"type": "document"}, False),
            ("$websocket,3p", "wss://a.example/", B, {"type": "websocket"}, True),
            ("$ping,third-party", A, B, {"type": "ping"}, True),
            ("$ping,third-party", A, A, {"type": "ping"}, False),
            ("$ping,third-party", A, None, {"type": "ping"}, False),
            ("*$script,domain=b.example", A, B, {"type": "script"}, True),
            ("*$script,domain=b.example", A, A, {"type": "script"}, False),
            ("*$script,domain=b.example", A, None, {"type": "script"}, False),
            # who asks
            ("/ads/*$third-party", A + "ads/x", B, {}, True),
            ("/ads/*$third-party", A + "ads/x", None, {"same_site": False}, True),
            ("/ads/*$third-party", A + "ads/x", None, {"same_site": True}, False),
            ("/ads/*$1p", A + "ads/x", A, {}, True),
            ("/ads/*$strict3p", "http://cdn.a.example/ads/x", A, {}, True),
            ("/ads/*$3p", "http://cdn.a.example/ads/x", A, {}, False),
            ("/ads/*$strict1p", "http://cdn.a.example/ads/x", A, {}, False),
            ("/ads/*$domain=shop.*", A + "ads/x", SHOP, {}, True),
            ("/ads/*$domain=shop.*|~www.shop.com", A + "ads/x", SHOP, {}, False),
            ("/ads/*$from=~shop.com", A + "ads/x", SHOP, {}, False),
            ("/ads/*$from=~shop.com", A + "ads/x", None, {}, True),
            # whom
            ("*$3p,to=a.example,from=b.example", A, B, {}, True),
            ("*$3p,to=~a.example,from=b.example", A, B, {}, False),
            ("*$3p,script,denyallow=a.example,from=b.example", A, B, {"type": "script"}, False),
            ("*$3p,script,denyallow=c.example,from=b.example", A, B, {"type": "script"}, True),
            ("||a.example^$method=post", A, B, {"method": "POST"}, True),
            ("||a.example^$method=post", A, B, {}, False),
            ("||a.example^$method=~get", A, B, {}, False),
            # how it is spelled
            ("/Ads/x$match-case", A + "Ads/x", B, {}, True),
            ("/Ads/x$match-case", A + "ads/x", B, {}, False),
            ("/ads[0-9]/", A + "x/ads7", B, {}, True),
            ("/Ads[0-9]/$match-case", A + "ads7", B, {}, False),
            ("||a.example:8080^", "http://a.example:8080/", B, {}, True),
            ("||bücher.example^", "http://bücher.example/", B, {}, True),
        ],
    )
    def test_what_they_block(self, rules, url, source, given_, expected):
        assert blocked(rules, url, source, **given_) is expected


class TestPages:
    """A page that the user opens, and what it asks for."""

    @pytest.mark.parametrize(
        ("rules", "url", "expected"),
        [
            ("||a.example^", A, True),
            ("a.example", A, True),
            ("0.0.0.0 a.example", A, True),
            ("||a.example^$important", A, True),
            ("||a.example^$document", A + "x", True),
            ("||a.example^$all", A + "x", True),
            ("/ads/*$all", A + "ads/", True),
            ("/ads/*$document", A + "ads/", True),
            ("/ads/*", A + "ads/", False),
            ("||a.example/ads/", A + "ads/", False),
            ("||a.example", A, False),
            ("/^http:..a/", A, False),
            ("||a.example^$script", A, False),
            ("||a.example^$third-party", A, False),
            ("||a.example^\n@@||a.example^", A, False),
            ("||a.example^\n@@||a.example^$document", A, False),
            ("||a.example^\n@@||a.example^$script", A, True),
            ("||a.example^\n@@/ads/*", A + "ads/", False),
        ],
    )
    def test_which_rules_block_them(self, rules, url, expected):
        assert blocked(rules, url, None, type="document") is expected

    @pytest.mark.parametrize(
        ("exception", "source", "expected"),
        [
            ("@@||a.example^$document", A, False),
            ("@@||a.example^$document", "http://x.a.example/y", False),
            ("@@||a.example^$doc,script", A, False),
            ("@@||a.example^$all", A, False),
            ("@@||a.example/shop$document", A + "shop/1", False),
            ("@@||a.example/shop$document", A, True),
            ("@@||a.example^$document", B, True),
            ("@@||a.example^$document", None, True),
            ("@@||a.example^$document", "about:blank", True),
            ("@@||a.example^", A, True),
            ("@@||a.example^$subdocument", A, True),
        ],
    )
    @pytest.mark.parametrize(
        "block", ["||ads.example^", "/x^$script", "*$script,domain=a.example|b.example"]
    )
    def test_a_page_can_be_excepted_with_all_it_asks_for(self, block, exception, source, expected):
        if block.startswith("*") and source in (None, "about:blank"):
            expected = False  # it blocks nothing for a page that is not known
        url = "http://ads.example/x"

        assert blocked(f"{block}\n{exception}", url, source, type="script") is expected

    def test_an_excepted_page_is_named(self):
        found = matcher("||ads.example^\n@@||a.example^$document").decide(
            Request.of("http://ads.example/", source=A)
        )

        assert found.action is Action.ALLOW
        assert found.exception.line == 2
        assert found.matched.line == 1


class TestExceptions:
    RULES = "||ads.example^\n@@||ok.ads.example^\nother.example\n@@/ok/x"

    @pytest.mark.parametrize(
        ("url", "expected"),
        [
            ("http://ok.ads.example/", False),
            ("http://x.ok.ads.example/", False),
            ("http://ads.example/", True),
            ("http://ads.example/ok/x", False),
            ("http://other.example/ok/x", False),
            ("http://other.example/", True),
        ],
    )
    def test_they_save_what_they_match(self, url, expected):
        assert blocked(self.RULES, url) is expected

    def test_they_are_named_beside_the_rule(self):
        found = matcher(self.RULES).decide(asked("x.ok.ads.example"))

        assert found.action is Action.ALLOW
        assert found.name == "x.ok.ads.example"
        assert found.matched.rule == "||ads.example^"
        assert found.exception.rule == "@@||ok.ads.example^"
        assert found.reason == "x.ok.ads.example is excepted by @@||ok.ads.example^"

    def test_they_beat_blocks_whatever_the_order_and_the_list(self):
        assert not matcher("@@||example^", "||ads.example^").decide(asked("ads.example")).blocked

    def test_of_two_the_users_own_is_named(self):
        found = matcher((LIST, "||a.example^\n@@||a.example^"), "@@||a.example^")

        assert found.decide(asked("a.example")).exception.list == "list1"


class TestPrecedence:
    BLOCK, IMPORTANT = "||a.example^", "||a.example^$important"
    SAVE, SAVE_ALWAYS = "@@||a.example^", "@@||a.example^$important"

    @pytest.mark.parametrize(
        ("lists", "expected"),
        [
            ([(LIST, BLOCK), (LIST, SAVE)], False),
            ([(LIST, BLOCK), (OWN, SAVE)], False),
            ([(OWN, BLOCK), (OWN, SAVE)], False),
            ([(OWN, BLOCK), (LIST, SAVE)], True),
            ([(OWN, BLOCK), (LIST, SAVE), (OWN, SAVE)], False),
            ([(OWN, BLOCK), (LIST, BLOCK), (LIST, SAVE)], True),
            ([(OWN, BLOCK), (LIST, SAVE_ALWAYS)], True),
            ([(OWN, BLOCK), (OWN, SAVE_ALWAYS)], False),
            ([(OWN, BLOCK), (LIST, "@@||a.example^$document")], True),
            ([(LIST, BLOCK), (LIST, "@@||b.example^$document")], False),
            ([(OWN, BLOCK), (LIST, "@@||b.example^$document")], True),
            ([(OWN, BLOCK), (OWN, "@@||b.example^$document")], False),
            ([(OWN, BLOCK), (LIST, SAVE), (OWN, "@@||b.example^$document")], False),
            ([(LIST, IMPORTANT), (LIST, SAVE)], True),
            ([(LIST, IMPORTANT), (OWN, SAVE)], True),
            ([(LIST, IMPORTANT), (LIST, SAVE_ALWAYS)], False),
            ([(LIST, IMPORTANT), (OWN, SAVE_ALWAYS)], False),
            ([(LIST, IMPORTANT), (OWN, "@@||b.example^$document")], True),
            ([(LIST, SAVE)], False),
        ],
    )
    def test_who_wins(self, lists, expected):
        request = Request.of(A, source=B, type="image")

        for several in (lists, lists[::-1]):
            assert matcher(*several).decide(request).blocked is expected

    @pytest.mark.parametrize(
        "lists",
        [
            [(OWN, IMPORTANT), (LIST, SAVE_ALWAYS)],
            [(OWN, BLOCK), (LIST, IMPORTANT + "\n" + SAVE_ALWAYS)],
        ],
    )
    def test_no_list_saves_from_an_own_block(self, lists):
        assert matcher(*lists).decide(asked("a.example")).blocked

    def test_an_important_exception_for_a_page_saves_from_important_blocks(self):
        rules = matcher((LIST, self.IMPORTANT), "@@||b.example^$document,important")

        assert not rules.decide(Request.of(A, source=B)).blocked

    KINDS = {
        "block": BLOCK, "important": IMPORTANT, "save": SAVE, "save always": SAVE_ALWAYS,
        "page": "@@||b.example^$document", "page always": "@@||b.example^$document,important",
    }  # fmt: skip

    @given(st.lists(st.tuples(st.booleans(), st.sampled_from(sorted(KINDS))), max_size=6))
    def test_it_is_as_the_order_of_precedence_says(self, given_):
        def stays(blocks, exceptions):
            blocking = {own for own, kind in given_ if kind == blocks}
            saving = {own for own, kind in given_ if kind in exceptions}
            return (OWN in blocking and OWN not in saving) or (LIST in blocking and not saving)

        rules = matcher(*((own, self.KINDS[kind]) for own, kind in given_))

        assert rules.decide(Request.of(A, source=B)).blocked is (
            stays("important", {"save always", "page always"})
            or stays("block", {"save", "save always", "page", "page always"})
        )


class TestBadfilter:
    @pytest.mark.parametrize(
        ("lists", "expected"),
        [
            ([(LIST, "/x/ads"), (LIST, "/x/ads$badfilter")], False),
            ([(LIST, "/x/ads$script,3p"), (LIST, "/x/ads$3p,script,badfilter")], False),
            ([(LIST, "/x/ads$script"), (LIST, "/x/ads$badfilter")], True),
            ([(LIST, "||a.example^"), (LIST, "||a.example^$badfilter")], False),
            ([(LIST, "a.example"), (LIST, "||a.example^$badfilter")], False),
            ([(LIST, "||a.example^$script"), (OWN, "||a.example^$script,badfilter")], False),
            ([(LIST, "||a.example^$important"), (OWN, "||a.example^$badfilter,important")], False),
            ([(LIST, "||a.example^$script\n||a.example^"), (OWN, "||a.example^$badfilter")], True),
            ([(LIST, "||a.example^$important"), (OWN, "||a.example^$badfilter")], True),
            ([(LIST, "||a.example^"), (OWN, "||b.example^$badfilter")], True),
            ([(LIST, "||a.example^"), (OWN, "||a.example^$script,badfilter")], True),
            ([(LIST, "a.example"), (OWN, "||a.example^$important,badfilter")], True),
            ([(OWN, "||a.example^"), (LIST, "||a.example^$badfilter")], True),
            ([(OWN, "/x/ads"), (LIST, "/x/ads$badfilter")], True),
            ([(OWN, "/x/ads"), (LIST, "/x/ads"), (LIST, "/x/ads$badfilter")], True),
            ([(OWN, "/x/ads"), (OWN, "/x/ads$badfilter")], False),
            ([(OWN, "/x/ads\n@@/x/ads"), (OWN, "@@/x/ads$badfilter")], True),
            ([(OWN, "/x/ads\n@@/x/ads"), (LIST, "@@/x/ads$badfilter")], False),
            (
                [
                    (OWN, "/x/ads"),
                    (OWN, "@@||b.example^$doc"),
                    (OWN, "@@||b.example^$doc,badfilter"),
                ],
                True,
            ),
            ([(LIST, "/x[1]?/"), (LIST, "/x[1]?/$badfilter")], False),
            ([(LIST, "/x/ads$badfilter")], False),
        ],
    )
    def test_it_takes_out_the_rule_that_says_the_same(self, lists, expected):
        request = Request.of(A + "x/ads", source=B, type="script")

        for several in (lists, lists[::-1]):
            assert matcher(*several).decide(request).blocked is expected


class TestAnswers:
    @pytest.mark.parametrize(
        ("rules", "expected"),
        [
            ("||a.example^$script,redirect=noop.js", "noop.js"),
            ("||a.example^$script,redirect=noop.js:5", "noop.js:5"),
            ("||a.example^$script,rewrite=abp-resource:blank-js", "blank-js"),
            ("||a.example^$script,redirect=abp-resource:blank-js", "abp-resource:blank-js"),
            ("||a.example^$script,empty", None),
            ("||a.example^", None),
            ("||a.example^\n||a.example^$script,redirect-rule=noop.js", "noop.js"),
            ("||a.example^\n*$script,redirect-rule=noop.js", "noop.js"),
            ("||a.example^\n*$image,redirect-rule=1x1.gif", None),
            ("||a.example^$script,redirect=noop.js\n*$script,redirect-rule=noop.txt", "noop.js"),
        ],
    )
    def test_a_rule_names_the_answer(self, rules, expected):
        found = matcher(rules).decide(Request.of(A, source=B, type="script"))

        assert found.blocked
        assert found.redirect == expected

    def test_a_redirect_rule_alone_blocks_nothing(self):
        rules = matcher("||a.example^$script,redirect-rule=noop.js")
        request = Request.of(A, type="script")

        assert rules.decide(request) is NOT_LISTED
        assert rules.answer(request) == "noop.js"
        assert rules.answer(Request.of(B, type="script")) is None

    def test_an_excepted_request_is_answered_by_its_origin(self):
        rules = matcher("||a.example^$script,redirect=noop.js\n@@||a.example^")

        assert rules.decide(Request.of(A, type="script")).redirect is None


class TestPolicies:
    """Lists are switched on and off by a bit set."""

    RULES = ("||a.example^", "@@||a.example^", "||a.example^$important")

    @pytest.mark.parametrize(
        ("active", "expected"),
        [
            (0, False),
            (0b001, True),
            (0b011, False),
            (0b010, False),
            (0b111, True),
            (0b100, True),
            (EVERY_LIST, True),
        ],
    )
    def test_a_list_that_is_off_says_nothing(self, active, expected):
        assert matcher(*self.RULES).decide(asked("a.example"), active).blocked is expected

    def test_an_own_exception_is_found(self):
        rules = matcher("@@||a.example^", (LIST, "@@||b.example^"), "@@||c.example^$important")

        assert rules.excepts(asked("a.example")).line == 1
        assert rules.excepts(asked("b.example")) is None
        assert rules.excepts(asked("c.example")).list == "list2"
        assert rules.excepts(asked("a.example"), 0b110) is None


class TestExplain:
    RULES = (
        (LIST, "! t\n||a.example^\n@@||a.example/ok\n||a.example^$script"),
        (OWN, "/ok/x\n*$image,domain=b.example,redirect-rule=1x1.gif\n@@||b.example^$document"),
        (LIST, "||a.example^$important\n@@||a.example^$important"),
    )

    def explained(self, active=EVERY_LIST, url=A + "ok/x", **given_):
        request = Request.of(url, **{"source": B, "type": "image"} | given_)
        return [
            (found.cited.list, found.cited.line, found.effect, found.fate)
            for found in matcher(*self.RULES).explain(request, active)
        ]

    def test_every_match_is_told_in_the_order_of_lists_and_lines(self):
        assert self.explained() == [
            ("list0", 2, "block", "matches too"),
            ("list0", 3, "exception", "matches too"),
            ("list1", 1, "block", "matches too"),
            ("list1", 2, "answer", "matches too"),
            ("list1", 3, "exception for pages", "matches too"),
            ("list2", 1, "important block", "overruled by the exception"),
            ("list2", 2, "important exception", "decides"),
        ]

    def test_what_a_policy_switches_off_is_told_as_such(self):
        told = self.explained(0b011)

        assert [fate for *_, fate in told if fate != "matches too"] == [
            "overruled by the exception", "decides", *["switched off by the policy"] * 2,
        ]  # fmt: skip
        assert told[4] == ("list1", 3, "exception for pages", "decides")
        assert told[0] == ("list0", 2, "block", "overruled by the exception")

    def test_nothing_is_told_of_what_nothing_matches(self):
        assert self.explained(url="http://c.example/", source=None) == []

    @given(
        st.lists(
            st.sampled_from(
                [
                    "||a.example^", "a.example", "0.0.0.0 a.example", "@@||a.example^", "||a.example^$important",
                    "@@||a.example^$important", "/x/y", "@@/x/y", "*$script,domain=b.example",
                    "@@||b.example^$document", "||a.example^$badfilter", "||a.example^$script,redirect-rule=noop.js",
                ]
            ),
            max_size=6,
        ),
        st.integers(0, 7),
        st.lists(st.booleans(), min_size=3, max_size=3),
    )  # fmt: skip
    def test_it_tells_what_decided_and_decides_alike(self, lines, active, trusted):
        rules = matcher(*((own, "\n".join(lines[i::3])) for i, own in enumerate(trusted)))
        request = Request.of(A + "x/y", source=B, type="script")

        verdict = rules.decide(request, active)
        told = rules.explain(request, active)

        decided = verdict.exception or verdict.matched
        assert [found.cited for found in told if found.fate == "decides"] == (
            [decided] if decided else []
        )
        assert [(found.cited.list, found.cited.line) for found in told] == sorted(
            (found.cited.list, found.cited.line) for found in told
        )
        off = {f"list{i}" for i in range(3) if not active >> i & 1}
        for found in told:
            assert (found.fate == "switched off by the policy") is (found.cited.list in off)
        if verdict is NOT_LISTED:
            assert not any(
                "block" in found.effect and found.cited.list not in off for found in told
            )


class TestCertain:
    """What is known before the request: whether all of a host gets the same verdict."""

    @pytest.mark.parametrize(
        ("rules", "expected"),
        [
            ("||a.example^", True),
            ("0.0.0.0 a.example", True),
            ("||a.example^$all", True),
            ("||a.example^\n@@||b.example^", True),
            ("||example^", True),
            ("||a.example^$~script", False),
            ("|http://a.example/", False),
            ("||a.example^\n@@||a.example/x", False),
            ("||a.example^\n@@||example^$script", False),
            ("||a.example^\n@@||a.example/x$important", False),
        ],
    )
    @pytest.mark.parametrize("strictly", [False, True])
    def test_only_a_rule_for_all_of_a_host_and_no_exception_for_it(self, rules, expected, strictly):
        built, request = matcher(rules), asked("a.example")

        verdict = built.decide(request)

        assert verdict.blocked
        assert built.is_certain(request, verdict, strictly=strictly) is expected

    @pytest.mark.parametrize(
        "exception", ["@@/ok/*", "@@*$script,domain=b.example", "@@||b.example^$document"]
    )
    def test_strictly_no_other_exception_may_save_it_either(self, exception):
        built, request = matcher(f"||a.example^\n{exception}"), asked("a.example")
        verdict = built.decide(request)

        assert built.is_certain(request, verdict, strictly=False)
        assert not built.is_certain(request, verdict, strictly=True)


class TestLimits:
    def test_a_line_too_far_down(self):
        built = Matcher()
        built.add_source(Source("ads", "/lists/ads.txt"))

        with pytest.raises(RuleError, match=f"^expected at most {MOST_LINES} lines in a list"):
            built.add(parse_line("ads.example"), MOST_LINES + 1)

    def test_what_found_no_room_is_located(self, monkeypatch):
        monkeypatch.setattr(index_module, "MOST_IN_ONE_PLACE", 2)
        built = Matcher()
        for name in ("one", "two"):
            source = Source(name, f"/lists/{name}.txt")
            built.add_source(source)
            for i in range(3):
                built.add(parse_line(f"/ads/*{name}{i}x*"), i + 1)

        ((first, line, error), (second, *_)) = built.seal()

        assert (first.name, line, second.name) == ("one", 3, "two")
        assert "expected at most 2 rules that can be told apart only by 'ads'" in str(error)

    @pytest.fixture
    def slow(self, monkeypatch):
        monkeypatch.setattr(index_module, "MOST_CANDIDATES", 2)
        return matcher("/ads/*1x\n/ads/*2x\n/ads/*3x\n@@/ok/*1x\n@@/ok/*2x\n@@/ok/*3x")

    def test_so_is_one_whose_url_would_be_gone_through_too_often(self):
        lines = "".join(f"/tk{i}/*ab*ab*ab*ab*^q^{i}\n" for i in range(2000)).strip()
        url = A + "ab/q/" + "".join(f"tk{i}/" for i in range(1400)) + "ab" * 100

        assert matcher(lines).decide(Request.of(url)).reason.startswith("more rules would have")

    def test_a_request_that_would_take_too_long_is_refused(self, slow):
        found = slow.decide(Request.of(A + "ads/"))

        assert found.blocked
        assert (
            found.reason == "more rules would have to be tried on this URL than there is time for"
        )

    def test_nor_is_it_excepted(self, slow):
        assert slow.excepts(Request.of(A + "ok/")) is None

    def test_it_can_still_be_explained(self, slow):
        assert slow.explain(Request.of(A + "ads/-3x")) == []


def test_it_is_emptied_when_no_longer_asked():
    rules = matcher("||a.example^\n/ads/x\n@@||a.example/x\n||a.example^$important")

    rules.release(lambda: None)

    assert rules.decide(Request.of(A + "ads/x")) is NOT_LISTED


HOST = st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map(".".join)


@given(st.lists(HOST, max_size=5), st.lists(HOST, max_size=3), HOST)
def test_it_agrees_with_a_walk_over_all_rules(blocks, exceptions, name):
    def covered(hosts):
        return any(name == host or name.endswith("." + host) for host in hosts)

    rules = [f"||{host}^" for host in blocks] + [f"@@||{host}^" for host in exceptions]

    decided = matcher("\n".join(rules)).decide(asked(name)).blocked

    assert decided is (covered(blocks) and not covered(exceptions))


class TestOracle:
    """Another engine, where it is installed, says the same."""

    RULES = [
        "||ads.example^", "||ads.example/x^", "||ads.", "/banner/*/ad_", "/Banner^", "-ad-", "&ad=", ".gif|",
        "|http://cdn.", "^tracker^", "/ads[0-9]+/", "/track$script", "/track$~script", "/track$image,script",
        "/track$third-party", "/track$~third-party", "/track$domain=shop.com", "/track$domain=~shop.com",
        "/track$domain=shop.com|~www.shop.com", "||ads.example^$xmlhttprequest", "||ads.example^$websocket",
        "||ads.example^$script,important", "x*y*z", "*/track/*/end|",
    ]  # fmt: skip
    URLS = [
        "http://ads.example/", "https://x.ads.example/x", "https://ads.example/x?y", "http://ads.test/banner/1/ad_2",
        "http://q.test/BANNER", "http://q.test/banners", "http://q.test/big-ad-1.gif", "http://q.test/?a=1&ad=2",
        "http://q.test/x.gif?y", "http://cdn.test/tracker", "http://q.test/tracker-1", "http://q.test/ads12",
        "http://q.test/track", "http://www.shop.com/track/1/end", "http://q.test/track/end", "http://q.test/axbyczd",
        "http://notads.example/", "http://q.test/http://ads.example/",
    ]  # fmt: skip

    @pytest.mark.parametrize("rule", RULES)
    def test_of_each_rule_on_each_url(self, rule):
        adblock = pytest.importorskip("adblock")
        filters = adblock.FilterSet()
        filters.add_filters([rule])
        oracle, ours = adblock.Engine(filters), matcher(rule)
        for url in self.URLS:
            for source in ("https://www.shop.com/", "https://q.test/"):
                for type_ in ("script", "image", "xmlhttprequest"):
                    expected = oracle.check_network_urls(url, source, type_).matched
                    request = Request.of(url, source=source, type=type_)
                    assert ours.decide(request).blocked is expected, (url, source, type_)


@given(st.text(max_size=30), st.text("ab./:%?1", max_size=20))
def test_any_name_and_path_gets_a_verdict(name, path):
    rules = matcher("||a^\n/b/a\n@@||b^\n/a[b1]/\n*$domain=a,script")
    try:
        request = Request.of(
            f"http://{canonical(name)}/{path}", type="script", source=f"http://{name}/"
        )
    except ValueError:
        return
    assert rules.decide(request).action in Action

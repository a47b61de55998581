"""Decisions on names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.blocklist.matcher import Matcher
from forebay.blocklist.parse import parse_line
from forebay.blocklist.rule import Cited, Source
from forebay.blocklist.verdict import NOT_LISTED, Action


def matcher(*lists: str) -> Matcher:
    built = Matcher()
    for index, text in enumerate(lists):
        source = Source(f"list{index}", f"/lists/list{index}.txt")
        built.add_source(source)
        for line in text.splitlines():
            number = source.append(line.encode() + b"\n")
            rule = parse_line(line)
            if rule is not None:
                built.add(rule, number)
    return built


class TestScope:
    @pytest.mark.parametrize(
        ("rule", "name", "blocked"),
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
            ("||2.7^", "192.0.2.7", False),
            ("||::1^", "::1", True),
        ],
    )
    def test_a_rule_covers_its_host_or_its_subtree(self, rule, name, blocked):
        assert matcher(rule).decide([name]).blocked is blocked

    @pytest.mark.parametrize(
        "lines", ["0.0.0.0 a.example\na.example", "a.example\n0.0.0.0 a.example"]
    )
    def test_the_wider_of_two_rules_for_a_host_stays(self, lines):
        assert matcher(lines).decide(["x.a.example"]).blocked

    def test_the_end_of_an_endless_name_is_judged(self):
        """With a bounded number of look-ups."""
        assert matcher("ads.example").decide(["a." * 100_000 + "ads.example"]).blocked


class TestVerdict:
    def test_it_names_rule_list_path_and_line(self):
        verdict = matcher("a.example", "! two\n||ads.example^ # why").decide(["x.ads.example"])

        assert verdict.matched == Cited("||ads.example^ # why", "list1", "/lists/list1.txt", 2)
        assert verdict.name == "x.ads.example"
        assert verdict.reason == "x.ads.example lies below ads.example"

    def test_the_first_of_equal_rules_is_named(self):
        verdict = matcher("ads.example", "ads.example").decide(["ads.example"])

        assert verdict.matched.list == "list0"
        assert verdict.reason == "ads.example is listed"

    def test_the_closest_rule_is_named(self):
        verdict = matcher("example.org\nads.example.org").decide(["x.ads.example.org"])

        assert verdict.matched.rule == "ads.example.org"

    def test_no_listed_name_is_the_same_verdict_always(self):
        assert matcher("ads.example").decide(["a.example", "b.example"]) is NOT_LISTED
        assert matcher().decide([]) is NOT_LISTED


class TestSeveralNames:
    @pytest.mark.parametrize(
        "names", [("ads.example", "a"), ("a", "ads.example"), ("a", "b", "ads.example")]
    )
    def test_any_blocked_name_blocks(self, names):
        verdict = matcher("ads.example").decide(names)

        assert verdict.action is Action.BLOCK
        assert verdict.name == "ads.example"


class TestExceptions:
    RULES = "||ads.example^\n@@||ok.ads.example^\nother.example"

    @pytest.mark.parametrize(
        ("names", "blocked"),
        [
            (["ok.ads.example"], False),
            (["x.ok.ads.example"], False),
            (["ads.example"], True),
            (["ok.ads.example", "b.ads.example"], True),
            (["ok.ads.example", "other.example"], True),
            (["ok.ads.example", "unlisted.example"], False),
        ],
    )
    def test_they_save_the_names_they_cover(self, names, blocked):
        assert matcher(self.RULES).decide(names).blocked is blocked

    def test_they_are_named_beside_the_rule(self):
        verdict = matcher(self.RULES).decide(["a.example", "ok.ads.example", "x.ok.ads.example"])

        assert verdict.action is Action.ALLOW
        assert verdict.name == "ok.ads.example"
        assert verdict.matched.rule == "||ads.example^"
        assert verdict.exception.rule == "@@||ok.ads.example^"
        assert verdict.reason == "ok.ads.example is excepted by @@||ok.ads.example^"

    def test_they_beat_blocks_whatever_the_order_and_the_list(self):
        assert not matcher("@@||example^", "||ads.example^").decide(["ads.example"]).blocked


HOST = st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map(".".join)


@given(st.lists(HOST, max_size=5), st.lists(HOST, max_size=3), HOST)
def test_it_agrees_with_a_walk_over_all_rules(blocks, exceptions, name):
    def covered(hosts):
        return any(name == host or name.endswith("." + host) for host in hosts)

    rules = [f"||{host}^" for host in blocks] + [f"@@||{host}^" for host in exceptions]

    decided = matcher("\n".join(rules)).decide([name]).blocked

    assert decided is (covered(blocks) and not covered(exceptions))

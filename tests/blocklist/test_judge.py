"""The verdict on several names, by lists and policies."""

from __future__ import annotations

import pytest

from forebay.blocklist.judge import active_lists, judge
from forebay.blocklist.matcher import Matcher
from forebay.blocklist.parse import parse_line
from forebay.blocklist.policies import AllowedHosts, Mode, Policy
from forebay.blocklist.request import Request
from forebay.blocklist.rule import Source


def matcher_of(*lists: tuple[Source, str]) -> Matcher:
    matcher = Matcher()
    for source, text in lists:
        matcher.add_source(source)
        for line in text.split("\n"):
            rule = parse_line(line)
            assert rule is not None
            matcher.add(rule, source.append(line.encode() + b"\n"))
    assert list(matcher.seal()) == []
    return matcher


def policy(**given) -> Policy:
    return Policy("kids", "policies.yaml", 7, **given)


OWN = Source("own", "own.txt")
ADS = Source("ads", "ads.txt", "ads", trusted=False)
SOCIAL = Source("social", "social.txt", "social", trusted=False, enabled=False)
RULES = matcher_of(
    (OWN, "own.example\n@@||ok.example^\n@@||part.example/ok/"),
    (ADS, "ads.example\n||part.example^\n/banner/*"),
    (SOCIAL, "social.example\n@@||ads.example^"),
)


def verdict(*urls: str, under: Policy | None = None):
    requests = [Request.of(url) for url in urls]
    return judge(requests, RULES, active_lists(RULES, under), under)


class TestNames:
    def test_any_blocked_name_blocks(self):
        found = verdict("http://good.example/", "http://ads.example/")

        assert found.blocked
        assert found.name == "ads.example"

    def test_an_exception_saves_its_own_name_only(self):
        assert verdict("http://part.example/ok/", "http://ads.example/").blocked
        saved = verdict("http://good.example/", "http://part.example/ok/")
        assert not saved.blocked
        assert saved.exception.rule == "@@||part.example/ok/"

    def test_nothing_listed_is_nothing_said(self):
        assert verdict("http://good.example/").reason == "not listed"


class TestSpelling:
    @pytest.mark.parametrize(
        "path", ["/banner/x", "/%62anner/x", "/a/../banner/x", "/./banner/x", "/%2e/BANNER/x"]
    )
    def test_the_same_path_otherwise_spelt_is_blocked_too(self, path):
        assert verdict(f"http://good.example{path}").blocked

    def test_the_url_as_sent_counts_as_well(self):
        assert verdict("http://good.example/banner/x/../../").blocked


class TestPolicies:
    def test_lists_that_are_off_act_where_a_policy_switches_their_group_on(self):
        assert not verdict("http://social.example/").blocked
        found = verdict("http://social.example/", under=policy(on=frozenset({"social"})))

        assert found.blocked
        assert found.policy == "kids (policies.yaml:7)"
        assert found.matched.group == "social"

    def test_a_group_that_is_switched_off_does_not_act(self):
        assert not verdict("http://ads.example/", under=policy(off=frozenset({"ads"}))).blocked

    def test_ones_own_rules_are_in_no_group(self):
        assert verdict("http://own.example/", under=policy(off=frozenset({"ads", ""}))).blocked

    def test_what_a_policy_allows_is_not_blocked(self):
        given = policy(allow=AllowedHosts(("ads.example",)))

        assert not verdict("http://x.ads.example/", under=given).blocked
        assert verdict("http://x.ads.example/", "http://own.example/", under=given).blocked

    def test_mode_off_blocks_nothing_and_says_so(self):
        found = verdict("http://own.example/", under=policy(mode=Mode.OFF))

        assert not found.blocked
        assert found.reason == "the policy kids blocks nothing"

    @pytest.mark.parametrize(
        ("url", "blocked"),
        [
            ("http://good.example/", True),
            ("http://allowed.example/", False),
            ("http://ok.example/", False),  # an exception of one's own
            ("http://part.example/ok/", False),
            ("http://part.example/", True),
            ("http://ads.example/", True),
        ],
    )
    def test_allow_only_refuses_all_else(self, url, blocked):
        given = policy(mode=Mode.ALLOW_ONLY, allow=AllowedHosts(("allowed.example",)))

        assert verdict(url, under=given).blocked is blocked

    def test_a_list_cannot_open_allow_only(self):
        """Its exceptions are meant for its own blocks."""
        given = policy(mode=Mode.ALLOW_ONLY, on=frozenset({"social"}))

        assert verdict("http://ads.example/", under=given).blocked

    def test_allow_only_asks_of_every_name(self):
        given = policy(mode=Mode.ALLOW_ONLY, allow=AllowedHosts(("allowed.example",)))

        assert verdict("http://allowed.example/", "http://x.example/", under=given).blocked

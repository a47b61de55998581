"""The user's rules, applied."""

from __future__ import annotations

import pytest

from cache.builders import head
from forebay.cache.key import Target, primary_key
from forebay.cache.rule import Rule, key_for, rule_for
from forebay.rewrite.patterns import Glob, Hosts


def target(path=b"/", host="a.example"):
    return Target(b"GET", b"http", host, 80, path)


def test_a_rule_is_named_by_its_place():
    assert Rule("/rules/.forebay/rules/cache.yaml", 7).name == "cache.yaml:7"


@pytest.mark.parametrize(
    ("rule", "path", "expected"),
    [
        (Rule("f", 1), b"/x", True),
        (Rule("f", 1, hosts=Hosts.of(["a.example"])), b"/x", True),
        (Rule("f", 1, hosts=Hosts.of(["b.example"])), b"/x", False),
        (Rule("f", 1, paths=(Glob.of("/a/*"), Glob.of("/x"))), b"/x?q", True),
        (Rule("f", 1, paths=(Glob.of("/a/*"),)), b"/x", False),
        (Rule("f", 1, Hosts.of(["a.example"]), (Glob.of("/a"),)), b"/x", False),
    ],
)
def test_all_that_is_given_must_hold(rule, path, expected):
    assert (rule_for([rule], target(path)) is rule) is expected
    assert (rule_for([rule], target(path, "A.Example.")) is rule) is expected


def test_the_first_that_fits_counts():
    rules = [Rule("f", 1, paths=(Glob.of("/a"),)), Rule("f", 2), Rule("f", 3)]

    assert rule_for(rules, target()).line == 2
    assert rule_for([], target()) is None


UTM = Rule("f", 1, ignore_query=(Glob.of("utm_*"), Glob.of("id")))


@pytest.mark.parametrize(
    ("path", "as_if"),
    [
        (b"/?utm_a=1&b=2", b"/?b=2"),
        (b"/?b=2&id", b"/?b=2"),
        (b"/?utm_a=1", b"/"),
        (b"/?b=2&c=3", b"/?b=2&c=3"),
        (b"/?ident=1", b"/?ident=1"),
        (b"/?", b"/?"),
        (b"/utm_a=1", b"/utm_a=1"),
    ],
)
def test_parameters_that_change_nothing_are_left_out_of_the_key(path, as_if):
    assert key_for(UTM, target(path), head()) == primary_key(target(as_if))


def test_the_order_of_parameters_counts():
    assert key_for(UTM, target(b"/?a&b"), head()) != key_for(UTM, target(b"/?b&a"), head())


def test_fields_of_the_request_may_be_a_part_of_the_key():
    rule = Rule("f", 1, key_fields=(b"x-device",))
    heads = [head(), head(x_device=""), head(x_device="phone"), head(x_device=["phone", "x"])]

    assert len({key_for(rule, target(), each) for each in heads}) == 4
    assert key_for(None, target(), heads[2]) == primary_key(target())
    assert key_for(Rule("f", 1, lifetime_s=5), target(), heads[2]) == primary_key(target())

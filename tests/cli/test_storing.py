"""Whether a described response would be stored."""

from __future__ import annotations

import argparse

import pytest

from forebay.cache.rule import Rule
from forebay.cli import storing
from forebay.errors import ForebayError


def judged(*arguments, method="GET", rules=()):
    parser = argparse.ArgumentParser()
    storing.add_arguments(parser)
    given = parser.parse_args(arguments)
    given.url, given.method = "https://a.example/x", method
    assert storing.is_asked(given)
    return storing.of_request(given, rules)


@pytest.mark.parametrize(
    ("field", "reason"),
    [
        ("Cache-Control: max-age=60", None),
        ("Cache-Control: no-store", "no-store"),
        ("Cache-Control: private", "private"),
        ("X-A: b", "no freshness and no validator"),
    ],
)
def test_fields_decide(field, reason):
    found = judged("--response-header", field)

    assert (found["stores"], found["reason"]) == (reason is None, reason)
    assert found["ttl_s"] == (60 if reason is None else 0) or reason in ("no-store", "private")


def test_method_and_rule_decide():
    fresh = ("--response-header", "Cache-Control: max-age=60")

    assert judged(*fresh, method="POST")["reason"] == "method"
    assert judged(*fresh, rules=[Rule("c.yaml", 1, bypass=True)])["reason"] == "bypass"
    assert judged("--status", "200", rules=[Rule("c.yaml", 1, lifetime_s=9)])["ttl_s"] == 9


def test_two_responses_are_one_too_many():
    with pytest.raises(ForebayError, match="found both"):
        judged("--fetch", "--status", "200")


@pytest.mark.parametrize("arguments", [("--status", "99"), ("--response-header", "x")])
def test_what_is_none_is_refused(arguments):
    with pytest.raises(SystemExit):
        judged(*arguments)

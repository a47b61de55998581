"""The text of cache.yaml."""

from __future__ import annotations

from pathlib import Path

import pytest

from forebay.cache.parse import key_field, parameter, parse, span_s
from forebay.cache.rule import Rule
from forebay.errors import RuleError, RuleErrors
from forebay.rewrite.patterns import Glob, Hosts

PATH = Path("rules/cache.yaml")


def test_all_that_a_rule_can_say():
    text = """
rules:
  - match: {host: .a.example, path: [/s/*, /t]}
    lifetime: 1d
    key: {ignore_query: utm_*, fields: [X-B, X-A, x-b]}
  - bypass: true
"""

    assert parse(text, PATH) == (
        Rule(
            str(PATH),
            3,
            Hosts.of([".a.example"]),
            (Glob.of("/s/*"), Glob.of("/t")),
            False,
            86400,
            (Glob.of("utm_*"),),
            (b"x-a", b"x-b"),
        ),
        Rule(str(PATH), 6, bypass=True),
    )


@pytest.mark.parametrize("text", ["", "rules:", "rules: []", "# nothing\n"])
def test_a_file_without_rules(text):
    assert parse(text, PATH) == ()


def test_every_mistake_is_told_with_its_place():
    text = """rules:
  - lifetime: soon
  - bypass: true
    lifetime: 1d
  - match: {host: a b}
    lifetime: 1d
  - match: {host: a.example}
  - lifetimes: 3
  - key: {fields: Host}
  - key: {fields: Range}
  - key: {ignore_query: []}
  - match: {path: "a?b"}
    bypass: true
"""
    with pytest.raises(RuleErrors) as caught:
        parse(text, PATH)

    found = [
        (error.line, error.column, error.message.partition(",")[0][:60])
        for error in caught.value.errors
    ]
    assert found == [
        (2, 5, "lifetime: expected a span such as 90s"),
        (3, 5, "bypass: expected bypass alone"),
        (5, 13, "match.host: expected a host such as www.example.com"),
        (7, 5, "bypass: expected lifetime"),
        (8, 5, "bypass: expected lifetime"),
        (8, 5, "unknown key 'lifetimes': did you mean 'lifetime'?"),
        (9, 11, "key.fields: expected a field that a rule may write"),
        (10, 11, "key.fields: expected another field than 'Range'"),
        (11, 11, "key.ignore_query: expected at least 1 in the list"),
        (12, 13, "match.path: expected a path that begins with / or *"),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("90", 90),
        ("90s", 90),
        ("10m", 600),
        ("2 h", 7200),
        ("1w", 604800),
        ("366d", 31622400),
    ],
)
def test_spans(text, expected):
    assert span_s(text) == expected


@pytest.mark.parametrize("text", ["", "x", "-1", "1.5h", "1y", "367d", "9" * 30, "\u0661"])
def test_what_is_no_span(text):
    with pytest.raises(RuleError, match="expected a span such as"):
        span_s(text)


@pytest.mark.parametrize("text", ["a b", "a=b", "a&b", "", "x" * 101])
def test_what_names_no_parameter(text):
    with pytest.raises(RuleError, match="expected the name of a query parameter"):
        parameter(text)


def test_a_field_of_the_key_is_lower_case():
    assert key_field("X-Device") == b"x-device"
    with pytest.raises(RuleError, match="cannot be a part of keys"):
        key_field("If-None-Match")

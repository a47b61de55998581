"""Rules of a Rewrite set of Charles, as edits of ours."""

from __future__ import annotations

import pytest

from forebay.errors import RuleError
from forebay.rewrite.charlesrules import is_of_response, moving, name_of, rule_of
from forebay.rewrite.plainxml import parse


def element(number, *, phases="q", **parts):
    """Return the rule of this ruleType, for requests (q) and responses (s)."""
    given = {
        "ruleType": number,
        "matchRequest": str("q" in phases).lower(),
        "matchResponse": str("s" in phases).lower(),
        "replaceType": 2,
        **parts,
    }
    inner = "".join(f"<{name}>{text}</{name}>" for name, text in given.items())
    return parse(f"<rewriteRule>{inner}</rewriteRule>".encode(), "f")


REGEX = {"matchValueRegex": "true"}
FIRST = {"replaceType": 1}
CASE = {"caseSensitive": "true"}
WHOLE = {"matchWholeValue": "true"}


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ({"matchHeader": "A", "newValue": "{b}"}, {"(?s)^.*": "{{b}}"}),
        ({"matchHeader": "A", "newHeader": "a", "matchValue": "x.", "newValue": "$1"}, {"(?i)x\\.": "$1"}),
        ({"matchHeader": "A", "matchValue": "x", "newValue": "y", **CASE}, {"x": "y"}),
        ({"matchHeader": "A", "matchValue": "x", "newValue": "y", **WHOLE}, {"(?i)^(?:x)\\Z": "y"}),
        ({"matchHeader": "A", "matchValue": "x", "newValue": "y", **FIRST}, {"(?i)^([\\s\\S]*?)(?:x)": "{re.1}y"}),
        ({"matchHeader": "A", "matchValue": "(x)", "newValue": "y$1", **REGEX}, {"(?i)(x)": "y{re.1}"}),
        ({"matchHeader": "A", "matchValue": "(x)", "newValue": "y$1", **REGEX, **FIRST, **CASE}, {"^([\\s\\S]*?)(?:(x))": "{re.1}y{re.2}"}),
    ],
)  # fmt: skip
def test_values_are_replaced(parts, expected):
    assert rule_of(element(3, **parts), {}) == [
        {"match": {}, "request": {"replace": {"A": expected}}}
    ]


@pytest.mark.parametrize(
    ("number", "parts", "match", "expected"),
    [
        (1, {"newHeader": "A", "newValue": "{b}", "phases": "qs"}, {}, [
            {"match": {}, "request": {"append": {"A": "{{b}}"}}, "response": {"append": {"A": "{{b}}"}}}]),
        (1, {"newHeader": "A", "newValue": "b", "matchHeader": "C", "phases": "qs"}, {"host": "h"}, [
            {"match": {"host": "h", "request_header": {"C": ["*"]}}, "request": {"append": {"A": "b"}}},
            {"match": {"host": "h", "response_header": {"C": ["*"]}}, "response": {"append": {"A": "b"}}}]),
        (1, {"newHeader": "A", "newValue": "b", "matchHeader": "C", "matchValue": "d", **WHOLE, "phases": "s"}, {}, [
            {"match": {"response_header": {"C": ["regex:(?i)^(?:d)\\Z"]}}, "response": {"append": {"A": "b"}}}]),
        (2, {"matchHeader": "A", "phases": "s"}, {}, [{"match": {}, "response": {"remove": ["A"]}}]),
        (4, {"newValue": "b"}, {}, [{"match": {}, "request": {"url": "{url.scheme}://b:{url.port}{url.target}"}}]),
        (4, {"matchValue": "A", "newValue": "b"}, {"host": "aa.x"}, [
            {"match": {"host": "aa.x"}, "request": {"url": "{url.scheme}://bb.x:{url.port}{url.target}"}}]),
        (4, {"matchValue": "a", "newValue": "b", **FIRST}, {"host": "aa.x"}, [
            {"match": {"host": "aa.x"}, "request": {"url": "{url.scheme}://ba.x:{url.port}{url.target}"}}]),
        (4, {"matchValue": "a+.x", "newValue": "b", **REGEX, **WHOLE}, {"host": "aa.x"}, [
            {"match": {"host": "aa.x"}, "request": {"url": "{url.scheme}://b:{url.port}{url.target}"}}]),
        (5, {"newValue": "/{b}"}, {}, [{"match": {}, "request": {"url": "/{{b}}{url.search}"}}]),
        (5, {"matchValue": "a", "newValue": "b", **FIRST}, {}, [
            {"match": {"path": "regex:(?i)^([\\s\\S]*?)(?:a)([\\s\\S]*)$"}, "request": {"url": "{re.1}b{re.2}{url.search}"}}]),
        (5, {"matchValue": "(a)", "newValue": "$1$1", **REGEX, **CASE}, {"path": "/x/*"}, [
            {"match": {"path": "regex:^([\\s\\S]*?)(?:(a))([\\s\\S]*)$", "url": "regex:^[a-z]+://[^/?]*/x/.*(?:$|[?])"},
             "request": {"url": "{re.1}{re.2}{re.2}{re.3}{url.search}"}, "unless": [{"path": "regex:(?:(a)).*(?:(a))"}]}]),
        (6, {"newValue": "https://b/"}, {}, [{"match": {}, "request": {"url": "https://b/"}}]),
        (6, {"matchValue": "a", "newValue": "b", **FIRST}, {"path": "/x"}, [
            {"match": {"path": "/x", "url": "regex:(?i)^([\\s\\S]*?)(?:a)([\\s\\S]*)$"}, "request": {"url": "{re.1}b{re.2}"}}]),
        (7, {"newValue": "all"}, {}, [{"match": {}, "request": {"body": {"text": "all"}}}]),
        (7, {"matchValue": "a.", "newValue": "b", **CASE, "phases": "s"}, {}, [{"match": {}, "response": {"body": {"replace": {"a.": "b"}}}}]),
        (7, {"matchValue": "a.", "newValue": "b", "phases": "s"}, {}, [{"match": {}, "response": {"body": {"regex": {"(?i)a\\.": "b"}}}}]),
        (8, {"newHeader": "a", "newValue": "b"}, {}, [{"match": {}, "request": {"query": {"default": {"a": "b"}}}}]),
        (8, {"newHeader": "a", "newValue": "b", "matchHeader": "c"}, {}, [
            {"match": {"query": {"c": ["*"]}}, "request": {"query": {"default": {"a": "b"}}}}]),
        (9, {"matchHeader": "a", "newValue": "b"}, {}, [{"match": {}, "request": {"query": {"replace": {"a": {"(?s)^.*": "b"}}}}}]),
        (10, {"matchHeader": "a"}, {}, [{"match": {}, "request": {"query": {"remove": ["a"]}}}]),
        (11, {"newValue": "404 Not Found"}, {}, [{"match": {}, "response": {"status": "404"}}]),
        (11, {"newValue": "503", "matchValue": "200"}, {}, [{"match": {"status": "200"}, "response": {"status": "503"}}]),
    ],
)  # fmt: skip
def test_each_kind(number, parts, match, expected):
    assert rule_of(element(number, **parts), match) == expected


@pytest.mark.parametrize(
    ("number", "parts", "match", "said"),
    [
        (12, {}, {}, "expected a ruleType from 1 to 11, found '12'"),
        (1, {"phases": "", "newHeader": "A"}, {}, "expected matchRequest or matchResponse, found neither"),
        (1, {"phases": "", "newHeader": "A", "matchHeader": "B"}, {}, "expected matchRequest or matchResponse"),
        (1, {"newHeader": "A", "matchValue": "x"}, {}, "matchHeader: expected the name of a field"),
        (1, {"newHeader": "A", "newValue": "$1", **REGEX}, {}, "groups of what another field says"),
        (2, {"matchHeader": "A", "matchValue": "x"}, {}, "only lines with that value"),
        (2, {"matchHeader": ""}, {}, "expected the name of a field, found ''"),
        (2, {"matchHeader": "A*"}, {}, "expected the name of a field, found 'A.'"),
        (2, {"matchHeader": "A", "matchHeaderRegex": "true"}, {}, "a regex for names"),
        (3, {"matchHeader": "A", "newHeader": "B"}, {}, "a new name"),
        (3, {"matchHeader": ""}, {}, "expected the name of a field"),
        (3, {"matchHeader": "A", "matchValue": "(?s)x", **REGEX}, {}, "a regex with flags of its own"),
        (3, {"matchHeader": "A", "matchValue": "x", "newValue": "$0", **REGEX}, {}, "expected one of the 0 groups of its regex, found .0"),
        (4, {"matchValue": "a", "newValue": "b"}, {"host": "*.a"}, "a part of a host"),
        (4, {"matchValue": "a", "newValue": "b"}, {"host": ["a", "b"]}, "a part of a host"),
        (4, {"matchValue": "c", "newValue": "b"}, {"host": "a"}, "it changes nothing of a"),
        (4, {"matchValue": "(", "newValue": "b", **REGEX}, {"host": "a"}, "expected a regex"),
        (4, {"matchValue": "(a)", "newValue": "$1", **REGEX}, {"host": "a"}, "groups in a new host"),
        (5, {"newValue": "b"}, {}, "expected a path that begins with /, found 'b'"),
        (5, {"matchValue": "a", **WHOLE}, {}, "a whole path or URL"),
        (5, {"matchValue": "(", **REGEX}, {}, "expected a regex"),
        (6, {"matchValue": "a"}, {"url": "regex:x"}, "a URL beside a query"),
        (8, {"newValue": "b"}, {}, "newHeader: expected the name of a parameter"),
        (8, {"newHeader": "a", "newValue": "$1", **REGEX}, {}, "groups of what another parameter says"),
        (8, {"newHeader": "a", "matchValue": "b"}, {}, "matchHeader: expected the name of a parameter"),
        (9, {"matchHeader": "a", "newHeader": "b"}, {}, "a new name"),
        (10, {"matchHeader": "a*"}, {}, "expected the name of a parameter, found 'a.'"),
        (10, {"matchHeader": "a", "matchValue": "b"}, {}, "only one with that value"),
        (11, {"newValue": "x"}, {}, "newValue: expected a status such as 404, found 'x'"),
        (11, {"newValue": "404", "matchValue": "2.."}, {}, "matchValue: expected a status such as 200"),
    ],
)  # fmt: skip
def test_what_cannot_be_said(number, parts, match, said):
    with pytest.raises(RuleError, match=said):
        rule_of(element(number, **parts), match)


def test_kinds_have_names():
    assert [name_of(element(number)) for number in (1, 11, 12)] == [
        "add header",
        "response status",
        "ruleType '12'",
    ]


@pytest.mark.parametrize(
    ("numbers", "match", "expected"),
    [
        ((1, 4, 5, 8, 11), {"host": "a"}, [4]),
        ((4, 5, 8, 9, 10), {"url": "regex:a"}, [8, 9, 10]),
        ((3, 4, 5, 6), {"scheme": "http"}, [4, 5, 6]),
        ((4, 5, 6), {}, []),
    ],
)
def test_what_changes_whether_a_location_holds(numbers, match, expected):
    found = moving([element(number) for number in numbers], [match])

    assert [
        number for number, is_moving in zip(numbers, found, strict=True) if is_moving
    ] == expected


def test_a_status_is_of_a_response_whatever_is_said_of_phases():
    assert [is_of_response(element(n, phases=p)) for n, p in [(11, ""), (1, "s"), (1, "q")]] == [
        True,
        True,
        False,
    ]

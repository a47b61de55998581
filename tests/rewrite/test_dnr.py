"""Rules of declarativeNetRequest to ours: each sample is carried over, and tried."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.cli.importing import _check, as_yaml
from forebay.errors import ForebayError
from forebay.rewrite import lint
from forebay.rewrite.dnr import MOST_RULES, imported_dnr
from forebay.rewrite.dnrcondition import ALL_TYPES
from forebay.rewrite.exchange import text_of, values
from forebay.rewrite.parse import parse
from rewrite.builders import answered

ALL = {"resourceTypes": sorted(ALL_TYPES)}
SAMPLE = {
    "id": 1,
    "priority": 1,
    "condition": ALL | {"urlFilter": "||a.example/", "requestMethods": ["get"]},
    "action": {
        "type": "redirect",
        "redirect": {"transform": {"queryTransform": {
            "removeParams": ["a"],
            "addOrReplaceParams": [{"key": "b", "value": "1", "replaceOnly": False}],
        }}},
    },
}  # fmt: skip
_TRANSFORM = ("action", "redirect", "transform")
PATHS = [
    *[(key,) for key in SAMPLE],
    *[("condition", key) for key in (*SAMPLE["condition"], "domainType", "regexFilter", "excludedRequestDomains", "requestDomains")],
    ("action", "type"), ("action", "redirect"), _TRANSFORM, (*_TRANSFORM, "queryTransform"),
    (*_TRANSFORM, "queryTransform", "addOrReplaceParams"),
    (*_TRANSFORM, "queryTransform", "addOrReplaceParams", 0),
    (*_TRANSFORM, "queryTransform", "removeParams"),
]  # fmt: skip
WORDS = ["type", "redirect", "url", "transform", "host", "path", "regexSubstitution", "header",
         "urlFilter", "resourceTypes", "key", "value", "id", "condition", "action"]  # fmt: skip


def dnr(*rules):
    return imported_dnr(json.dumps(list(rules)), "r.json", check=_check)


def rule(number, action, condition=ALL, priority=1):
    action = {"type": action} if isinstance(action, str) else action
    condition = {**ALL, **condition}
    return {"id": number, "priority": priority, "action": action, "condition": condition}


def headers(*operations, of="requestHeaders"):
    return {
        "type": "modifyHeaders",
        of: [
            {"header": name, "operation": operation, **({"value": value} if value else {})}
            for operation, name, value in operations
        ],
    }


def to(**redirect):
    return {"type": "redirect", "redirect": redirect}


def put(given):
    return to(transform={"queryTransform": {"addOrReplaceParams": given}})


def location(found):
    assert found.response is not None
    return [text_of(value) for value in values(found.response.fields, b"location")]


def status(text, url, **given):
    return answered(text, url, **given).exchange.status


def yaml_of(*rules, left=()):
    found = dnr(*rules)
    assert [line.partition(": ")[2] for line in found.left] == list(left)
    text = as_yaml(found)
    assert lint.lint(parse(text, Path("f.yaml"))) == []
    return text


def test_a_block():
    text = yaml_of(rule(7, "block", {"urlFilter": "||ads.example^"}))

    assert status(text, "https://x.ads.example/") == 403
    assert status(text, "https://ads.example.org/") == 200
    assert text.splitlines()[1:3] == ["# r.json:1: rule 7, block, priority 1", "- id: dnr-7"]


def test_without_types_a_rule_is_for_all_but_pages_and_for_nothing_that_does_not_say():
    given = rule(1, "block", {"requestDomains": ["a.example"]})
    del given["condition"]["resourceTypes"]
    text = yaml_of(given)

    for dest, expected in [("image", 403), ("empty", 403), ("document", 200), (None, 200)]:
        fields = {"Sec-Fetch-Dest": dest} if dest else {}
        assert status(text, "https://a.example/", headers=fields) == expected


@pytest.mark.parametrize(
    ("priority", "expected"),
    [pytest.param(2, 200, id="equal"), (3, 200), pytest.param(1, 403, id="lower")],
)
def test_an_allow_is_an_exception_of_what_ranks_below_it(priority, expected):
    text = yaml_of(
        rule(1, "block", {"requestDomains": ["a.example"]}, 2),
        rule(2, "allow", {"urlFilter": "/ok"}, priority),
    )

    assert status(text, "https://a.example/ok") == expected
    assert status(text, "https://a.example/no") == 403


def test_an_allow_does_not_end_other_rules():
    assert "stop" not in yaml_of(
        rule(1, "allow", {"urlFilter": "/ok"}), rule(2, "block", {"urlFilter": "x"})
    )


def test_an_exception_that_sees_only_short_urls_holds_for_all_long_ones():
    text = yaml_of(rule(1, "block"), rule(2, "allow", {"urlFilter": "||a.example/x*ok^"}))

    for url, expected in [("x1ok", 200), ("x1", 403), ("x" + 2100 * "1" + "ok", 200)]:
        assert status(text, f"https://a.example/{url}") == expected
    assert status(text, "https://b.example/" + 2100 * "1") == 403


def test_two_allows_are_two_exceptions():
    text = yaml_of(
        rule(1, "block"),
        rule(2, "allow", {"urlFilter": "/a"}),
        rule(3, "allow", {"urlFilter": "/b"}),
    )

    assert [status(text, f"https://x.example/{path}") for path in "abc"] == [200, 200, 403]


def test_where_nobody_says_the_type_an_exception_by_type_may_hold():
    text = yaml_of(rule(1, "block"), rule(2, "allow", {"resourceTypes": ["image"]}))

    for dest, expected in [("script", 403), ("image", 200), (None, 200)]:
        fields = {"Sec-Fetch-Dest": dest} if dest else {}
        assert status(text, "https://a.example/", headers=fields) == expected


@pytest.mark.parametrize(
    ("allowing", "said"),
    [
        (rule(1, "allow", {"initiatorDomains": ["x"]}), "rule 1: initiatorDomains: a proxy does not know who asked"),
        (rule(1, "allow", {"domainType": "firstParty"}), "rule 1: domainType: an exception must not leave out what it was made for"),
        (rule(1, "allowAllRequests", {"resourceTypes": ["main_frame"]}), "rule 1: a proxy does not know which page a request belongs to"),
    ],
)  # fmt: skip
def test_what_an_exception_that_is_left_may_hold_off_is_left_too(allowing, said):
    """Else it would be a wider rule than was written."""
    kind = allowing["action"]["type"]
    found = dnr(allowing, rule(2, "block"))

    assert found.rules == []
    assert found.left == [
        f"r.json:1: {said}",
        f"r.json:1: rule 2: rule 1 ({kind}, r.json:1) ranks above it, and cannot be carried over",
    ]


def test_over_http_nobody_says_what_an_exception_by_type_needs():
    found = dnr(rule(1, "upgradeScheme"), rule(2, "allow", {"resourceTypes": ["image"]}))

    assert found.rules == []
    assert found.left == [
        "r.json:1: rule 1: over http browsers do not say what type of resource they ask for, which an allow goes by"
    ]


def test_what_it_cannot_hold_off_is_kept():
    allowing = rule(1, "allow", {"initiatorDomains": ["x"], "requestDomains": ["a.example"]})
    found = dnr(
        allowing,
        rule(2, "block", {"requestDomains": ["b.example"]}),
        rule(3, "block", {"requestDomains": ["c.a.example"]}),
        rule(4, "block", {}, 2),
    )

    assert [each["id"] for each in found.rules] == ["dnr-4", "dnr-2"]


def test_an_exception_with_exceptions_cannot_be_said():
    found = dnr(rule(1, "allow", {"excludedRequestDomains": ["a"]}), rule(2, "block"))

    assert "an exception can have none of its own" in found.left[0]


def test_an_allow_of_everything_leaves_nothing():
    assert "holds it off always" in dnr(rule(1, "allow"), rule(2, "block")).left[0]


@pytest.mark.parametrize(
    ("action", "condition", "url", "expected"),
    [
        (to(url="https://b.example/x?y"), {"urlFilter": "||a.example^"}, "https://a.example/", "https://b.example/x?y"),
        (to(url="https://a.example/{url}"), {"urlFilter": "||a.example^"}, "https://a.example/", "https://a.example/{url}"),
        (to(url="https://a.example"), {"urlFilter": "||a.example^"}, "https://a.example/", None),
        (to(regexSubstitution="https://\\1.example/\\2"), {"regexFilter": "^https://a\\.example/([a-z]+)/(.*)"}, "https://a.example/b/c?d", "https://b.example/c?d"),
        (to(regexSubstitution="/new\\1"), {"regexFilter": "/old([0-9])"}, "https://a.example/x/old1/y?z", "https://a.example/x/new1/y?z"),
        (to(regexSubstitution="https://b.example/?u=\\0"), {"regexFilter": "^https://a\\.example/$"}, "https://a.example/", "https://b.example/?u=https://a.example/"),
        (to(regexSubstitution="[\\0]"), {"regexFilter": "b"}, "https://a/b/b", "https://a/[b]/b"),
        (to(transform={"scheme": "https"}), {}, "http://a.example/x?y", "https://a.example/x?y"),
        (to(transform={"scheme": "https"}), {}, "https://a.example/x?y", None),
        (to(transform={"scheme": "https"}), {}, "http://a.example:8080/", None),
        (to(transform={"host": "b.example"}), {}, "http://a.example:8080/x?y", "http://b.example:8080/x?y"),
        (to(transform={"host": "b.example"}), {}, "http://b.example/x?y", None),
        (to(transform={"host": "b.example", "port": "81"}), {}, "http://a.example/", "http://b.example:81/"),
        (to(transform={"path": "/p"}), {}, "http://a.example/x?y", "http://a.example/p?y"),
        (to(transform={"path": "/p"}), {}, "http://a.example/p?y", None),
        (to(transform={"query": ""}), {}, "http://a.example/p?y", "http://a.example/p"),
        (to(transform={"query": "?z"}), {}, "http://a.example/p?y", "http://a.example/p?z"),
        (to(transform={"query": "?z"}), {}, "http://a.example/p?z", None),
        ({"type": "upgradeScheme"}, {}, "http://a.example/x?y", "https://a.example/x?y"),
        ({"type": "upgradeScheme"}, {}, "http://a.example:81/", "https://a.example:81/"),
        ({"type": "upgradeScheme"}, {}, "https://a.example/", None),
    ],
)  # fmt: skip
def test_redirects(action, condition, url, expected):
    found = answered(yaml_of(rule(1, action, condition)), url)

    assert location(found) == ([] if expected is None else [expected])


def test_parameters_are_edited_as_the_request_goes_on():
    transform = {
        "removeParams": ["utm_source"],
        "addOrReplaceParams": [
            {"key": "a", "value": "{1}"},
            {"key": "b", "value": "2", "replaceOnly": True},
            {"key": "c", "value": "3", "replaceOnly": True},
        ],
    }
    text = yaml_of(rule(1, to(transform={"queryTransform": transform})))

    found = answered(text, "https://a.example/?utm_source=x&c=x&y=z")

    assert found.exchange.url == "https://a.example/?c=3&y=z&a=%7B1%7D"
    assert location(found) == []


class TestHeaders:
    def test_of_both_messages(self):
        action = headers(("set", "X-A", "1"), ("append", "Accept", "b")) | headers(
            ("remove", "Server", None), of="responseHeaders"
        )
        found = answered(
            yaml_of(rule(1, action)), "https://a.example/", headers={"Accept": "a", "x-a": "0"},
            response_headers={"server": "s"},
        )  # fmt: skip

        assert found.request.fields[1:] == ((b"Accept", b"a"), (b"X-A", b"1"), (b"Accept", b"b"))
        assert found.response.fields == ()

    @pytest.mark.parametrize(
        ("above", "below", "expected"),
        [
            (("set", "A", "1"), ("set", "A", "2"), ["1"]),
            (("set", "A", "1"), ("remove", "A", None), ["1"]),
            (("set", "A", "1"), ("append", "A", "2"), ["1", "2"]),
            (("remove", "A", None), ("set", "a", "2"), []),
            (("append", "A", "1"), ("append", "a", "2"), ["0", "1", "2"]),
        ],
    )
    def test_the_higher_priority_has_the_last_word(self, above, below, expected):
        text = yaml_of(rule(1, headers(below)), rule(2, headers(above), priority=2))

        found = answered(text, "https://a.example/", headers={"A": "0"})

        assert [text_of(value) for value in values(found.request.fields, b"a")] == expected

    @pytest.mark.parametrize(
        ("above", "below", "priority"),
        [
            (("append", "A", "1"), ("set", "a", "2"), 2),
            (("remove", "A", None), ("append", "a", "2"), 2),
            (("set", "A", "1"), ("set", "a", "2"), 1),
        ],
    )
    def test_what_it_forbids_is_left(self, above, below, priority):
        found = dnr(rule(1, headers(above), priority=priority), rule(2, headers(below)))

        assert [each["id"] for each in found.rules] == ["dnr-1"]
        assert found.left == [
            "r.json:1: rule 2: rule 1 (r.json:1), which ranks above it, decides about the same field"
        ]

    def test_an_allow_of_equal_priority_holds_it_off(self):
        text = yaml_of(rule(1, headers(("set", "A", "1"))), rule(2, "allow", {"urlFilter": "/ok"}))

        assert values(answered(text, "https://a/ok").request.fields, b"a") == []
        assert values(answered(text, "https://a/no").request.fields, b"a") == [b"1"]


@pytest.mark.parametrize(
    ("action", "condition", "said"),
    [
        ({"type": "x"}, {}, "action.type: expected allow, .*, found 'x'"),
        (to(extensionPath="/a"), {}, "a proxy has no extension's files"),
        (to(url="data:,"), {}, "expected an http or https URL, found 'data:,'"),
        (to(url=1), {}, "expected text or an object under 'url'"),
        (to(), {}, "expected one of url, transform"),
        (to(regexSubstitution="a"), {}, "expected a regexFilter, found none"),
        (to(regexSubstitution="\\2"), {"regexFilter": "(a)"}, "expected .0 to .1, found '..2'"),
        (to(regexSubstitution="a"), {"regexFilter": "a|b"}, "a regex with |"),
        (to(transform={"username": "a"}), {}, "transform.username: unknown here"),
        (to(transform={"fragment": "a"}), {}, "no request says what it was"),
        (to(transform={"scheme": "ftp"}), {}, "expected http or https, found 'ftp'"),
        (to(transform={"host": "a/b"}), {}, "expected a host, found 'a/b'"),
        (to(transform={"port": "x"}), {}, "expected a port, found 'x'"),
        (to(transform={"query": "x"}), {}, "expected . before it, found 'x'"),
        (to(transform={"path": 1}), {}, "expected texts"),
        (to(transform={"queryTransform": {}, "host": "a"}), {}, "queryTransform beside other parts"),
        (to(transform={"queryTransform": {}}), {}, "expected something to do, found nothing"),
        (to(transform={"queryTransform": 1}), {}, "queryTransform: expected an object, found 1"),
        (to(transform={"queryTransform": {"x": 1}}), {}, "queryTransform.x: unknown here"),
        (put(1), {}, "addOrReplaceParams: expected a list, found 1"),
        (put(None), {}, "addOrReplaceParams: expected a list, found None"),
        (put([{"key": "a", "value": "1", "replaceOnly": "no"}]), {}, "and replaceOnly, found"),
        (put([{"key": "a", "value": "1"}] * 2), {}, "expected each key once, found 'a' again"),
        (to(regexSubstitution="https://b/{\\1}"), {"regexFilter": "^https://a/(.*)"}, "no group in braces"),
        ({"type": "block", "redirect": {}}, {}, "action.redirect: unknown here"),
        ({"type": "modifyHeaders", "requestHeaders": [{"header": "A", "operation": "set", "value": "1", "regexFilter": "x"}]}, {}, "expected header, operation"),
        ("block", {"regexFilter": "^https://a/[[a]"}, "expected a regex, found .*: Possible nested set"),
        ("block", {"urlFilter": "|wss://a"}, "a proxy sees WebSockets as http"),
        (to(transform={"queryTransform": {"removeParams": ["a*"]}}), {}, "a list of names without"),
        (to(transform={"queryTransform": {"addOrReplaceParams": [{}]}}), {}, "expected key and value"),
        (headers(("append", "Cookie", "a=b")), {}, "two lines of Cookie"),
        (headers(("set", "Host", "a")), {}, "expected a field that a rule may write, found Host"),
        (headers(("remove", "X-*", None)), {}, "expected the name of a field, found 'X-.'"),
        (headers(("set", "A", "1"), ("set", "a", "2")), {}, "each field once, found 'a' again"),
        (headers(("set", "A", None)), {}, "expected header, operation"),
        ({"type": "modifyHeaders"}, {}, "expected requestHeaders or responseHeaders, found neither"),
        ({"type": "modifyHeaders", "requestHeaders": 1}, {}, "requestHeaders: expected a list, found 1"),
        ("block", {"regexFilter": "(a*)*b"}, "expected a regex that takes little time"),
        ("upgradeScheme", {"resourceTypes": ["image"]}, "over http browsers do not say"),
        ("block", {"resourceTypes": ["image"], "urlFilter": "|http://a"}, "over http browsers do not say"),
    ],
)  # fmt: skip
def test_what_is_left_and_why(action, condition, said):
    found = dnr(rule(5, action, condition))

    assert found.rules == []
    with pytest.raises(AssertionError, match=f"r.json:1: rule 5: .*{said}"):
        raise AssertionError("\n".join(found.left))


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (1, "rule 0: expected an object, found 1"),
        ({"id": "a"}, "rule 0: id: expected a number from 1 to 2147483647, found 'a'"),
        (
            {"id": 1, "priority": True},
            "rule 1: priority: expected a number from 1 to 2147483647, found True",
        ),
        ({"id": 1, "action": 1}, "rule 1: action: expected an object, found 1"),
        ({}, "rule 0: id: expected a number from 1 to 2147483647, found None"),
        (
            {"id": 1, "priority": 2**31},
            "rule 1: priority: expected a number from 1 to 2147483647, found 2147483648",
        ),
        ({**rule(1, "block"), "name": 1}, "rule 1: name: unknown here"),
    ],
)
def test_what_is_no_rule(value, said):
    """It costs that rule only, as in Chrome."""
    found = dnr(value, rule(2, "block"))

    assert found.left == [f"r.json:1: {said}"]
    assert len(found.rules) == 1


def test_many_exceptions_of_one_rule_are_refused():
    """Each of many rules with each of many exceptions takes minutes to read."""
    allowing = [rule(i, "allow", {"urlFilter": f"/{i}"}) for i in range(2, 104)]

    assert dnr(rule(1, "block"), *allowing).left == [
        "r.json:1: rule 1: more than 100 allowing rules may hold it off"
    ]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(WORDS) | st.text(), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(value=_JSON, path=st.sampled_from(PATHS))
def test_whatever_stands_in_the_place_of_a_value_is_read_or_listed(value, path):
    """And what is read is a file that the loader accepts."""
    given_ = deepcopy(SAMPLE)
    inner = given_
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value

    found = imported_dnr(json.dumps([given_]), "r.json", check=_check)

    assert len(parse(as_yaml(found), Path("f.yaml"))) == len(found.rules)
    assert found.rules or found.left


def test_each_rule_is_at_its_line():
    text = '[\n {"id": 1},\n\n {"id": 2}\n]\n'

    assert [line[:9] for line in imported_dnr(text, "r.json", check=_check).left] == [
        "r.json:2:",
        "r.json:4:",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "r.json: expected a list of rules in JSON, found none"),
        (f"[{'1' * 5000}]", "r.json:1: expected numbers of a few digits, found one of thousands"),
        ("{}", "r.json: expected a list of rules in JSON, found none"),
        ("[1 2]", "r.json:1:4: expected JSON, found otherwise: Expecting ',' delimiter"),
        ("[1]\n2", "r.json:1:4: expected JSON, found otherwise: Extra data"),
        ("[", "r.json:1:2: expected JSON, found otherwise: Expecting value"),
        ("[" * 100_000, "r.json:1: expected JSON, found lists in lists too deep"),
        (f"[{'1,' * MOST_RULES}1]", "r.json: expected at most 2,000 rules, found 2,001; filter lists are for the blocklist"),
    ],
)  # fmt: skip
def test_what_is_no_list_of_rules(text, said):
    with pytest.raises(ForebayError) as error:
        imported_dnr(text, "r.json", check=_check)

    assert str(error.value) == said

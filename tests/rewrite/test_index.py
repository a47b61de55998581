"""Finding the few rules that may match among many."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.rewrite.edits import FieldEdit, MethodEdit, Verb
from forebay.rewrite.exchange import Exchange
from forebay.rewrite.index import RuleIndex
from forebay.rewrite.match import Matcher, Named
from forebay.rewrite.partedits import QueryEdit
from forebay.rewrite.patterns import Glob, Hosts, path_pattern
from forebay.rewrite.rule import Phase, Rule
from forebay.rewrite.run import run
from forebay.rewrite.urledit import UrlEdit
from rewrite.builders import NOW_S, UUID, exchange, fields, matcher, rule, template


def index(**given_: object) -> RuleIndex:
    return RuleIndex([rule(**given_)])


WANTED = (Named("x", (Glob.of("1"),)),)


@pytest.mark.parametrize(
    ("given_", "url", "expected"),
    [
        pytest.param({}, "http://a.example/", True, id="without anything: each time"),
        pytest.param({"host": "a.example"}, "http://a.example/", True, id="host"),
        pytest.param({"host": "a.example"}, "http://x.a.example/", False, id="host below"),
        pytest.param({"host": "*.a.example"}, "http://x.y.a.example/", True, id="end of a host"),
        pytest.param({"host": "*.a.example"}, "http://a.example/", False, id="end: the host itself"),
        pytest.param({"host": "*.a.example"}, "http://xa.example/", False, id="end: in a label"),
        pytest.param({"host": ".a.example"}, "http://a.example/", True, id="both"),
        pytest.param({"host": "a*.example"}, "http://b.example/", True, id="glob: each time"),
        pytest.param({"path": "/api"}, "http://a.example/api", True, id="whole path"),
        pytest.param({"path": "/api"}, "http://a.example/apis", False, id="other path"),
        pytest.param({"path": "/api/*"}, "http://a.example/api/x?y", True, id="first segment"),
        pytest.param({"path": "/api/*"}, "http://a.example/x/api/", False, id="other segment"),
        pytest.param({"path": "/api*"}, "http://a.example/x", True, id="part of one: each time"),
        pytest.param({"path": "/"}, "http://a.example/?x", True, id="root"),
        pytest.param({"path": "*.js"}, "http://a.example/x/y.min.js", True, id="extension"),
        pytest.param({"path": "*.min.js"}, "http://a.example/x/y.js", True, id="end of an extension"),
        pytest.param({"path": "*.js"}, "http://a.example/y.css", False, id="other extension"),
        pytest.param({"path": "*.a/js"}, "http://a.example/x", True, id="dot in a folder: each time"),
        pytest.param({"path": "*js"}, "http://a.example/x", True, id="no dot: each time"),
        pytest.param({"path": "regex:x"}, "http://a.example/", True, id="regex: each time"),
        pytest.param({"host": "a.example", "path": "/x"}, "http://a.example/", True, id="host first"),
    ],
)  # fmt: skip
def test_a_rule_is_looked_at_where_it_is_filed(given_, url, expected):
    assert index(**given_).candidates(exchange(url)) == ([0] if expected else [])


def test_each_rule_is_found_once_and_in_order():
    rules = RuleIndex(
        [
            rule(path="/api/*"),
            rule(),
            rule(matcher=Matcher(Hosts.of(["a.example", ".example", "*.x"]))),
            rule(matcher=Matcher(paths=(Glob.of("/api/*"), Glob.of("*.js"), Glob.of("/api/x.js")))),
            rule(host="b.example"),
            rule(matcher=Matcher(Hosts())),
        ]
    )

    assert len(rules) == 6
    assert rules.candidates(exchange("http://a.example/api/x.js")) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("given_", "seen", "expected"),
    [
        pytest.param({"methods": frozenset({"PUT", "GET"})}, {}, True, id="one of the methods"),
        pytest.param({"methods": frozenset({"PUT"})}, {}, False, id="other method"),
        pytest.param({"request_fields": WANTED}, {"request": fields("X: 2")}, True, id="field"),
        pytest.param({"request_fields": WANTED}, {}, False, id="no such field"),
        pytest.param({"path": "regex:x", "request_fields": WANTED}, {}, False, id="beside a regex"),
        pytest.param({"host": "*", "methods": frozenset({"PUT"})}, {}, False, id="beside a glob"),
        pytest.param({"path": "/", "methods": frozenset({"PUT"})}, {}, True, id="path first"),
    ],
)
def test_what_has_no_better_place_is_filed_by_method_or_field(given_, seen, expected):
    found = index(matcher=matcher(**given_)).candidates(exchange(**seen))

    assert found == ([0] if expected else [])


def test_every_name_of_a_host_counts():
    found = index(host="a.example")

    assert found.candidates(exchange(hosts=("192.0.2.1", "a.example"))) == [0]
    assert found.candidates(exchange(hosts=())) == []


HOSTS = ["a.example", "x.a.example", "xa.example", "b.test", "192.0.2.1", "example"]
HOST_PATTERNS = st.sampled_from(
    ["a.example", "*.a.example", ".a.example", "a*.example", "*", ".example", "192.0.2.1", "b.*"]
)
TARGETS = ["/", "*", "/api", "/api/", "/api/v1?x.js", "/api/x.js", "/x.min.js", "/a.b/c", "//", ""]
PATHS = st.sampled_from(
    [
        "/",
        "*",
        "/api",
        "/api*",
        "/api/*",
        "/api/*.js",
        "*.js",
        "*.min.js",
        "*/c",
        "/*b/c",
        "//*",
        "*.b/c",
        "regex:^/api",
        "regex:s$",
        "*api*",
    ]
).map(path_pattern)
MATCHERS = st.builds(
    Matcher,
    hosts=st.none() | st.lists(HOST_PATTERNS, max_size=2).map(Hosts.of),
    paths=st.lists(PATHS, max_size=2).map(tuple),
    schemes=st.sampled_from([frozenset(), frozenset({"http"})]),
    methods=st.sampled_from([frozenset(), frozenset({"GET"}), frozenset({"PUT", "X"})]),
    request_fields=st.lists(
        st.builds(
            Named, st.sampled_from(["x", "y"]), st.sampled_from([(Glob.of("*"),), (Glob("1"),)])
        ),
        max_size=2,
    ).map(tuple),
)
EDITS = st.sampled_from(
    [
        FieldEdit(Verb.APPEND, b"X", template("{url}")),
        UrlEdit(template("http://b.test/api/x.js")),
        UrlEdit(template("/a.b/c")),
        UrlEdit(template("{header.x}")),
        QueryEdit(sets=(("q", template("1")),)),
        FieldEdit(Verb.REMOVE, b"X"),
        FieldEdit(Verb.SET, b"y", template("1")),
        MethodEdit("PUT"),
    ]
)
RULES = st.lists(
    st.builds(
        lambda matcher, edit, stop: rule(edit, matcher=matcher, stop=stop),
        MATCHERS,
        EDITS,
        st.sampled_from([False, False, True]),
    ),
    max_size=8,
)
EXCHANGES = st.builds(
    lambda hosts, target, scheme, request: exchange(
        hosts=tuple(hosts), target=target, scheme=scheme, request=fields(*request)
    ),
    st.lists(st.sampled_from(HOSTS), max_size=2),
    st.sampled_from(TARGETS),
    st.sampled_from(["http", "https"]),
    st.lists(st.sampled_from(["X: 1", "x: 2", "Y: 1"]), max_size=2),
)


class EachTime(RuleIndex):
    """Rules that are all looked at each time."""

    def candidates(self, exchange: Exchange) -> list[int]:
        return list(range(len(self.rules)))


@given(RULES, EXCHANGES)
def test_all_rules_that_match_are_candidates(rules: list[Rule], found: Exchange):
    matching = {
        number
        for number, one in enumerate(rules)
        if one.matcher.match(found, of_response=False) is not None
    }

    candidates = RuleIndex(rules).candidates(found)

    assert matching <= set(candidates)
    assert candidates == sorted(set(candidates))


@given(RULES, EXCHANGES)
def test_what_is_applied_is_what_a_look_at_all_rules_applies(rules: list[Rule], found: Exchange):
    one, other = (
        run(kind(rules), Phase.REQUEST, found, now_s=NOW_S, new_id=lambda: UUID)
        for kind in (RuleIndex, EachTime)
    )

    assert one == other

"""What is probably wrong with rules."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forebay.blocklist.policies import Clients
from forebay.blocklist.policyfile import network
from forebay.proxycore import filters
from forebay.rewrite import patterns
from forebay.rewrite.exchange import Exchange
from forebay.rewrite.lint import covers, lint
from forebay.rewrite.match import ClientRanges, Matcher, Named
from forebay.rewrite.parse import Surroundings, parse
from forebay.rewrite.patterns import Glob, Hosts


def rules(text: str, name: str = "f.yaml"):
    return parse(text, Path(name), Surroundings({}, filters.compiled))


def found(*items: str) -> list[str]:
    """Return what is said of rules, each in flow style, all in one file."""
    return [each.text for each in lint(rules("rules:\n" + "".join(f" - {i}\n" for i in items)))]


VIDEO = (
    "response.body: video/\u2026 is mostly longer than the limit of 2,000,000 bytes, "
    "and streamed then"
)
SET = "request: {set: {A: 1}}"
NEVER = "can never match: unless holds whenever match does"


class TestOneRule:
    @pytest.mark.parametrize(
        ("match", "unless", "said"),
        [
            ("{host: a.example}", "{host: .example}", [NEVER]),
            ("{host: a.example}", "{}", [NEVER]),
            ("{host: a.example, path: /x}", "{path: /*}", [NEVER]),
            ("{host: a.example}", "{host: a.example, path: /x}", []),
            ("{host: .example}", "{host: a.example}", []),
        ],
    )
    def test_an_exception_of_everything(self, match, unless, said):
        assert found(f"{{match: {match}, unless: {unless}, {SET}}}") == said

    @pytest.mark.parametrize(
        ("regex", "said"),
        [
            pytest.param("^api/", True, id="a letter"),
            pytest.param("^https://a/", True, id="a whole URL"),
            pytest.param("^a+/", True, id="at least one letter"),
            pytest.param("^/api/", False, id="a slash"),
            pytest.param("api/", False, id="not at the beginning"),
            pytest.param("^[/]api", False, id="a class"),
            pytest.param("^(/|x)", False, id="a group"),
            pytest.param("^.api", False, id="a dot"),
            pytest.param("^\\/api", False, id="a slash that is escaped"),
            pytest.param("^a?/api", False, id="a letter that may be absent"),
            pytest.param("^a{0,1}/api", False, id="the same, counted"),
            pytest.param("^api|/x$", False, id="an alternative"),
            pytest.param("^$", False, id="nothing"),
        ],
    )
    def test_a_regex_that_begins_as_no_path_does(self, regex, said):
        text = f"can never match: a path begins with /, and {regex!r} does not"

        assert found(f"{{match: {{path: 'regex:{regex}'}}, {SET}}}") == [text] * said

    @pytest.mark.parametrize(
        ("flow_filter", "argument"),
        [
            ("~d example.com", "example.com"),
            ("~u 'a.js' & ~m GET", "'a.js'"),
            ('~hq "X: a.b"', '"X: a.b"'),
            ("~d example\\.com", None),
            ("~u a[.]js", None),
            ("~u /api/.*", None),
            ("~u /api/.+x", None),
            ("~t text.html", None),
            ("~q", None),
        ],
    )
    def test_a_dot_in_a_filter_that_means_a_dot(self, flow_filter, argument):
        quoted = flow_filter.replace("'", "''")
        said = f"filter: the dot in {argument} stands for any character; write \\. for a dot"

        assert found(f"{{match: {{filter: '{quoted}'}}, {SET}}}") == [said] * bool(argument)

    @pytest.mark.parametrize(
        "edits",
        [
            'request: {set: {A: "{re.1}"}}',
            'request: {url: "/x{re.1}"}',
            'request: {query: {set: {a: "{re.1}"}}}',
            'request: {query: {default: {a: "{re.1}"}}}',
            'request: {cookie: {set: {a: "{re.1}"}}}',
            'request: {body: {text: "{re.1}"}}',
            'request: {body: {replace: {a: "{re.1}"}}}',
            'request: {body: {json: {set: {/a: "{re.1}"}}}}',
            'request: {answer: {body: "{re.name}"}}',
            'request: {answer: {headers: {A: "{re.1}"}}}',
            'request: {redirect: "/{re.1}"}',
            'response: {set_cookie: {set: {a: "{re.1}"}}}',
            'response: {csp: {append: {img-src: "{re.1}"}}}',
            'response: {body: {html: {head: "{re.1}"}}}',
        ],
    )
    def test_groups_of_no_regex(self, edits):
        said = "{re.\u2026} is always empty: match has no path or url that is a regex"

        assert found(f"{{match: {{path: /a}}, {edits}}}") == [said]
        assert found(f"{{match: {{path: [/a, 'regex:^/(.)']}}, {edits}}}") == []

    @pytest.mark.parametrize(
        "edits",
        [
            'request: {replace: {A: {"(a)": "{re.1}"}}}',
            'response: {body: {regex: {"(a)": "{re.1}"}}}',
            "response: {status: 404}",
            "request: {answer: {status: 204}}",
            "request: {set: {A: '{{re.1}}'}}",
        ],
    )
    def test_groups_of_a_regex_of_its_own(self, edits):
        assert found(f"{{{edits}}}") == []

    @pytest.mark.parametrize(
        ("match", "edits", "said"),
        [
            pytest.param(
                "{content_type: text/event-stream}",
                "response: {body: {text: a}}",
                ["response.body: event streams have no end, so their bodies are left alone"],
                id="event stream",
            ),
            pytest.param("{content_type: text/*}", "response: {body: {text: a}}", [], id="text"),
            pytest.param("{content_type: text/event-stream}", "response: {set: {A: 1}}", [],
                         id="head of an event stream"),
            pytest.param(
                "{content_type: video/*}",
                "response: {body: {text: a, limit: 2m}}",
                [VIDEO],
                id="video",
            ),
            pytest.param("{content_type: image/*}", "response: {body: {text: a}}", [], id="image"),
            pytest.param("{method: HEAD}", "response: {body: {text: a}}",
                         ["response.body: a response to HEAD has no body"], id="HEAD"),
            pytest.param("{method: [HEAD, GET]}", "response: {body: {text: a}}", [],
                         id="HEAD and GET"),
            pytest.param("{status: [204, 304]}", "response: {body: {text: a}}",
                         ["response.body: responses with that status have no body"], id="204"),
            pytest.param("{status: 2xx}", "response: {body: {text: a}}", [], id="2xx"),
            pytest.param("{method: GET}", "request: {body: {text: a}}",
                         ["request.body: requests with that method have no body"], id="GET"),
            pytest.param("{method: [GET, POST]}", "request: {body: {text: a}}", [], id="POST"),
            pytest.param("{}", "request: {body: {text: a}}", [], id="any"),
        ],
    )  # fmt: skip
    def test_a_body_that_is_not_there(self, match, edits, said):
        assert found(f"{{match: {match}, {edits}}}") == said


STOPS = "is never reached for a request: first (f.yaml:2) matches all that it does, and stops"
FIRST = "{id: first, match: {host: .example}, request: {set: {A: 1}}, stop: true}"
LATER = "{match: {host: a.example}, request: {set: {B: 1}}}"


class TestOrder:
    def test_an_earlier_rule_that_stops_hides(self):
        assert found(FIRST, LATER) == [STOPS]

    def test_an_answer_hides(self):
        first = "{id: first, match: {host: .example}, request: {answer: {body: x}}}"

        assert found(first, LATER) == [STOPS.replace("stops", "answers")]

    def test_a_rule_with_nothing_but_stop_hides_in_both(self):
        first = "{id: first, match: {host: .example}, stop: true}"
        both = "{match: {host: a.example}, request: {set: {B: 1}}, response: {set: {B: 1}}}"

        assert found(first, both) == [STOPS, STOPS.replace("a request", "a response")]

    @pytest.mark.parametrize(
        "items",
        [
            pytest.param([LATER, FIRST], id="the narrower first"),
            pytest.param([FIRST.replace(", stop: true", ""), LATER], id="does not stop"),
            pytest.param([FIRST.replace("id:", "mode: shadow, id:"), LATER], id="shadow mode"),
            pytest.param([FIRST.replace("id:", "group: dev, id:"), LATER], id="another group"),
            pytest.param([FIRST.replace(".example", "b.example"), LATER], id="another host"),
            pytest.param([FIRST, LATER.replace("request", "response")], id="another phase"),
            pytest.param(
                ["{match: {host: .example}, request: {answer: {body: x}}}",
                 LATER.replace("request", "response")],
                id="an answer hides no rule for responses",
            ),
        ],
    )  # fmt: skip
    def test_others_do_not(self, items):
        assert found(*items) == []

    @pytest.mark.parametrize(
        ("head", "said"),
        [
            pytest.param("group: dev\nenabled: true\n", [STOPS], id="a group that is on"),
            pytest.param("group: dev\nenabled: false\n", [STOPS], id="a group that is off"),
        ],
    )
    def test_rules_of_one_group_are_on_together(self, head, said):
        text = f"{head}rules: [{FIRST}, {LATER}]"

        assert [each.text.replace(":3)", ":2)") for each in lint(rules(text))] == said

    def test_a_disabled_file_hides_nothing(self):
        off = rules(f"enabled: false\nrules: [{FIRST}]")
        off_group = rules(f"group: dev\nenabled: false\nrules: [{FIRST}]")
        on_group = rules(f"group: dev\nrules: [{LATER}]", "g.yaml")

        assert lint([*off, *rules(f"rules: [{LATER}]", "g.yaml")]) == []
        assert lint([*off_group, *on_group]) == []

    def test_rules_of_other_files_count(self):
        (finding,) = lint([*rules(f"rules:\n - {FIRST}"), *rules(f"rules: [{LATER}]", "g.yaml")])

        assert (finding.rule.file, finding.text) == ("g.yaml", STOPS)

    @pytest.mark.parametrize(
        ("between", "later", "is_hidden"),
        [
            ("{match: {host: b.test}, request: {url: 'https://a.example/'}}", LATER, False),
            ("{match: {host: b.test}, request: {set: {C: 1}}}", LATER, True),
            ("{mode: shadow, request: {url: 'https://a.example/'}}", LATER, True),
            (
                "{request: {set: {C: 1}}}",
                "{match: {host: a.example, request_header: {C: '1'}}, request: {set: {B: 1}}}",
                False,
            ),
        ],
    )
    def test_a_rule_between_may_lead_to_what_would_be_hidden(self, between, later, is_hidden):
        assert found(FIRST, between, later) == [STOPS] * is_hidden


HOSTS = ["a.example", "b.example", "x.a.example", "192.0.2.1", "example"]
HOST_PATTERNS = [*HOSTS, ".example", "*.example", "*.a.example", ".a.example", "*", "*a*", "192.*"]
PATHS = ["/", "/a", "/a/b", "/a/b.js", "/b", "*", "/aa"]
PATH_PATTERNS = ["*", "/*", "/a", "/a*", "/a/*", "/*.js", "/a*b*", "*a*", "/aa*a", "regex:^/a",
                 "regex:b"]  # fmt: skip
URL_PATTERNS = ["*", "https://*", "http://h/a*", "regex:a"]
VALUES = [Glob.of("*"), Glob.of("1"), Glob.of("1*")]


def some(of, at_most: int = 2, *, at_least: int = 0):
    return st.lists(st.sampled_from(of), min_size=at_least, max_size=at_most)


def matchers(unless):
    named = st.builds(Named, st.sampled_from(["x", "y"]), some(VALUES, 1).map(tuple))
    clients = ["10.0.0.0/8", "10.1.0.0/16"]
    return st.builds(
        Matcher,
        hosts=st.none() | some(HOST_PATTERNS, at_least=1).map(Hosts.of),
        paths=some(PATH_PATTERNS).map(lambda p: tuple(map(patterns.path_pattern, p))),
        urls=some(URL_PATTERNS, 1).map(lambda p: tuple(map(patterns.url_pattern, p))),
        methods=some(["GET", "POST"]).map(frozenset),
        statuses=some([200, 404]).map(frozenset),
        schemes=some(["http", "https"], 1).map(frozenset),
        ports=some([80, 443], 1).map(frozenset),
        content_types=some([Glob.of("text/*"), Glob.of("text/html"), Glob.of("*/*")]).map(tuple),
        request_fields=st.lists(named, max_size=1).map(tuple),
        response_fields=st.lists(named, max_size=1).map(tuple),
        parameters=st.lists(named, max_size=1).map(tuple),
        clients=st.none()
        | st.sampled_from(clients).map(lambda c: ClientRanges(Clients(frozenset([network(c)])))),
        users=some([Glob.of("a*"), Glob.of("anna")], 1).map(tuple),
        flow_filter=st.just(lambda flow: True),
        filter_text=st.sampled_from(["", "~q"]),
        unless=unless,
    )


LINES = st.lists(
    st.sampled_from([(b"X", b"1"), (b"Y", b"12"), (b"Content-Type", b"text/html")]), max_size=2
).map(tuple)
EXCHANGES = st.builds(
    Exchange,
    method=st.sampled_from(["GET", "POST"]),
    scheme=st.sampled_from(["http", "https"]),
    host=st.just("h"),
    port=st.sampled_from([80, 443]),
    target=st.builds(str.__add__, st.sampled_from(PATHS), st.sampled_from(["", "?x=1", "?y=12"])),
    request=LINES,
    hosts=some(HOSTS, at_least=1).map(tuple),
    status=st.sampled_from([200, 404]),
    response=LINES,
    client=st.sampled_from([None, "10.1.2.3", "10.2.2.3"]),
    user=st.sampled_from([None, "anna", "al"]),
    flow=st.just("flow"),
)


NEVER_LEFT_OUT = st.just(())


@given(
    st.data(),
    matchers(NEVER_LEFT_OUT),
    matchers(st.lists(matchers(NEVER_LEFT_OUT), max_size=1).map(tuple)),
)
@settings(max_examples=400, deadline=None)
def test_what_is_covered_is_matched(data, wide, narrow):
    """Most pairs share what they say, else hardly one would cover the other."""
    shared = data.draw(st.sets(st.sampled_from(sorted(Matcher.__slots__)), min_size=12))
    wide = Matcher(
        **{name: getattr(narrow if name in shared else wide, name) for name in Matcher.__slots__}
    )
    if not covers(wide, narrow):
        return

    for exchange in data.draw(st.lists(EXCHANGES, min_size=8, max_size=8)):
        for of_response in (False, True):
            if narrow.match(exchange, of_response=of_response) is not None:
                assert wide.match(exchange, of_response=of_response) is not None


@pytest.mark.parametrize(
    ("wide", "narrow", "expected"),
    [
        ("{}", "{host: a}", True),
        ("{host: a}", "{}", False),
        ("{host: a}", "{host: [a, b]}", False),
        ("{host: .a}", "{host: [a, x.a, '*.a']}", True),
        ("{host: a}", "{host: .a}", False),
        ("{host: '*.a'}", "{host: '*.b.a'}", True),
        ("{host: '*'}", "{host: a}", True),
        ("{host: a*b}", "{host: a*b}", True),
        ("{path: /a*}", "{path: [/a, /ab*, /a*b]}", True),
        ("{path: /a*b}", "{path: /a*}", False),
        ("{path: /a*x*b}", "{path: /a*b}", False),
        ("{path: [/a, /b]}", "{path: /b}", True),
        ("{path: /a}", "{host: a}", False),
        ("{path: /a}", "{path: /a*}", False),
        ("{path: /*}", "{path: 'regex:^/a'}", False),
        ("{path: 'regex:^/a'}", "{path: 'regex:^/a'}", True),
        ("{method: [GET, POST]}", "{method: GET}", True),
        ("{method: GET}", "{method: [GET, POST]}", False),
        ("{status: 4xx}", "{status: 404}", True),
        ("{port: 8000-8099}", "{port: 8080}", True),
        ("{scheme: https}", "{}", False),
        ("{user: a*}", "{user: anna}", True),
        ("{content_type: text/*}", "{content_type: text/html}", True),
        ("{query: {a: '1'}}", "{query: {a: '1', b: '2'}}", True),
        ("{request_header: {A: '1'}}", "{request_header: {A: '2'}}", False),
        ("{client: 10.0.0.0/8}", "{client: 10.0.0.0/8}", True),
        ("{client: 10.0.0.0/8}", "{client: 10.1.0.0/16}", False),
        ("{filter: ~q}", "{filter: ~q}", True),
        ("{filter: ~q}", "{}", False),
    ],
)
def test_covering(wide, narrow, expected):
    edits = "response: {set: {A: 1}}"
    text = f"rules: [{{match: {wide}, {edits}}}, {{match: {narrow}, {edits}}}]"
    first, second = rules(text)

    assert covers(first.matcher, second.matcher) is expected


def test_an_exception_covers_nothing_for_sure():
    (rule,) = rules("rules: [{unless: {host: a}, request: {set: {A: 1}}}]")

    assert not covers(rule.matcher, rule.matcher)
    assert covers(Matcher(), rule.matcher)

"""The text of a rewrite file."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forebay.blocklist.policies import Clients
from forebay.blocklist.policyfile import network
from forebay.errors import RuleErrors
from forebay.regexes import Regex
from forebay.rewrite import models
from forebay.rewrite.answer import Answer, redirect
from forebay.rewrite.bodyedits import (
    BodyEdits,
    HtmlInsert,
    JsonEdit,
    LiteralReplace,
    RegexReplace,
    WholeText,
)
from forebay.rewrite.edits import FieldEdit, FieldReplace, MethodEdit, Replacement, StatusEdit, Verb
from forebay.rewrite.match import ClientRanges, Matcher, Named
from forebay.rewrite.parse import Surroundings, parse
from forebay.rewrite.partedits import CookieEdit, CspEdit, QueryEdit, SetCookieEdit
from forebay.rewrite.patterns import Glob, Hosts, path_pattern, statuses, url_pattern
from forebay.rewrite.rule import Edits, Mode, Phase, Rule
from forebay.rewrite.urledit import UrlEdit
from forebay.yamltree import LIMIT_ERRORS
from rewrite.builders import exchange, matcher, template, values

PATH = Path("rules/rewrite.yaml")
NO_RE2 = "; or set a smaller limit beside it, or install google-re2 (pip install 'forebay[re2]')"


def compile_filter(text: str):
    """Return a flow filter as mitmproxy's would be; ``(`` is none."""
    if "(" in text:
        raise ValueError(f"expected a flow filter, found {text!r}")
    return lambda flow: flow == text


SURROUNDINGS = Surroundings({"TOKEN": "s3cret"}, compile_filter)


def errors(text: str) -> list[str]:
    with pytest.raises(RuleErrors) as caught:
        parse(text, PATH, SURROUNDINGS)
    return [str(error).removeprefix(f"{PATH}:") for error in caught.value.errors]


def one(text: str) -> Rule:
    """Return the rule of a file with one rule, of which *text* is a part."""
    (rule,) = parse(f"rules:\n- stop: true\n{text}", PATH, SURROUNDINGS)
    return rule


def request(text: str) -> Edits:
    return one(f"  request: {text}").request


def response(text: str) -> Edits:
    return one(f"  response: {text}").response


def replacement(text: str, to: str) -> Replacement:
    return Replacement(Regex.of(text), template(to))


class TestRules:
    def test_a_full_rule(self):
        text = """
group: all
enabled: false
rules:
  - id: full
    group: own
    mode: shadow
    match:
      host: ["*.example.com", example.org]
      path: /api/*
      method: [GET, POST]
      status: [200, 4xx]
    unless: {path: /api/health}
    response:
      append: {X-Trace: on}
      default: {Server: forebay}
      set: {Cache-Control: no-store, X-Version: 1.10}
      replace: {Link: {http: https}}
      remove: [Via, X-Debug-*]
    stop: true
    tests:
      - request: https://example.org/
"""

        assert parse(text, PATH) == (
            Rule(
                id="full",
                file=str(PATH),
                line=5,
                matcher=Matcher(
                    Hosts.of(["*.example.com", "example.org"]),
                    (path_pattern("/api/*"),),
                    frozenset({"GET", "POST"}),
                    statuses("200") | statuses("4xx"),
                    unless=(Matcher(paths=(path_pattern("/api/health"),)),),
                ),
                response=Edits(
                    (
                        FieldEdit(Verb.REMOVE, b"Via"),
                        FieldEdit(Verb.REMOVE, b"X-Debug-", is_prefix=True),
                        FieldReplace(b"Link", (replacement("http", "https"),)),
                        FieldEdit(Verb.SET, b"Cache-Control", template("no-store")),
                        FieldEdit(Verb.SET, b"X-Version", template("1.10")),
                        FieldEdit(Verb.DEFAULT, b"Server", template("forebay")),
                        FieldEdit(Verb.APPEND, b"X-Trace", template("on")),
                    )
                ),
                stop=True,
                group="own",
                is_default_on=False,
                mode=Mode.SHADOW,
            ),
        )

    def test_a_small_rule(self):
        """One name may stand for a list, and a rule without match is for every flow."""
        (rule,) = parse("rules:\n\n- request: {remove: Via}\n", PATH)

        assert rule == Rule(
            "rewrite.yaml:3",
            str(PATH),
            3,
            Matcher(),
            Edits((FieldEdit(Verb.REMOVE, b"Via"),)),
        )
        assert rule.matcher.match(exchange(), of_response=False) == {}

    def test_an_exception_needs_nothing_but_match_and_stop(self):
        (rule,) = parse("rules: [{match: {path: /}, stop: yes}]", PATH)

        assert rule.stop
        assert rule.takes_part(Phase.REQUEST)

    def test_the_group_of_the_file_is_that_of_rules_without_one(self):
        rules = parse("group: a\nrules: [{stop: on}, {stop: on, group: b}]", PATH)

        assert [rule.group for rule in rules] == ["a", "b"]

    @pytest.mark.parametrize("text", ["", "rules:", "rules: []", "# nothing", "enabled: false"])
    def test_a_file_may_be_empty(self, text):
        assert parse(text, PATH) == ()


class TestMatch:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("{scheme: https}", Matcher(schemes=frozenset({"https"}))),
            ("{url: ['*?a', 'regex:b']}", Matcher(urls=(Glob.of("*?a"), url_pattern("regex:b")))),
            ("{port: [443, 8000-8001]}", Matcher(ports=frozenset({443, 8000, 8001}))),
            ("{content_type: Text/*}", Matcher(content_types=(Glob.of("text/*"),))),
            ("{request_header: {Accept: ['*html*', 'regex:x']}}", Matcher(request_fields=(Named("accept", (Glob.of("*html*"), Regex.of("x"))),))),
            ("{request_header: {Upgrade: websocket}}", Matcher(request_fields=(Named("upgrade", (Glob.of("websocket"),)),))),
            ("{response_header: {X-A: ''}}", Matcher(response_fields=(Named("x-a", (Glob.of(""),)),))),
            ("{query: {A b: 1.10}}", Matcher(parameters=(Named("A b", (Glob.of("1.10"),)),))),
            ("{client: [192.0.2.0/24, '::1']}", Matcher(clients=ClientRanges(Clients(frozenset(map(network, ["192.0.2.0/24", "::1"])))))),
            ("{user: al*}", Matcher(users=(Glob.of("al*"),))),
            ("{filter: ~q}", Matcher(filter_text="~q")),
            ("{host: , path: }", Matcher()),
        ],
    )  # fmt: skip
    def test_what_a_rule_is_for(self, text, expected):
        assert one(f"  match: {text}").matcher == expected
        assert one(f"  unless: {text}").matcher == Matcher(unless=(expected,))
        assert one(f"  unless: [{text}, {{host: b}}]").matcher.unless == (expected, matcher("b"))

    def test_a_flow_filter_is_compiled(self):
        matcher = one("  match: {filter: ~q}\n  unless: {filter: ~s}").matcher

        assert matcher.flow_filter("~q") and matcher.unless[0].flow_filter("~s")

    def test_without_mitmproxy_a_rule_with_a_filter_is_for_nothing(self):
        (rule,) = parse("rules: [{match: {filter: (}, stop: true}]", PATH)

        assert rule.matcher.match(exchange(flow=1), of_response=False) is None


class TestHeads:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("{url: 'https://{url.host}/'}", UrlEdit(template("https://{url.host}/"))),
            ("{url: /a}", UrlEdit(template("/a"))),
            ("{method: PUT}", MethodEdit("PUT")),
            (
                "{query: {remove: [utm_*, a], replace: {b: {x: y}}, set: {c: '{url}'}, default: {d: ''}}}",
                QueryEdit(
                    (Glob.of("utm_*"), Glob.of("a")), (("b", (replacement("x", "y"),)),),
                    (("c", template("{url}")),), (("d", template("")),),
                ),
            ),
            (
                "{cookie: {remove: _ga*, replace: {b: {x: y}}, set: {c: 1}, default: {d: '2'}}}",
                CookieEdit((Glob.of("_ga*"),), (("b", (replacement("x", "y"),)),), (("c", template("1")),), (("d", template("2")),)),
            ),
        ],
    )  # fmt: skip
    def test_requests(self, text, expected):
        assert request(text) == Edits((expected,))

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("{status: 404}", StatusEdit(404)),
            (
                "{set_cookie: {remove: [a], set: {b: 1; Path=/}, attributes: {'*': {secure: '', samesite: Lax, domain: }}}}",
                SetCookieEdit(
                    (Glob.of("a"),), (("b", template("1; Path=/")),),
                    ((Glob.of("*"), {"Secure": "", "SameSite": "Lax", "Domain": None}),),
                ),
            ),
            (
                "{csp: {remove: [report-uri], set: {IMG-SRC: '*'}, append: {script-src: https://a.example}}}",
                CspEdit(("report-uri",), (("img-src", template("*")),), (("script-src", template("https://a.example")),)),
            ),
        ],
    )  # fmt: skip
    def test_responses(self, text, expected):
        assert response(text) == Edits((expected,))

    def test_the_order_is_fixed_whatever_that_of_the_text(self):
        """A mapping of YAML has none (YAML 1.2.2 §3.2.1.1)."""
        found = request(
            "{cookie: {remove: a}, append: {A: 1}, default: {A: 1}, set: {A: 1}, "
            "replace: {A: {x: y}}, remove: A, method: PUT, query: {remove: a}, url: /}"
        )

        assert [
            str(edit.verb) if isinstance(edit, FieldEdit) else type(edit).__name__
            for edit in found.head
        ] == ["UrlEdit", "QueryEdit", "MethodEdit", "remove", "FieldReplace", "set", "default", "append", "CookieEdit"]  # fmt: skip

    def test_placeholders_know_their_groups_and_the_environment(self):
        found = request(r"{replace: {A: {'(?P<n>x)(y)': '{re.1}{re.2}{re.n}{env.TOKEN}'}}}")
        seen = exchange(request=((b"A", b"-xy-"),))

        (edit,) = found.head
        assert edit.apply(seen, values(seen), of_response=False).request == (
            (b"A", b"-xyxs3cret-"),
        )


class TestAnswers:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("{redirect: '{url.path}'}", redirect(template("{url.path}"))),
            ("{redirect: {to: https://a.example/, status: 308}}", redirect(template("https://a.example/"), 308)),
            ("{answer: {}}", Answer()),
            ("{answer: {status: 404, body: '', headers: {A: '{url}'}}}", Answer(404, ((b"A", template("{url}")),), template(""))),
            ("{answer: {status: 204}}", Answer(204)),
            ("{answer: {file: a.html}}", Answer(file="a.html")),
            ("{answer: {folder: site, below: /static/, missing: pass}}", Answer(folder="site", below="/static/", passes_missing=True)),
        ],
    )  # fmt: skip
    def test_what_is_answered(self, text, expected):
        assert request(text) == Edits(answer=expected)


class TestBodies:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("{text: '{url}'}", WholeText(template("{url}"))),
            ("{text: ''}", WholeText(template(""))),
            ("{replace: {a: '{url}'}}", LiteralReplace("a", template("{url}"))),
            ("{json: {remove: [/a~1b, /c/0], set: {/d: 1.10}}}", JsonEdit((("a/b",), ("c", "0")), ((("d",), template("1.10")),))),
            ("{json: {set: {'': '{}'}}}", JsonEdit((), (((), template("{}")),))),
            ("{html: {head: <i>}}", HtmlInsert("head", template("<i>"))),
            ("{html: {body: <i>}}", HtmlInsert("body", template("<i>"))),
        ],
    )  # fmt: skip
    def test_edits(self, text, expected):
        assert request(f"{{body: {text}}}") == Edits(body=BodyEdits((expected,)))
        assert response(f"{{body: {text}}}") == Edits(body=BodyEdits((expected,)))

    def test_a_regex_sees_as_much_as_the_limit_allows(self):
        (edit,) = response("{body: {regex: {'v(.)': '{re.1}'}, limit: 3m}}").body.edits

        assert edit == RegexReplace(edit.regex, template("{re.1}"))
        assert edit.regex.limit_chars == 3_000_000
        assert edit.apply("v1" * 1_200_000, values()) == "1" * 1_200_000

    def test_the_order_is_fixed(self):
        found = response(
            "{body: {html: {body: b, head: a}, json: {remove: /a}, regex: {a: b}, replace: {a: b}, text: x, limit: 5k}}"
        )

        assert [type(edit) for edit in found.body.edits] == [
            WholeText, LiteralReplace, RegexReplace, JsonEdit, HtmlInsert, HtmlInsert,
        ]  # fmt: skip
        assert [edit.place for edit in found.body.edits[-2:]] == ["head", "body"]
        assert found.body.limit_bytes == 5000

    @pytest.mark.parametrize(
        "text", ["{}", "{limit: 5k}", "{json: {}, html: {}}", "{json: {set: }}"]
    )
    def test_what_says_nothing_is_no_edit(self, text):
        """Such as a section in which every line is commented out."""
        assert response(f"{{body: {text}}}") == Edits()

    def test_a_costly_regex_is_one_for_re2(self):
        pytest.importorskip("re2")

        (edit,) = response("{body: {regex: {'(a+)+$': x}}}").body.edits

        assert edit.apply("b" * 5000 + "a", values()) == "b" * 5000 + "x"

    def test_so_it_is_with_anything_that_has_the_interface_of_re2(self, monkeypatch):
        """Where that package is not installed, as here it need not be."""
        stand_in = SimpleNamespace(
            Options=SimpleNamespace, error=re.error, compile=lambda text, options: re.compile(text)
        )
        monkeypatch.setattr("forebay.regexes.re2", stand_in)

        (edit,) = response("{body: {regex: {'(a+)+$': '{re.1}'}}}").body.edits

        assert edit.apply("b" * 5000 + "a", values()) == "b" * 5000 + "a"
        assert edit.regex.limit_chars > 16_000_000

    def test_a_costly_regex_is_taken_when_the_limit_is_small(self):
        (edit,) = response(r"{body: {regex: {'a.*b.*c': x}, limit: 200}}").body.edits

        assert edit.regex.limit_chars == 200


@pytest.mark.parametrize(
    ("text", "message"),
    [
        # the file and the rule
        ("- {}", "2:3: stop: expected request, response or stop: true, found a rule without any"),
        ("- match: {host: a.example}\n  request:", "2:3: stop: expected request, response or stop: true, found a rule without any"),
        ("- request: {body: {limit: 5k}}", "2:3: stop: expected request, response or stop: true, found a rule without any"),
        ("- response: {body: {json: {set: }}}", "2:3: stop: expected request, response or stop: true, found a rule without any"),
        ("- stop: true\n  id: a\n- stop: true\n  id: a", "5:3: id: expected an id of its own, found 'a', that of an earlier rule"),
        ('- stop: true\n  id: ""', "3:3: id: expected one line of at most 100 characters, found ''"),
        ('- stop: true\n  id: "a\\nb"', "3:3: id: expected one line of at most 100 characters, found 'a\\nb'"),
        ("- stop: true\n  id: ' a'", "3:3: id: expected one line of at most 100 characters, found ' a'"),
        ("- stop: true\n  group: a b", "3:3: group: expected the name of a group such as dev-only, found 'a b'"),
        ("- stop: 2", "2:3: stop: expected true or false, found '2'"),
        ("- stop: true\n  mode: test", "3:3: mode: expected 'act' or 'shadow', found 'test'"),
        ("- stop: true\n  stop: true", "3:3: expected each key once, found 'stop' again"),
        ("- stop: true\n  mach: {}", "3:3: unknown key 'mach': did you mean 'match'?"),
        ("- just text", "2:3: expected a mapping, found 'just text'"),
        ("- stop: true\n\tid: a", "3:1: expected valid YAML: found character '\\t' that cannot start any token; indent with spaces"),
        ("- stop: [", "2: expected valid YAML: expected the node content, but found '<stream end>'"),
        # match and unless
        ("- stop: true\n  match: {method: {}}", "3:11: match.method: expected a list, found a mapping"),
        ("- stop: true\n  match: {path: 'regex:('}", "3:11: match.path: expected a regex, found '(': missing ), unterminated subpattern at position 0"),
        ("- stop: true\n  match: {path: 'regex:(a+)+'}", "3:11: match.path: expected a regex that takes little time on any text, found '(a+)+': begin it with ^, end repeats by a character they cannot contain as in [^/]+/, and repeat no repeat; or use * and no regex where that will do"),
        ("- stop: true\n  match: {scheme: ftp}", "3:11: match.scheme: expected http or https, found 'ftp'"),
        ("- stop: true\n  match: {port: [80, 0]}", "3:22: match.port: expected a port such as 443, or 8000-8099, found '0'"),
        ("- stop: true\n  match: {content_type: html}", "3:11: match.content_type: expected a media type such as text/html or text/*, without parameters, found 'html'"),
        ("- stop: true\n  match: {request_header: {A B: x}}", "3:28: match.request_header: expected a field name such as X-Trace, found 'A B'"),
        ("- stop: true\n  match: {request_header: {A: x, a: x}}", "3:11: match.request_header: expected each field once, found 'A' and 'a'"),
        ("- stop: true\n  match: {response_header: {A: [x, 'regex:(']}}", "3:36: match.response_header.A: expected a regex, found '(': missing ), unterminated subpattern at position 0"),
        ("- stop: true\n  match: {query: {'': x}}", "3:19: match.query: expected at least 1 character, found ''"),
        ("- stop: true\n  match: {query: {a: }}", "3:19: match.query.a: expected a list, found nothing"),
        ("- stop: true\n  match: {client: [192.0.2.1,\n    10.0.0.1/8]}", "4:5: match.client: expected the range 10.0.0.0/8 or the address 10.0.0.1, found '10.0.0.1/8'"),
        ("- stop: true\n  unless: {client: [a, b]}", "3:21: unless.client: expected an address or a range such as 192.0.2.0/24 or fd00::/8, found 'a'\n3:24: unless.client: expected an address or a range such as 192.0.2.0/24 or fd00::/8, found 'b'"),
        ("- stop: true\n  match: {user: ''}", "3:11: match.user: expected at least 1 character, found ''"),
        ("- stop: true\n  match: {filter: (}", "3:11: match.filter: expected a flow filter, found '('"),
        ("- stop: true\n  match: {url: /a}", "3:11: match.url: expected a URL that begins with http://, https:// or *, found '/a'"),
        ("- stop: true\n  match:\n    url: https://a/\u00e4", "4:5: match.url: expected the URL as it is sent, such as https://a/%C3%A4, found 'https://a/\u00e4'"),
        ("- stop: true\n  unless:\n  - host: a\n  - path: b", "5:5: unless.path: expected a path that begins with / or *, found 'b'"),
        ("- stop: true\n  unless: []", "3:3: unless: expected at least 1 in the list, found an empty list"),
        ("- request: {url: /}\n  unless: [{host: a}, {status: 200}]", "2:3: request: expected no status under unless, since it is not known yet when a request is edited; edit the response in a rule of its own"),
        ("- stop: true\n  unless: [{host: a}, {filter: (}]", "3:24: unless.filter: expected a flow filter, found '('"),
        ("- stop: true\n  unless:\n    filter: (", "4:5: unless.filter: expected a flow filter, found '('"),
        ("- request: {set: {A: b}}\n  match: {status: 200}", "2:3: request: expected no status under match, since it is not known yet when a request is edited; edit the response in a rule of its own"),
        ("- request: {redirect: /}\n  match: {response_header: {A: b}}", "2:3: request: expected no response_header under match, since it is not known yet when a request is edited; edit the response in a rule of its own"),
        ("- request: {url: /}\n  unless: {status: 200}", "2:3: request: expected no status under unless, since it is not known yet when a request is edited; edit the response in a rule of its own"),
        # fields
        ("- request:\n    set:\n      Accept: a\n      accept: b", "3:5: request.set: expected each field once, found 'Accept' and 'accept'"),
        ("- request:\n    set:\n      A: a\n      Content-Length: 1", "5:7: request.set: expected a field that a rule may write, found Content-Length: it says where the message ends, which the proxy decides"),
        ("- response: {remove: [A, Connection]}", "2:26: response.remove: expected a field that a rule may write, found Connection: it is about one connection, not about the message (RFC 9110 §7.6.1)"),
        ("- response: {default: {host: a}}", "2:24: response.default: expected a field that a rule may write, found host: it must agree with the URL; the action url changes both"),
        ("- request:\n    append: {X: }", "3:14: request.append.X: expected text ('' for an empty one), found nothing"),
        ('- request: {set: {A: "a\\r\\nB: c"}}', "2:19: request.set.A: expected a value of one line without control characters, found '\\r'"),
        ("- request: {set: {A: €}}", "2:19: request.set.A: expected characters of ISO 8859-1, found '€': encode it as its reader expects"),
        ("- response:\n    remove: [A,\n      B C]", "4:7: response.remove: expected a field name such as X-Trace, found 'B C'"),
        ("- response: {replace: {A: {}}}", "2:24: response.replace.A: expected at least 1 in the list, found a mapping"),
        ("- response:\n    replace:\n      A:\n        x: y\n        (: y", "6:9: response.replace.A: expected a regex, found '(': missing ), unterminated subpattern at position 0"),
        ("- response: {replace: {A: {(a+)+: y}}}", "2:28: response.replace.A: expected a regex that takes little time on any text, found '(a+)+': begin it with ^, end repeats by a character they cannot contain as in [^/]+/, and repeat no repeat; or use * and no regex where that will do"),
        # placeholders
        ("- request:\n    set: {A: '{env.HOME}'}", "3:11: request.set.A: expected an environment variable that is set and named in the option rewrite_env, found {env.HOME}"),
        ("- response: {replace: {A: {(x): '{re.2}'}}}", "2:28: response.replace.A.(x): expected a group of its regex (1), found {re.2}"),
        ("- response:\n    body:\n      regex:\n        x: '{re.1}'", "5:9: response.body.regex.x: expected a group of its regex (it has none), found {re.1}"),
        # requests
        ("- request: {url: 'ftp://a'}", "2:13: request.url: expected a URL, or a path that begins with /, found 'ftp://a'"),
        ("- request: {method: get}", "2:13: request.method: expected a method such as GET, in upper case (RFC 9110 §9.1), found 'get'"),
        ("- request: {query: {remove: ['']}}", "2:30: request.query.remove: expected the name of a query parameter such as utm_*, found ''"),
        ("- request: {cookie: {set: {a b: c}}}", "2:28: request.cookie.set: expected the name of a cookie such as session, found 'a b'"),
        ("- request: {cookie: {set: {a: b; c}}}", "2:28: request.cookie.set.a: expected the value of one cookie, without ;, found 'b; c'"),
        ("- request: {redirect: /, answer: {}}", "2:26: request.answer: expected either redirect or answer, found both"),
        ("- request: {redirect: {to: /, status: 200}}", "2:31: request.redirect.status: expected 301, 302, 303, 307 or 308, found 200"),
        ("- request: {redirect: {}}", "2:13: request.redirect: expected the key 'to', found none"),
        ('- request: {redirect: "/a\\nb"}', "2:13: request.redirect.to: expected a value of one line without control characters, found '\\n'"),
        ("- request: {answer: {body: a, file: b}}", "2:13: request.answer: expected one of body, file and folder, found body and file"),
        ("- request: {answer: {body: a, status: 204}}", "2:13: request.answer: expected no body with status 204, which has no body"),
        ("- request: {answer: {status: 02000}}", "2:22: request.answer.status: expected a status from 200 to 599, found '02000'"),
        ("- request: {answer: {folder: a, below: b}}", "2:33: request.answer.below: expected a path that begins and ends with /, found 'b'"),
        ("- request: {answer: {file: a, missing: 404s}}", "2:31: request.answer.missing: expected 'answer' or 'pass', found '404s'"),
        # responses
        ("- response: {status: 304}", "2:14: response.status: expected a status of responses with a body, found 304"),
        ("- response: {status: 103}", "2:14: response.status: expected a status from 200 to 599, found '103'"),
        ("- response: {set_cookie: {attributes: {a: {Colour: red}}}}", "2:44: response.set_cookie.attributes.a: expected an attribute such as Domain, Expires, HttpOnly, Max-Age, Partitioned, Path, Priority, SameSite, Secure, found 'Colour'"),
        ("- response: {csp: {set: {img src: a}}}", "2:26: response.csp.set: expected a CSP directive such as img-src, found 'img src'"),
        # bodies
        ("- response: {body: {limit: 1g}}", "2:21: response.body.limit: expected a size such as 500k or 2m, up to 16m, found '1g'"),
        ("- response: {body: {json: {remove: [/a, b]}}}", "2:41: response.body.json.remove: expected a JSON pointer such as /user/name (RFC 6901), found 'b'"),
        ("- response: {body: {json: {set: {/a~: 1}}}}", "2:34: response.body.json.set: expected a JSON pointer such as /user/name (RFC 6901), found '/a~'"),
        ("- response: {body: {replace: {'': x}}}", "2:31: response.body.replace: expected at least 1 character, found ''"),
        ("- response:\n    body:\n      regex:\n        (: x", "5:9: response.body.regex: expected a regex, found '(': missing ), unterminated subpattern at position 0"),
        ("- response: {body: {html: {foot: x}}}", "2:28: response.body.html: unknown key 'foot': expected one of head, body"),
    ],
)  # fmt: skip
def test_mistakes(text, message):
    assert errors(f"rules:\n{text}\n") == message.split("\n")


def test_a_costly_regex_for_bodies_says_what_would_help(monkeypatch):
    """In a text of a path it would be harmless, in one of a million characters not."""
    monkeypatch.setattr("forebay.regexes.re2", None)
    text = "rules:\n- response: {body: {text: x, regex: {'a.*b.*c': x}}}"

    (found,) = errors(text)

    assert found.startswith("2:38: response.body.regex: expected a regex that takes little time")
    assert found.endswith(NO_RE2)


def test_all_mistakes_of_sections_come_at_once():
    text = """\
rules:
  - id: one
    mach: {host: x}
    match:
      host: [https://x/, ok.example]
      path: [api, /ok]
      method: get
      status: [99, 4xx]
      client: [x]
    request:
      set: {Host: x}
      replace: {A: {(: b}}
    stop: maybe
  - just text
  - match: {status: 200}
    request: {set: {A: €}}
  - id: one
    match: {status: 404}
    request: {set: {A: b}}
"""

    assert [error.partition(" ")[0] + error.split(": ")[1] for error in errors(text)] == [
        "3:5:unknown key 'mach'",
        "5:14:match.host",
        "6:14:match.path",
        "7:7:match.method",
        "8:16:match.status",
        "9:16:match.client",
        "11:13:request.set",
        "12:21:request.replace.A",
        "13:5:stop",
        "14:5:expected a mapping, found 'just text'",
        "16:21:request.set.A",
        "17:5:id",
        "19:5:request",
    ]


def test_all_mistakes_of_values_come_at_once():
    text = """\
rules:
  - match: {filter: (}
    request:
      set: {A: '{a}', B: '{b}'}
      url: '{c}'
      query: {set: {x: '{d}'}, default: {x: '{e}'}, replace: {x: {y: '{f}'}}}
      cookie: {set: {x: '{g}'}, default: {x: '{h}'}, replace: {x: {y: '{i}'}}}
      redirect: '{j}'
      body: {text: '{k}', replace: {a: '{l}'}, regex: {(: '', a: '{m}'}}
  - request: {answer: {headers: {A: '{n}'}, body: '{o}'}}
    response:
      set_cookie: {set: {a: '{p}'}}
      csp: {set: {img-src: '{q}'}, append: {img-src: '{r}'}}
      body: {json: {set: {/a: '{s}'}}, html: {head: '{t}', body: '{u}'}}
"""

    found = errors(text)

    assert len([error for error in found if "expected a placeholder" in error]) == 21
    assert [int(error.partition(":")[0]) for error in found] == sorted(
        [2, 4, 4, 5, *[6] * 3, *[7] * 3, 8, *[9] * 4, 10, 10, 12, 13, 13, 14, 14, 14]
    )


def test_the_number_of_errors_is_bounded():
    assert len(errors("rules:" + "\n- request: {url: '{x}'}" * 500)) == LIMIT_ERRORS


BITS = st.sampled_from(
    ["rules:\n", "- ", "id: a\n", "  match:\n", "  match: ", "  unless: ", "{host: '*.a'}\n", "    path: /*\n", "  request:\n", "  response: ", "    set: ", "{A: b}\n",
     "    remove: [", "X-*", "]\n", "  stop: true\n", "status: 200\n", "\n", " ", "é", "'", "*", "&a ", "regex:", "(", "+", "{", "}", ": ", "    body: ", "{regex: ", "{json: ",
     "'{re.1}'", "{url.host}", "    answer: ", "    redirect: ", "    url: ", "{text: ''}\n", "    replace: {A: {(x): '{re.1}'}}\n", "    client: 10.0.0.0/8\n", "\\ud800", '"', "    filter: ~q\n"]
)  # fmt: skip


@settings(deadline=None, max_examples=400)
@given(
    st.one_of(
        st.text(),
        st.lists(BITS, max_size=15).map("".join),
        st.lists(BITS, max_size=15).map(lambda bits: "rules:\n- stop: true\n" + "".join(bits)),
    )
)
def test_any_text_gives_rules_or_errors_within_the_file(text):
    lines = max(1, len(text.splitlines()))
    try:
        rules = parse(text, PATH, SURROUNDINGS)
    except RuleErrors as found:
        places = [error.line if "\n" not in str(error) else None for error in found.errors]
    else:
        places = [rule.line for rule in rules]
    assert all(place is not None and 1 <= place <= lines for place in places)


SCALARS = st.sampled_from(
    ["a", "200", "/a", "", "{url}", "{re.1}", "(x)", "(", "\ud800", "\r\n", "1m", "https://a.example/", "regex:x", None, "GET", "true"]
)  # fmt: skip


def keys_of(model) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def sections() -> st.SearchStrategy[object]:
    """Return trees made of the keys that the sections know."""
    keys = sorted(
        {
            key
            for model in vars(models).values()
            if isinstance(model, type) and issubclass(model, models.schema.Section)
            for key in keys_of(model)
        }
        | {"A", "/a", "(x)"}
    )
    return st.recursive(
        SCALARS,
        lambda inner: (
            st.dictionaries(st.sampled_from(keys), inner, max_size=4) | st.lists(inner, max_size=2)
        ),
        max_leaves=12,
    )


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_any_sections_give_rules_or_errors(data):
    """JSON is YAML, and says each of them."""
    tree = sections()
    rule = {key: data.draw(tree) for key in data.draw(st.sets(st.sampled_from(["match", "unless", "request", "response", "tests"])))}  # fmt: skip
    try:
        rules = parse(json.dumps({"rules": [rule | {"stop": "true"}]}), PATH, SURROUNDINGS)
    except RuleErrors:
        return
    assert len(rules) == 1


def test_a_merge_patch_is_json_as_written():
    """Text in it is a value where it is one; nothing removes."""
    (rule,) = parse(
        "rules: [{response: {body: {json: {merge: {a: {b: 5, c: ~, d: '\"5\"'}, e: [x, true]}}}}}]",
        Path("x.yaml"),
    )

    (edit,) = rule.response.body.edits
    assert edit.patch == {"a": {"b": 5, "c": None, "d": "5"}, "e": ["x", True]}
    text = '{"a": {"c": 1, "z": 1.10}}'
    expected = '{"a":{"z":1.10,"b":5,"d":"5"},"e":["x",true]}'
    assert edit.apply(text, values()) == expected


@pytest.mark.parametrize("method", ["HEAD", "CONNECT"])
def test_no_request_is_made_one_whose_answer_has_no_body(method):
    with pytest.raises(RuleErrors, match="expected a method whose answer has a body"):
        parse(f"rules: [{{request: {{method: {method}}}}}]", Path("f.yaml"))

"""The text of a rewrite file."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forebay.errors import RuleErrors
from forebay.rewrite.match import Head, Matcher
from forebay.rewrite.parse import parse
from forebay.rewrite.patterns import Hosts, path_pattern, statuses
from forebay.rewrite.rule import Operation, Phase, Rule, Verb

PATH = Path("rules/rewrite.yaml")


def errors(text: str) -> list[str]:
    with pytest.raises(RuleErrors) as caught:
        parse(text, PATH)
    return [str(error).removeprefix(f"{PATH}:") for error in caught.value.errors]


def test_a_full_rule():
    text = """
rules:
  - id: full
    match:
      host: ["*.example.com", example.org]
      path: /api/*
      method: [GET, POST]
      status: [200, 4xx]
    response:
      append: {X-Trace: on}
      default: {Server: forebay}
      set: {Cache-Control: no-store, X-Version: 1.10}
      remove: [Via, X-Debug-*]
    stop: true
"""

    assert parse(text, PATH) == (
        Rule(
            id="full",
            file=str(PATH),
            line=3,
            matcher=Matcher(
                Hosts.of(["*.example.com", "example.org"]),
                (path_pattern("/api/*"),),
                frozenset({"GET", "POST"}),
                statuses("200") | statuses("4xx"),
            ),
            response=(
                Operation(Verb.REMOVE, b"Via"),
                Operation(Verb.REMOVE, b"X-Debug-", is_prefix=True),
                Operation(Verb.SET, b"Cache-Control", b"no-store"),
                Operation(Verb.SET, b"X-Version", b"1.10"),
                Operation(Verb.DEFAULT, b"Server", b"forebay"),
                Operation(Verb.APPEND, b"X-Trace", b"on"),
            ),
            stop=True,
        ),
    )


def test_a_small_rule():
    """One name may stand for a list, and a rule without match is for every flow."""
    (rule,) = parse("rules:\n\n- request: {remove: Via}\n", PATH)

    assert rule == Rule(
        "rewrite.yaml:3", str(PATH), 3, Matcher(), (Operation(Verb.REMOVE, b"Via"),)
    )
    assert rule.matcher.matches(Head(("any.example",), "/", "GET"))


def test_an_exception_needs_nothing_but_match_and_stop():
    (rule,) = parse("rules: [{match: {path: /}, stop: yes}]", PATH)

    assert rule.stop
    assert rule.takes_part(Phase.REQUEST)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- {}", "2: stop: expected request, response or stop: true, found a rule without any"),
        ("- match: {host: a.example}\n  request:", "2: stop: expected request, response or stop: true, found a rule without any"),
        ("- request: {set: {A: b}}\n  match: {status: 200}", "2: request: expected no status under match, since it is not known yet when a request is edited; edit the response in a rule of its own"),
        ("- stop: true\n  id: a\n- stop: true\n  id: a", "5: id: expected an id of its own, found 'a', that of an earlier rule"),
        ('- stop: true\n  id: ""', "3: id: expected one line of at most 100 characters, found ''"),
        ('- stop: true\n  id: "a\\nb"', "3: id: expected one line of at most 100 characters, found 'a\\nb'"),
        ("- request:\n    set:\n      Accept: a\n      accept: b", "3: request.set: expected each field once, found 'Accept' and 'accept'"),
        ("- request:\n    set:\n      A: a\n      Content-Length: 1", "5: request.set: expected a field that a rule may write, found Content-Length: it says where the message ends, which the proxy decides"),
        ("- request:\n    append: {X: }", "3: request.append.X: expected text ('' for an empty one), found nothing"),
        ("- response:\n    remove: [A,\n      B C]", "4: response.remove: expected a field name such as X-Trace, found 'B C'"),
        ("- response: {replace: {}}\n  stop: true", "2: response: unknown key 'replace': expected one of remove, set, default, append"),
        ("- match: {path: 'regex:(a+)+'}\n  stop: true", "2: match.path: expected a regex that takes little time on any path, found '(a+)+': begin it with ^, end repeats by a character they cannot contain as in [^/]+/, and repeat no repeat; or use a path with * and no regex"),
        ("- match: {path: 'regex:('}\n  stop: true", "2: match.path: expected a regex, found '(': missing ), unterminated subpattern at position 0"),
        ("- match: {host: }\n  stop: 2", "3: stop: expected true or false, found '2'"),
        ("- match: {method: {}}\n  stop: true", "2: match.method: expected a list, found a mapping"),
    ],
)  # fmt: skip
def test_mistakes(text, message):
    assert errors(f"rules:\n{text}\n") == [message]


def test_all_mistakes_come_at_once():
    text = """\
rules:
  - id: one
    mach: {host: x}
    match:
      host: [https://x/, ok.example]
      path: [api, /ok]
      method: get
      status: [99, 4xx]
    request:
      set: {Host: x}
    stop: maybe
  - just text
  - match: {status: 200}
    request: {set: {A: €}}
  - id: one
    match: {status: 404}
    request: {set: {A: b}}
"""

    assert errors(text) == [
        "3: unknown key 'mach': did you mean 'match'?",
        (
            "5: match.host: expected a host such as www.example.com, *.example.com or .example.com, "
            "without scheme, port and path, found 'https://x/'"
        ),
        "6: match.path: expected a path that begins with / or *, found 'api'",
        "7: match.method: expected a method such as GET, in upper case (RFC 9110 §9.1), found 'get'",
        "8: match.status: expected a status such as 404, 4xx or 500-599, found '99'",
        (
            "10: request.set: expected a field that a rule may write, found Host: it must agree with "
            "the URL; an action that rewrites the URL is to come"
        ),
        "11: stop: expected true or false, found 'maybe'",
        "12: expected a mapping, found 'just text'",
        "14: request.set.A: expected characters of ISO 8859-1, found '€': encode it as its reader expects",
        "15: id: expected an id of its own, found 'one', that of an earlier rule",
        (
            "17: request: expected no status under match, since it is not known yet when a request is "
            "edited; edit the response in a rule of its own"
        ),
    ]


BITS = st.sampled_from(
    ["rules:\n", "- ", "id: a\n", "  match:\n", "  match: ", "{host: '*.a'}\n", "    path: /*\n", "  request:\n", "  response: ", "    set: ", "{A: b}\n",
     "    remove: [", "X-*", "]\n", "  stop: true\n", "status: 200\n", "\n", " ", "é", "'", "*", "&a ", "regex:", "(", "+"]
)  # fmt: skip


@settings(deadline=None, max_examples=300)
@given(
    st.one_of(st.text(), st.lists(BITS, max_size=15).map(lambda bits: "rules:\n" + "".join(bits)))
)
def test_any_text_gives_rules_or_errors_within_the_file(text):
    lines = max(1, len(text.splitlines()))
    try:
        rules = parse(text, PATH)
    except RuleErrors as found:
        places = [error.line for error in found.errors]
    else:
        places = [rule.line for rule in rules]
    assert all(place is not None and 1 <= place <= lines for place in places)

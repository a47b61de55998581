"""What rules come down to, for a request under all its names."""

from __future__ import annotations

import pytest

from forebay.blocklist import changes
from forebay.blocklist.matcher import EVERY_LIST, Matcher
from forebay.blocklist.modifier import Kind
from forebay.blocklist.parse import parse_line
from forebay.blocklist.policies import AllowedHosts, Mode, Policy
from forebay.blocklist.request import Request
from forebay.blocklist.rule import Source


def matcher(text: str) -> Matcher:
    built = Matcher()
    source = Source("own", "/l/own.txt")
    built.add_source(source)
    for line in text.splitlines():
        place = source.append(line.encode() + b"\n")
        rule = parse_line(line)
        if rule is not None:
            built.add(rule, place)
    assert list(built.seal()) == []
    return built


def asked(*names: str, path: str = "/p", **given) -> list[Request]:
    return [Request.of(f"http://{name}{path}", **given) for name in names]


def test_parameters_are_taken_out_by_rules_for_any_name():
    rules = matcher("||a.example^$removeparam=x\n||b.example^$removeparam=y\n$removeparam=none")
    requests = asked("a.example", "b.example", path="/?x=1&y=2&z=%7e")

    target, edits = changes.cleaned("/?x=1&y=2&z=%7e", requests, rules, EVERY_LIST)

    assert target == "/?z=%7e"
    assert [(edit.cited.line, edit.removed) for edit in edits] == [(1, ("x",)), (2, ("y",))]


def test_a_target_without_a_query_stays():
    rules = matcher("$removeparam=x")

    assert changes.cleaned("/x=1", asked("a.example"), rules, EVERY_LIST) == ("/x=1", [])


def test_a_rule_is_about_every_spelling_of_a_path():
    """As blocks are."""
    rules = matcher("||a.example/ads/$removeparam=x")
    requests = asked("a.example", path="/%61ds/?x=1")

    assert changes.cleaned("/%61ds/?x=1", requests, rules, EVERY_LIST)[0] == "/%61ds/"


def test_each_field_is_added_once():
    rules = matcher(
        "||a.example^$csp=img-src *\n||b.example^$csp=img-src *\n||b.example^$permissions=usb=()"
    )

    edits = changes.fields_added(
        asked("a.example", "b.example", type="document"), rules, EVERY_LIST
    )

    assert [(edit.kind, edit.added) for edit in edits] == [
        (Kind.CSP, "img-src *"),
        (Kind.PERMISSIONS, "usb=()"),
    ]


def test_a_verdict_on_a_response_names_the_rule():
    rules = matcher("! x\n||a.example^$header=x-a:/1/")

    verdict = changes.judge_response(asked("a.example"), rules, EVERY_LIST, ((b"X-A", b"1"),))

    assert verdict.blocked
    assert verdict.summary() == (
        "blocked by ||a.example^$header=x-a:/1/ (own.txt:2): "
        "a.example has answered with a field that is listed: x-a:/1/"
    )
    assert changes.judge_response(asked("a.example"), rules, EVERY_LIST, ()) is None


def test_an_edit_in_plain_types():
    rules = matcher("$removeparam=x")

    _, edits = changes.cleaned("/?x=1", asked("a.example", path="/?x=1"), rules, EVERY_LIST)

    assert edits[0].as_outcome() == {
        "kind": "removeparam",
        "rule": "$removeparam=x",
        "list": "own",
        "path": "/l/own.txt",
        "line": 1,
        "group": None,
        "removed": ["x"],
        "added": None,
    }


@pytest.mark.parametrize(
    ("given_", "names"),
    [
        ({"mode": Mode.OFF}, []),
        ({"allow": AllowedHosts(("b.example",))}, ["a.example"]),
        ({}, ["a.example", "b.example"]),
    ],
)
def test_what_a_policy_allows_is_not_changed(given_, names):
    requests = asked("a.example", "b.example")
    policy = Policy("kids", "policies.yaml", 7, **given_)

    assert [each.host.name for each in changes.spared(requests, policy)] == names
    assert changes.spared(requests, None) == requests

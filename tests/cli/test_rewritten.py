"""What rules would do to a request, for ``forebay check``."""

from __future__ import annotations

import argparse

import pytest

from forebay.cli import asking, proxyoptions
from forebay.cli.rewritten import Rewritten, in_words, of_flow, rules_for


@pytest.fixture(name="words")
def _words(tmp_path):
    (tmp_path / "home" / "rules").mkdir(parents=True)
    (tmp_path / "rewrite.yaml").write_text("", encoding="utf-8")

    def rewritten(url: str, *arguments: str) -> Rewritten:
        parser = argparse.ArgumentParser()
        asking.add_arguments(parser)
        proxyoptions.add_arguments(parser)
        places = ["--home", str(tmp_path / "home"), "--rules", str(tmp_path)]
        given = parser.parse_args([url, *arguments, *places, "--confdir", str(tmp_path)])
        proxyoptions.fill(given)
        flow = asking.flow_for(given)
        rules = rules_for(given).switched(given.rewrite_groups)
        return of_flow(flow, rules, client=given.client, now_s=1_700_000_000.0)

    def words(rules: str, *arguments: str, url: str = "https://a.example/x?q=%0A") -> list[str]:
        file = tmp_path / "home" / "rules" / "rewrite.yaml"
        file.write_text(f"rules: [{rules}]", encoding="utf-8")
        found = rewritten(url, *arguments)
        return [line.replace(str(file), "F") for line in in_words(found)]

    return words


@pytest.mark.parametrize(
    ("rules", "lines"),
    [
        pytest.param("", [], id="no rule"),
        pytest.param("{id: r, match: {host: b.example}, request: {set: {A: 1}}}", [], id="another"),
        pytest.param(
            "{id: r, request: {url: '/y', remove: [Host*], method: POST}}",
            [
                "rewrite: r (F:1)",
                "  method: GET -> POST",
                "  url: https://a.example/x?q=%0A -> https://a.example/y",
            ],
            id="changes",
        ),
        pytest.param("{id: r, request: {remove: [A]}}", ["rewrite: r (F:1)"], id="no change"),
        pytest.param(
            "{id: r, mode: shadow, request: {set: {A: 1}}}",
            ["rewrite: r (F:1), in shadow mode", "  A: (absent) -> 1"],
            id="shadow mode",
        ),
        pytest.param(
            "{id: r, request: {answer: {status: 418}}}, {id: s, request: {set: {A: 1}}}",
            ["rewrite: r (F:1)", "  answers 418"],
            id="an answer",
        ),
        pytest.param(
            "{id: r, request: {set: {A: '{url.query.q}'}}}",
            ["rewrite: r (F:1)", "  cannot be made: a value with the control character '\\n'"],
            id="a rule that cannot be applied",
        ),
        pytest.param(
            "{id: r, request: {redirect: '/{url.query.q}'}}",
            [
                "rewrite: r (F:1)",
                "  answers 502",
                "  cannot be made: a value with the control character '\\n'",
            ],
            id="an answer that cannot be made",
        ),
        pytest.param(
            '{id: r, request: {set: {A: "a\\u00adb"}}}',
            ["rewrite: r (F:1)", "  A: (absent) -> a\\xadb"],
            id="what hides",
        ),
    ],
)
def test_requests_are_told_with_their_changes(words, rules, lines):
    assert words(rules) == lines


@pytest.mark.parametrize(
    ("match", "is_told"),
    [
        ("{}", True),
        ("{host: a.example, status: 404}", True),
        ("{response_header: {Server: x}}", True),
        ("{content_type: text/html}", True),
        ("{filter: ~c 404}", True),
        ("{host: b.example}", False),
        ("{path: /y}", False),
        ("{method: POST}", False),
    ],
)
def test_rules_for_responses_may_apply(words, match, is_told):
    """As far as a request tells."""
    lines = words(f"{{id: r, match: {match}, response: {{set: {{A: 1}}}}}}")

    assert lines == ["rewrite: may edit the response: r (F:1)"] * is_told


def test_it_is_the_request_as_rules_left_it(words):
    moved = "{id: m, request: {url: 'https://b.example/'}}"
    late = "{id: r, match: {host: b.example}, response: {set: {A: 1}}}"

    assert words(f"{moved}, {late}")[-1] == "rewrite: may edit the response: r (F:1)"


@pytest.mark.parametrize(
    ("arguments", "match", "is_told"),
    [
        ([], "{filter: ~m GET}", True),
        (["--method", "POST"], "{method: POST}", True),
        (["--client", "10.0.0.1"], "{client: 10.0.0.0/8}", True),
        ([], "{client: 10.0.0.0/8}", False),
        (["--client", "10.0.0.1"], "{filter: ~src 10.0.0.1}", True),
        (["--user", "anna"], "{user: anna}", True),
    ],
)
def test_what_is_known_of_the_request_counts(words, arguments, match, is_told):
    lines = words(f"{{id: r, match: {match}, request: {{remove: [A]}}}}", *arguments)

    assert lines == ["rewrite: r (F:1)"] * is_told


def test_groups_and_variables_are_as_in_the_proxy(words, monkeypatch):
    monkeypatch.setenv("FOREBAY_X", "7")
    rule = "{id: r, group: dev, request: {set: {A: '{env.FOREBAY_X}'}}}"

    given = ["--rewrite-env", "FOREBAY_X"]
    assert words(rule, *given) == ["rewrite: r (F:1)", "  A: (absent) -> REDACTED"]
    assert words(rule, *given, "--rewrite-group", "dev")[0] == "rewrite: r (F:1)"
    assert words(rule, *given, "--rewrite-group=-dev") == []


@pytest.mark.parametrize(
    ("answer", "path", "lines"),
    [
        ("{folder: '.', below: /f/}", "/f/rewrite.yaml", ["  answers 200"]),
        ("{folder: '.', below: /f/}", "/f/none", ["  answers 404"]),
        ("{folder: '.', below: /f/, missing: pass}", "/f/none", ["  passed over: no such file"]),
    ],
)
def test_files_answer_if_they_are_there(words, answer, path, lines):
    told = words(f"{{id: r, request: {{answer: {answer}}}}}", url=f"https://a.example{path}")

    assert told == ["rewrite: r (F:1)", *lines]


def test_what_secrets_make_is_not_said(words, monkeypatch):
    monkeypatch.setenv("FOREBAY_X", "a b\x07")
    rule = "{id: r, request: {answer: {status: 200, headers: {A: '{env.FOREBAY_X}'}}}}"

    *_, told = words(rule, "--rewrite-env", "FOREBAY_X")

    assert told == "  cannot be made: a value made of secrets, which cannot be said"


def test_without_rewriting_no_rule_applies(words):
    assert words("{id: r, request: {set: {A: 1}}}", "--rewrite", "false") == []


@pytest.mark.parametrize("field", ["X-Kind: a", "X-Kind: b"])
def test_fields_of_the_request_count(words, field):
    rule = "{id: r, match: {request_header: {X-Kind: a}}, request: {remove: [X-Kind]}}"

    told = words(rule, "--request-header", field)

    assert told == ["rewrite: r (F:1)", "  X-Kind: a -> (absent)"] * (field == "X-Kind: a")


def test_what_hinders_the_edit_of_a_body_is_no_longer_asked_for(words):
    told = words(
        "{id: r, response: {body: {text: x}}}",
        *("--request-header", "Accept-Encoding: x-odd, gzip"),
    )

    assert told == [
        "rewrite: r (F:1)",
        "  Accept-Encoding: x-odd, gzip -> gzip",
        "rewrite: may edit the response: r (F:1)",
    ]

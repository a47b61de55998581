"""What rules would do to a request, for ``forebay check``."""

from __future__ import annotations

import argparse

import pytest

from forebay.cli.places import add_places
from forebay.cli.rewritten import add_arguments, in_words, of_request


@pytest.fixture(name="words")
def _words(tmp_path):
    (tmp_path / "home" / "rules").mkdir(parents=True)
    (tmp_path / "rewrite.yaml").write_text("", encoding="utf-8")

    def words(rules: str, *arguments: str, url: str = "https://a.example/x?q=%0A") -> list[str]:
        file = tmp_path / "home" / "rules" / "rewrite.yaml"
        file.write_text(f"rules: [{rules}]", encoding="utf-8")
        parser = argparse.ArgumentParser()
        for name in ("--method", "--client", "--user"):
            parser.add_argument(name, default="GET" if name == "--method" else None)
        add_places(parser)
        add_arguments(parser)
        places = ["--home", str(tmp_path / "home"), "--rules", str(tmp_path)]
        given = parser.parse_args([*arguments, *places])
        given.url = url
        found = of_request(given)
        assert found is not None
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

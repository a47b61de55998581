"""``forebay lint``."""

from __future__ import annotations

import json
from functools import partial

import pytest

from forebay.cli import lint

GOOD = """\
rules:
  - id: a
    match: {host: a.example}
    request: {set: {X-A: 1}}
    tests:
      - request: https://a.example/
        expect: {request: {headers: {X-A: 1}}}
      - request: https://b.example/
        expect: {applies: false}
"""


@pytest.fixture(name="run")
def _run(called):
    return partial(called, lint.run)


@pytest.fixture(name="write")
def _write(tmp_path):
    def write(text: str, name: str = "f.yaml") -> str:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


def test_what_ships_has_no_findings(tmp_path, capsys):
    assert lint.run(["--strict", "--home", str(tmp_path)]) == 0

    out, err = capsys.readouterr()
    assert out == ""
    assert err.endswith(": 0 wrong, 0 warnings\n")


def test_rules_whose_tests_pass_are_clean(run, write):
    assert run(write(GOOD)) == (0, [], "1 rules in 1 files, 2 tests: 0 wrong, 0 warnings\n")


def test_rules_in_force_are_the_default(run, write):
    """Those of the user come after those that ship."""
    write(GOOD, "home/rules/rewrite.yaml")
    write(GOOD, "home/rules/rewrite/more.yaml")

    assert run()[2] == "2 rules in 3 files, 4 tests: 0 wrong, 0 warnings\n"


class TestTests:
    @pytest.mark.parametrize(
        ("rule", "test", "said"),
        [
            pytest.param(
                "request: {set: {A: 1}}",
                "{request: 'https://a.example/', expect: {applies: false}}",
                ["expected that it does not apply, found otherwise"],
                id="it applies",
            ),
            pytest.param(
                "match: {host: b.example}, request: {set: {A: 1}}",
                "{request: 'https://a.example/'}",
                ["expected that it applies, found otherwise"],
                id="it does not",
            ),
            pytest.param(
                "request: {set: {A: 1}}",
                "{request: 'https://a.example/', expect: {request: {headers: {A: 2}}}}",
                ["request A: expected '2', found '1'"],
                id="another value",
            ),
            pytest.param(
                "response: {set: {A: 1}}",
                "{request: 'https://a.example/', expect: {response: {status: 200}}}",
                ["expected that it applies, found otherwise", "expected a response, found none"],
                id="no response",
            ),
            pytest.param(
                "response: {body: {replace: {a: b}}}",
                "{request: 'https://a.example/', response: {status: 206, body: a}, "
                "expect: {response: {body: b}}}",
                [
                    "response body: expected 'b', found 'a'",
                    "r: left the body alone: a part of a body (206)",
                ],
                id="a body that was left alone",
            ),
            pytest.param(
                "request: {redirect: '/{url.query.a}'}",
                "{request: 'https://a.example/?a=%0A'}",
                ["it cannot be applied: a value with the control character '\\n'"],
                id="it cannot be applied",
            ),
            pytest.param(
                "request: {set: {A: 1}}",
                "{request: a.example}",
                ["request: expected an absolute URL, found no http or https URL: 'a.example'"],
                id="no URL",
            ),
        ],
    )
    def test_one_that_fails_says_why(self, run, write, rule, test, said):
        path = write(f"rules:\n - {{id: r, {rule}, tests: [\n   {test}]}}\n")

        status, lines, err = run(path)

        assert (status, lines) == (1, [f"f.yaml:3: failed: test of r: {text}" for text in said])
        assert err == f"1 rules in 1 files, 1 tests: {len(said)} wrong, 0 warnings\n"

    @pytest.mark.parametrize(
        ("rules", "test"),
        [
            pytest.param("{id: r, mode: shadow, request: {set: {A: 1}}", "{request: 'http://a/'}",
                         id="in shadow mode"),
            pytest.param("{id: r, match: {filter: ~m POST}, request: {set: {A: 1}}",
                         "{request: {url: 'http://a/', method: POST, body: x}}", id="a flow filter"),
            pytest.param("{id: r, match: {client: 10.0.0.0/8, user: anna}, request: {set: {A: 1}}",
                         "{request: {url: 'http://a/', client: 10.0.0.1, user: anna}}",
                         id="client and user"),
            pytest.param("{request: {url: '/b'}}, {id: r, match: {path: /b}, request: {set: {A: 1}}",
                         "{request: 'http://a/'}", id="after the other rules of the file"),
            pytest.param("{id: r, match: {status: 404}, response: {status: 410}",
                         "{request: 'http://a/', response: {status: 404}, "
                         "expect: {response: {status: 410}}}", id="a response"),
        ],
    )  # fmt: skip
    def test_one_that_passes(self, run, write, rules, test):
        assert run(write(f"rules: [{rules}, tests: [{test}]}}]"))[:2] == (0, [])

    def test_variables_can_be_named(self, run, write, monkeypatch):
        monkeypatch.setenv("FOREBAY_X", "7")
        path = write(
            GOOD.replace("X-A: 1", "X-A: '{env.FOREBAY_X}'", 1).replace("X-A: 1", "X-A: 7")
        )

        assert run(path)[0] == 1
        assert run(path, "--env", "FOREBAY_X")[0] == 0


HIDDEN = "is never reached for a request: first (f.yaml:1) matches all that it does, and stops"


class TestWarnings:
    TEXT = "rules:\n  - {id: a, unless: {}, request: {set: {A: 1}}}\n"
    LINE = "f.yaml:2: warning: a: can never match: unless holds whenever match does"

    def test_they_are_said_and_do_no_harm(self, run, write):
        assert run(write(self.TEXT)) == (
            0,
            [self.LINE],
            "1 rules in 1 files, 0 tests: 0 wrong, 1 warnings\n",
        )

    def test_they_are_wrong_when_strict(self, run, write):
        status, lines, err = run(write(self.TEXT), "--strict")

        assert (status, lines) == (1, [self.LINE])
        assert err.endswith(": 1 wrong, 1 warnings\n")

    def test_files_are_seen_together(self, run, write):
        first = write("rules: [{id: first, stop: true}]")
        second = write(GOOD, "g.yaml")

        assert run(first, second)[1] == [f"g.yaml:2: warning: a: {HIDDEN}"]


class TestMistakes:
    def test_those_of_all_files_are_said_at_once(self, run, write):
        first = write("rules:\n  - {id: a, sett: 1}\n  - {id: a, stop: maybe}\n")
        second = write("rules: [\n", "g.yaml")
        third = write(GOOD, "h.yaml")

        status, lines, err = run(first, second, third)

        assert status == 1
        assert [line.partition(": expected")[0] for line in lines] == [
            "f.yaml:2:5: mistake: stop",
            "f.yaml:2:13: mistake: unknown key 'sett'",
            "f.yaml:3:6: mistake: id",
            "f.yaml:3:13: mistake: stop",
            "g.yaml:1: mistake",
        ]
        assert err == "1 rules in 3 files, 2 tests: 5 wrong, 0 warnings\n"

    def test_a_file_that_is_no_text_is_one(self, run, write, tmp_path):
        path = write("")
        (tmp_path / "f.yaml").write_bytes(b"rules:\n\xff")

        assert run(path)[:2] == (
            1,
            ["f.yaml:2: mistake: expected UTF-8 text, found the byte 0xff"],
        )

    def test_a_file_that_is_not_there_is_bad_input(self, run, write):
        """The others are looked at all the same."""
        status, lines, err = run(write("x: 1"), write("", "g/g.yaml")[:-6] + "no.yaml")

        assert (status, len(lines)) == (2, 1)
        assert err.splitlines() == [
            "forebay lint: cannot read g/no.yaml: No such file or directory",
            "0 rules in 2 files, 0 tests: 1 wrong, 0 warnings",
        ]

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["~nobody-at-all/x"], "file: expected a path, found '~nobody-at-all/x': no such"),
            (["--home", "~nobody-at-all"], "--home: expected a path, found"),
            (["--rules", "/no/such"], "--rules: expected a folder, found nothing at /no/such"),
        ],
    )
    def test_bad_input_is_one_line(self, tmp_path, capsys, arguments, message):
        places = [] if "--home" in arguments else ["--home", str(tmp_path)]

        assert lint.run([*places, *arguments]) == 2

        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        assert err.startswith(f"forebay lint: {message}")


def test_json_is_for_programs(run, write):
    path = write(
        "rules:\n  - {id: a, unless: {}, request: {set: {A: 1}}, tests: [{request: 'http://a/'}]}\n"
    )
    broken = write("rules: [{id: '', stop: true}]", "g.yaml")

    status, lines, err = run(path, broken, "--json")

    assert (status, err) == (1, "")
    assert [json.loads(line) for line in lines] == [
        {
            "kind": "failed",
            "path": "f.yaml",
            "line": 2,
            "text": "test of a: expected that it applies, found otherwise",
            "column": 0,
        },
        {
            "kind": "mistake",
            "path": "g.yaml",
            "line": 1,
            "text": "id: expected one line of at most 100 characters, found ''",
            "column": 10,
        },
        {
            "kind": "warning",
            "path": "f.yaml",
            "line": 2,
            "text": "a: can never match: unless holds whenever match does",
            "column": 0,
        },
    ]


def test_a_folder_without_rules_is_bad_input(tmp_path, capsys):
    """Or a typing error in CI would pass for a clean set of rules."""
    assert lint.run(["--home", str(tmp_path), str(tmp_path)]) == 2
    assert "expected a folder with *.yaml files, found none in" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["[]", "false", "0", "''"])
def test_a_file_of_something_else_is_a_mistake(run, write, text):
    status, out, _ = run(write(text))

    assert status == 1
    assert ":1:1: mistake: expected a mapping, found" in out[0]

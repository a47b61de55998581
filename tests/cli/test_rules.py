"""``forebay rules``."""

from __future__ import annotations

import json

import pytest

from forebay.cli import rules

SET = "rules: [{id: set, request: {set: {X-A: 1}}}]\n"


def record(url: str = "https://a.example/", **more: object) -> str:
    return json.dumps(
        {"kind": "http", "url.full": url, "http.request.method": "GET",
         "http.request.header": {"accept": ["*/*"]}, "http.response.status_code": 200,
         "http.response.header": {"server": ["s"]}, **more}
    )  # fmt: skip


DONE = {
    "id": "set", "file": "old.yaml", "line": 3, "phase": "request",
    "changes": [{"field": "X-A", "before": None, "after": "1"}],
}  # fmt: skip


@pytest.fixture(name="run")
def _run(called):
    return lambda *arguments: called(rules.run, *arguments, has_places=arguments[0] == "test")


@pytest.fixture(name="write")
def _write(tmp_path):
    def write(text: str, name: str) -> str:
        (tmp_path / name).write_text(text, encoding="utf-8")
        return str(tmp_path / name)

    return write


class TestAgainst:
    def test_differences_are_told_by_exchange(self, run, write):
        log = write(f"{record()}\n{record('https://a.example/x')}\n", "log.jsonl")
        file = write(SET, "f.yaml")

        assert run("test", "--against", log, "--file", file) == (
            1,
            [
                "GET https://a.example/ (line 1)",
                "  + request X-A: (absent) -> 1   set (f.yaml:1)",
                "GET https://a.example/x (line 2)",
                "  + request X-A: (absent) -> 1   set (f.yaml:1)",
            ],
            "2 exchanges, 2 would be otherwise\n",
        )

    def test_what_is_no_longer_done_is_told(self, run, write):
        log = write(record(**{"forebay.rewrite": [DONE]}), "log.jsonl")

        assert run("test", "--against", log)[:2] == (
            1,
            [
                "GET https://a.example/ (line 1)",
                "  - request X-A: (absent) -> 1   set (old.yaml:3)",
            ],
        )

    def test_no_difference_is_told_as_such(self, run, write):
        """Of the rules in force, those of the user among them."""
        log = write(record(**{"forebay.rewrite": [DONE]}), "log.jsonl")
        write(SET, "home/rules/rewrite.yaml")

        assert run("test", "--against", log) == (0, [], "1 exchanges, 0 would be otherwise\n")

    def test_json_is_for_programs(self, run, write):
        log = write(record(), "log.jsonl")

        status, lines, err = run("test", "--against", log, "--file", write(SET, "f.yaml"), "--json")

        assert (status, err) == (1, "1 exchanges, 1 would be otherwise\n")
        assert [json.loads(line) for line in lines] == [
            {"line": 1, "url": "https://a.example/", "new": True, "rule": "set",
             "place": "f.yaml:1", "phase": "request", "field": "X-A", "before": None, "after": "1"}
        ]  # fmt: skip

    def test_other_lines_are_skipped(self, run, write):
        """Torn ones, other kinds, and what no program of ours has written."""
        lines = [
            '{"kind": "http", "url.fu',
            "",
            "[1]",
            "7",
            "[" * 100_000,
            '{"kind": "gap", "lost": 1}',
            '{"kind": "tunnel", "url.full": null}',
            record(**{"forebay.rewrite": 7}),
            record(**{"forebay.rewrite": [{"phase": "request", "changes": [{}]}]}),
            record(**{"forebay.block": "x"}),
            record("http://[x"),
            record(),
        ]
        log = write("\n".join(lines), "log.jsonl")

        assert run("test", "--against", log) == (0, [], "1 exchanges, 0 would be otherwise\n")

    def test_bytes_that_are_no_text_are_skipped(self, run, tmp_path):
        log = tmp_path / "log.jsonl"
        log.write_bytes(b"\xff\xfe{\n" + record().encode())

        assert run("test", "--against", str(log))[0] == 0

    @pytest.mark.parametrize(
        ("groups", "status"),
        [([], 1), (["dev"], 1), (["-dev"], 0), (["dev", "-dev"], 0)],
    )
    def test_groups_are_switched(self, run, write, groups, status):
        file = write(f"group: dev\n{SET}", "f.yaml")
        given = [f"--group={name}" for name in groups]
        log = write(record(), "log.jsonl")

        assert run("test", "--against", log, "--file", file, *given)[0] == status

    def test_flow_filters_see_a_flow(self, run, write):
        text = "rules: [{match: {filter: '~c 404 & ~hs server'}, response: {status: 410}}]"
        log = write(record(**{"http.response.status_code": 404}), "log.jsonl")

        assert run("test", "--against", log, "--file", write(text, "f.yaml"))[1][1] == (
            "  + response status: 404 -> 410   f.yaml:1 (f.yaml:1)"
        )

    def test_variables_can_be_named(self, run, write, monkeypatch):
        monkeypatch.setenv("FOREBAY_X", "1")
        file = write(SET.replace("X-A: 1", "X-A: '{env.FOREBAY_X}'"), "f.yaml")
        change = DONE["changes"][0] | {"after": "REDACTED"}  # whatever it is
        done = DONE | {"changes": [change]}
        log = write(record(**{"forebay.rewrite": [done]}), "log.jsonl")

        assert run("test", "--against", log, "--file", file)[0] == 2
        assert run("test", "--against", log, "--file", file, "--env", "FOREBAY_X")[0] == 0

    def test_what_hides_in_a_log_is_shown(self, run, write):
        entry = DONE | {"id": "a\u202eb"}
        log = write(
            record("https://a.example/\x1b[2J", **{"forebay.rewrite": [entry]}), "log.jsonl"
        )

        out = "\n".join(run("test", "--against", log)[1])

        assert "\x1b" not in out and "\u202e" not in out

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (
                ["--against", "/no/such"],
                "--against: cannot read /no/such: No such file or directory",
            ),
            (["--against", "/"], "--against: cannot read /: Is a directory"),
            (["--against", "~nobody-at-all/x"], "--against: expected a path, found"),
            (
                ["--against", "/dev/null"],
                "--against: expected records of HTTP exchanges, found none",
            ),
            (
                ["--against", "/dev/null", "--file", "/no/such"],
                "cannot read /no/such: No such file",
            ),
            (["--against", "/dev/null", "--file", "~nobody-at-all/x"], "--file: expected a path"),
            (["--against", "/dev/null", "--group", "x"], "--group: expected a group of rules ("),
        ],
    )
    def test_bad_input_is_one_line(self, run, arguments, message):
        status, out, err = run("test", *arguments)

        assert (status, out, err.count("\n")) == (2, [], 1)
        assert err.startswith(f"forebay rules: {message}")

    def test_each_mistake_in_rules_is_a_line(self, run, write):
        file = write("rules: [{sett: 1, stop: true}, {stop: maybe}]", "f.yaml")
        log = write(record(), "log.jsonl")

        status, out, err = run("test", "--against", log, "--file", file)

        assert (status, out) == (2, [])
        assert [line.partition(": ")[0] for line in err.splitlines()] == ["forebay rules"] * 2


def test_the_schema_is_json(run):
    status, lines, _ = run("schema")

    assert status == 0
    assert json.loads("\n".join(lines))["title"] == "Forebay rewrite rules"


@pytest.mark.parametrize("arguments", [[], ["frobnicate"], ["test"]])
def test_a_wrong_command_is_told(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        rules.run(arguments)

    assert stopped.value.code == 2
    assert "usage: forebay rules" in capsys.readouterr().err

"""``forebay rules import``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from forebay import yamltree
from forebay.cli import importing, lint, rules
from forebay.rewrite import load
from forebay.rewrite.importer import Imported

ALL_TYPES = [
    "main_frame",
    "sub_frame",
    "stylesheet",
    "script",
    "image",
    "font",
    "object",
    "xmlhttprequest",
    "ping",
    "csp_report",
    "media",
    "websocket",
    "other",
]
BLOCK = {
    "id": 1,
    "action": {"type": "block"},
    "condition": {"urlFilter": "||ads.example^", "resourceTypes": ALL_TYPES},
}
UNKNOWN = {"id": 2, "action": {"type": "block"}, "condition": {"tabIds": [1]}}
BLACKLIST = """<?xml version='1.0' encoding='UTF-8' ?>
<?charles serialisation-version='2.0' ?>
<blacklist><locations><locationPatterns>
<locationMatch><location><host>a.example</host></location><enabled>true</enabled></locationMatch>
<locationMatch><location><host>b?.example</host></location><enabled>true</enabled></locationMatch>
</locationPatterns></locations><toolEnabled>true</toolEnabled></blacklist>
"""


@pytest.fixture(name="run")
def _run(called):
    return lambda *arguments: called(rules.run, *arguments, has_places=False)


@pytest.fixture(name="write")
def _write(tmp_path):
    def write(text: str, name: str) -> str:
        (tmp_path / name).write_text(text, encoding="utf-8")
        return str(tmp_path / name)

    return write


class TestImport:
    def test_rules_go_to_the_output_and_what_is_left_to_the_errors(self, run):
        status, lines, err = run(
            "import", "--modify-headers", "/~q/X-A/on", "--map-remote", "/.*/x"
        )

        assert status == 1
        assert lines == [
            "rules:",
            "- match:",
            "    filter: ~q",
            "  request:",
            "    set:",
            "      X-A: on",
        ]
        assert err == (
            "forebay rules: not carried over: map_remote '/.*/x': a regex for whole URLs; "
            "write it as host and path\n"
        )

    def test_all_of_a_config_is_taken(self, run, write):
        config = write(
            "modify_headers:\n  - /X-A/1\n  - /X-B/2\nmodify_body: /~s/a/b\nmap_local:\nlisten_port: 1\n",
            "config.yaml",
        )

        status, lines, err = run("import", "--config", config)

        assert (status, err) == (0, "")
        assert [line for line in lines if line.startswith("-")] == [
            "- request:",
            "- request:",
            "- match:",
        ]

    def test_files_are_looked_for(self, tmp_path, monkeypatch, capsys):
        """As mitmproxy does: from where the command is run."""
        monkeypatch.chdir(tmp_path)
        (tmp_path / "site").mkdir()
        (tmp_path / "one.js").write_text("x", encoding="utf-8")
        options = ["|//a.example/site|site", "|//a.example/x/|one.js", "|//a.example/|none"]

        status = rules.run(["import", *[f"--map-local={option}" for option in options]])

        out, err = capsys.readouterr()
        file = tmp_path / "elsewhere.yaml"
        file.write_text(out, encoding="utf-8")
        site, one = (rule.request.answer for rule in load.read_file(file, {}))
        assert (site.folder, site.below) == (str(tmp_path / "site"), "/site/")
        assert one.file == str(tmp_path / "one.js")
        assert status == 1
        assert err.endswith(f"expected a file or a folder, found none at {tmp_path / 'none'}\n")

    @pytest.mark.parametrize(
        ("option", "reason"),
        [
            ("--modify-headers=/~bogus/X/1", "match.filter: expected a flow filter such as"),
            ("--modify-body=/(a+)+$/x", "request.body.regex: expected a regex"),
            ("--modify-body=/(/x", "request.body.regex: expected a regex"),
            ("--map-local=|//a.example:99999/|/", "match.port: expected a port such as 443"),
            ("--map-local=|//a b/|/", "match.host: expected a host such as"),
            ("--map-local=|//a.example/a b/|/", "match.path: expected the path as it is sent"),
            ("--map-local=|//a.example/|~nobody-at-all/x", "map_local: expected a path, found"),
        ],
    )
    def test_what_would_be_no_rule_is_left(self, run, option, reason):
        status, lines, err = run("import", option)

        assert (status, lines, err.count("\n")) == (1, ["rules: []"], 1)
        assert err.partition("': ")[2].startswith(reason)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (None, "cannot read config.yaml: No such file or directory"),
            ("[a]", "config.yaml: expected a mapping of options"),
            ("a: [", "config.yaml:1:5: expected valid YAML"),
            ("", "expected values of options, or --config, --dnr or --charles FILE, found none"),
        ],
    )
    def test_bad_input_is_one_line(self, run, write, tmp_path, text, message):
        path = str(tmp_path / "config.yaml") if text is None else write(text, "config.yaml")

        status, out, err = run("import", "--config", path)

        assert (status, out, err.count("\n")) == (2, [], 1)
        assert err.startswith(f"forebay rules: {message}")

    def test_without_options_it_says_which(self, run):
        assert run("import") == (
            2,
            [],
            "forebay rules: expected values of options, or --config, --dnr or --charles FILE, found none\n",
        )


class TestFilesOfOtherTools:
    def test_each_rule_says_where_it_came_from_and_each_that_is_left_why(self, run, write):
        dnr = write(json.dumps([BLOCK, UNKNOWN], indent=0), "r.json")
        charles = write(BLACKLIST, "c.xml")

        status, lines, err = run("import", "--dnr", dnr, "--charles", charles)

        assert status == 1
        assert [line for line in lines if line.startswith(("#", "-"))] == [
            "# r.json:2: rule 1, block, priority 1",
            "- id: dnr-1",
            "# c.xml:4: Block List",
            "- match:",
        ]
        assert err.splitlines() == [
            "forebay rules: not carried over: r.json:26: rule 2: tabIds: a proxy does not know the tab",
            "forebay rules: not carried over: c.xml:5: Block List: host: expected no ?, [ or ] in it, found 'b?.example'",
        ]

    def test_the_same_file_twice_and_options_make_one_file_that_lint_accepts(self, write, capsys):
        dnr = write(json.dumps([BLOCK]), "r.json")
        arguments = ["import", "--dnr", dnr, "--dnr", dnr, "--modify-headers", "/~q/X-A/1"]

        assert rules.run(arguments) == 0

        out = capsys.readouterr().out
        assert [line for line in out.splitlines() if "dnr-" in line] == [
            "- id: dnr-1",
            "- id: dnr-1-2",
        ]
        assert lint.run([write(out, "f.yaml")]) == 0

    @pytest.mark.parametrize("option", ["--dnr", "--charles"])
    def test_a_file_that_cannot_be_read(self, run, tmp_path, option):
        assert run("import", option, str(tmp_path))[0] == 2
        status, out, err = run("import", option, str(tmp_path / "none"))

        assert (status, out) == (2, [])
        assert err == f"forebay rules: {option}: cannot read none: No such file or directory\n"
        assert run("import", option, "a\0b")[2].startswith(f"forebay rules: {option}: ")

    def test_a_file_that_is_no_text(self, run, tmp_path):
        (tmp_path / "r.json").write_bytes(b"[\n\xff]")

        assert run("import", "--dnr", str(tmp_path / "r.json"))[2] == (
            "forebay rules: --dnr: r.json:2: expected UTF-8 text, found the byte 0xff\n"
        )

    @pytest.mark.parametrize(
        ("limit", "said"),
        [("importing.MOST_BYTES", "--dnr: expected at most 10 bytes, found more in r.json"),
         ("rulefile.LIMIT_BYTES", "expected rules of at most 10 bytes, as a file may have, found ")],
    )  # fmt: skip
    def test_what_is_too_long(self, run, write, monkeypatch, limit, said):
        module, _, name = limit.partition(".")
        monkeypatch.setattr(importing if module == "importing" else importing.rulefile, name, 10)

        status, out, err = run("import", "--dnr", write(json.dumps([BLOCK]), "r.json"))

        assert (status, out) == (2, [])
        assert err.startswith(f"forebay rules: {said}")


@example(name="\u2028", value="a\x85b\u2029")
@given(name=st.text(), value=st.text() | st.text(alphabet="ab \\\"'", min_size=4000, max_size=5000))
def test_what_is_written_is_what_is_read(name, value):
    r"""Also longer texts than ruamel.yaml would put on a line, with spaces and backslashes."""
    rules_ = [{"request": {"set": {name: value}}}]

    text = importing.as_yaml(Imported(rules_, notes=[value]))

    assert yamltree.parse(text, Path("f.yaml")).value == {"rules": rules_}


def test_a_byte_order_mark_is_no_part_of_the_rules(run, write):
    assert run("import", "--dnr", write("\ufeff" + json.dumps([BLOCK]), "r.json"))[0] == 0


def test_its_output_is_a_file_of_rules(tmp_path, capsys):
    """Read by the loader as it was printed."""
    assert (
        rules.run(["import", "--modify-headers", "/~q/X-A/null", "--modify-body", "/a/\x01"]) == 0
    )
    path = tmp_path / "f.yaml"
    path.write_text(capsys.readouterr().out, encoding="utf-8")

    assert len(load.read_file(path, {})) == 2

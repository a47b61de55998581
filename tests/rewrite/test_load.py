"""Files to one rule set."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from forebay.errors import ForebayError, RuleErrors
from forebay.rewrite import load as loading
from forebay.rewrite.exchange import Exchange
from forebay.rewrite.load import RuleSet, sources
from forebay.rewrite.parse import parse
from forebay.rulefiles import Source, stamp

SHIPPED = Path(__file__).parents[2] / "rules"


def load(files):
    return loading.loader({})(files)


def write(folder: Path, text: str, name: str = "rewrite.yaml") -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


def rule(name: str, section: str = "request") -> str:
    return f"rules: [{{id: {name}, {section}: {{set: {{X: {name}}}}}}}]"


@pytest.fixture(name="folders")
def _folders(tmp_path):
    write(tmp_path / "shipped", rule("shipped"))
    write(tmp_path / "user", rule("user", "response"))
    return tmp_path / "shipped", tmp_path / "user"


def test_what_ships_comes_first_and_named_files_last(folders, tmp_path):
    named = write(tmp_path, rule("named"), "more.yaml")

    found = load(sources(*folders, [str(named)]))

    assert [one.id for one in found.request.rules] == ["shipped", "named"]
    assert [one.id for one in found.response.rules] == ["user"]
    assert str(found) == "3 rules"
    assert found.request.rules[1].file == str(named)


def test_a_file_is_read_once(folders):
    """Else what it appends would be there twice."""
    shipped, user = folders

    found = sources(shipped, user, [str(user / "rewrite.yaml"), str(shipped / "rewrite.yaml")])

    assert [source.path for source in found] == [
        shipped / "rewrite.yaml",
        shipped / "rewrite",
        user / "rewrite.yaml",
        user / "rewrite",
    ]


def test_the_users_own_file_may_be_absent(folders, tmp_path):
    shipped, _ = folders
    write(tmp_path, "", "file")

    assert str(load(sources(shipped, tmp_path / "none", []))) == "1 rule"
    assert str(load(sources(shipped, tmp_path / "file", []))) == "1 rule"


def test_a_home_folder_of_nobody_is_one_line(folders):
    with pytest.raises(ForebayError) as caught:
        sources(*folders, ["~no-such-user-here/a.yaml"])

    assert str(caught.value) == (
        "rewrite_files: expected a path, found '~no-such-user-here/a.yaml': no such home folder"
    )


def test_all_that_is_wrong_with_all_files_comes_at_once(folders, tmp_path):
    shipped, user = folders
    (shipped / "rewrite.yaml").unlink()
    write(user, "rules:\n- stop: 2\n- id: ''\n  stop: true\n")
    broken = write(tmp_path, "rules: [", "broken.yaml")
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff")
    missing = tmp_path / "missing.yaml"
    folder = tmp_path / "folder"
    folder.mkdir()
    write(folder, "rules: [{stop: maybe}]", "a.yaml")

    with pytest.raises(RuleErrors) as caught:
        load(sources(shipped, user, [str(broken), str(binary), str(missing), str(folder)]))

    assert str(caught.value).splitlines() == [
        f"forebay_rules: cannot read {shipped / 'rewrite.yaml'}: No such file or directory",
        f"{user / 'rewrite.yaml'}:2:3: stop: expected true or false, found '2'",
        f"{user / 'rewrite.yaml'}:3:3: id: expected one line of at most 100 characters, found ''",
        f"{broken}:1:9: expected valid YAML: expected the node content, but found '<stream end>'",
        f"{binary}:1: expected UTF-8 text, found the byte 0xff",
        f"rewrite_files: cannot read {missing}: No such file or directory",
        f"{folder / 'a.yaml'}:1:10: stop: expected true or false, found 'maybe'",
    ]


def test_an_own_file_that_cannot_be_reached_is_not_absent(folders, tmp_path):
    loop = tmp_path / "loop"
    loop.symlink_to(loop)

    with pytest.raises(RuleErrors, match=f"^forebay_home: cannot read {loop}/rewrite.yaml: "):
        load(sources(folders[0], loop, []))


def test_the_stamp_tells_edits(folders, tmp_path):
    files = (*sources(*folders, []), Source(tmp_path / "none"), Source(Path("a\0b")))
    before = stamp(files)

    assert stamp(files) == before
    assert before[4:] == (None, None)
    write(folders[1], rule("edited-name", "response"))
    assert stamp(files) != before


def test_what_ships_loads_and_leaves_real_traffic_alone():
    """The sets are off, and are not even read before one is switched on."""
    found = load(sources(SHIPPED, SHIPPED / "none", []))

    assert str(load(sources(SHIPPED, SHIPPED / "none", [], with_sets=False))) == "0 rules"
    assert {rule.group for rule in found.rules} == {
        "cors-dev",
        "no-cache-dev",
        "privacy",
        "samples",
        "security-headers",
    }
    assert str(found) == "0 rules"
    found = found.switched(["samples"])
    assert str(found) == "3 rules"
    for host in ("example.net", "localhost", "127.0.0.1", "notexample.com", "com"):
        exchange = Exchange("GET", "http", host, 80, "/api/a.json", hosts=(host,))
        for status in (None, 200, 404):
            asked = replace(exchange, status=status)
            for index in (found.request, found.response):
                matches = [
                    r for r in index.rules if r.matcher.match(asked, of_response=True) is not None
                ]
                assert not matches


def test_the_format_that_the_shipped_file_documents_is_the_format(tmp_path):
    """Its comment block, uncommented, loads, and each of its tests passes."""
    lines = (SHIPPED / "rewrite.yaml").read_text(encoding="utf-8").splitlines()
    start = lines.index(
        "#   group: dev                         # optional: of all rules in this file"
    )
    block = lines[start : lines.index("#", start)]
    text = "\n".join(line.removeprefix("#   ") for line in block).replace("body: {...}", "body: {}")
    file = write(tmp_path, text)

    found = load([Source(file)]).switched(["dev", "other"])

    assert (len(found.request), len(found.response)) == (1, 1)
    assert found.request.rules[0].request.answer.status == 200
    assert found.request.rules[0].stop


def test_a_folder_gives_its_files_in_the_order_of_their_names(tmp_path):
    """What is no YAML file is left alone; a new file is an edit."""
    folder = tmp_path / "sets"
    for name in ("b", "a"):
        write(folder, rule(name), f"{name}.yaml")
    write(folder, "notes", "notes.txt")
    source = Source(folder)
    before = stamp([source])

    assert [one.id for one in load([source]).rules] == ["a", "b"]
    write(folder, rule("c"), "c.yaml")
    assert stamp([source]) != before


class TestGroups:
    RULES = "group: g\nenabled: {}\nrules: [{{id: a, stop: true}}, {{id: b, group: h, stop: true}}]"

    @pytest.mark.parametrize(
        ("enabled", "on", "off", "expected"),
        [
            ("true", "", "", "ab"),
            ("false", "", "", ""),
            ("false", "g", "", "a"),
            ("false", "gh", "h", "a"),
            ("true", "", "g", "b"),
        ],
    )
    def test_rules_are_in_force_as_their_groups_are(self, tmp_path, enabled, on, off, expected):
        found = load([Source(write(tmp_path, self.RULES.format(enabled)))])

        active = found.switched([*on, *(f"-{name}" for name in off)]).active

        assert "".join(one.id for one in active) == expected
        assert found.groups == {"g", "h"}


class TestAnswersFromFiles:
    def test_paths_begin_where_the_rules_are(self, tmp_path):
        (tmp_path / "mock").mkdir()
        write(tmp_path, "{}", "user.json")
        text = (
            "rules:\n- request: {answer: {file: user.json}}\n- request: {answer: {folder: mock}}\n"
            "- request: {redirect: /x}\n"
        )
        one, two, three = load([Source(write(tmp_path, text))]).rules

        assert one.request.answer.file == str(tmp_path / "user.json")
        assert two.request.answer.folder == str(tmp_path / "mock")
        assert not three.request.answer.is_file

    @pytest.mark.parametrize(
        ("answer", "message"),
        [
            ("file: none.json", "expected a file, found none at {0}/none.json"),
            ("folder: none", "expected a folder, found none at {0}/none"),
            ("folder: rewrite.yaml", "expected a folder, found none at {0}/rewrite.yaml"),
            ("file: .", "expected a file, found none at {0}"),
            (
                "file: ~no-such-user/x",
                "path: expected a path, found '~no-such-user/x': no such home folder",
            ),
        ],
    )
    def test_a_file_that_is_not_there_is_a_mistake(self, tmp_path, answer, message):
        file = write(tmp_path, f"rules:\n- request:\n    answer: {{{answer}}}\n- stop: x\n")

        with pytest.raises(RuleErrors) as caught:
            load([Source(file)])
        assert "stop: expected true or false" in str(caught.value)
        file.write_text(f"rules:\n- request:\n    answer: {{{answer}}}\n", encoding="utf-8")
        with pytest.raises(RuleErrors) as caught:
            load([Source(file)])

        kind = answer.partition(":")[0]
        assert str(caught.value) == (
            f"{file}:3:14: request.answer.{kind}: {message.format(tmp_path)}"
        )


def test_rules_that_edit_bodies_are_known_by_what_a_request_tells():
    text = """
rules:
  - {id: a, match: {host: a.example, status: 404, content_type: text/html}, response: {body: {text: x}}}
  - {id: b, match: {host: b.example}, response: {set: {X: y}}}
"""
    found = RuleSet(parse(text, Path("x.yaml")))
    asked = Exchange("GET", "http", "a.example", 80, "/", hosts=("a.example",))

    (number,) = found.bodies.candidates(asked)
    assert found.bodies.rules[number].id == "a"
    assert found.bodies.rules[number].matcher.match(asked, of_response=True) is not None

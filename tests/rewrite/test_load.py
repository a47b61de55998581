"""Files to one rule set."""

from __future__ import annotations

from pathlib import Path

import pytest

from forebay.errors import ForebayError, RuleErrors
from forebay.rewrite.load import load, sources
from forebay.rewrite.match import Head
from forebay.rewrite.rule import Phase
from forebay.rulefiles import Source, stamp

SHIPPED = Path(__file__).parents[2] / "rules"


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

    assert [one.id for one in found.request] == ["shipped", "named"]
    assert [one.id for one in found.response] == ["user"]
    assert found.count == 3
    assert str(found) == "3 rules"
    assert found.request[1].file == str(named)


def test_a_file_is_read_once(folders):
    """Else what it appends would be there twice."""
    shipped, user = folders

    found = sources(shipped, user, [str(user / "rewrite.yaml"), str(shipped / "rewrite.yaml")])

    assert [source.path for source in found] == [shipped / "rewrite.yaml", user / "rewrite.yaml"]


def test_the_users_own_file_may_be_absent(folders, tmp_path):
    shipped, _ = folders
    write(tmp_path, "", "file")

    assert str(load(sources(shipped, tmp_path / "none", []))) == "1 rule"
    assert str(load(sources(shipped, tmp_path / "file", []))) == "1 rule"


def test_a_home_folder_of_nobody_is_one_line(folders):
    with pytest.raises(ForebayError) as caught:
        sources(*folders, ["~no-such-user-here/a.yaml"])

    assert str(caught.value) == (
        "rewrite_files: expected a file, found '~no-such-user-here/a.yaml': no such home folder"
    )


def test_all_that_is_wrong_with_all_files_comes_at_once(folders, tmp_path):
    shipped, user = folders
    (shipped / "rewrite.yaml").unlink()
    write(user, "rules:\n- stop: 2\n- id: ''\n  stop: true\n")
    broken = write(tmp_path, "rules: [", "broken.yaml")
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff")
    missing = tmp_path / "missing.yaml"

    with pytest.raises(RuleErrors) as caught:
        load(sources(shipped, user, [str(broken), str(binary), str(missing), str(tmp_path)]))

    assert str(caught.value).splitlines() == [
        f"forebay_rules: cannot read {shipped / 'rewrite.yaml'}: No such file or directory",
        f"{user / 'rewrite.yaml'}:2: stop: expected true or false, found '2'",
        f"{user / 'rewrite.yaml'}:3: id: expected one line of at most 100 characters, found ''",
        f"{broken}:1: expected valid YAML: expected the node content, but found '<stream end>'",
        f"{binary}:1: expected UTF-8 text, found the byte 0xff",
        f"rewrite_files: cannot read {missing}: No such file or directory",
        f"rewrite_files: cannot read {tmp_path}: Is a directory",
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
    assert before[2:] == (None, None)
    write(folders[1], rule("edited-name", "response"))
    assert stamp(files) != before


def test_what_ships_loads_and_leaves_real_traffic_alone():
    found = load([Source(SHIPPED / "rewrite.yaml")])

    assert found.count == 3
    for phase, rules in ((Phase.REQUEST, found.request), (Phase.RESPONSE, found.response)):
        assert rules
        for one in rules:
            assert one.operations(phase)
            for host in ("example.net", "localhost", "127.0.0.1", "notexample.com", "com"):
                for status in (None, 200, 404):
                    assert not one.matcher.matches(Head((host,), "/api/a.json", "GET", status))


def test_the_format_that_the_shipped_file_documents_is_the_format(tmp_path):
    """Its comment block, uncommented, loads."""
    lines = (SHIPPED / "rewrite.yaml").read_text(encoding="utf-8").splitlines()
    start = lines.index("#   rules:")
    block = lines[start : lines.index("#", start)]
    text = "\n".join(line.removeprefix("#   ") for line in block)
    file = write(tmp_path, text)

    found = load([Source(file)])

    assert (len(found.request), len(found.response)) == (1, 1)
    assert found.response[0].stop

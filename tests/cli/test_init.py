"""``forebay init``."""

from __future__ import annotations

from pathlib import Path

from forebay.blocklist.parse import parse_line
from forebay.blocklist.sources import gather
from forebay.cli import init
from forebay.rewrite.parse import parse
from forebay.trafficlog import redactparse


def test_examples_are_written_once_and_kept_then(tmp_path, capsys):
    assert init.run(["--home", str(tmp_path)]) == 0
    own = tmp_path / "rules" / "blocklists" / "own.txt"
    own.write_text("mine.example\n", encoding="utf-8")

    assert init.run(["--home", str(tmp_path)]) == 0

    assert own.read_text(encoding="utf-8") == "mine.example\n"
    assert own.stat().st_mode & 0o777 == 0o600
    assert {folder.stat().st_mode & 0o777 for folder in (own.parent, own.parent.parent)} == {0o700}
    assert capsys.readouterr().out.count("kept as it is") == len(init.EXAMPLES)


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path, capsys):
    (tmp_path / "rules").write_text("a file", encoding="utf-8")

    assert init.run(["--home", str(tmp_path)]) == 1

    assert capsys.readouterr().err.count("\n") == 1


def test_the_examples_do_nothing_until_edited(tmp_path):
    """All their rules are comments, and valid ones at that."""
    init.run(["--home", str(tmp_path)])
    rules = tmp_path / "rules"

    lines = (rules / "blocklists" / "own.txt").read_text(encoding="utf-8").splitlines()
    assert [parse_line(line) for line in lines if parse_line(line)] == []
    assert gather(shipped=tmp_path, user=rules, downloads=tmp_path).policies.policies == ()
    assert parse((rules / "rewrite.yaml").read_text(encoding="utf-8"), rules) == ()


def uncommented(text: str) -> str:
    """As a user would."""
    body = text.split("\n#\n", 1)[1]
    return "\n".join(line.removeprefix("# ").removeprefix("#") for line in body.splitlines())


def test_the_example_rules_are_valid():
    assert len(parse(uncommented(init.REWRITE), Path("rewrite.yaml"))) == 2
    found = redactparse.parse(uncommented(init.REDACT), Path("redact.yaml"))
    assert (found.mode, len(found.patterns)) == ("hash", 1)

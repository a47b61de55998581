"""The files of cache rules."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from forebay import shipped
from forebay.cache.load import load, sources
from forebay.errors import RuleErrors
from forebay.rulefiles import Source, stamp

FORCE = "rules:\n  - lifetime: 1h\n"


@pytest.fixture
def files(tmp_path):
    for name in ("shipped", "user"):
        (tmp_path / name).mkdir()
    return sources(tmp_path / "shipped", tmp_path / "user")


def test_what_ships_has_no_rules():
    assert load(sources(shipped.rules_folder(), Path("/nonexistent"))) == ()


def test_what_ships_would_parse_without_its_comments():
    """So what it explains is right."""
    from forebay.cache.parse import parse

    text = (shipped.rules_folder() / "cache.yaml").read_text(encoding="utf-8")
    example = text[text.index("#   rules:") :]
    rules = parse(example.replace("#   ", "", 1).replace("\n#   ", "\n"), Path("cache.yaml"))

    assert [rule.bypass for rule in rules] == [False, True]
    assert rules[0].lifetime_s == 86400 and rules[0].key_fields == (b"x-device",)


def test_the_users_own_come_first(files):
    files[1].path.write_text(FORCE)
    files[0].path.write_text("rules:\n  - bypass: true\n")

    assert [rule.bypass for rule in load(files)] == [True, False]


def test_files_that_are_absent_have_no_rules(files):
    assert load(files) == ()
    assert load([Source(files[0].path / "x" / "y", "forebay_home")]) == ()


def test_mistakes_of_all_files_are_told(files):
    files[0].path.write_text("rules:\n  - lifetime: x\n")
    files[1].path.mkdir()

    with pytest.raises(RuleErrors) as caught:
        load(files)

    lines = str(caught.value).splitlines()
    assert lines[0].startswith(f"{files[0].path}:2:5: lifetime: expected a span")
    assert lines[1].startswith(f"forebay_rules: cannot read {files[1].path}")


def test_a_file_that_is_no_text_is_told_with_its_line(files):
    files[0].path.write_bytes(b"rules:\n  - lifetime: \xff\n")

    with pytest.raises(RuleErrors, match=r"cache\.yaml:2: expected UTF-8 text"):
        load(files)


def test_one_folder_is_read_once(tmp_path):
    assert len(sources(tmp_path, tmp_path)) == 1


def test_an_edit_changes_the_stamp(files):
    assert stamp(files) == (None, None)
    files[0].path.write_text(FORCE)

    assert stamp(files) != (None, None)


def test_a_file_of_comments_costs_no_start_up_time(tmp_path):
    """pydantic takes longer to import than all else together."""
    (tmp_path / "cache.yaml").write_text("# nothing\n\n   # here\n")
    code = (
        "import sys; from pathlib import Path; from forebay.cache.load import *;"
        f"assert load(sources(Path({str(tmp_path)!r}), Path('/nonexistent'))) == ();"
        "sys.exit('pydantic' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

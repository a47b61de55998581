"""What the README shows is what happens."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from forebay import shipped
from forebay.blocklist.sources import used_entries
from origins import Origin, Reply

pytestmark = pytest.mark.integration

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def shown(block):
    """Yield each command of a block with the lines shown below it."""
    for part in block.split("$ ")[1:]:
        command, *lines = part.strip().split("\n")
        yield command, lines


def matches(pattern, line):
    return re.fullmatch(".*".join(map(re.escape, pattern.split("…"))), line) is not None


def test_commands_give_the_output_that_is_shown(start_proxy, tmp_path):
    """In their order, with the rules that are shown, the origin stopped for the last."""
    rules = tmp_path / "home" / "rules" / "rewrite.yaml"
    rules.parent.mkdir(parents=True)
    (shown_rules,) = [text for text in blocks("yaml") if text.startswith("rules:")]
    rules.write_text(shown_rules, encoding="utf-8")
    proxy = start_proxy()
    answer = Reply(headers=[("Cache-Control", "max-age=600")], body=b"body { color: navy }\n")
    commands = [
        pair for block in blocks("console") for pair in shown(block) if pair[0].startswith("curl")
    ]

    with Origin(lambda seen: answer) as origin:
        for number, (command, lines) in enumerate(commands):
            if number == len(commands) - 1:
                origin.stop()
            told = command.replace("127.0.0.1:8080", f"127.0.0.1:{proxy.port}")
            told = told.replace("localhost:8000", f"localhost:{origin.port}")
            done = subprocess.run(
                [*shlex.split(told), "--noproxy", ""], capture_output=True, text=True, check=True
            )
            printed = done.stdout.splitlines()
            for line in lines:
                assert any(matches(line, found) for found in printed), (line, done.stdout)

    assert len(commands) == 3
    assert len(origin.seen) == 1


def test_check_explains_as_shown(tmp_path):
    """With the rules that ship."""
    ((command, lines),) = [
        pair for block in blocks("console") for pair in shown(block) if "forebay check" in pair[0]
    ]
    root = Path(__file__).parents[2]

    done = subprocess.run(
        [*shlex.split(command), "--home", tmp_path], cwd=root, capture_output=True, text=True
    )

    assert done.returncode == 1, done.stderr
    printed = done.stdout.splitlines()
    assert len(printed) == len(lines)
    for line, found in zip(lines, printed, strict=True):
        assert matches(line, found), (line, found)


def test_the_lists_that_are_shown_are_understood(tmp_path):
    (lists,) = [text for text in blocks("yaml") if text.startswith("lists:")]
    (tmp_path / "lists.yaml").write_text(lists, encoding="utf-8")

    assert [entry.name for entry in used_entries(shipped.rules_folder(), tmp_path)] == ["easylist"]


def test_the_start_line_is_as_shown(start_proxy):
    (line,) = [text.strip() for text in blocks("text") if text.startswith("Forebay ")]
    expected = re.sub(r"~/\S+?(?=[ ,]|$)", "…", line)

    printed = start_proxy().wait_for(r"(Forebay \d.*)")[1]

    assert matches(expected, printed), printed


@pytest.mark.parametrize("script", ["proxy", "test", "check", "nightly"])
def test_scripts_that_are_named_exist(script):
    path = Path(__file__).parents[2] / "scripts" / script

    assert path.stat().st_mode & 0o100


def test_every_option_is_in_the_readme():
    """And none that does not exist."""
    source = Path(__file__).parents[2] / "addons" / "forebay"
    declared = set()
    for path in source.rglob("*.py"):
        declared.update(re.findall(r'add_option\(\s*"(\w+)"', path.read_text(encoding="utf-8")))

    assert set(re.findall(r"^\| `(\w+)` \|", README, re.MULTILINE)) == declared

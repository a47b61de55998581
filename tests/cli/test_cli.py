"""The command ``forebay``."""

from __future__ import annotations

import pytest

from forebay import __version__, cli


def test_version_and_help_are_printed(capsys):
    assert cli.main(["--version"]) == 0
    assert cli.main(["--help"]) == 0

    out = capsys.readouterr().out
    assert out.startswith(f"forebay {__version__}\nusage: forebay proxy")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ([], "usage: forebay proxy"),
        (
            ["frobnicate"],
            "forebay: expected proxy, init, status, ",
        ),
    ],
)
def test_wrong_arguments_are_one_clear_message(capsys, arguments, line):
    assert cli.main(arguments) == 2
    assert capsys.readouterr().err.startswith(line)


def test_commands_are_dispatched(tmp_path, capsys):
    assert cli.main(["init", "--home", str(tmp_path)]) == 0
    assert "rewrite.yaml: written" in capsys.readouterr().out
    assert cli.main(["lists", "--home", str(tmp_path)]) == 0
    assert "easylist" in capsys.readouterr().out
    assert cli.main(["cache", "ls", "--home", str(tmp_path)]) == 1
    assert "expected a cache in" in capsys.readouterr().err
    assert cli.main(["lint", "--home", str(tmp_path)]) == 0
    assert ": 0 wrong, 0 warnings" in capsys.readouterr().err
    assert cli.main(["rules", "schema"]) == 0
    assert "Forebay rewrite rules" in capsys.readouterr().out


def test_the_usage_names_every_command():
    """So that none is forgotten in one of the two places."""
    named = [line.split()[1] for line in cli.USAGE.removeprefix("usage:").splitlines()]

    assert named == [*cli.COMMANDS, "--version"]

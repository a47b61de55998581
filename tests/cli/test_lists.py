"""``forebay lists``."""

from __future__ import annotations

import re

import pytest

from forebay.blocklist.catalog import FILE
from forebay.cli import lists
from origins import Origin, Reply

RULES = b"||ads.example^\n||track.example^\n"


@pytest.fixture(name="command")
def _command(tmp_path, capsys):
    """Run with a home that is empty but for the *text* of lists.yaml; give status and lines."""

    def run(*arguments, text=None):
        home, rules = tmp_path / "home", tmp_path / "rules"
        (home / "rules").mkdir(parents=True, exist_ok=True)
        rules.mkdir(exist_ok=True)
        if text is not None:
            (home / "rules" / FILE).write_text(text, encoding="utf-8")
        try:
            status = lists.run([*arguments, "--home", str(home), "--rules", str(rules)])
        except SystemExit as error:
            status = error.code
        printed = capsys.readouterr()
        return status, printed.out.splitlines(), printed.err.splitlines()

    return run


def catalogue(origin, *names, more=""):
    items = "".join(f"- name: {n}\n  url: {origin.url('/' + n)}\n" for n in names)
    return f"lists:\n{items}{more}"


def cells(line):
    return re.split(r"  +", line)


def test_due_lists_are_downloaded_once(command, tmp_path):
    with Origin(lambda seen: Reply(body=RULES)) as origin:
        text = catalogue(origin, "a", "b", more="  enabled: false\n")
        assert command("update", text=text) == (0, ["a: updated: 2 rules"], [])
        assert command("update") == (0, ["none is due"], [])

    assert origin.targets() == ["/a"]
    assert (tmp_path / "home" / "lists" / "a.txt").read_bytes() == RULES


def test_force_and_names_ask_at_once(command):
    with Origin(lambda seen: Reply(body=RULES)) as origin:
        command("update", text=catalogue(origin, "a", "b", more="  enabled: false\n"))
        assert command("update", "--force") == (0, ["a: unchanged: not modified"], [])
        assert command("update", "b", "a", "b") == (
            0,
            ["b: updated: 2 rules", "a: unchanged: not modified"],
            [],
        )


def test_one_bad_list_does_not_keep_the_others(command):
    def handle(seen):
        return Reply(status=404) if seen.target == "/a" else Reply(body=RULES)

    with Origin(handle) as origin:
        status, out, err = command("update", text=catalogue(origin, "a", "b"))

    assert status == 1
    assert out == [
        f"a: failed: expected status 200, found 404 at {origin.url('/a')}",
        "b: updated: 2 rules",
    ]
    assert err == []


def test_a_refused_list_is_a_failure(command):
    with Origin(lambda seen: Reply(body=b"<html>")) as origin:
        status, out, _ = command("update", text=catalogue(origin, "a"))

    assert status == 1
    assert out[0].startswith("a: refused: ")


@pytest.mark.parametrize("text", [None, "", "lists: [{name: a, file: a.txt}]"])
def test_nothing_to_download(command, text):
    assert command("update", text=text) == (0, ["no list with a url is enabled"], [])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["update", "x"], "expected the name of a list in lists.yaml, found 'x'"),
        (["update", "a"], "expected a list with a url, found 'a', which is a file"),
        (["update", "--frobnicate"], "unrecognized arguments: --frobnicate"),
        (["renew"], "invalid choice: 'renew'"),
        (["--force"], "expected update beside --force"),
    ],
)
def test_wrong_arguments(command, arguments, message):
    status, out, err = command(*arguments, text="lists: [{name: a, file: a.txt}]")

    assert (status, out) == (2, [])
    assert message in err[-1]


@pytest.mark.parametrize("arguments", [[], ["update"]])
def test_a_wrong_file_is_all_its_mistakes_each_with_its_place(command, tmp_path, arguments):
    status, out, err = command(*arguments, text="lists:\n- name: A\n- name: b\n")

    assert (status, out) == (2, [])
    path = tmp_path / "home" / "rules" / FILE
    assert [line.partition(": ")[0] for line in err] == [f"{path}:2:3", f"{path}:3:3"]


def test_the_lists_are_shown(command, tmp_path):
    def handle(seen):
        return Reply(status=404) if seen.target == "/bad" else Reply(body=RULES)

    more = "- {name: mine, group: g, file: mine.txt}\n- {name: lost, file: lost.txt, enabled: no}\n"
    with Origin(handle) as origin:
        text = catalogue(origin, "good", "bad", "gone", more=more)
        command("update", text=text)
    (tmp_path / "home" / "rules" / "mine.txt").touch()
    (tmp_path / "home" / "lists" / "gone.txt").unlink()
    command("update", "good")  # the origin is no more

    status, out, _ = command()

    assert status == 0
    error = f"expected status 200, found 404 at {origin.url('/bad')}"
    assert [cells(line) for line in out] == [
        ["name", "group", "use", "rules", "age", "state", "error"],
        ["good", "default", "on", "2", "now", "old", f"expected a list, found Connection refused at {origin.url('/good')}"],
        ["bad", "default", "on", "not downloaded", error],
        ["gone", "default", "on", "not downloaded"],
        ["mine", "g", "on", "file"],
        ["lost", "default", "off", "no such file"],
    ]  # fmt: skip
    assert out[2].index(error) == out[0].index("error")


def test_states_without_errors(command, tmp_path):
    """Those that are good, due, and due but off."""
    with Origin(lambda seen: Reply(body=RULES)) as origin:
        command("update", text=catalogue(origin, "a", "b", "c"))
    for name in ("b", "c"):
        (tmp_path / "home" / "lists" / f"{name}.json").unlink()

    _, out, _ = command(text=catalogue(origin, "a", "b", "c", more="  enabled: false\n"))

    assert [cells(line)[0] + " " + cells(line)[-1] for line in out[1:]] == ["a good", "b due", "c good"]  # fmt: skip


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-5, "now"), (59, "now"), (60, "1 min"), (3599, "59 min"), (7200, "2 h"), (86400 * 3.9, "3 d")],
)  # fmt: skip
def test_ages(seconds, text):
    assert lists._age(seconds) == text

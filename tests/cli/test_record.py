"""``forebay record`` and ``forebay replay``."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from forebay.cli import record
from origins import Origin
from proxies import until

pytestmark = pytest.mark.integration

PROGRAM = """
import sys, urllib.request
for url in sys.argv[1:]:
    print(urllib.request.urlopen(url).read().decode(), flush=True)
"""
GET = [
    sys.executable,
    "-c",
    PROGRAM,
]


@pytest.fixture(name="origin")
def _origin():
    with Origin() as origin:
        yield origin


@pytest.fixture(autouse=True, name="folder")
def _folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_was_recorded_is_replayed_with_the_server_gone(origin, capfd, folder):
    urls = [origin.url("/a"), origin.url("/b")]

    assert record.run(["record", "--", *GET, *urls]) == 0
    recorded = capfd.readouterr()
    origin.stop()
    assert record.run(["replay", "--fail-on-unused", "--", *GET, *urls]) == 0
    replayed = capfd.readouterr()

    assert replayed.out == recorded.out == "GET /a over HTTP/1.1\nGET /b over HTTP/1.1\n"
    assert recorded.err == f"forebay record: written: {folder / 'recording.yaml'}\n"
    assert replayed.err == ""


def test_a_recording_has_exactly_what_was_asked_last(origin, folder):
    """Unless what is new shall be added."""
    file = ["--file", "a/b.yaml"]

    for mode, path, paths in (
        ([], "/a", {"/a"}),
        ([], "/b", {"/b"}),
        (["--mode", "new_episodes"], "/c", {"/b", "/c"}),
    ):
        assert record.run(["record", *file, *mode, "--", *GET, origin.url(path)]) == 0
        text = (folder / "a" / "b.yaml").read_text(encoding="utf-8")
        assert {each for each in ("/a", "/b", "/c") if origin.url(each) in text} == paths


def test_what_is_refused_is_told_of(origin, capfd):
    """With the status 1, though the program has not failed; with its own where it has."""
    record.run(["record", "--", *GET, origin.url("/a")])
    quiet = ["sh", "-c", '"$@"; exit 0', "sh", *GET, origin.url("/b")]
    capfd.readouterr()

    assert record.run(["replay", "--", *quiet]) == 1
    refused = capfd.readouterr().err
    assert record.run(["replay", "--", "sh", "-c", "exit 7"]) == 7
    ignored = capfd.readouterr().err

    assert f"forebay replay: unexpected request: GET {origin.url('/b')} is not in" in refused
    assert "forebay replay:     - /a\nforebay replay:     + /b\n" in refused
    assert "--allow HOST, for ['127.0.0.1']" in refused
    assert len(origin.seen) == 1
    assert ignored.startswith("forebay replay: no request came through the proxy")


def test_how_requests_are_compared(origin):
    record.run(["record", "--", *GET, origin.url("/a?t=1")])
    other = [*GET, origin.url("/a?t=2"), origin.url("/a?t=3")]

    assert record.run(["replay", "--ignore", "query:t", "--", *other]) != 0
    again = ["--on-exhausted", "repeat_last"]
    assert record.run(["replay", "--ignore", "query:t", *again, "--", *other]) == 0
    assert len(origin.seen) == 1
    assert record.run(["replay", "--allow", "127.0.0.1", "--", *other]) == 0
    assert len(origin.seen) == 3


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "expected a command after --, found none"),
        (["--"], "expected a command after --, found none"),
        (["--", "no-such-program"], "expected a command that can be run, found 'no-such-program'"),
        (
            ["--file", "bad.yaml", "--", "true"],
            "bad.yaml:1: expected a cassette of version 2 or older, found",
        ),
        (["--match", "colour", "--", "true"], "recording_match: expected method, scheme"),
        (["--redact", "no.yaml", "--", "true"], "expected a file of rules, found no.yaml"),
        (["--set", "x", "--", "true"], "expected name=value, found 'x'"),
        (["--forebay-command", "false", "--", "true"], "ended with status 1"),
    ],
)
def test_bad_input(arguments, expected, folder, capfd):
    (folder / "bad.yaml").write_text("version: 99\n", encoding="utf-8")

    status = record.run(["replay", *arguments])

    err = capfd.readouterr().err
    assert status == 2
    assert expected in err
    assert all(line.startswith("forebay replay: ") for line in err.splitlines())


def test_options_that_are_none(capsys):
    with pytest.raises(SystemExit) as caught:
        record.run(["record", "--mode", "sometimes", "--", "true"])

    assert caught.value.code == 2
    assert "usage: forebay record [options] -- COMMAND" in capsys.readouterr().err


def test_a_cassette_that_cannot_be_written(origin, folder, capfd):
    """As the program has put something else in its place."""
    program = ["sh", "-c", '"$@"; touch file', "sh", *GET, origin.url()]

    status = record.run(["record", "--file", "file/c.yaml", "--", *program])

    assert status == 1
    assert "forebay record: expected to write the cassette" in capfd.readouterr().err


def test_a_server_that_is_ended_by_a_signal_is_recorded(origin, folder):
    """The signal goes to the program; what it has asked until then is written."""
    program = [*GET[:2], PROGRAM + "import signal; signal.pause()", origin.url("/a")]
    running = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys; from forebay.cli import record; sys.exit(record.run(sys.argv[1:]))",
            *("record", "--", *program),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    until(lambda: origin.seen, 60)
    assert running.stdout
    assert running.stdout.readline() == "GET /a over HTTP/1.1\n"

    running.send_signal(signal.SIGTERM)
    _, err = running.communicate(timeout=60)

    assert running.returncode == 143
    assert err == f"forebay record: written: {folder / 'recording.yaml'}\n"
    assert origin.url("/a") in (folder / "recording.yaml").read_text(encoding="utf-8")

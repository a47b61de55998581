"""The proxy as a process."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from forebay.errors import ForebayError
from forebay.recording.proxycommand import proxy_command
from forebay.recording.proxyprocess import ProxyProcess


@pytest.fixture(autouse=True, name="folders")
def _folders(monkeypatch, tmp_path):
    """Temporary folders of the test's own, which must be gone."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def script(text: str) -> list[str]:
    return [sys.executable, "-c", text]


def test_it_serves_and_leaves_nothing(folders):
    """With a home and a CA of its own."""
    process = ProxyProcess(proxy_command(None, {}))
    (folder,) = folders.iterdir()
    made = {path.relative_to(folder).parts[0] for path in folder.rglob("*")}
    ca = process.control.ca_file
    assert process.is_alive
    assert process.control.ask("recording.requests") == {"requests": []}
    assert Path(ca).is_relative_to(folder)
    assert Path(ca).read_text(encoding="ascii") in Path(process.control.ca_bundle).read_text(
        encoding="ascii"
    )

    process.stop()
    process.stop()

    assert {"confdir", "home", "control.json", "output"} <= made
    assert not process.is_alive
    assert list(folders.iterdir()) == []


def test_its_end_is_noticed_at_once_and_told_of(folders):
    """What it printed is in the error."""
    with pytest.raises(ForebayError, match="ended with status 3:\nno such option"):
        ProxyProcess(script("print('no such option'); raise SystemExit(3)"))

    assert list(folders.iterdir()) == []


def test_a_deadline(folders, monkeypatch):
    """For one that hangs; it is ended."""
    monkeypatch.setattr("forebay.recording.proxyprocess.START_DEADLINE_S", 0.0)

    with pytest.raises(ForebayError, match="expected a proxy within 0 s, found none yet"):
        ProxyProcess(script("import signal; signal.pause()"))

    assert list(folders.iterdir()) == []


def test_one_that_does_not_end_is_killed(folders, monkeypatch):
    monkeypatch.setattr("forebay.recording.proxyprocess._END_DEADLINE_S", 0.0)
    process = ProxyProcess(proxy_command(None, {}))

    process.stop()

    assert not process.is_alive


@pytest.mark.parametrize(
    ("command", "redact", "expected"),
    [
        (["/no/such/forebay"], None, "expected to start /no/such/forebay, found: No such file"),
        (
            script(""),
            Path("/no/redact.yaml"),
            "forebay_redact: expected a file of rules, found /no",
        ),
    ],
)
def test_what_cannot_be_started(folders, command, redact, expected):
    with pytest.raises(ForebayError, match=expected):
        ProxyProcess(command, (), redact)

    assert list(folders.iterdir()) == []


def test_rules_and_options_are_handed_on(folders, tmp_path):
    """The rules are copied, as the home is its own."""
    rules = tmp_path.parent / f"{tmp_path.name}-redact.yaml"
    rules.write_text("names: [mine]\n", encoding="utf-8")
    text = "import pathlib, sys; print(sys.argv); print(*pathlib.Path(sys.argv[1]).rglob('*'))"
    show = script(f"{text}; raise SystemExit(1)")

    with pytest.raises(ForebayError, match=r"'cache=true'") as caught:
        ProxyProcess(show, ["cache=true"], rules)

    assert "'cache=false'" not in str(caught.value)


def test_output_since_some_point(folders):
    process = ProxyProcess(proxy_command(None, {}))
    try:
        begun = process.printed_bytes
        before = process.output()

        assert before
        assert process.output(begun) == ""
    finally:
        process.stop()
    assert process.output() == ""

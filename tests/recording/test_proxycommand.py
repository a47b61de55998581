"""What starts the proxy."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from forebay.errors import ForebayError
from forebay.recording.proxycommand import OFF, proxy_arguments, proxy_command


def program(folder: Path, name: str) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text("#!/bin/sh\n", encoding="utf-8")
    path.chmod(0o755)
    return path


@pytest.fixture(name="bare")
def _bare(monkeypatch, tmp_path):
    """An environment without mitmproxy, in which Forebay's command is nevertheless."""
    own = program(tmp_path / "own", "forebay")
    monkeypatch.setattr(sys, "executable", str(own.with_name("python")))
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "mitmproxy" else found(name)
    )
    return own


def test_what_is_given_wins_over_the_variable(tmp_path):
    """Both are split as a shell does."""
    uvx = program(tmp_path, "uvx")

    assert proxy_command(f"{uvx} --from 'a b' forebay", {"FOREBAY_COMMAND": "no"}) == [
        str(uvx), "--from", "a b", "forebay"
    ]  # fmt: skip
    assert proxy_command("", {"FOREBAY_COMMAND": f"{uvx} forebay"}) == [str(uvx), "forebay"]


def test_the_one_of_this_environment(monkeypatch, tmp_path):
    """Where mitmproxy is."""
    own = program(tmp_path / "own", "forebay")
    monkeypatch.setattr(sys, "executable", str(own.with_name("python")))

    assert proxy_command(None, {"PATH": str(program(tmp_path / "x", "forebay").parent)}) == [
        str(own)
    ]


def test_the_path_where_this_environment_has_no_mitmproxy(bare, tmp_path):
    """Forebay's own command in it could not start it, even if it is on the path first."""
    other = program(tmp_path / "other", "forebay")

    assert proxy_command(None, {"PATH": f"{bare.parent}:{other.parent}"}) == [str(other)]


def test_none_at_all(bare):
    with pytest.raises(ForebayError, match=r"expected Forebay with mitmproxy .* found neither"):
        proxy_command(None, {"PATH": str(bare.parent)})


@pytest.mark.parametrize(
    ("given", "environ", "expected"),
    [
        ("no-such x", {}, "--forebay-command: expected .* found 'no-such x': no such program"),
        (None, {"FOREBAY_COMMAND": "'x"}, 'FOREBAY_COMMAND: expected a command, found "\'x": No'),
        (" ", {}, "--forebay-command: expected a command that can be run"),
    ],
)
def test_mistakes_say_where(given, environ, expected):
    with pytest.raises(ForebayError, match=expected):
        proxy_command(given, environ)


def told(*options: str) -> list[str]:
    found = proxy_arguments(Path("/conf"), Path("/home"), Path("/control"), options)
    if found[1] == "--only-recording":
        del found[1]
    assert found[:5] == ["proxy", "--listen-host", "127.0.0.1", "--listen-port", "0"]
    assert found[5::2] == ["--set"] * len(found[6::2])
    return found[6::2]


STATE = {"flow_detail=0", "confdir=/conf", "forebay_home=/home", "forebay_control=/control"}


def test_where_state_is():
    assert set(told()) == STATE


def test_what_else_is_off_when_another_part_is_asked_for():
    """Otherwise it is not even loaded."""
    off = {f"{name}=false" for name in OFF}

    assert set(told("cache=true")) == STATE | off - {"cache=false"} | {"cache=true"}
    for options, only in (([], True), (["ignore_hosts=a"], True), (["rewrite=true"], False)):
        found = proxy_arguments(Path("/conf"), Path("/home"), Path("/control"), options)
        assert ("--only-recording" in found) is only


def test_options_of_the_user_take_the_place_of_ours():
    """mitmproxy refuses an option that is given twice, unless it takes several."""
    found = told("cache=true", "ignore_hosts=a", "ignore_hosts=b")

    assert [each for each in found if each.startswith("cache")] == ["cache=true"]
    assert found[-2:] == ["ignore_hosts=a", "ignore_hosts=b"]


@pytest.mark.parametrize("option", ["cache", "=x", ""])
def test_an_option_that_is_none(option):
    with pytest.raises(ForebayError, match="forebay_options: expected name=value, found"):
        told(option)

"""What every run of pytest pays; see ``tests/integration/test_recorded_suites.py`` for the rest."""

from __future__ import annotations

import subprocess
import sys

import pytest

from forebay.recording import plugin

CLIENT_SIDE = [
    *("assertions", "cassettepath", "claims", "controlclient", "environment", "failures"),
    *("fixture", "hints", "launcher", "passedon", "plan", "plugin", "proxycommand", "proxyprocess"),
]

LOADED = """
import sys, pytest
before = set(sys.modules)
import forebay.recording.plugin
print(*sorted(name for name in set(sys.modules) - before if name.startswith("forebay")))
print(*sorted({name.partition(".")[0] for name in set(sys.modules) - before}
    - set(sys.stdlib_module_names) - {"forebay"}))
"""
WITHOUT_PACKAGES = """
import sys
class Refused:
    known = {*sys.stdlib_module_names, "forebay", "pytest", "_pytest", "pluggy", "iniconfig",
        "packaging", "pygments", "py", "colorama", "exceptiongroup", "tomli"}
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in self.known:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Refused())
import importlib
for name in sys.argv[1:]:
    importlib.import_module(f"forebay.recording.{name}")
print("imported")
"""


def python(text: str, *arguments: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", text, *arguments], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\n")


def test_a_run_without_the_fixture_pays_for_four_small_modules():
    forebays, others, _ = python(LOADED)

    assert forebays.split() == [
        "forebay", "forebay.errors", "forebay.recording", "forebay.recording.plugin"
    ]  # fmt: skip
    assert others == ""


def test_tests_need_pytest_and_nothing_else():
    """The environment of an application may have no room for mitmproxy and its own."""
    assert python(WITHOUT_PACKAGES, *CLIENT_SIDE)[0] == "imported"


@pytest.mark.parametrize(
    "option", ["--record-mode", "--recordings-dir", "--forebay-command", "recording(name="]
)
def test_options_and_marker_are_explained(option):
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--help", "--markers"]
        if "(" not in option
        else [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--markers"],
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert option in done.stdout


def test_its_warnings_can_be_told_from_others():
    assert issubclass(plugin.ForebayWarning, pytest.PytestWarning)

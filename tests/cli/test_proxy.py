"""``forebay proxy``: which arguments mitmproxy gets."""

from __future__ import annotations

from pathlib import Path

import pytest

from forebay.cli import proxy


@pytest.mark.parametrize(
    ("given", "host"),
    [
        ([], ["--listen-host", "127.0.0.1"]),
        (["--listen-host", "0.0.0.0"], ["--listen-host", "127.0.0.1"]),
        (["--set", "listen_host=0.0.0.0"], []),
        (["--set=listen_host=0.0.0.0"], []),
    ],
)
def test_loopback_unless_told_otherwise(given, host):
    """The user's arguments come last, and the last --listen-host wins."""
    arguments = proxy.mitmproxy_arguments(given, Path("main.py"))

    assert arguments == [*host, "-s", "main.py", *given]


def test_the_entry_script_is_found_in_a_checkout():
    assert proxy.entry_script().name == "main.py"
    assert proxy.entry_script().is_file()

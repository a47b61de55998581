"""What people do by hand."""

from __future__ import annotations

import shlex

import pytest

from forebay.trust.instructions import for_java, to_install, to_uninstall

SYSTEMS = ["debian", "fedora", "arch", "darwin"]
PATH = "/home/o'neil/my certs/ca.pem"


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_system_has_its_commands(system):
    """The path is one word of them, whatever it holds."""
    assert PATH in shlex.split(to_install(system, PATH)[0])
    assert to_uninstall(system, PATH, b"\0") != []


def test_windows_quotes_by_its_own_rules():
    assert to_install("win32", r"C:\a b\ca.pem") == [
        r'certutil -addstore -user Root "C:\a b\ca.pem"'
    ]


def test_debian_takes_one_line():
    (line,) = to_install("debian", "/ca.pem")

    assert line == (
        "sudo install -m 644 -- /ca.pem /usr/local/share/ca-certificates/forebay-mitmproxy-ca.crt "
        "&& sudo update-ca-certificates --fresh"
    )


def test_removal_names_the_certificate_itself():
    """There may be others of that name."""
    assert "5BA93C9DB0CFF93F52B521D7420E43F6EDA2784F" in to_uninstall("win32", PATH, b"\0")[0]
    assert [to_uninstall(each, PATH, None) for each in ("arch", "darwin", "win32")] == [[], [], []]


def test_an_unknown_system_has_none():
    assert to_install("other", PATH) == to_uninstall("other", PATH, None) == []


def test_java_has_a_store_of_its_own():
    assert PATH in shlex.split(for_java(PATH, remove=False))
    assert "-delete" in for_java(PATH, remove=True)

"""``forebay ca install`` and ``uninstall``, in stores of the test's own."""

from __future__ import annotations

import dataclasses
import shutil

import pytest

from forebay.cli import ca
from proxies import copy_ca
from trust.stores import certutil, make_database, needs_certutil, needs_update, system_store


@pytest.fixture(name="machine")
def _machine(tmp_path, shared_ca, monkeypatch, capsys):
    """A home folder, a CA and a system's store; returns status, output and errors."""
    monkeypatch.delenv("SUDO_USER", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    store = system_store(tmp_path / "system")
    confdir = copy_ca(shared_ca, tmp_path / "confdir")

    class Machine:
        home = tmp_path / "home"

        def __init__(self):
            self.store, self.confdir = store, confdir

        def run(self, *arguments):
            status = ca.run([*arguments, "--confdir", str(self.confdir)], self.store)
            out, err = capsys.readouterr()
            lines = [line for line in out.splitlines() if not line.startswith("Java")]
            return status, [line.replace(f"{tmp_path}/", "") for line in lines], err

    return Machine()


SYSTEM = "system/local/forebay-mitmproxy-ca.crt"
CHROMIUM = "home/.pki/nssdb"
RESTART = "; a browser that runs has to be started again"


@needs_update
class TestSystem:
    def test_it_is_installed_once_and_removed_once(self, machine):
        asked = ("--store", "system")

        assert machine.run("install", *asked) == (0, [f"{SYSTEM}: installed"], "")
        assert machine.run("install", *asked) == (0, [f"{SYSTEM}: trusted already"], "")
        assert machine.run("uninstall", *asked) == (0, [f"{SYSTEM}: removed"], "")
        assert machine.run("uninstall", *asked) == (
            0,
            [f"{SYSTEM}: nothing of ours is there"],
            "",
        )

    def test_another_ca_takes_its_place(self, machine, tmp_path):
        machine.run("install", "--store", "system")
        machine.confdir = tmp_path / "another"

        status, lines, _ = machine.run("install", "--store", "system")

        assert (status, lines) == (
            0,
            ["another/mitmproxy-ca-cert.pem: made", f"{SYSTEM}: replaced"],
        )

    def test_a_dry_run_changes_nothing(self, machine, tmp_path):
        machine.confdir = tmp_path / "new"
        before = sorted(tmp_path.rglob("*"))

        status, lines, _ = machine.run("install", "--store", "system", "--dry-run")

        assert (status, lines) == (
            0,
            ["new/mitmproxy-ca-cert.pem: would be made", f"{SYSTEM}: would be installed"],
        )
        assert sorted(tmp_path.rglob("*")) == before

    def test_a_dry_run_removes_nothing(self, machine):
        machine.run("install", "--store", "system")

        assert machine.run("uninstall", "--store", "system", "--dry-run")[1] == [
            f"{SYSTEM}: would be removed"
        ]
        assert machine.store.path.exists()

    @pytest.mark.parametrize(
        ("command", "begin"),
        [("install", "sudo install -m 644 -- "), ("uninstall", "sudo rm -f -- ")],
    )
    def test_who_may_not_gets_the_command(self, machine, command, begin):
        machine.run("install", "--store", "system")
        machine.store.path.write_text("another", encoding="ascii")
        machine.store = dataclasses.replace(machine.store, trusted=machine.home / "none")

        status, lines, err = machine.run(command, "--store", "system")

        assert (status, len(lines), err) == (3, 1, "")
        assert f"to be done by hand: {begin}" in lines[0]
        assert lines[0].endswith("&& sudo update-ca-certificates --fresh")

    def test_a_store_that_fails_keeps_no_other_from_its_turn(self, machine):
        machine.store = dataclasses.replace(
            machine.store, options=("--etccertsdir", str(machine.home / "none"))
        )

        status, lines, err = machine.run("install", "--store", "all")

        assert status == 1
        assert "expected update-ca-certificates to succeed" in err
        assert any(CHROMIUM in line or "certutil" in line for line in lines) or not shutil.which(
            "certutil"
        )


def test_a_system_without_the_command_is_told_what_to_do(machine, monkeypatch, tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "update-ca-trust").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))

    status, lines, err = machine.run("install", "--store", "all")

    assert (status, err) == (3, "")
    assert lines == [
        (
            "the system's store: to be done by hand: sudo install -m 644 -- "
            "confdir/mitmproxy-ca-cert.pem "
            "/etc/pki/ca-trust/source/anchors/forebay-mitmproxy-ca.crt && sudo update-ca-trust"
        )
    ]
    assert machine.run("uninstall", "--store", "system")[1] == [
        (
            "the system's store: to be done by hand: sudo rm -f -- "
            "/etc/pki/ca-trust/source/anchors/forebay-mitmproxy-ca.crt && sudo update-ca-trust"
        )
    ]


def test_browsers_without_certutil_are_named(machine, monkeypatch, tmp_path):
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))

    status, lines, _ = machine.run("install", "--store", "nss")

    assert status == 3
    assert lines == [
        (
            "the databases of Chromium and Firefox need certutil (Debian: libnss3-tools): to be done "
            "by hand: import confdir/mitmproxy-ca-cert.pem in the browser's settings"
        )
    ]


def test_under_sudo_the_browsers_are_left_to_their_user(machine, monkeypatch):
    """Root's home has databases of its own, which nobody uses."""
    monkeypatch.setenv("SUDO_USER", "me")

    status, lines, _ = machine.run("install", "--store", "nss")

    assert (status, len(lines)) == (3, 1)
    assert "--store nss, without sudo" in lines[0]
    assert not (machine.home / ".pki").exists()


@needs_certutil
class TestBrowsers:
    def test_it_is_installed_once_and_removed_once(self, machine):
        firefox = make_database(machine.home / ".mozilla" / "firefox" / "a b.default")
        before = certutil(firefox, "-L")
        places = [CHROMIUM, "home/.mozilla/firefox/a b.default"]

        def run(command):
            status, lines, err = machine.run(command, "--store", "nss")
            assert (status, err) == (0, "")
            assert [line.partition(": ")[0] for line in lines] == places
            return {line.partition(": ")[2] for line in lines}

        assert run("install") == {"installed" + RESTART}
        assert run("install") == {"trusted already"}
        assert run("uninstall") == {"removed"}
        assert run("uninstall") == {"nothing of ours is there"}
        assert certutil(firefox, "-L") == before

    def test_a_dry_run_changes_nothing(self, machine):
        assert machine.run("install", "--store", "nss", "--dry-run") == (
            0,
            [f"{CHROMIUM}: would be installed"],
            "",
        )
        assert not (machine.home / ".pki").exists()

    @pytest.mark.parametrize("home", ["", "elsewhere"])
    def test_without_a_home_folder_nothing_is_made(self, machine, monkeypatch, tmp_path, home):
        """Neither in the folder where it happens to be, nor at the root."""
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("HOME", home)

        status, lines, err = machine.run("install", "--store", "nss")

        assert (status, lines) == (2, [])
        assert err.endswith(f"HOME: expected the user's home folder, found {home!r}\n")
        assert not (tmp_path / "elsewhere").exists()

    def test_nothing_is_made_to_be_removed(self, machine):
        assert machine.run("uninstall", "--store", "nss") == (
            0,
            [f"{CHROMIUM}: nothing of ours is there"],
            "",
        )
        assert not (machine.home / ".pki").exists()

    def test_one_with_a_password_fails_alone(self, machine):
        make_database(machine.home / ".mozilla" / "firefox" / "x", password="secret")

        status, lines, err = machine.run("install", "--store", "nss")

        assert (status, lines, err.count("\n")) == (1, [f"{CHROMIUM}: installed{RESTART}"], 1)
        assert "without a password" in err

    @pytest.mark.parametrize(
        ("trust", "expected"),
        [
            ("C,,", (0, "trusted already, by an entry that is not ours")),
            ("P,,", (1, "not trusted: change that in the browser's settings")),
        ],
    )
    def test_an_entry_of_others_is_left_alone(self, machine, trust, expected):
        database = make_database(machine.home / ".pki" / "nssdb")
        cert = str(machine.confdir / "mitmproxy-ca-cert.pem")
        certutil(database, "-A", "-t", trust, "-n", "mine", "-i", cert)
        before = certutil(database, "-L")

        status, lines, err = machine.run("install", "--store", "nss")

        assert status == expected[0]
        assert expected[1] in (err + "".join(lines))
        assert machine.run("uninstall", "--store", "nss")[0] == 0
        assert certutil(database, "-L") == before


def test_a_broken_ca_is_installed_nowhere(machine):
    (machine.confdir / "mitmproxy-ca-cert.pem").write_text("x", encoding="ascii")

    status, lines, err = machine.run("install")

    assert (status, lines, err.count("\n")) == (2, [], 1)
    assert "expected a certificate in PEM, found none" in err


def test_other_platforms_are_told_what_to_do(machine, monkeypatch):
    """Their browsers go by the system's store."""
    monkeypatch.setattr("sys.platform", "darwin")
    monkeypatch.setenv("PATH", "")

    status, lines, _ = machine.run("install")

    assert (status, len(lines)) == (3, 1)
    assert "sudo security add-trusted-cert" in lines[0]

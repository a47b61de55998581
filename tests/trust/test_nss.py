"""Databases of browsers, by ``certutil``, in folders of the test's own."""

from __future__ import annotations

import contextlib
import sqlite3

import pytest

from forebay.errors import ForebayError
from forebay.trust import certificate, nss
from forebay.trust.nss import NICKNAME, Database
from forebay.trust.tool import State
from trust.builders import DAY_S, made
from trust.stores import certutil, make_database, needs_certutil


@pytest.fixture(name="ca")
def _ca(tmp_path):
    """A certificate's file, and the certificate."""
    return certificate_file(tmp_path / "ca.pem")


def certificate_file(path, **given):
    path.write_bytes(text := made(**given))
    return path, certificate.every(text)[0]


class TestWhichThereAre:
    def test_chromium_gets_one_when_there_is_none(self, tmp_path):
        assert list(nss.databases(tmp_path)) == [
            Database(tmp_path / ".pki" / "nssdb", is_missing=True)
        ]

    def test_one_elsewhere_is_taken_as_it_is(self, tmp_path):
        """Chromium would no longer look there if the usual folder were made."""
        folder = tmp_path / ".local" / "share" / "pki" / "nssdb"
        folder.mkdir(parents=True)
        (folder / "cert9.db").touch()

        assert list(nss.databases(tmp_path)) == [Database(folder)]

    def test_every_profile_of_firefox_has_one(self, tmp_path):
        profiles = [
            tmp_path / ".mozilla" / "firefox" / "a.default",
            tmp_path / ".mozilla" / "firefox" / "b c.default",
            tmp_path / ".config" / "mozilla" / "firefox" / "d",
            tmp_path / "snap" / "firefox" / "common" / ".mozilla" / "firefox" / "e",
        ]
        for profile in profiles:
            profile.mkdir(parents=True)
            (profile / "cert9.db").touch()
        (tmp_path / ".mozilla" / "firefox" / "never started").mkdir()

        assert [each.folder for each in nss.databases(tmp_path)][1:] == profiles


@needs_certutil
class TestChanges:
    def test_one_is_made_where_none_was(self, tmp_path, ca):
        path, ours = ca
        folder = tmp_path / "home" / ".pki" / "nssdb"
        missing = Database(folder, is_missing=True)
        assert missing.state(ours) is State.ABSENT

        missing.add(path, ours)

        assert Database(folder).state(ours) is State.SAME
        assert folder.stat().st_mode & 0o777 == 0o700

    def test_it_is_added_and_removed(self, tmp_path, ca):
        path, ours = ca
        database = Database(make_database(tmp_path / "data base"))

        database.add(path, ours)
        database.add(path, ours)

        assert database.state(ours) is State.SAME
        database.remove()
        assert database.state(ours) is State.ABSENT

    def test_another_one_takes_its_place(self, tmp_path, ca):
        """They have the same subject, and databases keep both then."""
        path, ours = ca
        older, older_der = certificate_file(tmp_path / "older.pem")
        folder = make_database(tmp_path / "database")
        database = Database(folder)
        database.add(older, older_der)
        assert database.state(ours) is State.OTHER

        database.add(path, ours)

        assert database.state(ours) is State.SAME
        assert certutil(folder, "-L").count(NICKNAME) == 1

    @pytest.mark.parametrize(
        ("trust", "expected"), [("C,,", State.FOREIGN), ("P,,", State.UNTRUSTED)]
    )
    def test_what_others_put_there_is_seen(self, tmp_path, ca, trust, expected):
        path, ours = ca
        folder = make_database(tmp_path / "database")
        certutil(folder, "-A", "-t", trust, "-n", "my own", "-i", str(path))

        assert Database(folder).state(ours) is expected

    @pytest.mark.parametrize("from_s", [-9 * DAY_S, 0])
    def test_a_certificate_of_others_with_that_subject_stays(self, tmp_path, ca, from_s):
        """Databases return both by either name, the younger one first."""
        path, ours = ca
        theirs, _ = certificate_file(tmp_path / "theirs.pem", from_s=from_s)
        folder = make_database(tmp_path / "database")
        certutil(folder, "-A", "-t", "P,,", "-n", "my own", "-i", str(theirs))
        before = certutil(folder, "-L")

        Database(folder).add(path, ours)
        assert Database(folder).state(ours) is State.SAME
        Database(folder).remove()

        assert certutil(folder, "-L") == before

    def test_one_that_is_not_trusted_any_more_is_not_the_same(self, tmp_path, ca):
        path, ours = ca
        folder = make_database(tmp_path / "database")
        Database(folder).add(path, ours)
        certutil(folder, "-M", "-t", ",,", "-n", nss.nickname(ours))

        assert Database(folder).state(ours) is State.OTHER


@needs_certutil
class TestWhatCannotBeChanged:
    def test_a_password_is_not_asked_for(self, tmp_path, ca):
        """And what it has taken without one is taken back."""
        path, ours = ca
        database = Database(make_database(tmp_path / "database", password="secret"))

        with pytest.raises(ForebayError, match="database without a password, found that it asks"):
            database.add(path, ours)

        assert database.state(ours) is State.ABSENT

    def test_a_locked_one_is_one_line(self, tmp_path, ca):
        path, ours = ca
        folder = make_database(tmp_path / "database")
        with contextlib.closing(
            sqlite3.connect(folder / "cert9.db", isolation_level=None)
        ) as other:
            other.execute("BEGIN EXCLUSIVE")

            with pytest.raises(
                ForebayError, match=f"^{folder}: expected certutil to succeed"
            ) as it:
                Database(folder).add(path, ours)

        assert "\n" not in str(it.value)

    def test_a_broken_one_is_one_line(self, tmp_path, ca):
        _, ours = ca
        folder = make_database(tmp_path / "database")
        (folder / "cert9.db").write_bytes(b"garbage" * 1000)

        with pytest.raises(ForebayError, match="bad database"):
            Database(folder).state(ours)

    def test_a_folder_that_cannot_be_made_is_one_line(self, tmp_path, ca):
        path, ours = ca
        (tmp_path / "file").touch()

        with pytest.raises(ForebayError, match="expected to make it, found: Not a directory"):
            Database(tmp_path / "file" / "nssdb", is_missing=True).add(path, ours)


def test_the_program_is_looked_for(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not nss.is_there()

    (tmp_path / "certutil").touch(mode=0o755)

    assert nss.is_there()

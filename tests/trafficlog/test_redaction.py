"""The files of redact.yaml, and the key of its hash."""

from __future__ import annotations

import asyncio

import pytest

from forebay.errors import ForebayError
from forebay.trafficlog.redact import DEFAULT, Mode, Policy
from forebay.trafficlog.redaction import FILE, KEY_FILE, Redaction, load, sources, with_key


@pytest.fixture(name="folders")
def _folders(tmp_path):
    shipped, user = tmp_path / "shipped", tmp_path / "home" / "rules"
    shipped.mkdir()
    user.mkdir(parents=True)
    return shipped, user, tmp_path / "home"


def test_without_files_nothing_is_read(folders):
    shipped, user, home = folders
    (shipped / FILE).write_text("# a comment\n", encoding="utf-8")

    assert load(sources(shipped, user), home) is DEFAULT


def test_the_users_own_comes_after_what_ships(folders):
    shipped, user, home = folders
    (shipped / FILE).write_text("mode: drop\nnames: [a]\n", encoding="utf-8")
    (user / FILE).write_text("mode: mask\nnames: [b]\n", encoding="utf-8")

    found = load(sources(shipped, user), home).policy

    assert (found.mode, found.names) == (Mode.MASK, ("a", "b"))


def test_one_folder_for_both_is_read_once(folders):
    _, user, _ = folders

    assert len(sources(user, user)) == 1


def test_mistakes_of_both_are_named(folders):
    shipped, user, home = folders
    (shipped / FILE).write_text("mode: x\n", encoding="utf-8")
    (user / FILE).write_text("keep: ['*']\n", encoding="utf-8")

    with pytest.raises(ForebayError) as caught:
        load(sources(shipped, user), home)

    assert len(str(caught.value).splitlines()) == 2


class TestKey:
    POLICY = Policy(Mode.HASH)

    def test_is_made_once_and_private(self, tmp_path):
        home = tmp_path / "home"
        first, second = with_key(self.POLICY, home), with_key(self.POLICY, home)

        assert first == second
        assert len(first.key) == 32
        assert (home / KEY_FILE).stat().st_mode & 0o777 == 0o600
        assert [path.name for path in home.iterdir()] == [KEY_FILE]

    def test_is_not_made_for_other_modes(self, tmp_path):
        with_key(Policy(), tmp_path)

        assert list(tmp_path.iterdir()) == []

    def test_that_is_short_is_refused(self, tmp_path):
        (tmp_path / KEY_FILE).write_bytes(b"x")

        with pytest.raises(ForebayError, match=r"expected a key of 32 to 64 bytes in .*, found 1"):
            with_key(self.POLICY, tmp_path)

    def test_that_cannot_be_made_is_said(self, tmp_path):
        (tmp_path / "home").write_text("", encoding="utf-8")

        with pytest.raises(ForebayError, match=r"redact.yaml: expected the key of mode: hash in"):
            with_key(self.POLICY, tmp_path / "home")


def test_an_edit_takes_effect_and_a_mistake_does_not(folders, caplog):
    shipped, user, home = folders
    seen = []
    redaction = Redaction(seen.append)
    redaction.configure(shipped, user, home, running=False)
    assert seen == [DEFAULT]

    async def edit(text):
        (user / FILE).write_text(text, encoding="utf-8")
        await redaction._files.renew()

    asyncio.run(edit("names: [a]\n"))
    assert seen[-1].is_secret("a")
    asyncio.run(edit("names: ['*']\n"))

    assert len(seen) == 2
    assert "redact: rules not reloaded" in caplog.text

"""Debian's store, by its own command, in folders of the test's own."""

from __future__ import annotations

import pytest

from forebay.errors import ForebayError
from forebay.trust import certificate
from forebay.trust.systemstore import SystemStore
from forebay.trust.tool import State
from trust.builders import made
from trust.stores import needs_update, system_store

pytestmark = needs_update


@pytest.fixture(name="store")
def _store(tmp_path):
    store = system_store(tmp_path / "store")
    (store.local / "theirs.crt").write_bytes(made())
    return store


def trusted(store):
    """Return what programs trust."""
    return certificate.every((store.trusted / "ca-certificates.crt").read_bytes())


def der():
    return certificate.every(made())[0]


def test_it_is_added_and_removed(store):
    ours = der()
    assert (store.state(ours), store.is_writable, store.is_there) == (State.ABSENT, True, True)

    store.add(ours)

    assert store.state(ours) is State.SAME
    assert ours in trusted(store)
    assert store.path.stat().st_mode & 0o777 == 0o644

    store.remove()

    assert store.state(ours) is State.ABSENT
    assert ours not in trusted(store)
    assert len(trusted(store)) == 1
    links = [each for each in store.trusted.iterdir() if each.is_symlink()]
    assert [each for each in links if not each.exists()] == []


def test_another_one_takes_its_place(store):
    older, ours = der(), der()
    store.add(older)
    assert store.state(ours) is State.OTHER

    store.add(ours)

    assert store.state(ours) is State.SAME
    assert older not in trusted(store)
    assert len(trusted(store)) == 2


def test_a_file_that_was_never_read_is_not_trusted(store):
    """It may have been copied by hand, and the command forgotten."""
    ours = der()
    store.path.write_bytes(certificate.pem(ours))

    assert store.state(ours) is State.OTHER


def test_one_that_cannot_be_trusted_is_taken_back(store):
    broken = SystemStore(store.local, store.trusted, ("--etccertsdir", "/no/such"))

    with pytest.raises(ForebayError, match="expected update-ca-certificates to succeed, found: "):
        broken.add(der())

    assert not store.path.exists()


def test_a_folder_that_is_not_there_is_one_line(tmp_path):
    store = SystemStore(tmp_path / "no", tmp_path)

    assert not store.is_writable
    with pytest.raises(ForebayError, match=r"forebay-mitmproxy-ca.crt: expected to write it, "):
        store.add(der())


def test_what_cannot_be_read_is_one_line(store):
    store.path.mkdir()

    with pytest.raises(ForebayError, match="expected to read it, found: Is a directory"):
        store.state(der())

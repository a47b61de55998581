"""mitmproxy's CA: found, made, and refused."""

from __future__ import annotations

import os
import time

import pytest
from mitmproxy import certs

from forebay import cabundle
from forebay.errors import ForebayError
from forebay.trust import authority, certificate
from trust.builders import made


@pytest.fixture(name="confdir")
def _confdir(tmp_path, shared_ca):
    folder = tmp_path / "conf dir"
    folder.mkdir()
    for name in ("mitmproxy-ca.pem", "mitmproxy-ca-cert.pem", "mitmproxy-dhparam.pem"):
        (folder / name).write_bytes((shared_ca / name).read_bytes())
    return folder


def find(confdir, **given):
    return authority.find(confdir, time.time(), **given)


def test_one_is_made_that_mitmproxy_uses(tmp_path):
    found = find(tmp_path / "new")
    again = find(tmp_path / "new")
    theirs = certs.CertStore.from_store(tmp_path / "new", "mitmproxy", 2048).default_ca

    assert (found.made, again.made) == (True, False)
    assert certificate.every(theirs.to_pem()) == [found.der] == [again.der]
    assert (tmp_path / "new" / "mitmproxy-ca.pem").stat().st_mode & 0o077 == 0


def test_none_is_made_when_none_is_wanted(tmp_path):
    assert find(tmp_path / "new", make=False) is None
    assert not (tmp_path / "new").exists()


def test_the_certificate_is_written_when_only_the_key_was_brought(confdir):
    (confdir / "mitmproxy-ca-cert.pem").unlink()

    found = find(confdir)

    assert certificate.every(found.path.read_bytes()) == [found.der]


def test_nothing_is_written_when_nothing_may_be_made(confdir):
    (confdir / "mitmproxy-ca-cert.pem").unlink()

    assert find(confdir, make=False) is not None
    assert not (confdir / "mitmproxy-ca-cert.pem").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"garbage", "mitmproxy-ca-cert.pem: expected a certificate in PEM, found none"),
        (b"", "mitmproxy-ca-cert.pem: expected a certificate in PEM, found none"),
        (made(), "which mitmproxy signs with, found another one|expired|is so from"),
    ],
)
def test_a_certificate_that_is_not_the_ca_is_refused(confdir, text, message):
    (confdir / "mitmproxy-ca-cert.pem").write_bytes(text)

    with pytest.raises(ForebayError, match=message):
        find(confdir)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("name", ["mitmproxy-ca.pem", "mitmproxy-ca-cert.pem"])
def test_a_pipe_is_not_waited_for(confdir, name):
    (confdir / name).unlink()
    os.mkfifo(confdir / name)

    with pytest.raises(ForebayError, match="found: expected a file, found a device or a pipe"):
        find(confdir)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")

    with pytest.raises(ForebayError, match="CA can be read or made, found: Not a directory"):
        find(tmp_path / "file" / "confdir")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read all")
def test_the_key_need_not_be_readable(confdir):
    (confdir / "mitmproxy-ca.pem").chmod(0)

    assert find(confdir) is not None


class TestBundle:
    def test_it_is_renewed_when_the_ca_is_another_one(self, tmp_path, confdir):
        home = tmp_path / "home"
        path = authority.bundle(confdir / "mitmproxy-ca-cert.pem", home)
        assert authority.renew_bundle(confdir, home) is None

        (confdir / "mitmproxy-ca-cert.pem").write_bytes(other := made())

        assert authority.renew_bundle(confdir, home) == path
        assert other in path.read_bytes()
        assert authority.renew_bundle(confdir, home) is None

    def test_none_is_made_that_was_not_there(self, tmp_path, confdir):
        assert authority.renew_bundle(confdir, tmp_path) is None
        assert not (tmp_path / cabundle.NAME).exists()

    def test_a_folder_that_cannot_be_written_is_refused(self, tmp_path, confdir):
        (tmp_path / "file").write_text("", encoding="utf-8")

        with pytest.raises(ForebayError, match=r"ca-bundle.pem: expected to write it, found: "):
            authority.bundle(confdir / "mitmproxy-ca-cert.pem", tmp_path / "file")

    def test_a_certificate_that_is_none_is_refused(self, tmp_path):
        (tmp_path / "ca.pem").write_bytes(b"\xff")

        with pytest.raises(ForebayError, match="expected a certificate in PEM, found other bytes"):
            authority.bundle(tmp_path / "ca.pem", tmp_path)

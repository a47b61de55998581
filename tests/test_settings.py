"""Options that all addons share."""

from __future__ import annotations

import logging
import os

import pytest
from mitmproxy import exceptions
from mitmproxy.test import taddons

from forebay import settings
from forebay.errors import ForebayError


class Declares:
    """An addon with the shared options and one of its own."""

    def load(self, loader):
        settings.declare(loader)
        loader.add_option("size", str, "8m", "")


@pytest.fixture(name="tctx")
def _tctx():
    with taddons.context(Declares()) as tctx:
        yield tctx


def test_declaring_twice_is_declaring_once(tctx, caplog):
    class Another(Declares):
        pass

    tctx.master.addons.add(Another())

    assert caplog.records == []


def test_home_is_made_private(tctx, tmp_path):
    tctx.options.forebay_home = str(tmp_path / "a" / "home")

    assert settings.home() == tmp_path / "a" / "home"
    assert settings.home().stat().st_mode & 0o777 == 0o700
    assert settings.user_rules() == tmp_path / "a" / "home" / "rules"


def test_a_home_that_is_a_file_is_said(tctx, tmp_path):
    (tmp_path / "file").touch()
    tctx.options.forebay_home = str(tmp_path / "file")

    with pytest.raises(
        ForebayError, match=r"forebay_home: expected a writable folder, found .*/file: File exists"
    ):
        settings.home()


def test_a_home_that_may_not_be_written_is_said(tctx, tmp_path, monkeypatch):
    """Root may write everywhere, so the system's answer is given here."""
    tctx.options.forebay_home = str(tmp_path)
    monkeypatch.setattr(os, "access", lambda *_: False)

    with pytest.raises(ForebayError, match=r"found .*: Permission denied"):
        settings.home()


def test_shipped_rules(tctx, tmp_path):
    assert (settings.shipped_rules() / "rewrite.yaml").is_file()

    tctx.options.forebay_rules = str(tmp_path)
    assert settings.shipped_rules() == tmp_path

    tctx.options.forebay_rules = "/no/such"
    with pytest.raises(
        ForebayError, match="forebay_rules: expected a folder, found nothing at /no/such"
    ):
        settings.shipped_rules()


@pytest.mark.parametrize(
    ("text", "size"), [("8m", 8 * 2**20), ("64k", 65536), ("0", 0), ("12", 12)]
)
def test_sizes(tctx, text, size):
    tctx.options.size = text

    assert settings.size_bytes("size") == size


@pytest.mark.parametrize("text", ["", "lots", "-1", "1.5g"])
def test_what_is_no_size_is_said(tctx, text):
    tctx.options.size = text

    with pytest.raises(
        ForebayError, match="size: expected a size in bytes such as 64k, 8m or 1g, found"
    ):
        settings.size_bytes("size")


def test_choices(tctx):
    assert settings.one_of("size", ("8m", "9m")) == "8m"
    with pytest.raises(ForebayError, match="size: expected a or b, found '8m'"):
        settings.one_of("size", ("a", "b"))


def test_at_start_a_mistake_is_logged_once_however_many_find_it(tctx, caplog):
    """On level ERROR, at which mitmproxy leaves with exit status 1."""
    settings.reject(ForebayError("one\ntwo"), running=False)
    settings.reject(ForebayError("one"), running=False)

    assert [(r.levelno, r.message) for r in caplog.records] == [
        (logging.ERROR, "one"),
        (logging.ERROR, "two"),
    ]


def test_at_run_time_a_mistake_rolls_the_option_back():
    with pytest.raises(exceptions.OptionsError, match="one"):
        settings.reject(ForebayError("one"), running=True)

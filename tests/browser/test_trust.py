"""Chromium trusts the proxy after ``forebay ca install``, and not before."""

from __future__ import annotations

import shutil

import pytest

from forebay.cli import ca
from origins import Origin

pytestmark = pytest.mark.browser


@pytest.fixture(name="visit")
def _visit(tmp_path, monkeypatch):
    """Open a URL in a chromium that was told nothing about certificates; return the text."""
    from playwright.sync_api import Error, sync_playwright

    home = tmp_path / "browser"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("SUDO_USER", raising=False)
    executable = shutil.which("chromium")
    assert executable, "expected Debian's chromium, found none"

    with sync_playwright() as playwright:

        def visit(proxy, url):
            browser = playwright.chromium.launch(
                executable_path=executable,
                proxy={"server": proxy.url, "bypass": "<-loopback>"},
                args=[
                    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                    "--disable-background-networking", "--disable-component-update", "--disable-sync",
                ],
                env={"HOME": str(home)},
            )  # fmt: skip
            try:
                page = browser.new_page()
                page.goto(url)
                return page.inner_text("body")
            except Error as error:
                return str(error)
            finally:
                browser.close()

        yield visit


def test_chromium_trusts_what_is_installed(visit, start_proxy, authority):
    proxy = start_proxy()
    arguments = ["--store", "nss", "--confdir", str(proxy.confdir)]
    with Origin(tls=authority.context("localhost")) as origin:
        url = origin.url(host="localhost")
        assert "ERR_CERT_AUTHORITY_INVALID" in visit(proxy, url)

        assert ca.run(["install", *arguments]) == 0
        assert "over HTTP" in visit(proxy, url)

        assert ca.run(["uninstall", *arguments]) == 0
        assert "ERR_CERT_AUTHORITY_INVALID" in visit(proxy, url)

    line = proxy.wait_for(r"trust: (.*)")[1]
    assert "does not trust" in line
    assert "forebay ca install, then start the browser again" in line

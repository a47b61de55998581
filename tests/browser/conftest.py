"""A browser of each test's own: Debian's chromium, headless, that trusts the proxy's CA."""

from __future__ import annotations

import shutil
import subprocess

import pytest


@pytest.fixture(name="browse")
def _browse(tmp_path):
    """Start chromium with a home of its own, in which the given CA is trusted."""
    from playwright.sync_api import sync_playwright

    executable = shutil.which("chromium")
    assert executable, "expected Debian's chromium, found none"
    home = tmp_path / "browser"
    database = home / ".pki" / "nssdb"
    database.mkdir(parents=True)

    with sync_playwright() as playwright:
        browsers = []

        def launch(proxy):
            for arguments in (
                ["-N", "--empty-password"],
                ["-A", "-t", "C,,", "-n", "proxy", "-i", str(proxy.ca)],
            ):
                subprocess.run(
                    ["certutil", "-d", f"sql:{database}", *arguments],
                    check=True,
                    capture_output=True,
                )
            browser = playwright.chromium.launch(
                executable_path=executable,
                proxy={"server": proxy.url, "bypass": "<-loopback>"},
                args=[
                    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                    "--disable-background-networking", "--disable-component-update", "--disable-sync",
                ],
                env={"HOME": str(home)},
            )  # fmt: skip
            browsers.append(browser)
            return browser.new_page()

        yield launch
        for browser in browsers:
            browser.close()

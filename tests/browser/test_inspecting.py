"""Debian's chromium opens a real mitmweb: rows, signs, the content view, the options editor."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import httpx
import pytest

from forebay.cli.proxy import WEB_COLUMNS
from origins import Origin, Reply
from proxies import until
from webproxy import web_proxy

pytestmark = pytest.mark.browser

RULES = """\
# What this proxy edits.
rules:
  - id: no-tracking-cookie
    match: {host: news.example, path: /article/*}
    response:
      remove: Set-Cookie
      set: {Cache-Control: no-store}
  - id: mock
    match: {host: api.news.example, path: /flags}
    request: {answer: {status: 200, body: '{"dark": true}'}}
"""
# Hosts below .example are all on one server of ours.
LEAD = "def server_connect(data):\n    data.server.address = ('127.0.0.1', {port})\n"


def site(seen):
    host, path = seen.header("host"), seen.target.partition("?")[0]
    if path.endswith(".css"):
        headers = [("content-type", "text/css"), ("cache-control", "public, max-age=86400")]
        return Reply(headers=headers, body=b"body { margin: 0 }")
    if path.endswith(".js"):
        headers = [("content-type", "text/javascript"), ("cache-control", "no-cache")]
        headers.append(("etag", '"v7"'))
        return Reply(304 if seen.header("if-none-match") else 200, headers, b"const app = 7;")
    if host == "weather.example":
        headers = [("content-type", "application/json"), ("cache-control", "no-store")]
        return Reply(headers=headers, body=b'{"sky": "clear"}')
    headers = [("content-type", "text/html"), ("cache-control", "private")]
    headers.append(("set-cookie", "track=1234567890; Path=/"))
    return Reply(headers=headers, body=b"<!doctype html><title>News</title><p>All is well.")


@pytest.fixture(name="look")
def _look():
    """Open a page in chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--disable-gpu", "--no-first-run"],
        )
        yield lambda url: _opened(browser, url)
        browser.close()


def _opened(browser, url):
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    page.goto(url)
    return page


@pytest.fixture(name="origin")
def _origin():
    with Origin(site) as origin:
        yield origin


@pytest.fixture(name="proxy")
def _proxy(tmp_path, shared_ca, authority, start_proxy, client_of, origin, monkeypatch):
    """Run mitmweb as ``forebay proxy --web`` does, with rules, and a recording of one host."""
    monkeypatch.setenv("HOME", str(tmp_path))  # the pictures name no other
    home = tmp_path / ".forebay"
    rules = home / "rules"
    (rules / "blocklists").mkdir(parents=True)
    (rules / "blocklists" / "own.txt").write_text("! Mine.\n||adverts.example^\n")
    (rules / "rewrite.yaml").write_text(RULES)
    lead = tmp_path / "lead.py"
    lead.write_text(LEAD.format(port=origin.port))
    cassette = tmp_path / "weather.yaml"
    recorder = start_proxy("-s", str(lead), recording_file=cassette, recording_mode="once")
    client_of(recorder).get("http://weather.example/today")
    recorder.stop()
    columns = [part for name in WEB_COLUMNS for part in ("--set", f"web_columns={name}")]
    allowed = ("news.example", "static.news.example", "adverts.example", "api.news.example")
    with web_proxy(
        tmp_path,
        shared_ca,
        authority,
        *("-s", str(lead), *columns),
        *(part for host in allowed for part in ("--set", f"recording_allow={host}")),
        home=home,
        recording_file=cassette,
        recording_mode="none",
    ) as proxy:
        yield proxy


ASKED = [
    ("http://news.example/", "cache miss, not stored: private", ""),
    ("http://static.news.example/site.css", "cache miss, stored", ""),
    ("http://static.news.example/app.js", "cache miss, stored", ""),
    ("http://adverts.example/banner.js", "own:2 blocked", "✖"),
    ("http://news.example/article/7", "rewrite.yaml:3 edited", "✏"),
    ("http://static.news.example/site.css", "cache hit age ", "♻"),
    ("http://static.news.example/app.js", "cache revalidated, stored", "♻"),
    ("http://api.news.example/flags", "rewrite.yaml:8 answered 200", "✏"),
    ("http://weather.example/today", "replayed recording", "▶"),
]


def browsed(proxy, client):
    """Ask for all of it, one after the other."""
    for number, (url, _, _) in enumerate(ASKED, 1):
        client.get(url)
        until(lambda: sum(bool(flow["comment"]) for flow in proxy.flows()) == number)


def picture(page, name):
    """Keep a picture for the README, if one is wanted."""
    folder = os.environ.get("FB_SCREENSHOTS")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png")


def row(page, url, comment):
    """Return the row in which both stand."""
    return page.locator("tr", has_text=comment).filter(has_text=url).last


def show_view(page, message="Response"):
    """Choose our view of the message that is shown."""
    page.locator("nav.nav-tabs-sm a", has_text=message).first.click()
    page.locator(".view-selector, .controls .dropdown, a.btn", has_text="View").first.click()
    page.get_by_text("forebay", exact=True).last.click()


def test_a_person_sees_what_was_done(proxy, client_of, look):
    browsed(proxy, client_of(proxy))
    page = look(proxy.page)
    page.get_by_text("replayed recording").wait_for()

    for url, comment, sign in ASKED:
        assert sign in row(page, url, comment).inner_text(timeout=20_000)
    proxy.run("view.flows.remove", "mitm.it")
    page.get_by_text("mitm.it").first.wait_for(state="detached")
    picture(page, "mitmweb-flows")

    expected = {
        "own:2 blocked": "~/.forebay/rules/blocklists/own.txt:2",
        "cache hit age": "86400 s, by max-age",
        "cache revalidated": "- If-None-Match",
        "replayed recording": "200 by recording",
        "rewrite.yaml:3 edited": "before: track=REDACTED; Path=/",
    }
    for comment, shown in expected.items():
        row(page, "", comment).click()
        show_view(page)
        page.locator(".contentview", has_text=shown).first.wait_for(timeout=20_000)
    page.locator(".contentview").first.scroll_into_view_if_needed()
    picture(page, "mitmweb-view")


def test_an_option_is_switched_in_the_editor(proxy, client_of, look):
    """And the next request finds it so."""
    client = client_of(proxy)
    assert client.get("http://adverts.example/banner.png").status_code != 404
    page = look(proxy.page)
    page.get_by_text("Options", exact=True).first.click()
    page.get_by_text("Edit Options").click()
    option = page.locator(".modal .form-group", has=page.locator("label[for='blocklist']"))

    option.locator("input[type=checkbox]").uncheck()

    until(lambda: client.get("http://adverts.example/page").text.startswith("<!doctype"))
    until(lambda: "blocked" not in proxy.flow("/page")["comment"])
    assert httpx.get(proxy.page, trust_env=False).status_code == 200

"""Debian's chromium, headless, with the proxy's CA trusted."""

from __future__ import annotations

import collections

import pytest

from origins import Origin, Reply

pytestmark = pytest.mark.browser

PAGES, RESOURCES = 5, 30
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360000002000001000500010d0a2db40000000049454e44ae426082"
)


def site(seen):
    """Five pages that share nothing: each has six resources of its own."""
    path = seen.target
    if path.endswith(".css"):
        return Reply(headers=[("content-type", "text/css")], body=b"body { margin: 0 }")
    if path.endswith(".js"):
        return Reply(
            headers=[("content-type", "text/javascript")],
            body=b"window.ran = (window.ran || 0) + 1;",
        )
    if path.endswith(".png"):
        return Reply(headers=[("content-type", "image/png")], body=PNG)
    if path.startswith("/page"):
        number = path.removeprefix("/page")
        html = (
            f"<!doctype html><title>page {number}</title><link rel=icon href=data:,>"
            f"<link rel=stylesheet href=/{number}/a.css><link rel=stylesheet href=/{number}/b.css>"
            f"<script src=/{number}/a.js></script><script src=/{number}/b.js></script>"
            f"<img src=/{number}/a.png><img src=/{number}/b.png>"
        )
        return Reply(headers=[("content-type", "text/html")], body=html.encode())
    return Reply(status=404)


def ours(records, origin):
    return [record for record in records if record["server.port"] == origin.port]


def test_a_site_is_loaded_whole_and_logged_exactly(start_proxy, authority, browse):
    """What the origin, the browser and the log counted is the same, over HTTPS."""
    proxy = start_proxy()
    finished = []
    with Origin(site, tls=authority.context("localhost")) as origin:
        page = browse(proxy)
        page.on("requestfinished", lambda request: finished.append(request.url))
        for number in range(PAGES):
            page.goto(origin.url(f"/page{number}", "localhost"), wait_until="load")
            assert page.title() == f"page {number}"
            assert page.evaluate("window.ran") == 2
        page.close()
        counted = collections.Counter(origin.targets())

    records = ours(proxy.records(), origin)

    assert sum(counted.values()) == PAGES + RESOURCES
    assert collections.Counter(record["url.path"] for record in records) == counted
    assert (
        collections.Counter(
            "/" + url.split("/", 3)[3] for url in finished if str(origin.port) in url
        )
        == counted
    )
    assert {record["http.response.status_code"] for record in records} == {200}


def test_a_blocked_page_shows_its_reason(start_proxy, browse, tmp_path):
    """Over HTTPS a browser shows it, since it is answered inside TLS."""
    rules = tmp_path / "home" / "rules" / "blocklists" / "own.txt"
    rules.parent.mkdir(parents=True)
    rules.write_text("||localhost^\n", encoding="utf-8")
    proxy = start_proxy()

    page = browse(proxy)
    answer = page.goto("https://localhost:4443/advert")
    text = page.inner_text("body")
    page.screenshot(path=tmp_path / "blocked.png")
    page.close()

    assert answer.status == 403
    for part in ("||localhost^", "own", "localhost"):
        assert part in text

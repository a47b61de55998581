"""No script in a page makes its requests go round anything, where browsers say who asks."""

from __future__ import annotations

import pytest

from origins import Origin, Reply

pytestmark = pytest.mark.browser

ASK = """async () => {
    const headers = {'X-Forebay-Bypass': 'cache, rewrite, block'};
    for (const init of [{}, {mode: 'same-origin'}, {method: 'POST'}, {cache: 'reload'}])
        await fetch('/fetched', {headers, ...init});
    const asked = new XMLHttpRequest();
    asked.open('GET', '/fetched', false);
    asked.setRequestHeader('X-Forebay-Bypass', 'cache');
    asked.setRequestHeader('Sec-Fetch-Mode', 'navigate');
    asked.send();
    await navigator.serviceWorker.register('/worker.js');
    await navigator.serviceWorker.ready;
}"""
# A copy of a navigation stays one, and takes fields.
WORKER = b"""
addEventListener('activate', event => event.waitUntil(clients.claim()));
addEventListener('fetch', event => {
    if (event.request.mode !== 'navigate') return;
    const headers = {'X-Forebay-Bypass': 'cache, rewrite, block'};
    const copy = new Request(event.request);
    copy.headers.set('X-Forebay-Bypass', 'cache, rewrite, block');
    event.respondWith(fetch(event.request.url, {headers}).then(() => fetch(copy)));
});
"""


def served(seen):
    is_worker = seen.target == "/worker.js"
    kind = "text/javascript" if is_worker else "text/html"
    return Reply(headers=[("content-type", kind)], body=WORKER if is_worker else b"<p>page")


def test_scripts_and_service_workers_go_round_nothing(browse, start_proxy, authority):
    proxy = start_proxy(forebay_bypass="cache,rewrite,block")
    with Origin(served, tls=authority.context("localhost")) as origin:
        page = browse(proxy)
        page.goto(origin.url("/", "localhost"))
        page.evaluate(ASK)
        page.goto(origin.url("/caught", "localhost"))

        assert page.inner_text("body") == "page"
    told = [(record["url.path"], record["forebay.bypass"]) for record in proxy.records()]
    asked = [(path, bypass) for path, bypass in told if bypass is not None]
    assert [path for path, _ in asked] == ["/fetched"] * 5 + ["/caught"] * 2
    assert all(bypass["done"] == [] for _, bypass in asked)

"""A page in Debian's chromium: recorded, and shown again with its server gone."""

from __future__ import annotations

import base64
import json
from types import SimpleNamespace

import pytest

from forebay.recording.fixture import ForebayProxy
from forebay.recording.proxycommand import proxy_command
from forebay.recording.proxyprocess import ProxyProcess
from origins import Origin, Reply

pytestmark = pytest.mark.browser

PAGE = b"""<!doctype html><meta charset=utf-8><title>loading</title>
<link rel=icon href=data:,><script src=/app.js></script>
<img src=/dot.png onload="loaded('image ' + this.naturalWidth)">
"""
SCRIPT = b"""
const found = [];
const loaded = text => { found.push(text); if (found.length === 3) document.title = "done"; };
const ask = (n) => fetch("/api", {method: "POST", headers: {"Content-Type": "application/json"},
  body: JSON.stringify({n, at: Date.now()})}).then(answer => answer.json()).then(said => loaded("answer " + said.times));
ask(1).then(() => ask(2));
"""
DOT = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


class Site:
    """Another answer to the same question each time."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self, seen):
        match seen.target:
            case "/":
                return Reply(headers=[("content-type", "text/html")], body=PAGE)
            case "/app.js":
                return Reply(headers=[("content-type", "text/javascript")], body=SCRIPT)
            case "/dot.png":
                return Reply(headers=[("content-type", "image/png")], body=DOT)
            case "/api":
                self.times += 1
                said = json.dumps({"times": self.times}).encode()
                return Reply(headers=[("content-type", "application/json")], body=said)
            case _:
                return Reply(404)


def test_a_page_is_the_same_with_its_server_gone(browse, authority, tmp_path):
    """Its script, its picture, and what it asks for, which says another time at each run."""
    process = ProxyProcess(
        proxy_command(None, {}), [f"ssl_verify_upstream_trusted_ca={authority.path}"]
    )
    cassette = tmp_path / "cassette.yaml"

    def show(mode):
        proxy = ForebayProxy(process, cassette, mode, ignore=["json:/at"])
        page.goto("about:blank")
        page.goto(url)
        page.wait_for_function("document.title === 'done'", timeout=60_000)
        found = page.evaluate("found")
        return sorted(found), proxy.finish(save=True, needs_all=True)

    control = process.control
    page = browse(SimpleNamespace(url=control.url, ca=control.ca_file))
    try:
        with Origin(Site(), authority.context()) as origin:
            url = origin.url(host="localhost")
            recorded, said = show("once")
            assert (said.failures, said.saved) == ([], str(cassette))
            seen = len(origin.seen)
        played, said = show("none")
    finally:
        process.stop()

    assert played == recorded == ["answer 1", "answer 2", "image 1"]
    assert said.failures == []
    assert len(origin.seen) == seen == 5

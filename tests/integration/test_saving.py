"""Flows saved with ``-w`` after each kind of verdict can be read back."""

from __future__ import annotations

import pytest
from mitmproxy import io

from origins import Origin, Reply, cacheable

pytestmark = pytest.mark.integration


def handle(seen):
    if seen.target == "/chunked":
        return Reply(pieces=[b"x" * 50_000] * 4)
    if seen.target == "/reset":
        return Reply(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n1", reset=True)
    return cacheable()(seen)


def test_every_verdict_survives_saving(start_proxy, client_of, tmp_path):
    """Blocked, rewritten, stored, hit, failed; with bodies, since somebody looks."""
    rules = tmp_path / "home" / "rules" / "rewrite.yaml"
    rules.parent.mkdir(parents=True)
    rules.write_text("rules:\n  - {id: mark, response: {set: {X-On: a}}}\n", encoding="utf-8")
    saved = tmp_path / "flows"
    proxy = start_proxy("-w", str(saved))
    with Origin(handle) as origin:
        client = client_of(proxy)
        client.get("http://ads.example/blocked")
        client.get(origin.url("/stored"))
        client.get(origin.url("/stored"))
        client.get(origin.url("/chunked"))
        client.get(origin.url("/reset"))
    proxy.stop()

    with saved.open("rb") as file:
        flows = [flow for flow in io.FlowReader(file).stream() if flow.request.host != "mitm.it"]

    outcomes = [flow.metadata["forebay"] for flow in flows]
    assert [flow.request.path for flow in flows] == [
        "/blocked",
        "/stored",
        "/stored",
        "/chunked",
        "/reset",
    ]
    assert outcomes[0]["block"]["rule"] == "||ads.example^"
    assert outcomes[1]["cache"]["result"] == "miss"
    assert outcomes[2]["cache"]["result"] == "hit"
    assert outcomes[1]["rewrite"][0]["id"] == "mark"
    assert len(flows[3].response.raw_content) == 200_000
    assert flows[4].error
    assert "Traceback" not in proxy.text()

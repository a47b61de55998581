"""Flows saved with ``-w`` after each kind of verdict can be read back."""

from __future__ import annotations

import subprocess

import pytest
from mitmproxy import io

from origins import Origin, Reply, cacheable
from proxies import read_log

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


def test_flows_that_are_read_are_no_traffic(start_proxy, prepare_proxy, client_of, tmp_path):
    """A look at a recording changes nothing in it, and logs nothing."""
    rules = tmp_path / "home" / "rules" / "rewrite.yaml"
    rules.parent.mkdir(parents=True)
    rules.write_text("rules:\n  - {id: mark, response: {append: {X-On: a}}}\n", encoding="utf-8")
    saved, again = tmp_path / "flows", tmp_path / "again"
    proxy = start_proxy("-w", str(saved))
    with Origin(cacheable()) as origin:
        client_of(proxy).get(origin.url("/one"))
    logged = len(proxy.records())

    reader = prepare_proxy("-n", "-r", str(saved), "-w", str(again))
    done = subprocess.run(reader.command(), capture_output=True, text=True, timeout=60, check=True)

    flows = []
    for path in (saved, again):
        with path.open("rb") as file:
            flows.append([flow.get_state() for flow in io.FlowReader(file).stream()])
    assert "Traceback" not in done.stdout + done.stderr
    for before, after in zip(*flows, strict=True):
        assert after["response"] == before["response"]
        assert after["metadata"] == before["metadata"]
    records = read_log(reader.home / "log" / "traffic.jsonl")
    assert sum(record["server.address"] != "mitm.it" for record in records) == logged

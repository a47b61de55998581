"""A log on a real file."""

from __future__ import annotations

from pathlib import Path

import pytest
from mitmproxy import flow as mflow
from mitmproxy.test import taddons

from forebay import outcome
from forebay.trafficlog.addon import TrafficlogAddon
from trafficlog.support import NOW, lines


class Log:
    """An addon that writes to a file, and what it wrote."""

    def __init__(self, tctx: taddons.context, addon: TrafficlogAddon, path: Path) -> None:
        self.tctx = tctx
        self.addon = addon
        self.path = path
        self.alive: list[mflow.Flow] = []
        """Flows under way, which mitmproxy's layers would hold."""

    def begin(self, flow: mflow.Flow) -> mflow.Flow:
        """The flow's client connects, and proxycore begins the attempt."""
        flow.client_conn.timestamp_end = None
        self.addon.client_connected(flow.client_conn)
        outcome.begin(flow)
        self.alive.append(flow)
        return flow

    def leave(self, flow: mflow.Flow) -> None:
        """The flow's client goes."""
        flow.client_conn.timestamp_end = NOW
        self.addon.client_disconnected(flow.client_conn)

    def records(self) -> list[dict]:
        """Stop the proxy, and return all that was written."""
        self.addon.done()
        return lines(self.path)


@pytest.fixture(name="log")
def _log(tmp_path):
    addon = TrafficlogAddon(clock=lambda: NOW)
    path = tmp_path / "log" / "traffic.jsonl"
    with taddons.context(addon) as tctx:
        tctx.configure(addon, trafficlog_file=str(path))
        yield Log(tctx, addon, path)
        addon.done()

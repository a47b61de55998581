"""What comment and marker cost a flow on the event loop.

    python scripts/bench_inspect.py [--rounds 5] [--json FILE]

Microseconds a flow, medians of all rounds: where nobody looks (plain mitmdump), and where
somebody does (mitmweb), for flows that are forwarded, stored, blocked, edited, or fail.
Fixed: 2,000 flows a round, of which each says something else; the clock's own cost, which
is measured first, is taken off.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "addons")]

from mitmproxy import flow as mflow  # noqa: E402
from mitmproxy import http  # noqa: E402
from mitmproxy.test import taddons, tflow  # noqa: E402

from forebay import outcome  # noqa: E402
from forebay.inspect.addon import InspectAddon  # noqa: E402
from forebay.proxycore.audience import Audience  # noqa: E402

FLOWS = 2000
ASKED_US = {"nobody": 5.0, "somebody": 30.0}

MISS = {"result": "miss", "reason": "not stored", "age_s": None, "ttl_s": None, "stored": False}


def _notes(kind: str, number: int) -> dict[str, object]:
    match kind:
        case "stored":
            return {
                "answer": "cache",
                "cache": MISS | {"result": "hit", "reason": "fresh", "age_s": number},
            }
        case "blocked":
            block = {"action": "block", "rule": "||a^", "list": "easylist", "line": number}
            return {"answer": "blocklist", "block": block}
        case "edited":
            edits = [
                {"file": "/r/rewrite.yaml", "line": number + i, "changes": [{"field": "x"}]}
                for i in range(3)
            ]
            return {"rewrite": edits, "cache": MISS | {"unstored": "no-store"}}
        case _:
            return {"cache": MISS | {"unstored": "private"}}


def exchange(kind: str, number: int) -> http.HTTPFlow:
    """Return a flow of that kind that has ended."""
    flow = tflow.tflow(resp=True)
    outcome.begin(flow)
    outcome.of(flow).update(_notes(kind, number))
    if kind == "failed":
        flow.error = mflow.Error("peer closed connection without sending complete message body")
    return flow


def spent_us(do: Callable[[http.HTTPFlow], object], flows: list[http.HTTPFlow]) -> float:
    """Return the median of what *do* takes for a flow."""
    found = []
    for flow in flows:
        begun = time.perf_counter_ns()
        do(flow)
        found.append((time.perf_counter_ns() - begun) / 1e3)
    return statistics.median(found)


def measure(audience: Audience, kind: str) -> float:
    """Return the microseconds that a flow of *kind* takes."""
    addon = InspectAddon(lambda: audience)
    with taddons.context(addon):
        addon.running()
        flows = [exchange(kind, number) for number in range(FLOWS)]
        clock_us = spent_us(lambda flow: None, flows)
        hook = addon.error if kind == "failed" else addon.response
        return spent_us(hook, flows) - clock_us


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    found: dict[str, float] = {}
    for who, audience in (("nobody", Audience.NOBODY), ("somebody", Audience.VIEWER)):
        for kind in ("forwarded", "stored", "blocked", "edited", "failed"):
            rounds = [measure(audience, kind) for _ in range(given.rounds)]
            found[f"{who}, {kind}"] = round(statistics.median(rounds), 2)
            print(
                f"{found[f'{who}, {kind}']:8.2f} µs  {who} looks, {kind}"
                f"  (asked: {ASKED_US[who]:.0f})"
            )
    if given.json:
        given.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

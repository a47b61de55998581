"""What the traffic log costs a flow on the event loop: to build, redact and queue its record.

    python scripts/bench_trafficlog.py [--rounds 5] [--json FILE]

Microseconds a flow, medians of all rounds.  Fixed: requests of 20 header fields and
responses of 15, of which those that differ in real traffic differ from flow to flow
(cookies, tokens, ETags, dates, referrers, targets); no bodies; seed 7; the writer's
thread writes to a file in a temporary folder meanwhile, unless the queue is full.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "addons")]

from mitmproxy import http  # noqa: E402
from mitmproxy.test import taddons, tflow, tutils  # noqa: E402

from forebay import outcome  # noqa: E402
from forebay.trafficlog.addon import TrafficlogAddon  # noqa: E402

FLOWS = 2000
ASKED_US = 60


def exchange(chance: random.Random) -> http.HTTPFlow:
    """Return a flow like those of a browser, that has been answered."""
    word = f"{chance.getrandbits(128):032x}"
    short = word[:8]
    request = [
        (b"Host", b"www.example.com"),
        (b"User-Agent", b"Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"),
        (b"Accept", b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
        (b"Accept-Language", b"en-GB,en;q=0.5"),
        (b"Accept-Encoding", b"gzip, deflate, br, zstd"),
        (b"Referer", f"https://www.example.com/a/{short}/c?id={short}&page=2".encode()),
        (b"Cookie", f"theme=dark; session={word}; _ga=GA1.2.{chance.getrandbits(30)}".encode()),
        (b"Authorization", f"Bearer {word}{word}".encode()),
        (b"If-None-Match", f'"{word}"'.encode()),
        (b"If-Modified-Since", b"Fri, 27 Nov 2026 18:00:00 GMT"),
        (b"Sec-Fetch-Dest", b"document"),
        (b"Sec-Fetch-Mode", b"navigate"),
        (b"Sec-Fetch-Site", b"same-origin"),
        (b"Sec-Fetch-User", b"?1"),
        (b"Upgrade-Insecure-Requests", b"1"),
        (b"Cache-Control", b"max-age=0"),
        (b"Priority", b"u=0, i"),
        (b"Origin", b"https://www.example.com"),
        (b"DNT", b"1"),
        (b"X-Request-Id", word.encode()),
    ]
    response = [
        (b"Date", f"Sat, 28 Nov 2026 {chance.randrange(24):02}:00:00 GMT".encode()),
        (b"Content-Type", b"text/html; charset=utf-8"),
        (b"Content-Length", b"1024"),
        (b"Server", b"nginx"),
        (b"ETag", f'"{word}"'.encode()),
        (b"Last-Modified", b"Fri, 27 Nov 2026 18:00:00 GMT"),
        (b"Cache-Control", b"public, max-age=3600"),
        (b"Vary", b"Accept-Encoding"),
        (b"Strict-Transport-Security", b"max-age=63072000; includeSubDomains; preload"),
        (b"X-Content-Type-Options", b"nosniff"),
        (b"X-Frame-Options", b"DENY"),
        (b"Content-Security-Policy", b"default-src 'self'; img-src *; script-src 'self'"),
        (b"Set-Cookie", f"id={word}; Path=/; HttpOnly; SameSite=Lax".encode()),
        (b"Alt-Svc", b'h3=":443"; ma=86400'),
        (b"Server-Timing", f"cdn;desc=HIT, edge;dur={chance.randrange(99)}".encode()),
    ]
    path = f"/articles/2026/11/{short}/some-title.html?id={short}&utm_source=x&page=3".encode()
    flow = tflow.tflow(
        req=tutils.treq(
            host="www.example.com",
            port=443,
            scheme=b"https",
            path=path,
            headers=http.Headers(request),
        ),
        resp=tutils.tresp(headers=http.Headers(response)),
    )
    outcome.begin(flow)
    outcome.of(flow)["cache"] = {
        "result": "miss",
        "reason": "uri-miss",
        "age_s": None,
        "ttl_s": 3599,
        "stored": True,
    }
    return flow


def measure(folder: Path, options: dict[str, object], flows: list[http.HTTPFlow]) -> float:
    """Return the median of what a flow costs in ``requestheaders`` and ``response``."""
    addon = TrafficlogAddon()
    spent = []
    with taddons.context(addon) as tctx:
        tctx.configure(addon, trafficlog_file=str(folder / "traffic.jsonl"), **options)
        for flow in flows:
            outcome.begin(flow)
            addon.client_connected(flow.client_conn)
            begun = time.perf_counter_ns()
            addon.requestheaders(flow)
            addon.responseheaders(flow)
            addon.response(flow)
            spent.append((time.perf_counter_ns() - begun) / 1e3)
        addon.done()
    return statistics.median(spent)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    chance = random.Random(7)
    cases: dict[str, dict[str, object]] = {
        "without header fields": {},
        "with header fields": {"trafficlog_headers": True},
    }
    found: dict[str, list[float]] = {name: [] for name in cases}
    gc.freeze()
    for _ in range(given.rounds):
        for name, options in cases.items():
            flows = [exchange(chance) for _ in range(FLOWS)]
            with tempfile.TemporaryDirectory() as folder:
                found[name].append(measure(Path(folder), options, flows))
    for name, figures in found.items():
        median = statistics.median(figures)
        verdict = "ok" if median <= ASKED_US else "MISSED"
        print(f"{name:<22} {median:6.1f} us a flow   asked <= {ASKED_US}  {verdict}")
    if given.json:
        given.json.write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main()

"""What rewrite rules cost: to load, and for a request that none or five of them match.

    python scripts/bench_rewrite.py [--rounds 5] [--json FILE]

Microseconds a request, medians of all rounds.  Fixed: 1,000 rules with hosts (exact,
below, both), 200 without (by path, extension, method, header), seed 7; a
browser's request of 12 header fields.  An exchange is what ``editor`` makes of a flow.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "addons"), str(ROOT / "scripts")]

from bench_cache import REQUEST_FIELDS  # noqa: E402

from forebay.rewrite.exchange import Exchange  # noqa: E402
from forebay.rewrite.load import RuleSet  # noqa: E402
from forebay.rewrite.parse import parse  # noqa: E402
from forebay.rewrite.rule import Phase  # noqa: E402
from forebay.rewrite.run import run  # noqa: E402

WITH_HOST, WITHOUT_HOST = 1000, 200
REQUESTS = 2000


def rules_text(chance: random.Random) -> str:
    """Return a file of rules; five of them match ``hit.example`` and its path."""
    lines = ["rules:"]
    for number in range(WITH_HOST - 3):
        host = chance.choice(["h{}.example", '"*.h{}.example"', ".h{}.example"]).format(number)
        path = chance.choice(["", ", path: /api/*", ', path: "regex:^/v[0-9]+/"'])
        lines.append(f"- {{match: {{host: {host}{path}}}, request: {{set: {{X-A: '{number}'}}}}}}")
    lines += [
        f"- {{match: {{host: {host}}}, request: {{set: {{X-B: '{{url.path}}'}}}}}}"
        for host in ("hit.example", ".hit.example", '"hit*.example"')
    ]
    shapes = (
        "path: /p{}/*",
        'path: "*.x{}"',
        "path: /q{}/index.html",
        "method: M{}",
        'request_header: {{X-Tenant: "{}"}}',
    )
    for number in range(WITHOUT_HOST - 2):
        shape = shapes[number % len(shapes)].format(number)
        lines.append(f"- {{match: {{{shape}}}, request: {{default: {{X-C: '{number}'}}}}}}")
    lines.append("- {match: {path: /static/*}, request: {remove: X-D}}")
    lines.append("- {match: {path: '*.css'}, request: {append: {X-E: '1'}}}")
    return "\n".join(lines) + "\n"


def measure(rounds: int) -> dict[str, list[float]]:
    """Return the figures of each round."""
    text = rules_text(random.Random(7))
    found: dict[str, list[float]] = {"load, s": [], "none match, us": [], "five match, us": []}
    for _ in range(rounds):
        started = time.perf_counter()
        rules = RuleSet(parse(text, Path("rewrite.yaml")))
        found["load, s"].append(time.perf_counter() - started)
        for name, host, target, expected in (
            ("none match, us", "www.other.example", "/other/page.html?x", 0),
            ("five match, us", "hit.example", "/static/styles/main.css?v=1", 5),
        ):
            asked = Exchange("GET", "https", host, 443, target, REQUEST_FIELDS, (host,))
            spent = []
            for _ in range(REQUESTS):
                begun = time.perf_counter_ns()
                result = run(rules.request, Phase.REQUEST, asked, now_s=0, new_id=str)
                spent.append((time.perf_counter_ns() - begun) / 1e3)
            if len(result.applied) != expected:
                raise AssertionError(f"{name}: expected {expected} rules, {len(result.applied)}")
            found[name].append(statistics.median(spent))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    found = measure(given.rounds)
    asked = {"load, s": 1, "none match, us": 60, "five match, us": 90}
    for name, figures in found.items():
        median = statistics.median(figures)
        verdict = "ok" if median < asked[name] else "MISSED"
        print(f"{name:<16} {median:8.2f}   asked < {asked[name]:<4} {verdict}")
    if given.json:
        given.json.write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main()

"""How fast ``forebay report`` is, what memory it holds, and what DuckDB would take.

    python scripts/bench_report.py [--records 200000] [--hosts 200] [--rounds 3]
        [--file FILE] [--keep FILE] [--json]

Records a second of one process, their mean size, the peak of its memory in
megabytes, and how much of each second DuckDB's ``read_json`` needs for the same
file and the main tables of the same report.  Fixed: seed 11, a day of traffic.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "addons"))

from forebay.trafficlog.record import Gap, Record, encode  # noqa: E402

BEGIN = datetime(2026, 3, 2, tzinfo=UTC)
TYPES = ("text/html; charset=utf-8", "application/json", "text/css", "image/webp", "font/woff2")
STATUSES = (200,) * 80 + (304,) * 6 + (301,) * 3 + (404,) * 6 + (403,) + (500,) * 2 + (503,) * 2
WORDS = ("hit",) * 40 + ("miss",) * 35 + ("bypass",) * 10 + ("revalidated",) * 10 + ("stale",) * 5
RULES = (
    ("||ads.example^", "ads", 7),
    ("||track.example^$script", "ads", 19),
    ("/pixel?", "own", 3),
)


def traffic(count: int, hosts: int, seed: int = 11) -> Iterator[bytes]:
    """Yield *count* lines: a day with a quiet night, busy hosts, and some of every trouble."""
    rng = random.Random(seed)
    names = [f"{word}.site{n}.example" for n in range(hosts) for word in ("www",)]
    weights = [1 / (n + 1) for n in range(hosts)]
    chosen = rng.choices(names, weights, k=count)
    times_s = sorted(rng.triangular(0, 86_400, 50_000) for _ in range(count))
    lost = 0
    for number, (host, at_s) in enumerate(zip(chosen, times_s, strict=True), 1):
        if count > 5000 and number % (count // 4) == 777:
            first, lost = number + lost, lost + 12
            yield encode(
                Gap(lost=12, from_seq=first, to_seq=first + 11, instance="9f2c41d07ab35e68")
            )
        yield encode(_record(rng, number + lost, host, BEGIN + timedelta(seconds=at_s)))


def _record(rng: random.Random, seq: int, host: str, at: datetime) -> Record:
    kind = rng.choices(("http", "tunnel", "websocket", "dns", "tls"), (960, 20, 10, 8, 2))[0]
    common: dict[str, Any] = {
        "kind": kind,
        "seq": seq,
        "timestamp": at,
        "instance": "9f2c41d07ab35e68",
        "client_address": f"192.168.1.{rng.randrange(2, 40)}",
        "user": rng.choice(("ada", "grace", None, None)),
    }
    if kind == "dns":
        return Record(**common, dns_question=host, duration_s=rng.expovariate(200))
    if kind in ("tunnel", "tls"):
        failed = "client_tls_failed" if kind == "tls" else None
        return Record(**common, server_address=host, server_port=443, error_type=failed)
    word = rng.choice(WORDS)
    block = rewrite = error = cache = None
    status = rng.choice(STATUSES)
    origin_s = rng.lognormvariate(-2.3, 0.9)
    duration_s = rng.lognormvariate(-6, 0.4) if word == "hit" else origin_s
    answered_by = "cache" if word in ("hit", "stale") else "origin"
    if rng.random() < 0.08:
        rule, name, line = rng.choice(RULES)
        block = {
            "action": "block",
            "rule": rule,
            "list": name,
            "path": f"lists/{name}.txt",
            "line": line,
        }
        status, answered_by, duration_s = 403, "blocklist", 0.0008
    else:
        cache = {"result": word, "reason": "fresh" if word == "hit" else "uri-miss", "stored": True}
        cache["age_s"] = 40 if answered_by == "cache" else None
    if rng.random() < 0.05:
        rewrite = [{"id": "no-referer", "file": "rewrite.yaml", "line": 12, "phase": "request"}]
    if rng.random() < 0.012:
        error, status = rng.choice(("connect_failed", "client_disconnected", "truncated")), None
    path = f"/assets/{rng.randrange(10**6):06d}/page.html"
    return Record(
        **common,
        method="POST" if rng.random() < 0.1 else "GET",
        url_full=f"https://{host}{path}?v=1",
        url_path=path,
        url_query="v=1",
        url_scheme="https",
        status=status,
        error_type=error,
        duration_s=round(duration_s, 6),
        first_byte_s=round(duration_s * 0.7, 6),
        answered_by=answered_by,
        client_port=50_000,
        server_address=host,
        server_port=443,
        protocol_version="2",
        request_body_bytes=rng.choice((0, 0, 0, 812)),
        response_body_bytes=int(rng.lognormvariate(9, 1.4)),
        response_content_type=rng.choice(TYPES),
        attempt=1,
        background=True if rng.random() < 0.01 else None,
        block=block,
        rewrite=rewrite,
        cache=cache,
    )


def write(path: Path, count: int, hosts: int) -> None:
    """Write a log without the fields that are null, so that a record has about 1 KB."""
    with path.open("wb") as file:
        for line in traffic(count, hosts):
            kept = {k: v for k, v in json.loads(line).items() if v is not None}
            kept["user_agent.original"] = "Mozilla/5.0 " + "x" * max(0, 960 - len(json.dumps(kept)))
            file.write(json.dumps(kept, separators=(",", ":")).encode() + b"\n")


def measure(path: Path) -> dict[str, float]:
    """Return the seconds of one report, start included, and its peak memory in megabytes."""
    script = (
        "import sys, resource; from forebay.cli import report; status = report.run(sys.argv[1:]);"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr);"
        "sys.exit(status)"
    )
    began_s = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", script, str(path), "--json"],
        env={"PYTHONPATH": str(ROOT / "addons")},
        capture_output=True,
        text=True,
        check=True,
    )
    took_s = time.perf_counter() - began_s
    unit = 1e6 if sys.platform == "darwin" else 1e3
    return {"took_s": took_s, "rss_mb": int(done.stderr.split()[-1]) / unit}


def duckdb_s(path: Path) -> float:
    """Return the seconds DuckDB takes for hosts, statuses, clients, types, cache and steps."""
    import duckdb

    began_s = time.perf_counter()
    with duckdb.connect() as connection:
        connection.execute("set threads = 1")
        connection.execute(
            """create temp table log as select "server.address" host, "client.address" client,
            "http.response.status_code" status, "forebay.duration_s" d, "forebay.first_byte_s" f,
            "http.response.body.size" size, "forebay.response.content_type" type, "error.type" e,
            "forebay.cache".result word, "forebay.block".rule rule, timestamp began
            from read_json(?, format = 'newline_delimited', ignore_errors = true)""",
            [str(path)],
        )
        for group in ("host", "client", "status", "type", "word", "rule", "e"):
            connection.execute(
                f"""select {group}, count(*) n, sum(size), count(e),
                approx_quantile(d, [0.5, 0.9, 0.99]), max(d), approx_quantile(f, [0.5, 0.9, 0.99])
                from log group by all order by n desc limit 10"""
            ).fetchall()
        connection.execute(
            """select time_bucket(interval 15 minutes, began::timestamp) step, status // 100,
            count(*), sum(size), approx_quantile(d, [0.5, 0.9, 0.99]) from log group by all"""
        ).fetchall()
    return time.perf_counter() - began_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=200_000)
    parser.add_argument("--hosts", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--file", type=Path, help="measure this one instead")
    parser.add_argument("--keep", type=Path, help="only write the log to this file")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    if given.keep:
        write(given.keep, given.records, given.hosts)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = given.file or Path(folder) / "traffic.jsonl"
        if not given.file:
            write(path, given.records, given.hosts)
        with path.open("rb") as file:
            records = sum(1 for _ in file)
        rounds = [measure(path) for _ in range(given.rounds)]
        took_s = statistics.median(each["took_s"] for each in rounds)
        found = {
            "records": records,
            "record_bytes": path.stat().st_size / records,
            "records_per_s": records / took_s,
            "rss_mb": max(each["rss_mb"] for each in rounds),
            "own_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
            "duckdb_records_per_s": records
            / statistics.median(duckdb_s(path) for _ in range(given.rounds)),
        }
    if given.json:
        print(json.dumps(found, indent=2))
        return
    print(f"{found['records']:>10,.0f} records of {found['record_bytes']:,.0f} bytes")
    print(
        f"{found['records_per_s']:>10,.0f} records/s   {found['rss_mb']:,.0f} MB   forebay report"
    )
    print(f"{found['duckdb_records_per_s']:>10,.0f} records/s   DuckDB, one thread")


if __name__ == "__main__":
    main()

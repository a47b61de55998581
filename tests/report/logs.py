"""Records and logs for tests, with defaults for all that a test does not speak of."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from forebay.report.document import Damaged, Summary
from forebay.report.line import Line, decode
from forebay.report.selection import Selection
from forebay.report.summary import summarize
from forebay.report.tally import Tally
from forebay.trafficlog.record import Gap, Record, encode

BEGIN = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOSTILE = (
    "<script>alert(1)</script>",
    "\"' onmouseover='alert(1)' x=\"",
    "</style><style>*{display:none}",
    "</title><img src=x onerror=alert(1)>",
    "\u202egnp.exe",
    "\x1b[2J\x1b]0;owned\x07",
    "[bold red]markup[/]",
    "a" * 5000,
    "\x00\x9b31m\ud800",
    "&amp;&#x3c;b&gt;",
)


def record(**given: Any) -> Record:
    """Return the record of an answered GET."""
    defaults: dict[str, Any] = {
        "kind": "http",
        "seq": 1,
        "timestamp": BEGIN,
        "instance": "i",
        "method": "GET",
        "url_full": "https://a.example/x",
        "status": 200,
        "duration_s": 0.1,
        "first_byte_s": 0.05,
        "answered_by": "origin",
        "client_address": "192.0.2.1",
        "server_address": "a.example",
        "response_body_bytes": 1000,
        "response_content_type": "text/html; charset=utf-8",
    }
    return Record(**(defaults | given))


def line(**given: Any) -> Line:
    """Return what a report reads of such a record."""
    return decode(encode(record(**given)))


def tally(*lines: Line, selection: Selection | None = None, slowest: int = 10) -> Tally:
    """Return what is counted."""
    found = Tally(selection or Selection(), slowest)
    for each in lines:
        found.add(each)
    return found


def summary(*lines: Line, top: int = 10, damaged: Damaged | None = None) -> Summary:
    """Return the report."""
    return summarize(
        tally(*lines),
        made_at=BEGIN,
        files=["traffic.jsonl"],
        selection={},
        damaged=damaged or Damaged(0, []),
        top=top,
    )


def write(path: Path, count: int, hosts: int = 3, text: tuple[str, ...] = ()) -> Path:
    """Write a log with some of everything, *text* in every field that may hold any."""
    rng = random.Random(5)
    with path.open("wb") as file:
        for seq in range(1, count + 1):
            file.write(encode(_some(rng, seq, hosts, text, count)))
        if count > 5:
            file.write(encode(Gap(lost=3, from_seq=count + 1, to_seq=count + 3, instance="i")))
            file.write(b'{"v":1,"kind":"ht\n')
    return path


def _some(rng: random.Random, seq: int, hosts: int, text: tuple[str, ...], count: int) -> Record:
    def said(otherwise: str) -> str:
        return rng.choice(text) if text else otherwise

    kind = rng.choices(
        ("http", "tunnel", "websocket", "dns", "tls", "malformed"), (90, 2, 2, 2, 2, 2)
    )[0]
    host = said(
        f"{rng.choice(('www', 'cdn', 'a-rather-long-name-of-a-service'))}.site{seq % hosts}.example"
    )
    return record(
        kind=kind,
        seq=seq,
        timestamp=BEGIN + timedelta(seconds=86_400 * seq / count),
        server_address=host,
        url_full=f"https://{host}/{said('path/' * rng.randrange(30))}?q={seq}",
        status=rng.choice((200, 200, 200, 304, 404, 503, None)),
        duration_s=rng.lognormvariate(-2, 1.5),
        first_byte_s=rng.lognormvariate(-3, 1.5),
        answered_by=rng.choice(("origin", "cache")),
        client_address=said(f"2001:db8:{rng.randrange(99)}:1234:5678:9abc:def0:{seq % 7:x}"),
        user=said(rng.choice(("ada", "grace"))),
        response_body_bytes=int(rng.lognormvariate(9, 2)),
        request_body_bytes=rng.randrange(2000),
        response_content_type=said(rng.choice(("text/html", "application/vnd.api+json"))),
        error_type=said("connect_failed") if rng.random() < 0.05 else None,
        error_message=said("no route to host"),
        background=True if rng.random() < 0.02 else None,
        cache={
            "result": rng.choice(("hit", "miss", "stale", "revalidated", "bypass")),
            "reason": said("uri-miss"),
            "age_s": 3,
        },
        block={
            "action": "block",
            "rule": said("||ads.example^$script,third-party"),
            "list": said("easylist"),
            "path": said("/lists/easylist.txt"),
            "line": seq % 9,
        }
        if rng.random() < 0.1
        else None,
        rewrite=[
            {
                "id": said("no-referer"),
                "file": said("rewrite.yaml"),
                "line": seq % 5,
                "phase": "request",
            }
        ],
    )

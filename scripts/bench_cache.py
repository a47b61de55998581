"""What the cache costs and gains: to decide, hits, large bodies; and whether it is ever wrong.

    python scripts/bench_cache.py [--rounds 5] [--seconds 3] [--check-seconds 20]
        [--only decide,hits,large,consistency] [--lists FILE…] [--json FILE]

Units stand beside the figures.  Ratios are of proxies that run side by side and
are loaded in turns, medians of all rounds: the machine's speed drifts, a pair's
does not.  Fixed: loopback, plain HTTP, 16 kept connections (50 where answers
are checked), everything on with the rules that ship and the lists given; seed 7.
"""

from __future__ import annotations

import argparse
import asyncio
import bisect
import http.client
import json
import multiprocessing
import os
import random
import socketserver
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "addons"), str(ROOT / "scripts")]

from bench_blocklist import Table  # noqa: E402
from bench_proxy import CONNECTIONS, QUIET, Proxy, make_ca, paired  # noqa: E402

from forebay.cache import answer  # noqa: E402
from forebay.cache.decision import Revalidate, Serve, decide  # noqa: E402
from forebay.cache.entry import Entry  # noqa: E402
from forebay.cache.headers import Head  # noqa: E402
from forebay.cache.key import Target, bypass_reason  # noqa: E402
from forebay.cache.rule import key_for  # noqa: E402

OBJECT_BYTES = {"1 KB": 1024, "64 KB": 65_536}
OBJECTS = 100
LARGE_BYTES = 200_000_000
BLOCK_BYTES = 1_000_000
KEYS = 1000
HOT_KEYS = 50
READERS = 50
LIFETIMES_S = (1, 2, 5, 60)


@dataclass(frozen=True, slots=True)
class Setup:
    """What is measured with."""

    lists: tuple[Path, ...]
    folder: Path
    ca: Path
    rounds: int
    seconds: float
    check_seconds: float

    def ours(self, name: str, **options: object) -> Proxy:
        """Return a proxy with everything on."""
        told = [part for path in self.lists for part in ("--set", f"blocklist_files={path}")]
        script = ROOT / "addons" / "main.py"
        return Proxy(self.folder / name, self.ca, told, {**QUIET, **options}, script)

    def bare(self, name: str, **options: object) -> Proxy:
        """Return mitmdump alone."""
        return Proxy(self.folder / name, self.ca, (), {**QUIET, **options}, None)


@contextmanager
def origin(serve: Callable[[Any], None]) -> Iterator[int]:
    """Run an origin in a process of its own; its port."""
    ports: Any = multiprocessing.Queue()
    process = multiprocessing.Process(target=serve, args=(ports,), daemon=True)
    process.start()
    try:
        yield ports.get(timeout=20)
    finally:
        process.terminate()
        process.join()


def serve_protocol(ports: Any, protocol: Callable[[], asyncio.Protocol]) -> None:
    """Tell the port and serve until the process is ended."""

    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0)
        ports.put(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(serve())


# 1. Decide.

REQUEST_FIELDS = (
    (b"Host", b"www.example.com"),
    (b"User-Agent", b"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
    (b"Accept", b"text/css,*/*;q=0.1"),
    (b"Accept-Language", b"en-US,en;q=0.5"),
    (b"Accept-Encoding", b"gzip, deflate, br, zstd"),
    (b"Referer", b"https://www.example.com/articles/2025/a-longer-name.html"),
    (b"Connection", b"keep-alive"),
    (b"Cookie", b"session=0123456789abcdef0123456789abcdef; theme=dark"),
    (b"Sec-Fetch-Dest", b"style"),
    (b"Sec-Fetch-Mode", b"no-cors"),
    (b"Sec-Fetch-Site", b"same-origin"),
    (b"Priority", b"u=2"),
)
RESPONSE_FIELDS = (
    (b"Content-Type", b"text/css; charset=utf-8"),
    (b"Content-Length", b"16384"),
    (b"Cache-Control", b"public, max-age=600"),
    (b"Date", b"Thu, 01 Jan 2026 00:00:00 GMT"),
    (b"ETag", b'"0123456789abcdef"'),
    (b"Last-Modified", b"Mon, 01 Dec 2025 00:00:00 GMT"),
    (b"Vary", b"Accept-Encoding"),
    (b"Server", b"example"),
    (b"Strict-Transport-Security", b"max-age=31536000"),
    (b"X-Content-Type-Options", b"nosniff"),
)
DATE_S = 1_767_225_600.0
TARGET = Target(b"GET", b"https", "www.example.com", 443, b"/static/styles/main.css?v=20251201")


def policy_of(fields: tuple[tuple[bytes, bytes], ...], entry: Entry, now_s: float) -> object:
    """Do the policy's work for one request whose key is stored, up to the answer's fields."""
    head = Head(fields)
    key_for(None, TARGET, head)
    if bypass_reason(TARGET, head, authority="", sni="www.example.com", has_body=False):
        raise AssertionError("expected a request that may be looked up, found a bypass")
    decision = decide(head, entry, now_s)
    return answer.formed(entry, decision.shape) if isinstance(decision, Serve) else decision


def measure_decide(setup: Setup) -> Table:
    table = Table("1. decide: head, key, bypass checks, decision, answer's fields; without I/O")
    said = ((b"accept-encoding", b"gzip, deflate, br, zstd"),)
    entry = Entry(200, b"OK", RESPONSE_FIELDS, DATE_S, DATE_S, said, b"x" * 16384)
    fresh_s, stale_s = DATE_S + 60, DATE_S + 6000
    cases = {
        "hit": ((), fresh_s, 200, "< 50"),
        "304 by If-None-Match": (((b"If-None-Match", b'"0123456789abcdef"'),), fresh_s, 304, ""),
        "304 by If-Modified-Since": (
            ((b"If-Modified-Since", b"Mon, 01 Dec 2025 00:00:00 GMT"),), fresh_s, 304, ""
        ),
        "range": (((b"Range", b"bytes=1000-1999"),), fresh_s, 206, ""),
        "stale, to be validated": ((), stale_s, None, ""),
        "stale, taken by max-stale": (((b"Cache-Control", b"max-stale"),), stale_s, 200, ""),
    }  # fmt: skip
    for name, (further, now_s, status, asked) in cases.items():
        fields = (*REQUEST_FIELDS, *further)
        found = policy_of(fields, entry, now_s)
        if status is None:
            expected = isinstance(found, Revalidate)
        else:
            expected = isinstance(found, answer.Formed) and found.status == status
        if not expected:
            raise AssertionError(f"{name}: expected {status or 'a validation'}, found {found!r}")
        medians, slow = [], []
        for _ in range(setup.rounds):
            spent_us = []
            for _ in range(5000):
                started = time.perf_counter_ns()
                policy_of(fields, entry, now_s)
                spent_us.append((time.perf_counter_ns() - started) / 1e3)
            spent_us.sort()
            medians.append(spent_us[len(spent_us) // 2])
            slow.append(spent_us[len(spent_us) * 99 // 100])
        table.add(f"{name}, p50", medians, "us", asked)
        table.add(f"{name}, p99", slow, "us")
    return table


# 2. Hits.


def serve_objects(ports: Any) -> None:
    """Answer ``/<bytes>/<number>`` with that many bytes, to be stored for an hour."""

    class Answer(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            self.transport, self.buffer = transport, b""

        def data_received(self, data: bytes) -> None:
            self.buffer += data
            while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
                size = int(self.buffer.split(b"/", 2)[1])
                self.buffer = self.buffer[end + 4 :]
                self.transport.write(
                    b'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nETag: "1"\r\n'
                    b"Cache-Control: max-age=3600\r\nContent-Length: %d\r\n\r\n%b"
                    % (size, b"x" * size)
                )

    serve_protocol(ports, Answer)


class Loader(asyncio.Protocol):
    """One kept connection that asks for the objects again and again until *end_s*."""

    def __init__(self, url: bytes, host: bytes, end_s: float, done: Counter[str], first: int):
        self.url, self.host, self.end_s, self.done = url, host, end_s, done
        self.number, self.left, self.head = first, 0, b""
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        """Begin."""
        self.transport = transport
        self.ask()

    def ask(self) -> None:
        """Ask for the next object, or end."""
        if time.perf_counter() >= self.end_s:
            self.transport.close()
            return
        self.number = (self.number + 1) % OBJECTS
        self.transport.write(b"GET %b%d HTTP/1.1\r\nHost: %b\r\n\r\n" % (
            self.url, self.number, self.host))  # fmt: skip

    def data_received(self, data: bytes) -> None:
        """Count bytes until the answer is whole."""
        if self.left:
            self.left -= len(data)
        else:
            self.head += data
            head, blank, body = self.head.partition(b"\r\n\r\n")
            if not blank:
                return
            lowered, self.head = head.lower(), b""
            size = int(lowered.split(b"content-length: ")[1].split(b"\r\n")[0])
            self.done[f"status {head[9:12].decode()}"] += 1
            self.done["hits"] += b"forebay; hit" in lowered
            self.left = size - len(body)
        if self.left == 0:
            self.done["answers"] += 1
            self.ask()
        elif self.left < 0:
            raise AssertionError("expected the end of an answer, found more")

    def connection_lost(self, error: Exception | None) -> None:
        """Tell that it ended."""
        if time.perf_counter() < self.end_s:
            self.done["lost connections"] += 1
        self.closed.set_result(None)


def load(proxy_port: int, url: str, seconds: float, results: Any) -> None:
    """Put the answers a second and what they were."""
    done: Counter[str] = Counter()

    async def run() -> float:
        loop = asyncio.get_running_loop()
        started = time.perf_counter()
        host = url.split("/")[2].encode()
        loaders = [
            (await loop.create_connection(
                lambda n=n: Loader(url.encode(), host, started + seconds, done, n * 7),
                "127.0.0.1", proxy_port))[1]
            for n in range(CONNECTIONS)
        ]  # fmt: skip
        await asyncio.gather(*(each.closed for each in loaders))
        return done["answers"] / (time.perf_counter() - started)

    results.put((asyncio.run(run()), done))


def rate(proxy: Proxy, url: str, seconds: float) -> tuple[float, Counter[str]]:
    """Return the answers a second, measured from another process, and what they were."""
    results: Any = multiprocessing.Queue()
    process = multiprocessing.Process(
        target=load, args=(proxy.port, url, seconds, results), daemon=True
    )
    process.start()
    found: tuple[float, Counter[str]] = results.get(timeout=seconds + 60)
    process.join()
    return found


def measure_hits(setup: Setup) -> Table:
    table = Table("2. hits: against forwarding by the same proxy with its cache off")
    with (
        origin(serve_objects) as port,
        setup.ours("off", cache=False) as off,
        setup.ours("ram") as ram,
        setup.ours("disk", cache_ram_bytes="0") as disk,
    ):
        for said, size in OBJECT_BYTES.items():
            url = f"http://127.0.0.1:{port}/{size}/"
            for proxy in (off, ram, disk):
                rate(proxy, url, 1)
            time.sleep(1)  # the writer is to be done, or hits come from its queue
            turns = {"off": off, "RAM": ram, "disk": disk}
            rounds = [
                {name: rate(proxy, url, setup.seconds) for name, proxy in turns.items()}
                for _ in range(setup.rounds)
            ]
            forwarded = [each["off"][0] for each in rounds]
            table.add(f"{said}, forwarded", forwarded, "req/s")
            for name, asked in (("RAM", ">= 1.05"), ("disk", ">= 0.9")):
                ours = [each[name][0] for each in rounds]
                table.add(f"{said}, hits in {name}", ours, "req/s")
                table.add(f"{said}, hits in {name} / forwarded",
                          paired(forwarded, ours)["ratio"], "", asked)  # fmt: skip
            for name in turns:
                done = sum((each[name][1] for each in rounds), Counter())
                expected = 0 if name == "off" else done["answers"]
                if done["hits"] != expected or done["status 200"] != done["answers"]:
                    table.notes.append(f"{said}, {name}: not all as expected: {dict(done)}")
    return table


# 3. Large.


def blocks() -> Iterator[bytes]:
    """Yield the large body; no two blocks are alike."""
    filling = random.Random(7).randbytes(BLOCK_BYTES - 8)
    return (number.to_bytes(8) + filling for number in range(LARGE_BYTES // BLOCK_BYTES))


def serve_large(ports: Any) -> None:
    """Answer ``/large…`` with the large body, to be stored for an hour; all else with 1 KB."""
    whole = list(blocks())

    class Answer(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while line := self.rfile.readline():
                while self.rfile.readline().strip():
                    pass
                body = whole if b"large" in line else [whole[0][:1000]]
                self.wfile.write(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n"
                    b'ETag: "1"\r\nCache-Control: max-age=3600\r\nContent-Length: %d\r\n\r\n'
                    % sum(map(len, body))
                )
                for block in body:
                    self.wfile.write(block)
                    if b"paced" in line:
                        time.sleep(0.02)  # 50 MB/s at most

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Answer)
    server.daemon_threads = True
    ports.put(server.server_address[1])
    server.serve_forever()


@dataclass(frozen=True, slots=True)
class Fetched:
    """One large answer as a client saw it, and the proxy's memory meanwhile."""

    mb_per_s: float
    peak_mb: float
    is_hit: bool


def fetch_large(proxy: Proxy, url: str, *, check: bool = False) -> Fetched:
    """Fetch the large body; with *check* compare all its bytes, which takes time."""
    Path(f"/proc/{proxy.process.pid}/clear_refs").write_text("5", encoding="ascii")  # the peak
    started = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=120)
    connection.request("GET", url)
    got = connection.getresponse()
    status, size = got.getheader("Cache-Status", ""), 0
    if check:
        for number, block in enumerate(blocks()):
            size += len(block)
            if got.read(len(block)) != block:
                raise AssertionError(f"{url}: block {number} is not the origin's")
        size += len(got.read(1))
    else:
        buffer = bytearray(BLOCK_BYTES)
        while count := got.readinto(buffer):
            size += count
    spent = time.perf_counter() - started
    connection.close()
    if got.status != 200 or size != LARGE_BYTES:
        raise AssertionError(f"{url}: expected {LARGE_BYTES} bytes, found {got.status}, {size}")
    return Fetched(LARGE_BYTES / 1e6 / spent, proxy.peak_rss_mb(), "forebay; hit" in status)


def measure_large(setup: Setup) -> Table:
    table = Table(f"3. large: {LARGE_BYTES // 1_000_000} MB, against mitmdump that streams")
    allowed = {"cache_max_object_bytes": "300m", "cache_size_bytes": "4g"}
    with (
        origin(serve_large) as port,
        setup.bare("streaming", stream_large_bodies="1m") as bare,
        setup.ours("large") as usual,
        setup.ours("allowed", **allowed) as ours,
    ):
        url = f"http://127.0.0.1:{port}/large?"
        before_mb = {}
        for name, proxy in (("bare", bare), ("usual", usual), ("ours", ours)):
            for _ in range(20):
                connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=60)
                connection.request("GET", f"http://127.0.0.1:{port}/small")
                connection.getresponse().read()
                connection.close()
            before_mb[name] = proxy.rss_mb()
        # An origin on loopback may outrun the disk, and is then not stored.
        paced = f"http://127.0.0.1:{port}/large-paced"
        filled = fetch_large(ours, paced)
        time.sleep(1)
        streamed, passed, missed, again, hits = [], [], [], [], []
        for n in range(setup.rounds):
            streamed.append(fetch_large(bare, f"{url}{n}"))
            passed.append(fetch_large(usual, f"{url}{n}"))
            missed.append(fetch_large(ours, f"{url}{n}"))
            time.sleep(1)  # for what is written behind
            again.append(fetch_large(ours, f"{url}{n}"))
            hits.append(fetch_large(ours, paced))
        checked = fetch_large(ours, paced, check=True)
        stays = ours.rss_mb()
        told = [line for line in ours.output if "cache:" in line]
    throughput = [each.mb_per_s for each in streamed]
    table.add("bare, streamed", throughput, "MB/s")
    count = sum(each.is_hit for each in hits)
    options = ", ".join(f"{name}={value}" for name, value in allowed.items())
    for name, proxy_name, found in (
        ("miss, options as they ship", "usual", passed),
        ("miss, allowed", "ours", missed),
        ("hit" if count else "second fetch (NO hit)", "ours", hits),
    ):
        speeds = [each.mb_per_s for each in found]
        table.add(name, speeds, "MB/s")
        table.add(f"{name} / bare", paired(throughput, speeds)["ratio"], "", ">= 0.8")
        growth = max(each.peak_mb for each in found) - before_mb[proxy_name]
        table.add(f"{name}, memory's growth at the peak", growth, "MB", "< 20")
    growth = max(each.peak_mb for each in streamed) - before_mb["bare"]
    table.add("bare, memory's growth at the peak", growth, "MB")
    table.add("allowed, memory's growth that stays", stays - before_mb["ours"], "MB")
    table.notes.append(f"allowed: {options}")
    table.notes.append(f"stored at {filled.mb_per_s:.0f} MB/s: {count} of {len(hits)} were hits")
    unpaced = sum(each.is_hit for each in again)
    table.notes.append(f"stored as fast as it came: {unpaced} of {len(again)} were hits")
    table.notes.append(f"all bytes of a {'hit' if checked.is_hit else 'miss'} compared")
    table.notes += told
    return table


# 4. Consistency.


def size_of(key: int) -> int:
    """Return the size of a key's bodies, about, in bytes: mostly small, one in a hundred large."""
    if key % 100 == 7:
        return 1_500_000
    return 100_000 if key % 20 == 3 else 200 + key * 5


def body_of(key: int, version: int) -> bytes:
    """Return what the origin sends; its length, too, is another for each version.

    >>> body_of(1, 2)[:12]
    b'key 1 v 2 .|'
    """
    word = b"key %d v %d .|" % (key, version)
    return word * (size_of(key) // len(word) + 1 + version % 7)


def any_key(chance: random.Random) -> int:
    """Return a key, every other time one of a few, so that reads and changes meet."""
    return chance.randrange(HOT_KEYS if chance.random() < 0.5 else KEYS)


def lifetime_of(key: int) -> int:
    """Return the freshness lifetime of a key's bodies in seconds."""
    return LIFETIMES_S[key // 7 % len(LIFETIMES_S)]


def serve_versions(ports: Any) -> None:
    """Answer GET with the key's version, and anything else by a new one and since when it is."""
    versions = [0] * KEYS

    class Answer(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            self.transport, self.buffer = transport, b""

        def data_received(self, data: bytes) -> None:
            self.buffer += data
            while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
                head = self.buffer[:end].lower()
                sent = head.partition(b"content-length: ")[2].partition(b"\r\n")[0]
                after = end + 4 + int(sent or b"0")
                if len(self.buffer) < after:
                    return
                self.buffer = self.buffer[after:]
                self.transport.write(reply(head))

    def reply(head: bytes) -> bytes:
        method, path = head.split(b" ", 2)[:2]
        key = int(path.rpartition(b"/")[2])
        if method != b"get":
            versions[key] += 1
            said = b"%d %.6f" % (versions[key], time.monotonic())
            return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(said), said)
        tag = b'"%d-%d"' % (key, versions[key])
        fields = b"ETag: %b\r\nCache-Control: max-age=%d\r\nX-Version: %d\r\n" % (
            tag, lifetime_of(key), versions[key])  # fmt: skip
        if b"if-none-match: " + tag in head:
            return b"HTTP/1.1 304 Not Modified\r\n%b\r\n" % fields
        body = body_of(key, versions[key])
        if key % 3:
            return b"HTTP/1.1 200 OK\r\n%bContent-Length: %d\r\n\r\n%b" % (fields, len(body), body)
        framed = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
        return b"HTTP/1.1 200 OK\r\n%bTransfer-Encoding: chunked\r\n\r\n%b" % (fields, framed)

    serve_protocol(ports, Answer)


@dataclass(frozen=True, slots=True)
class Read:
    """One answer to a reader; times by the machine's monotonic clock."""

    key: int
    version: int
    began_s: float
    ended_s: float
    is_hit: bool


@dataclass(slots=True)
class Seen:
    """What readers and writers saw.

    Args:
        since_s: for each key, when each version became the current one.
        told_s: for each key, when a writer had a proxy's answer, and the version by it.
        faults: what was wrong with a single answer.
    """

    reads: list[Read] = field(default_factory=list)
    since_s: list[dict[int, float]] = field(default_factory=lambda: [{0: 0.0} for _ in range(KEYS)])
    told_s: list[list[tuple[float, int]]] = field(default_factory=lambda: [[] for _ in range(KEYS)])
    changes: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)

    def fault(self, kind: str, example: str) -> None:
        """Count an answer that was wrong."""
        self.faults[kind] += 1
        if len(self.examples) < 10:
            self.examples.append(f"{kind}: {example}")

    def judge(self) -> None:
        """Judge the versions of all reads; to be called when all changes are known."""
        for read in self.reads:
            since = self.since_s[read.key]
            began, until = since.get(read.version), since.get(read.version + 1, float("inf"))
            earliest = read.began_s - lifetime_of(read.key)
            if began is None or began > read.ended_s:
                self.fault("of a version to come", f"{read}")
            elif until < earliest:
                self.fault("outlived", f"{read}, {earliest - until:.3f} s too old")
            told = self.told_s[read.key]
            place = bisect.bisect_left(told, (read.began_s, 0))
            if place and max(version for _, version in told[:place]) > read.version:
                late_s = read.began_s - min(at for at, version in told if version > read.version)
                self.fault("older than an answered change", f"{read}, by {late_s:.3f} s")


@dataclass(slots=True)
class Client:
    """One kept connection, begun anew when it breaks off."""

    port: int
    streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, method: str, url: str) -> tuple[int, bytes, bytes]:
        """Return status, head and body; an incomplete one raises."""
        try:
            if self.streams is None:
                self.streams = await asyncio.open_connection("127.0.0.1", self.port, limit=2**22)
            reader, writer = self.streams
            sends = "Content-Length: 1\r\n\r\nx" if method in ("POST", "PUT") else "\r\n"
            host = url.split("/")[2]
            writer.write(f"{method} {url} HTTP/1.1\r\nHost: {host}\r\n{sends}".encode())
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            body = b""
            if b"transfer-encoding: chunked" in head:
                parts = []
                while size := int(await reader.readuntil(b"\r\n"), 16):
                    parts.append((await reader.readexactly(size + 2))[:-2])
                await reader.readexactly(2)
                body = b"".join(parts)
            else:
                length = head.partition(b"content-length: ")[2].partition(b"\r\n")[0]
                body = await reader.readexactly(int(length))
        except BaseException:
            self.close()
            raise
        return int(head[9:12]), head, body

    def close(self) -> None:
        """Let the connection go."""
        streams, self.streams = self.streams, None
        if streams is not None:
            streams[1].close()


async def read_on(proxy_port: int, port: int, end_s: float, chance: random.Random, seen: Seen):
    """Read keys at random and compare every byte."""
    client = Client(proxy_port)
    while (began_s := time.monotonic()) < end_s:
        key = any_key(chance)
        try:
            status, head, body = await client.ask("GET", f"http://127.0.0.1:{port}/{key}")
        except (OSError, ValueError, asyncio.IncompleteReadError) as error:
            seen.fault("broken off", f"key {key}: {error!r}")
            continue
        ended_s = time.monotonic()
        words = body[:40].split(b" ", 4)
        is_ours = status == 200 and words[0] == b"key" and words[3:4] and words[3].isdigit()
        version = int(words[3]) if is_ours else -1
        if not is_ours or words[1] != b"%d" % key:
            seen.fault("of another key", f"key {key}: {status} {body[:40]!r}")
            continue
        if body != body_of(key, version):
            seen.fault("not whole", f"key {key} version {version}: {len(body)} bytes")
        elif b"x-version: %d\r\n" % version not in head:
            seen.fault("head of another version", f"key {key} version {version}: {head!r}")
        seen.reads.append(Read(key, version, began_s, ended_s, b"forebay; hit" in head))
    client.close()


async def change_on(
    method: str, proxy_port: int, port: int, end_s: float, chance: random.Random, seen: Seen
):
    """Change keys at random: by the proxy, or past it when *proxy_port* is the origin's."""
    client = Client(proxy_port)
    while time.monotonic() < end_s:
        key = any_key(chance)
        try:
            _, _, body = await client.ask(method, f"http://127.0.0.1:{port}/{key}")
        except (OSError, ValueError, asyncio.IncompleteReadError) as error:
            seen.fault("change broken off", f"{method} {key}: {error!r}")
            return  # from here on nobody knows what is current
        version, at_s = body.split()
        seen.since_s[key][int(version)] = float(at_s)
        seen.changes["past the proxy" if proxy_port == port else method] += 1
        if proxy_port != port:
            seen.told_s[key].append((time.monotonic(), int(version)))
        await asyncio.sleep(chance.random() / 10)
    client.close()


def measure_consistency(setup: Setup) -> Table:
    table = Table(
        f"4. consistency: {KEYS:,} keys, {READERS} readers, changes by and past the proxy"
    )
    seen = Seen()

    async def run(proxy_port: int, port: int) -> None:
        end_s = time.monotonic() + setup.check_seconds
        readers = [read_on(proxy_port, port, end_s, random.Random(n), seen) for n in range(READERS)]
        changers = [
            change_on(method, by, port, end_s, random.Random(f"{method}{n}"), seen)
            for n, (method, by) in enumerate(
                [("POST", proxy_port)] * 2
                + [("PUT", proxy_port), ("DELETE", proxy_port), ("POST", port)]
            )
        ]
        await asyncio.gather(*readers, *changers)

    with origin(serve_versions) as port, setup.ours("checked") as proxy:
        asyncio.run(run(proxy.port, port))
        printed = [line for line in proxy.stop().splitlines() if "rror" in line or "arn" in line]
    seen.judge()
    asked = {
        "of another key": "not of their key",
        "not whole": "not whole",
        "head of another version": "with the head of another version",
        "of a version to come": "of a version to come",
        "outlived": "past their lifetime",
        "older than an answered change": "older than a change answered before",
        "broken off": "broken off",
    }
    table.add("answers", len(seen.reads))
    table.add("answers a second", len(seen.reads) / setup.check_seconds, "req/s")
    table.add("hits", 100 * statistics.fmean(read.is_hit for read in seen.reads), "%")
    table.add("changes", seen.changes.total())
    for kind, said in asked.items():
        table.add(f"answers {said}", seen.faults.pop(kind, 0), "", "<= 0")
    table.notes.append(f"changes: {dict(seen.changes)}")
    table.notes += [f"{kind}: {count}" for kind, count in seen.faults.items()]
    table.notes += seen.examples + printed[:10]
    return table


SECTIONS: dict[str, Callable[[Setup], Table]] = {
    "decide": measure_decide,
    "hits": measure_hits,
    "large": measure_large,
    "consistency": measure_consistency,
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3, help="of each turn of a proxy")
    parser.add_argument("--check-seconds", type=float, default=20, help="of the consistency check")
    parser.add_argument("--only", default=",".join(SECTIONS), help="sections, divided by commas")
    parser.add_argument("--lists", nargs="+", type=Path, default=[], metavar="FILE")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    arguments = parser.parse_args()
    wanted = arguments.only.split(",")
    if unknown := set(wanted) - SECTIONS.keys():
        parser.error(f"--only: expected {', '.join(SECTIONS)}, found {', '.join(sorted(unknown))}")
    print(f"Python {sys.version.split()[0]}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print("lists:", *(arguments.lists or ["those that ship"]))
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        setup = Setup(
            tuple(path.resolve() for path in arguments.lists),
            Path(folder),
            make_ca(Path(folder) / "ca"),
            arguments.rounds,
            arguments.seconds,
            arguments.check_seconds,
        )
        for name in wanted:
            table = SECTIONS[name](setup)
            table.print()
            results[name] = table.as_json()
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""What Forebay costs beside bare mitmdump.

    python scripts/bench_proxy.py [--rounds 5] [--seconds 3] [--only WORD] [--json]

Units: seconds for the start, requests a second for forwarding, megabytes for
memory.  Ratios are of two proxies that run side by side and are loaded in
turns, medians of all rounds: the machine's speed drifts, a pair's does not.
Fixed: 1 KB objects that may not be stored, 16 kept connections, loopback,
plain HTTP, everything on with the rules that ship.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import multiprocessing
import pathlib
import socket
import statistics
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "addons")]

from proxies import Proxy, make_ca  # noqa: E402

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
BODY = b"x" * 1024
CONNECTIONS = 16
QUIET = {"flow_detail": 0}


def origin(ports) -> None:
    """Answer every request with 1 KB: cacheable below /c/, else not; in a process of its own."""
    import asyncio

    class Answer(asyncio.Protocol):
        def connection_made(self, transport):
            self.transport, self.buffer = transport, b""

        def data_received(self, data):
            self.buffer += data
            while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
                request, self.buffer = self.buffer[:end], self.buffer[end + 4 :]
                storable = b"max-age=3600" if b" /c/" in request[:200] else b"no-store"
                self.transport.write(
                    b"%bCache-Control: %b\r\nContent-Length: %d\r\n\r\n%b"
                    % (HEAD, storable, len(BODY), BODY)
                )

    async def serve():
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Answer, "127.0.0.1", 0)
        ports.put(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(serve())


def fetch(proxy_port: int, url: str, numbers) -> None:
    """Fetch *url* with each number appended, over one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", proxy_port, timeout=60)
    for number in numbers:
        connection.request("GET", f"{url}{number}")
        answer = connection.getresponse()
        if len(answer.read()) != len(BODY):
            raise AssertionError(f"{url}{number}: {answer.status}")
    connection.close()


def load(proxy_port: int, url: str, seconds: float, results) -> None:
    """Fetch *url* over many connections for some seconds; put the requests a second."""
    counts = [0] * CONNECTIONS
    end = time.perf_counter() + seconds

    def numbers(index: int):
        while time.perf_counter() < end:
            counts[index] += 1
            yield counts[index] % 100

    started = time.perf_counter()
    threads = [
        threading.Thread(target=fetch, args=(proxy_port, url, numbers(index)))
        for index in range(CONNECTIONS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    results.put(sum(counts) / (time.perf_counter() - started))


def rate(proxy: Proxy, url: str, seconds: float) -> float:
    """Return the requests a second, measured from another process."""
    results = multiprocessing.Queue()
    process = multiprocessing.Process(target=load, args=(proxy.port, url, seconds, results))
    process.start()
    found = results.get(timeout=seconds + 120)
    process.join()
    return found


def start_s(proxy: Proxy) -> float:
    """Return the seconds from the command to the first served request."""
    started = time.perf_counter()
    proxy.start()
    elapsed = time.perf_counter() - started
    proxy.stop()
    return elapsed


def paired(bare: list[float], ours: list[float]) -> dict[str, float]:
    """Return both medians and the median of the ratios, pair by pair."""
    ratios = [b / a for a, b in zip(bare, ours, strict=True)]
    return {
        "bare": round(statistics.median(bare), 3),
        "forebay": round(statistics.median(ours), 3),
        "ratio": round(statistics.median(ratios), 2),
    }


def measure_start(make, rounds: int) -> dict[str, float]:
    """Start both in turns."""
    start_s(make("warm", None)), start_s(make("warm2"))
    pairs = [(start_s(make(f"b{n}", None)), start_s(make(f"f{n}"))) for n in range(rounds)]
    return paired([a for a, _ in pairs], [b for _, b in pairs])


def measure_rates(make, port: int, path: str, rounds: int, seconds: float) -> dict[str, float]:
    """Load both in turns."""
    with make("bare", None) as bare, make("ours") as ours:
        url = f"http://127.0.0.1:{port}{path}"
        for proxy in (bare, ours):
            rate(proxy, url, 1)
        pairs = [(rate(bare, url, seconds), rate(ours, url, seconds)) for _ in range(rounds)]
    return paired([a for a, _ in pairs], [b for _, b in pairs])


def measure_blocked(make, port: int, rounds: int, seconds: float) -> dict[str, float]:
    """Load bare with forwarding and ours with refusals."""
    with make("bare3", None) as bare, make("blocked") as ours:

        def refusals() -> float:
            connection = http.client.HTTPConnection("127.0.0.1", ours.port, timeout=60)
            count, started = 0, time.perf_counter()
            while time.perf_counter() < started + seconds:
                connection.request("GET", "http://ads.example/ad.js")
                connection.getresponse().read()
                count += 1
            return count / (time.perf_counter() - started)

        def forwards() -> float:
            count, started = 0, time.perf_counter()
            connection = http.client.HTTPConnection("127.0.0.1", bare.port, timeout=60)
            while time.perf_counter() < started + seconds:
                connection.request("GET", f"http://127.0.0.1:{port}/")
                connection.getresponse().read()
                count += 1
            return count / (time.perf_counter() - started)

        pairs = [(forwards(), refusals()) for _ in range(rounds)]
    return paired([a for a, _ in pairs], [b for _, b in pairs])


def measure_memory(make, port: int) -> dict[str, float]:
    """Store 20,000 objects with 8 MB of RAM for them."""
    with make("memory", cache_ram_bytes="8m") as proxy:
        fetch(proxy.port, f"http://127.0.0.1:{port}/c/", range(10_000))
        half = proxy.rss_mb()
        fetch(proxy.port, f"http://127.0.0.1:{port}/c/", range(10_000, 20_000))
        return {"at_10000_mb": half, "growth_to_20000_mb": round(proxy.rss_mb() - half, 1)}


def measure_upload(make) -> dict[str, float]:
    """Upload 200 MB to a listed host."""
    with make("upload") as proxy, contextlib.closing(socket.socket()) as client:
        client.connect(("127.0.0.1", proxy.port))
        before, started = proxy.rss_mb(), time.perf_counter()
        client.sendall(
            b"POST http://ads.example/ HTTP/1.1\r\nHost: ads.example\r\n"
            b"Content-Length: 200000000\r\n\r\n"
        )
        client.recv(12)
        answered = time.perf_counter() - started
        for _ in range(200):
            client.sendall(b"x" * 1_000_000)
        return {
            "answered_after_s": round(answered, 3),
            "growth_mb": round(proxy.peak_rss_mb() - before, 1),
        }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--only", default="", help="a word in the names of the cases to run")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    ports = multiprocessing.Queue()
    server = multiprocessing.Process(target=origin, args=(ports,), daemon=True)
    server.start()
    port = ports.get(timeout=20)
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        ca = make_ca(root / "ca")

        def make(name: str, script: pathlib.Path | None = ROOT / "addons" / "main.py", **options):
            return Proxy(root / name, ca, (), {**QUIET, **options}, script)

        cases = {
            "start to first served, s": lambda: measure_start(make, arguments.rounds),
            "forwarding, req/s": lambda: measure_rates(
                make, port, "/", arguments.rounds, arguments.seconds
            ),
            "hits, req/s (bare forwards)": lambda: measure_rates(
                make, port, "/c/hit?", arguments.rounds, arguments.seconds
            ),
            "refusals, req/s (bare forwards)": lambda: measure_blocked(
                make, port, arguments.rounds, arguments.seconds
            ),
            "memory, cache_ram_bytes=8m": lambda: measure_memory(make, port),
            "refused 200 MB upload": lambda: measure_upload(make),
        }
        results = {}
        for name, case in cases.items():
            if arguments.only not in name:
                continue
            results[name] = case()
            if not arguments.json:
                figures = "   ".join(f"{key} {value:g}" for key, value in results[name].items())
                print(f"{name:34} {figures}", flush=True)
        if arguments.json:
            print(json.dumps(results))
    server.terminate()


if __name__ == "__main__":
    main()

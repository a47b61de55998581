"""What the recording fixture costs: its start, each test, each answer, a large cassette.

    python scripts/bench_recording.py [--rounds 5] [--json FILE]

* ready: from the start of the proxy until it serves, against that of a bare mitmdump
  (ratio; asked: at most 1.3);
* test: the beginning and the end of a recording, of which three answers are there
  (milliseconds; asked: less than 15);
* replay: answers from a cassette of 1,000 to one client, against those forwarded from a
  server on loopback (ratio of rates; asked: at least 1);
* load: a cassette of 10,000 is read (seconds; asked: less than 2).

Medians of rounds, what is compared in turn.  Fixed: JSON answers of about 100 bytes.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "addons")]

from forebay.recording import store  # noqa: E402
from forebay.recording.fixture import ForebayProxy  # noqa: E402
from forebay.recording.interaction import Interaction, Request, Response  # noqa: E402
from forebay.recording.proxycommand import proxy_command  # noqa: E402
from forebay.recording.proxyprocess import ProxyProcess  # noqa: E402

ANSWERS = 1000
TESTS = 100
LARGE = 10_000
SERVER = """
import asyncio
async def serve(reader, writer):
    while line := await reader.readline():
        while (await reader.readline()).strip():
            pass
        path = line.split()[1].decode().rpartition("/")[2]
        body = ('{"path": "/%s", "text": "%s"}' % (path, "x" * 70)).encode()
        writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Type: application/json\\r\\n"
            b"Content-Length: %d\\r\\n\\r\\n%b" % (len(body), body))
async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
"""


def interactions(url: str, count: int) -> list[Interaction]:
    """Return small ones, as the server answers."""
    kind = (("content-type", "application/json"),)
    return [
        Interaction(
            Request("GET", f"{url}/{n}"),
            Response(200, kind, b'{"path": "/%d", "text": "%b"}' % (n, b"x" * 70)),
        )
        for n in range(count)
    ]


def ready_s() -> float:
    """Return how long our proxy takes."""
    begun = time.perf_counter()
    process = ProxyProcess(proxy_command(None, os.environ))
    spent = time.perf_counter() - begun
    process.stop()
    return spent


def bare_ready_s() -> float:
    """Return how long mitmdump takes without us, with a new CA, too."""
    with tempfile.TemporaryDirectory() as folder:
        tool = "import sys; from mitmproxy.tools.main import mitmdump; sys.exit(mitmdump())"
        options = ["--listen-host", "127.0.0.1", "--listen-port", "0", "--set", f"confdir={folder}"]
        begun = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-c", tool, *options],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        assert process.stdout
        while b"listening at" not in process.stdout.readline():
            pass
        spent = time.perf_counter() - begun
        process.terminate()
        process.communicate()
        return spent


def test_ms(process: ProxyProcess, cassette: Path) -> float:
    """Return what a test pays."""
    begun = time.perf_counter()
    for _ in range(TESTS):
        ForebayProxy(process, cassette, "none").finish(save=True)
    return (time.perf_counter() - begun) / TESTS * 1e3


def answers_per_s(process: ProxyProcess, url: str, cassette: Path, mode: str) -> float:
    """Return how many answers a client gets over one connection."""
    proxy = ForebayProxy(process, cassette, mode)
    with (
        socket.create_connection(("127.0.0.1", proxy.port)) as client,
        client.makefile("rb") as got,
    ):
        begun = time.perf_counter()
        for n in range(ANSWERS):
            client.sendall(f"GET {url}/{n} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            size = 0
            assert got.readline().split()[1] == b"200"
            while (line := got.readline()).strip():
                if line.lower().startswith(b"content-length:"):
                    size = int(line.split(b":")[1])
            assert got.read(size).startswith(b"{")
        spent = time.perf_counter() - begun
    found = proxy.finish(save=True, needs_all=mode == "none")
    assert not found.failures, found
    return ANSWERS / spent


def load_s(cassette: Path) -> float:
    """Return how long a large cassette takes."""
    begun = time.perf_counter()
    found = store.load(cassette)
    spent = time.perf_counter() - begun
    assert found is not None
    assert len(found) == LARGE
    return spent


def measure(rounds: int, folder: Path, url: str) -> dict[str, float]:
    """Return medians by name."""
    paths = {}
    for count in (3, ANSWERS, LARGE):
        paths[count] = folder / f"{count}.yaml"
        store.save(paths[count], interactions(url, count))
    spent: dict[str, list[float]] = {}

    def note(name: str, value: float) -> None:
        spent.setdefault(name, []).append(value)

    process = ProxyProcess(proxy_command(None, os.environ))
    try:
        for _ in range(rounds):
            note("bare_ready_s", bare_ready_s())
            note("ready_s", ready_s())
            note("test_ms", test_ms(process, paths[3]))
            note("forwarded_per_s", answers_per_s(process, url, paths[ANSWERS], "passthrough"))
            note("replayed_per_s", answers_per_s(process, url, paths[ANSWERS], "none"))
            note("load_s", load_s(paths[LARGE]))
    finally:
        process.stop()
    found = {name: statistics.median(values) for name, values in spent.items()}
    found["ready_ratio"] = statistics.median(
        one / other for one, other in zip(spent["ready_s"], spent["bare_ready_s"], strict=True)
    )
    found["replay_ratio"] = statistics.median(
        one / other
        for one, other in zip(spent["replayed_per_s"], spent["forwarded_per_s"], strict=True)
    )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    given = parser.parse_args()
    server = subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE)
    assert server.stdout
    url = f"http://127.0.0.1:{int(server.stdout.readline())}"
    try:
        with tempfile.TemporaryDirectory() as folder:
            found = measure(given.rounds, Path(folder), url)
    finally:
        server.terminate()
        server.communicate()
    print(
        f"ready   {found['ready_s']:6.2f} s    mitmdump {found['bare_ready_s']:.2f} s   "
        f"ratio {found['ready_ratio']:.2f} (asked: 1.3)\n"
        f"test    {found['test_ms']:6.1f} ms   (asked: 15)\n"
        f"replay  {found['replayed_per_s']:6.0f} /s   "
        f"forwarded {found['forwarded_per_s']:.0f} /s   "
        f"ratio {found['replay_ratio']:.2f} (asked: 1)\n"
        f"load    {found['load_s']:6.2f} s    for {LARGE:,} (asked: 2)"
    )
    if given.json:
        given.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

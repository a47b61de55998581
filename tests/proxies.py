"""A real proxy process on a free port, that is waited for until it serves."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import h2.config
import h2.connection
import h2.events

ROOT = Path(__file__).parents[1]
MAIN = Path(os.environ.get("FB_MAIN", ROOT / "addons" / "main.py"))
START_DEADLINE_S = 60
LISTENING = re.compile(r"listening at (?:http://)?\[?([0-9a-f.:*]+?)\]?:(\d+)")

GET_MITM_IT = b"GET http://mitm.it/ HTTP/1.1\r\nHost: mitm.it\r\n\r\n"
SOCKS5_HELLO = b"\x05\x01\x00"


class ProxyError(AssertionError):
    """The proxy did not do what was asked; the text holds what it printed."""


@dataclass
class Proxy:
    """``mitmdump -s addons/main.py`` with its own home, CA and port; a context manager.

    Attributes:
        home: its ``forebay_home``.
        confdir: mitmproxy's folder with the CA.
        arguments: further arguments.
        options: given with ``--set``.
    """

    home: Path
    confdir: Path
    arguments: Iterable[str] = ()
    options: dict[str, object] = field(default_factory=dict)
    script: Path | None = MAIN
    tool: str = "mitmdump"
    descriptors: int | None = None
    """Limit of open files, for tests that would use them up."""

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The proxy's URL for clients."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def ca(self) -> Path:
        """The certificate that clients must trust."""
        return self.confdir / "mitmproxy-ca-cert.pem"

    def command(self) -> list[str]:
        """Return the command line."""
        told = [f"{name}={_text(value)}" for name, value in self.options.items()]
        return [
            *(["prlimit", f"--nofile={self.descriptors}"] if self.descriptors else []),
            sys.executable,
            "-c",
            f"import sys; from mitmproxy.tools.main import {self.tool}; sys.exit({self.tool}())",
            *("--set", f"confdir={self.confdir}"),
            *("--listen-host", "127.0.0.1", "--listen-port", "0"),
            *(("-s", str(self.script)) if self.script else ()),
            *(
                ("--set", f"forebay_home={self.home}")
                if self.script and "forebay_home" not in self.options
                else ()
            ),
            *(part for option in told for part in ("--set", option)),
            *self.arguments,
        ]

    def start(self) -> Self:
        """Start the process and wait until it serves."""
        self.output: list[str] = []
        self._lines = threading.Condition()
        self.process = subprocess.Popen(
            self.command(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            errors="replace",
            cwd=self.home.parent,
            env={
                **os.environ,
                "PYTHONUNBUFFERED": "1",
                "PYTHONWARNINGS": "default::ResourceWarning",
            },
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            self.port = int(self.wait_for(LISTENING)[2])
            self._wait_until_it_serves()
        except BaseException:
            self.kill()
            raise
        return self

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            with self._lines:
                self.output.append(line.rstrip("\n"))
                self._lines.notify_all()
        with self._lines:
            self._lines.notify_all()

    def wait_for(
        self, pattern: str | re.Pattern[str], deadline_s: float = START_DEADLINE_S
    ) -> re.Match[str]:
        """Wait until a line that matches was printed; return the match."""
        wanted = re.compile(pattern)
        end = time.monotonic() + deadline_s
        with self._lines:
            while True:
                for line in self.output:
                    if found := wanted.search(line):
                        return found
                left = end - time.monotonic()
                if left <= 0 or not self._reader.is_alive():
                    raise ProxyError(f"no line matches {wanted.pattern!r} in:\n{self.text()}")
                self._lines.wait(min(left, 1))

    def _wait_until_it_serves(self) -> None:
        """An open port is not a served request: ask for mitmproxy's own page."""
        end = time.monotonic() + START_DEADLINE_S
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=5) as client:
                    client.sendall(SOCKS5_HELLO if "socks5" in self.arguments else GET_MITM_IT)
                    if client.recv(1):
                        return
            except OSError:
                pass
            if self.process.poll() is not None or time.monotonic() > end:
                raise ProxyError(f"the proxy does not serve:\n{self.text()}")

    def text(self) -> str:
        """Return what it printed."""
        return "\n".join(self.output)

    def stop(self) -> str:
        """End it in an orderly way; return what it printed."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()
                raise ProxyError(f"the proxy did not end within 20 s:\n{self.text()}") from None
        self._close()
        return self.text()

    def kill(self) -> None:
        """End it as a crash would."""
        self.process.kill()
        self.process.wait()
        self._close()

    def _close(self) -> None:
        self._reader.join(10)
        assert self.process.stdout
        self.process.stdout.close()

    def rss_mb(self) -> float:
        """Return its resident memory in megabytes."""
        return self._status("VmRSS")

    def peak_rss_mb(self) -> float:
        """Return the most that its resident memory has been, in megabytes."""
        return self._status("VmHWM")

    def _status(self, name: str) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return int(re.search(rf"{name}:\s+(\d+) kB", status)[1]) / 1000

    def records(self) -> list[dict[str, Any]]:
        """End the proxy and return its log's records, without the ready checks."""
        self.stop()
        return [
            record
            for record in read_log(self.home / "log" / "traffic.jsonl")
            if record.get("server.address") != "mitm.it"
        ]


def read_log(path: Path) -> list[dict[str, Any]]:
    """Return the records of a log file; every line must be one."""
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def refused_start(proxy: Proxy) -> tuple[int, str]:
    """Start a proxy that should refuse to; return its exit status and what it printed."""
    done = subprocess.run(
        proxy.command(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=START_DEADLINE_S,
        cwd=proxy.home.parent,
    )
    return done.returncode, done.stdout


def make_ca(folder: Path) -> Path:
    """Make mitmproxy's CA once, as making it takes longer than a start."""
    from mitmproxy import certs

    folder.mkdir(parents=True, exist_ok=True)
    certs.CertStore.from_store(folder, "mitmproxy", 2048)
    return folder


def copy_ca(source: Path, target: Path) -> Path:
    """Give a proxy a folder of its own with the shared CA."""
    shutil.copytree(source, target)
    return target


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def ask_http2(proxy: Proxy, port: int, *paths: str) -> list[int | None]:
    """Ask for paths as they are, inside a tunnel; return the statuses; None for a reset."""
    trust = ssl.create_default_context(cafile=str(proxy.ca))
    trust.set_alpn_protocols(["h2"])
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=20) as raw:
        raw.sendall(f"CONNECT localhost:{port} HTTP/1.1\r\n\r\n".encode())
        assert b" 200 " in raw.recv(1000)
        with trust.wrap_socket(raw, server_hostname="localhost") as client:
            assert client.selected_alpn_protocol() == "h2"
            h2c = h2.connection.H2Connection(
                h2.config.H2Configuration(validate_outbound_headers=False)
            )
            h2c.initiate_connection()
            streams = []
            for path in paths:
                streams.append(h2c.get_next_available_stream_id())
                head = [
                    (":method", "GET"),
                    (":scheme", "https"),
                    (":authority", f"localhost:{port}"),
                    (":path", path),
                ]
                h2c.send_headers(streams[-1], head, end_stream=True)
            client.sendall(h2c.data_to_send())
            found = {}
            while len(found) < len(paths):
                data = client.recv(65536)
                assert data, found
                for event in h2c.receive_data(data):
                    if isinstance(event, h2.events.ResponseReceived):
                        found[event.stream_id] = int(dict(event.headers)[b":status"])
                    elif isinstance(event, h2.events.StreamReset):
                        found[event.stream_id] = None
                client.sendall(h2c.data_to_send())
    return [found[stream] for stream in streams]


def until(condition: Callable[[], object], deadline_s: float = 20) -> None:
    """Wait for another process to have done something, which cannot be awaited otherwise."""
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.02)

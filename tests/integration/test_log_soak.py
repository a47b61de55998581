"""A long run: no record is lost while files are rotated and compressed."""

from __future__ import annotations

import os
import socket
import threading

import pytest

from forebay.trafficlog.logfiles import default_files
from forebay.trafficlog.reader import Damages, read
from origins import Origin, cacheable

pytestmark = [pytest.mark.integration, pytest.mark.nightly]

REQUESTS = int(os.environ.get("FB_SOAK_REQUESTS", "100000"))
CLIENTS = 8


def ask(port, head, count, failures):
    """Ask *count* times on one connection; an answer of the cache has a known length."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
            stream = client.makefile("rb")
            for _ in range(count):
                client.sendall(head)
                length = 0
                assert b" 200 " in stream.readline()
                while (line := stream.readline()).strip():
                    name, _, value = line.partition(b":")
                    if name.lower() == b"content-length":
                        length = int(value)
                stream.read(length)
    except (OSError, AssertionError) as error:
        failures.append(repr(error))


def test_every_request_is_in_the_log(start_proxy, client_of):
    """Rotated each 5 MB."""
    proxy = start_proxy(
        trafficlog_rotate_bytes="5m",
        trafficlog_headers=True,
        flow_detail=0,
    )
    failures: list[str] = []
    with Origin(cacheable()) as origin:
        target = f"127.0.0.1:{origin.port}"
        client_of(proxy).get(origin.url("/soak"))
        head = f"GET http://{target}/soak HTTP/1.1\r\nHost: {target}\r\nX-Padding: {'x' * 600}\r\n\r\n".encode()
        clients = [
            threading.Thread(target=ask, args=(proxy.port, head, REQUESTS // CLIENTS, failures))
            for _ in range(CLIENTS)
        ]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
    proxy.stop()

    damages = Damages()
    files = default_files(proxy.home)
    seqs = sorted(read(files, lambda line: int(line.split(b'"seq":')[1].split(b",")[0]), damages))
    assert failures == []
    assert damages.count == 0
    assert seqs == list(range(1, len(seqs) + 1))
    assert len(seqs) == 2 + REQUESTS // CLIENTS * CLIENTS  # the start's own look, and the miss
    assert len(files) > REQUESTS // 10_000

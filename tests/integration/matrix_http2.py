"""What clients of the matrix do over HTTP/2."""

from __future__ import annotations

import subprocess

from integration.matrix_client import Client


def curl(client: Client, *arguments: str) -> list[int | None]:
    """curl, which prefers HTTP/2."""
    done = subprocess.run(
        [
            *("curl", "-s", "--max-time", "20", "--noproxy", "", "--cacert", str(client.proxy.ca)),
            *("--interface", client.address, "-x", client.proxy.url, *arguments),
            *("-o", "/dev/null", "-w", "%{http_code} %{http_version}"),
            client.stage.secure.url(client.path, "localhost"),
        ],
        capture_output=True,
        text=True,
    )
    status, version = done.stdout.split()
    assert version == "2"
    return [int(status)]


def streams(count: int):
    """Requests side by side on one connection."""

    def act(client: Client) -> list[int | None]:
        http2 = client.http2()
        for number in range(count):  # not the same, or they would be one for the cache
            http2.ask(path=f"{client.path}?{number}")
        return http2.answers()

    return act


def http2_head(*fields: tuple[str, str], path: str | None = None):
    def act(client: Client) -> list[int | None]:
        http2 = client.http2()
        http2.ask(*fields, path=path)
        return http2.answers()

    return act


def http2_upload(client: Client) -> list[int | None]:
    http2 = client.http2()
    stream = http2.ask(method="POST", ends=False)
    http2.h2.send_data(stream, b"x" * 10_000, end_stream=True)
    http2.flush()
    return http2.answers()


def http2_leave(client: Client) -> list[int | None]:
    """Three streams, and the connection ends."""
    http2 = client.http2()
    for number in range(3):
        http2.ask(path=f"{client.path}?{number}")
    client.wait_for_arrival(3)
    return [None] * 3


def http2_go_away(client: Client) -> list[int | None]:
    http2 = client.http2()
    http2.ask()
    client.wait_for_arrival()
    http2.h2.close_connection()
    http2.flush()
    return [None]


def http2_reset(client: Client) -> list[int | None]:
    """One stream is reset, another is answered."""
    http2 = client.http2()
    stream = http2.ask()
    client.wait_for_arrival()
    http2.reset(stream)
    return [None]


def http2_reset_in_the_body(client: Client) -> list[int | None]:
    http2 = client.http2()
    stream = http2.ask()
    http2.read_some(stream)
    http2.reset(stream)
    return [http2.statuses[stream]]


def http2_reset_in_the_upload(client: Client) -> list[int | None]:
    http2 = client.http2()
    stream = http2.ask(method="POST", ends=False)
    http2.h2.send_data(stream, b"x" * 100)
    http2.reset(stream)
    http2.ask()
    return http2.answers()

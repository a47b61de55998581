"""What clients of the matrix do with WebSockets."""

from __future__ import annotations

import socket

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect as open_websocket

from integration.matrix_client import Client


def websocket(client: Client, *, path: str | None = None, port: int | None = None):
    return open_websocket(
        f"ws://127.0.0.1:{port or client.stage.websocket_port}{path or client.path}",
        proxy=client.proxy.url,
        source_address=(client.address, 0),
        open_timeout=20,
    )


def talk(client: Client) -> list[int | None]:
    with websocket(client) as opened:
        for _ in range(3):
            opened.send("12345")
            assert opened.recv(20) == "12345"
    return [101]


def break_websocket(client: Client) -> list[int | None]:
    with websocket(client) as opened:
        opened.send("12345")
        assert opened.recv(20) == "12345"
        opened.socket.shutdown(socket.SHUT_RDWR)
    return [101]


def closed_websocket(client: Client) -> list[int | None]:
    """The server ends it."""
    with websocket(client) as opened:
        opened.send("close")
        with pytest.raises(ConnectionClosed):
            opened.recv(20)
    return [101]


def too_long_message(client: Client) -> list[int | None]:
    """More than the server takes."""
    with websocket(client) as opened:
        opened.send("x" * 20_000)
        with pytest.raises(ConnectionClosed):
            opened.recv(20)
    return [101]


def refused_websocket(client: Client) -> list[int | None]:
    with (
        pytest.raises(InvalidStatus) as refused,
        websocket(client, port=client.stage.plain.port),
    ):
        pass
    return [refused.value.response.status_code]


def stay_in_websocket(client: Client) -> list[int | None]:
    opened = client.enter(websocket(client))
    opened.send("12345")
    assert opened.recv(20) == "12345"
    return [101]

"""What clients of the matrix do in CONNECT tunnels."""

from __future__ import annotations

import ssl

import pytest

from integration.matrix_client import Client, exactly, final, rest, until_empty_line
from integration.matrix_http import lines, request


def secure_get(client: Client, *fields: str) -> list[int | None]:
    """One request inside TLS."""
    secured = client.secure(client.tunnel(client.stage.secure.port))
    secured.sendall(request(client, *fields, url=client.stage.secure.url(client.path, "localhost")))
    return final(rest(secured))


def secure_get_of(host: str, port: int | str):
    """The same from another host; a port may be the name of an origin."""

    def act(client: Client) -> list[int | None]:
        at_port = port if isinstance(port, int) else getattr(client.stage, port).port
        secured = client.secure(client.tunnel(at_port, host), host=host)
        secured.sendall(lines(f"GET {client.path} HTTP/1.1", f"Host: {host}", "Connection: close"))
        return final(rest(secured))

    return act


def plain_in_tunnel(client: Client) -> list[int | None]:
    connection = client.tunnel(client.stage.plain.port)
    connection.sendall(lines(f"GET {client.path} HTTP/1.1", "Host: localhost", "Connection: close"))
    return final(rest(connection))


def connect_only(host: str, port: int, mode: str = ""):
    """A CONNECT that is refused."""

    def act(client: Client) -> list[int | None]:
        connection = client.connect(mode)
        connection.sendall(f"CONNECT {host}:{port} HTTP/1.1\r\n\r\n".encode())
        return final(until_empty_line(connection))

    return act


def unused_tunnel(client: Client) -> list[int | None]:
    client.tunnel(client.stage.plain.port)
    return [200]


def distrust(client: Client) -> list[int | None]:
    """A handshake that the client breaks off with an alert."""
    connection = client.tunnel(client.stage.secure.port)
    with pytest.raises(ssl.SSLCertVerificationError):
        ssl.create_default_context().wrap_socket(connection, server_hostname="localhost")
    return [200]


def broken_hello(client: Client) -> list[int | None]:
    """What begins as TLS, and is none."""
    connection = client.tunnel(client.stage.secure.port)
    connection.sendall(b"\x16\x03\x01\x00\x05" + b"\x01\x00\x00\x01\x00")
    rest(connection)
    return [200]


def half_a_hello(client: Client) -> list[int | None]:
    connection = client.tunnel(client.stage.secure.port)
    connection.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc")
    return [200]


def listen_in_tunnel(client: Client) -> list[int | None]:
    """The server speaks first, then echoes."""
    connection = client.tunnel(client.stage.speaking.port, "127.0.0.1")
    assert exactly(connection, 7) == b"hello\r\n"
    connection.sendall(b"\x01raw")
    assert exactly(connection, 4) == b"\x01raw"
    return [200]


def excluded(client: Client) -> list[int | None]:
    """TLS right to the origin; the request is none of the proxy's business."""
    trust = ssl.create_default_context(cafile=str(client.stage.authority.path))
    connection = client.tunnel(client.stage.secure.port, "127.0.0.1")
    with trust.wrap_socket(connection, server_hostname="127.0.0.1") as secured:
        secured.sendall(
            lines(f"GET {client.path} HTTP/1.1", "Host: localhost", "Connection: close")
        )
        assert final(rest(secured)) == [200]
    return [200]


def unanswered_connect(client: Client) -> list[int | None]:
    connection = client.connect()
    connection.sendall(b"CONNECT killed.example:9 HTTP/1.1\r\n\r\n")
    return final(rest(connection))

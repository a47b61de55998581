"""What clients of the matrix do in the other modes: SOCKS, reverse, upstream, DNS, UDP."""

from __future__ import annotations

import socket
import struct

from integration.matrix_client import LISTENING, Client, exactly, final, rest, until_empty_line
from integration.matrix_http import lines, request

SOCKS = "SOCKS v5 proxy"


def through_socks(port: str | int, host: str = "localhost"):
    """One plain request; a port may be the name of an origin."""

    def act(client: Client) -> list[int | None]:
        connection = client.socks(
            port if isinstance(port, int) else getattr(client.stage, port).port, host
        )
        connection.sendall(
            lines(f"GET {client.path} HTTP/1.1", f"Host: {host}", "Connection: close")
        )
        return final(rest(connection))

    return act


def socks_secure(client: Client) -> list[int | None]:
    secured = client.secure(client.socks(client.stage.secure.port))
    secured.sendall(lines(f"GET {client.path} HTTP/1.1", "Host: localhost", "Connection: close"))
    return final(rest(secured))


def socks_unused(client: Client) -> list[int | None]:
    client.socks(client.stage.plain.port)
    return []


def socks_raw(client: Client) -> list[int | None]:
    connection = client.socks(client.stage.speaking.port)
    assert exactly(connection, 7) == b"hello\r\n"
    connection.sendall(b"\x01raw")
    assert exactly(connection, 4) == b"\x01raw"
    return [None]


def socks_garbage(client: Client) -> list[int | None]:
    """Refused before anything was asked for."""
    connection = client.connect(SOCKS)
    connection.sendall(b"\x04\x01\x00")
    rest(connection)
    return []


def reverse_send(client: Client, data: bytes) -> list[int | None]:
    connection = client.connect("reverse proxy to http://[0-9.:]+")
    connection.sendall(data)
    return final(rest(connection))


def reverse(client: Client) -> list[int | None]:
    head = lines(f"GET {client.path} HTTP/1.1", "Host: localhost", "Connection: close")
    return reverse_send(client, head)


def reverse_garbage(client: Client) -> list[int | None]:
    return reverse_send(client, b"GARBAGE\r\n\r\n")


def reverse_left(client: Client) -> list[int | None]:
    connection = client.connect("reverse proxy to http://[0-9.:]+")
    connection.sendall(lines(f"GET {client.path} HTTP/1.1", "Host: localhost"))
    client.wait_for_arrival()
    return [None]


def reverse_raw(client: Client) -> list[int | None]:
    connection = client.connect("reverse proxy to tcp://[0-9.:]+")
    assert exactly(connection, 7) == b"hello\r\n"
    connection.sendall(b"\x01raw")
    assert exactly(connection, 4) == b"\x01raw"
    return [None]


UPSTREAM_MODE = r"HTTP\(S\) proxy \(upstream mode\)"


def upstream_get(client: Client) -> list[int | None]:
    connection = client.connect(UPSTREAM_MODE)
    connection.sendall(request(client, url=f"http://elsewhere.example{client.path}"))
    return final(rest(connection))


def upstream_secure(client: Client) -> list[int | None]:
    """The next proxy has no CONNECT."""
    connection = client.tunnel(443, "elsewhere.example", UPSTREAM_MODE)
    secured = client.secure(connection, host="elsewhere.example")
    secured.sendall(lines(f"GET {client.path} HTTP/1.1", "Host: elsewhere.example"))
    return final(until_empty_line(secured))


def datagram(client: Client, mode: str, data: bytes) -> bytes:
    found = client.proxy.wait_for(LISTENING.format(mode))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.settimeout(20)
        sender.bind((client.address, 0))
        sender.sendto(data, (found[1], int(found[2])))
        return sender.recv(2000)


def ask_name(name: str, count: int = 1):
    """Ask for an address."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    question = labels + b"\x00\x00\x01\x00\x01"

    def act(client: Client) -> list[int | None]:
        for number in range(count):
            query = struct.pack(">6H", number + 7, 0x100, 1, 0, 0, 0) + question
            assert datagram(client, "reverse proxy to dns://[0-9.:]+", query)[:2] == query[:2]
        return [None] * count

    return act


def send_datagram(client: Client) -> list[int | None]:
    assert datagram(client, "reverse proxy to udp://[0-9.:]+", b"raw" * 10)
    return [None]


CREDENTIALS = "Proxy-Authorization: Basic YW5uYTpzZWNyZXQ="

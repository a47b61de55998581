"""What clients of the matrix do over HTTP/1.

Here and in the modules beside, each act returns the statuses that the client was
told, None for no answer; what is called with arguments returns an act.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import struct
from collections.abc import Iterator

from integration.matrix_client import Client, final, rest, until_empty_line

KB = 1024
MB = 1024 * KB


DEAD_PORT = 1
"""Nothing listens there, and nothing that takes a free port gets it."""


def lines(*heads: str) -> bytes:
    return "\r\n".join([*heads, "", ""]).encode()


def request(
    client: Client,
    *fields: str,
    method: str = "GET",
    url: str | None = None,
    version: str = "1.1",
    close: bool = True,
) -> bytes:
    url = url or client.stage.plain.url(client.path)
    host = url.split("/")[2]
    closing = ["Connection: close"] if close else []
    return lines(f"{method} {url} HTTP/{version}", f"Host: {host}", *closing, *fields)


def send(data: bytes, client: Client) -> list[int | None]:
    connection = client.connect()
    connection.sendall(data)
    return final(rest(connection))


def get(client: Client, *fields: str, **more: str) -> list[int | None]:
    """One request on one connection."""
    return send(request(client, *fields, **more), client)


def head(client: Client) -> list[int | None]:
    return get(client, method="HEAD")


def old(client: Client) -> list[int | None]:
    return get(client, version="1.0")


def getting(url: str, *fields: str):
    """Ask for that, with the row's path behind it."""
    return lambda client: get(client, *fields, url=url + client.path)


def at(name: str):
    """Ask that origin of the stage."""

    def act(client: Client) -> list[int | None]:
        return get(client, url=getattr(client.stage, name).url(client.path))

    return act


def with_fields(*fields: str):
    return lambda client: get(client, *fields)


def upload(size: int, *, chunked: bool = False, url: str | None = None):
    """Send a body of so many bytes."""

    def act(client: Client) -> list[int | None]:
        body = b"x" * size
        framing = f"Content-Length: {size}"
        if chunked:
            body, framing = b"%x\r\n%b\r\n0\r\n\r\n" % (size, body), "Transfer-Encoding: chunked"
        connection = client.connect()
        full = url and url + client.path
        connection.sendall(request(client, framing, method="POST", url=full))
        with contextlib.suppress(ConnectionError):
            connection.sendall(body)
        return final(until_empty_line(connection))

    return act


def expect_continue(client: Client) -> list[int | None]:
    connection = client.connect()
    connection.sendall(request(client, "Expect: 100-continue", "Content-Length: 5", method="POST"))
    assert b" 100 " in until_empty_line(connection)
    connection.sendall(b"12345")
    return final(rest(connection))


def upload_to_early(client: Client) -> list[int | None]:
    """The answer comes before the body has been sent."""
    connection = client.connect()
    url = client.stage.early.url(client.path)
    connection.sendall(request(client, f"Content-Length: {MB}", method="POST", url=url))
    answer = until_empty_line(connection)
    with contextlib.suppress(ConnectionError):
        connection.sendall(b"x" * MB)
    return final(answer)


def keep_alive(count: int, method: str = "GET"):
    """Requests one after the other on one connection."""

    def act(client: Client) -> Iterator[int | None]:
        connection = http.client.HTTPConnection(
            "127.0.0.1", client.proxy.port, timeout=20, source_address=(client.address, 0)
        )
        with contextlib.closing(connection):
            for _ in range(count):
                connection.request(method, client.stage.plain.url(client.path))
                answer = connection.getresponse()
                answer.read()
                yield answer.status

    return act


def pipeline(client: Client) -> list[int | None]:
    """Three requests at once."""
    asked = request(client, close=False)
    return send(asked * 2 + request(client), client)


def leave_before_the_answer(client: Client) -> list[int | None]:
    connection = client.connect()
    connection.sendall(request(client))
    client.wait_for_arrival()
    return [None]


def half_close(client: Client) -> list[int | None]:
    connection = client.connect()
    connection.sendall(request(client))
    client.wait_for_arrival()
    connection.shutdown(socket.SHUT_WR)
    return final(rest(connection))


def leave_in_the_body(client: Client) -> list[int | None]:
    connection = client.connect()
    connection.sendall(request(client))
    return final(connection.recv(1000))


def leave_in_the_upload(size: int):
    def act(client: Client) -> list[int | None]:
        connection = client.connect()
        connection.sendall(request(client, f"Content-Length: {size}", method="POST") + b"12345")
        return [None]

    return act


def reset_before_the_answer(client: Client) -> list[int | None]:
    """A RST instead of a FIN."""
    connection = client.connect()
    connection.sendall(request(client))
    client.wait_for_arrival()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return [None]


def leave_at_once(client: Client) -> list[int | None]:
    client.connect()
    return []


def raw(text: str):
    """Send that as it is; PLAIN stands for the address of the origin, PATH for the row's."""

    def act(client: Client) -> list[int | None]:
        plain = client.stage.plain.url().rstrip("/")
        data = text.replace("PLAIN", plain).replace("PATH", client.path)
        return send(data.encode("latin-1"), client)

    return act


def crowd(client: Client) -> list[int | None]:
    """One request that the origin holds, and four that come to wait for its answer."""
    first = client.connect()
    first.sendall(request(client))
    client.wait_for_arrival()
    others = [client.connect() for _ in range(4)]
    for other in others:
        other.sendall(request(client))
    # What was sent before was read before: the answer to a later request comes after.
    later = client.connect()
    later.sendall(request(client, url=f"http://127.0.0.1:{DEAD_PORT}{client.path}"))
    assert final(rest(later)) == [502]
    client.stage.let_go.set()
    return [status for each in (first, *others) for status in final(rest(each))] + [502]


def replay(client: Client) -> list[int | None]:
    """A request, which two later ones have the script send once more."""
    again = client.stage.plain.url(f"{client.path}?again")
    return get(client) + get(client, url=again) + get(client, url=again)


def stay_in_the_upload(client: Client) -> list[int | None]:
    """A part of a body, the head of which has gone on."""
    connection = client.connect()
    url = client.stage.early.url(client.path)
    head = request(client, f"Content-Length: {MB}", method="POST", url=url)
    connection.sendall(head + b"12345")
    client.wait_for_arrival()
    return [None]


def stay_idle(client: Client) -> list[int | None]:
    connection = client.connect()
    connection.sendall(request(client, close=False))
    return final(until_empty_line(connection))

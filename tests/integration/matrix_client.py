"""A client of a matrix: raw sockets from an address of its own, TLS and HTTP/2 on top."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
from collections.abc import Iterable
from typing import TYPE_CHECKING

import h2.config
import h2.connection
import h2.events
import h2.exceptions

from proxies import Proxy

if TYPE_CHECKING:
    from integration.matrix import Stage

DEADLINE_S = 20
_STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3})")
LISTENING = r"{} listening at ([0-9.]+):([0-9]+)\."


class Client:
    """One client; a context manager that closes all its connections.

    Attributes:
        proxy: the proxy that it uses.
        stage: the origins.
        path: where it asks.
        address: where it is.
    """

    def __init__(self, proxy: Proxy, stage: Stage, path: str, address: str) -> None:
        self.proxy = proxy
        self.stage = stage
        self.path = path
        self.address = address
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def enter[T](self, opened: contextlib.AbstractContextManager[T]) -> T:
        """Return something that is open for as long as the client."""
        return self._stack.enter_context(opened)

    def wait_for_arrival(self, count: int = 1) -> None:
        """Wait until an origin has got so many requests of ours."""
        for _ in range(count):
            arrived = self.stage.arrived[self.path].acquire(timeout=DEADLINE_S)
            assert arrived, "nothing arrived at the origin"

    def connect(self, mode: str = "") -> socket.socket:
        """Connect to the proxy, or to the port of another *mode*, as the proxy words it."""
        place = ("127.0.0.1", self.proxy.port)
        if mode:
            found = self.proxy.wait_for(LISTENING.format(mode))
            place = (found[1], int(found[2]))
        connection = socket.create_connection(place, DEADLINE_S, (self.address, 0))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._stack.enter_context(connection)

    def tunnel(self, port: int, host: str = "localhost", mode: str = "") -> socket.socket:
        """Return a connection on which a CONNECT was accepted."""
        connection = self.connect(mode)
        connection.sendall(f"CONNECT {host}:{port} HTTP/1.1\r\n\r\n".encode())
        head = until_empty_line(connection)
        assert b" 200 " in head, head
        return connection

    def socks(self, port: int, host: str = "localhost") -> socket.socket:
        """Return a connection on which a SOCKS request was accepted."""
        connection = self.connect("SOCKS v5 proxy")
        connection.sendall(b"\x05\x01\x00")
        assert exactly(connection, 2) == b"\x05\x00"
        name = host.encode()
        connection.sendall(b"\x05\x01\x00\x03" + bytes([len(name)]) + name + port.to_bytes(2))
        assert exactly(connection, 10)[:2] == b"\x05\x00"
        return connection

    def secure(
        self, connection: socket.socket, protocol: str = "http/1.1", host: str = "localhost"
    ) -> ssl.SSLSocket:
        """Begin TLS on a connection, trusting the proxy's CA."""
        trust = ssl.create_default_context(cafile=str(self.proxy.ca))
        trust.set_alpn_protocols([protocol])
        secured = trust.wrap_socket(connection, server_hostname=host)
        assert secured.selected_alpn_protocol() == protocol
        return self._stack.enter_context(secured)

    def http2(self) -> Http2:
        """Return a connection to the secure origin that speaks HTTP/2."""
        return Http2(self.secure(self.tunnel(self.stage.secure.port), "h2"), self)


def until_empty_line(connection: socket.socket) -> bytes:
    """Return a head, and leave what follows it."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = connection.recv(1)
        if not byte:
            break
        head += byte
    return head


def exactly(connection: socket.socket, size: int) -> bytes:
    """Return *size* bytes, or fewer if the connection ends before."""
    data = b""
    while len(data) < size and (piece := connection.recv(size - len(data))):
        data += piece
    return data


def rest(connection: socket.socket) -> bytes:
    """Return what comes until the connection ends, however it does."""
    data = bytearray()
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        while piece := connection.recv(65536):
            data += piece
    return bytes(data)


def final(data: bytes) -> list[int | None]:
    """Return the final statuses in what a server has sent, or that there was none."""
    return [status for found in _STATUS.findall(data) if (status := int(found)) >= 200] or [None]


class Http2:
    """HTTP/2 on an open connection; what is sent is not checked."""

    def __init__(self, connection: socket.socket, client: Client) -> None:
        self._socket = connection
        self._client = client
        self.h2 = h2.connection.H2Connection(
            h2.config.H2Configuration(
                validate_outbound_headers=False, normalize_outbound_headers=False
            )
        )
        self.h2.initiate_connection()
        self.statuses: dict[int, int | None] = {}
        self.received: dict[int, int] = {}
        self._ended: set[int] = set()

    def ask(
        self,
        *fields: tuple[str, str],
        method: str = "GET",
        ends: bool = True,
        path: str | None = None,
    ) -> int:
        """Send the head of a request; return its stream."""
        stream = self.h2.get_next_available_stream_id()
        head = [
            (":method", method),
            (":scheme", "https"),
            (":authority", f"localhost:{self._client.stage.secure.port}"),
            *([] if path == "" else [(":path", path or self._client.path)]),
        ]
        self.h2.send_headers(stream, [*head, *fields], end_stream=ends)
        self.statuses[stream] = None
        self.flush()
        return stream

    def reset(self, stream: int) -> None:
        """Break a stream off."""
        self.h2.reset_stream(stream, 8)
        self._ended.add(stream)
        self.flush()

    def flush(self) -> None:
        """Send what there is to send."""
        self._socket.sendall(self.h2.data_to_send())

    def answers(self) -> list[int | None]:
        """Read until all streams have ended; return their statuses, None where there was none."""
        while set(self.statuses) - self._ended and self._read():
            pass
        return list(self.statuses.values())

    def read_some(self, stream: int) -> None:
        """Read until something of the body has come."""
        while not self.received.get(stream):
            assert self._read(), "the connection has ended"

    def _read(self) -> bool:
        """Take what comes; return whether the connection goes on."""
        try:
            data = self._socket.recv(65536)
            events: Iterable[h2.events.Event] = self.h2.receive_data(data)
        except (ConnectionError, ssl.SSLError, h2.exceptions.ProtocolError):
            return False
        for event in events:
            match event:
                case h2.events.ResponseReceived():
                    self.statuses[event.stream_id] = int(dict(event.headers)[b":status"])
                case h2.events.DataReceived():
                    self.received[event.stream_id] = self.received.get(event.stream_id, 0) + len(
                        event.data
                    )
                    self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                case h2.events.StreamEnded() | h2.events.StreamReset():
                    self._ended.add(event.stream_id)
                case h2.events.ConnectionTerminated():
                    return False
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            self.flush()
        return bool(data)

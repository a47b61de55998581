"""Ask an origin once, and read the head of its answer."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass

from forebay.cache.headers import Fields
from forebay.cache.key import Target
from forebay.errors import ForebayError

DEADLINE_S = 15.0
"""The longest that connecting may take, and then the answer's head."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The head of a response; *http_version* is empty where it came over no wire."""

    status: int
    fields: Fields
    http_version: bytes = b""


def fetch(target: Target, method: str, deadline_s: float = DEADLINE_S) -> Answer:
    """Return the head of what the origin of *target* answers; its body is not read.

    It is asked directly: no proxy of the environment counts, nor are redirects
    followed.  The standard library bounds a head: 100 fields of 64 KB.

    Raises:
        ForebayError: when it cannot be reached, its certificate is not to be
            trusted, or it does not answer in time or in HTTP.
    """
    port, is_late = target.port, threading.Event()
    connection: http.client.HTTPConnection
    if target.scheme == b"https":
        connection = http.client.HTTPSConnection(
            target.host, port, timeout=deadline_s, context=ssl.create_default_context()
        )
    else:
        connection = http.client.HTTPConnection(target.host, port, timeout=deadline_s)
    with contextlib.closing(connection):
        try:
            connection.connect()
            with _ending(connection.sock, deadline_s, is_late):
                connection.request(method, target.path.decode("ascii"), headers={"Accept": "*/*"})
                response = connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            said = f"none within {deadline_s:g} s" if is_late.is_set() else _told(error)
            raise ForebayError(
                f"--fetch: expected an answer of {target.host}:{port}, found {said}"
            ) from None
        fields = [
            (name.encode("latin-1"), value.encode("latin-1"))
            for name, value in response.headers.raw_items()
        ]
        response.close()
        version = b"HTTP/1.0" if response.version == 10 else b"HTTP/1.1"
        return Answer(response.status, tuple(fields), version)


@contextlib.contextmanager
def _ending(sock: socket.socket, deadline_s: float, is_late: threading.Event) -> Iterator[None]:
    """End the connection at the deadline: a timeout of its own begins anew with each byte."""

    def end() -> None:
        is_late.set()
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(deadline_s, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _told(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"a certificate that is not trusted: {error.verify_message}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return f"{type(error).__name__}: {error}"[:200]

"""Ask an origin once, and read the head of its answer."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass

from forebay.blocklist.verdict import visible
from forebay.cache.headers import Fields
from forebay.cache.key import Target
from forebay.errors import ForebayError

DEADLINE_S = 15.0
"""The longest that connecting may take, and then TLS and the answer's head together."""
# They are about a connection, and a body that is not sent.
_LEFT_OUT = frozenset({b"connection", b"content-length", b"expect", b"transfer-encoding"})


@dataclass(frozen=True, slots=True)
class Answer:
    """The head of a response; *http_version* is empty where it came over no wire."""

    status: int
    fields: Fields
    http_version: bytes = b""


def fetch(target: Target, fields: Fields = (), deadline_s: float = DEADLINE_S) -> Answer:
    """Return the head of what the origin of *target* answers; its body is not read.

    It is asked directly: no proxy of the environment counts, nor are redirects
    followed.  The standard library bounds a head: 100 fields of 64 KB.  Trusted
    are the system's certificates, or those that SSL_CERT_FILE names.

    Args:
        target: where the request goes.
        fields: its fields, Host among them.
        deadline_s: as `DEADLINE_S`.

    Raises:
        ForebayError: when it cannot be reached, its certificate is not to be
            trusted, or it does not answer in time or in HTTP.
    """
    where, ending = f"{visible(target.host)}:{target.port}", _Ending()
    connection = http.client.HTTPConnection(target.host, target.port)
    with contextlib.closing(connection), contextlib.closing(ending):
        try:
            ending.sock = socket.create_connection((target.host, target.port), deadline_s)
            ending.sock.settimeout(2 * deadline_s)  # it is the deadline that ends it
            with ending.after(deadline_s):
                if target.scheme == b"https":
                    context = ssl.create_default_context()
                    # Not shaken hands yet: a deadline can end it only once it is known.
                    ending.sock = context.wrap_socket(
                        ending.sock, server_hostname=target.host, do_handshake_on_connect=False
                    )
                    ending.sock.do_handshake()
                connection.sock = ending.sock
                response = _asked(connection, target, fields)
            if ending.is_late:  # for the library a head may end with the connection
                raise TimeoutError
        except (OSError, http.client.HTTPException, ValueError) as error:
            is_late = ending.is_late or isinstance(error, TimeoutError)
            said = f"none within {deadline_s:g} s" if is_late else _told(error)
            raise ForebayError(f"--fetch: expected an answer of {where}, found {said}") from None
        with contextlib.closing(response):
            version = b"HTTP/1.0" if response.version == 10 else b"HTTP/1.1"
            found = tuple(
                (name.encode("latin-1"), value.encode("latin-1"))
                for name, value in response.headers.raw_items()
            )
            return Answer(response.status, found, version)


def _asked(
    connection: http.client.HTTPConnection, target: Target, fields: Fields
) -> http.client.HTTPResponse:
    path, method = target.path.decode("latin-1"), target.method.decode("latin-1")
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    for name, value in fields:
        if name.lower() not in _LEFT_OUT:
            connection.putheader(name, value)
    if target.method in (b"POST", b"PUT", b"PATCH"):
        connection.putheader("Content-Length", "0")
    connection.putheader("Connection", "close")
    connection.endheaders()
    return connection.getresponse()


class _Ending:
    """Ends a connection at a deadline: a timeout of its own begins anew with each byte."""

    def __init__(self) -> None:
        self.sock: socket.socket | None = None
        self._is_late = threading.Event()

    @property
    def is_late(self) -> bool:
        return self._is_late.is_set()

    def close(self) -> None:
        if self.sock is not None:
            self.sock.close()

    @contextlib.contextmanager
    def after(self, deadline_s: float) -> Iterator[None]:
        timer = threading.Timer(deadline_s, self._end)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _end(self) -> None:
        self._is_late.set()
        if self.sock is not None:
            with contextlib.suppress(OSError):
                self.sock.shutdown(socket.SHUT_RDWR)


def _told(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"a certificate that is not trusted: {visible(error.verify_message)}"
    if isinstance(error, OSError) and error.strerror:
        return visible(error.strerror)
    return visible(f"{type(error).__name__}: {error}")

"""Fetch one list over HTTP: in bounded time, to a bounded size, whole or not at all.

Importing this imports pydantic (see `forebay.schema`): import it late.
"""

from __future__ import annotations

import hashlib
import http.client
import io
import socket
import ssl
import string
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO, cast
from urllib.parse import quote, urljoin

import forebay
from forebay.blocklist.catalog import is_local, list_url
from forebay.blocklist.verdict import visible
from forebay.errors import ForebayError, RuleError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MOST_REDIRECTS = 5

_PIECE_BYTES = 65536
_REDIRECTS = {301, 302, 303, 307, 308}
_CODINGS = {"": False, "identity": False, "gzip": True, "x-gzip": True}


class TransferError(ForebayError):
    """A list that could not be fetched."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one fetch may take.

    Args:
        size_bytes: of the list, before and after decoding.
        timeout_s: how long the other side may be silent.
        deadline_s: how long all of it may take, redirects included.
    """

    size_bytes: int = 64_000_000
    timeout_s: float = 30
    deadline_s: float = 300


LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Received:
    """What came: its size and hash when decoded, and its validators (RFC 9110 §8.8)."""

    size_bytes: int
    sha256: str
    etag: str | None
    last_modified: str | None


def transfer(
    url: str,
    file: BinaryIO,
    *,
    etag: str | None = None,
    last_modified: str | None = None,
    limits: Limits = LIMITS,
    clock: Callable[[], float] = time.monotonic,
) -> Received | None:
    """Write the list at *url* to *file*; return None if it is still the one with these validators.

    Raises:
        TransferError: when it did not come, not whole, or is too large.
    """
    fields = {"User-Agent": f"Forebay/{forebay.__version__}", "Accept-Encoding": "gzip"}
    if etag:
        fields["If-None-Match"] = etag
    if last_modified:
        fields["If-Modified-Since"] = last_modified
    deadline = _Deadline(limits, clock)
    place = list_url(url)
    try:
        for _ in range(MOST_REDIRECTS + 1):
            request = urllib.request.Request(place, headers=fields)  # noqa: S310  (see list_url)
            response = _opener(place, deadline).open(request, timeout=deadline.next_s())
            assert isinstance(response, http.client.HTTPResponse)
            with response:
                if response.status in _REDIRECTS:
                    place = _location(place, response)
                elif response.status == 304 and (etag or last_modified):
                    return None
                elif response.status == 200:
                    return _received(response, file, limits.size_bytes)
                else:
                    raise TransferError(f"expected status 200, found {response.status}")
        raise TransferError(f"expected at most {MOST_REDIRECTS} redirects, found more")
    except TransferError as error:
        raise TransferError(f"{error} at {visible(place)}") from None
    except (OSError, http.client.HTTPException, ValueError, zlib.error) as error:
        found = visible(_reason(error))
        raise TransferError(f"expected a list, found {found} at {visible(place)}") from None


class _Deadline:
    """The time by which all must be done, and how long one wait may be until then."""

    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._timeout_s = limits.timeout_s
        self._at_s = clock() + limits.deadline_s

    def next_s(self) -> float:
        left_s = self._at_s - self._clock()
        if left_s <= 0:
            raise TimeoutError
        return min(left_s, self._timeout_s)


class _Raw(io.RawIOBase):
    """A socket to read from until the deadline, whichever small pieces come before it."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, deadline: _Deadline) -> None:
        super().__init__()
        self._raw = raw
        self._sock = sock
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int | None:
        self._sock.settimeout(self._deadline.next_s())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(http.client.HTTPResponse):
    def __init__(self, deadline: _Deadline, sock: socket.socket, *rest: Any, **more: Any) -> None:
        super().__init__(sock, *rest, **more)
        self.fp = io.BufferedReader(_Raw(self.fp.detach(), sock, deadline))


class _Handler(urllib.request.AbstractHTTPHandler):
    def __init__(self, deadline: _Deadline) -> None:
        super().__init__()
        self._deadline = deadline

    def http_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(self._plain, request)

    def https_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(self._tls, request)

    http_request = https_request = urllib.request.AbstractHTTPHandler.do_request_

    def _plain(self, host: str, /, **more: Any) -> http.client.HTTPConnection:
        return self._timed(http.client.HTTPConnection(host, **more))

    def _tls(self, host: str, /, **more: Any) -> http.client.HTTPConnection:
        context = ssl.create_default_context()
        return self._timed(http.client.HTTPSConnection(host, context=context, **more))

    def _timed(self, connection: http.client.HTTPConnection) -> http.client.HTTPConnection:
        response = partial(_Response, self._deadline)
        connection.response_class = cast("type[http.client.HTTPResponse]", response)
        return connection


def _opener(url: str, deadline: _Deadline) -> urllib.request.OpenerDirector:
    """Return what opens *url* and nothing else: redirects and statuses are ours to judge."""
    opener = urllib.request.OpenerDirector()
    proxies = {} if is_local(url) else urllib.request.getproxies()
    opener.add_handler(urllib.request.ProxyHandler(proxies))
    opener.add_handler(_Handler(deadline))
    return opener


def _location(url: str, response: http.client.HTTPResponse) -> str:
    location = response.headers.get("Location")
    if not location:
        raise TransferError(f"expected a Location beside status {response.status}, found none")
    target = quote(urljoin(url, location), encoding="latin-1", safe=string.punctuation)
    try:
        list_url(target)
    except RuleError as error:
        raise TransferError(f"redirect: {error.message}") from None
    if is_local(target) and not is_local(url):
        raise TransferError("redirect: expected no URL to this machine, found one")
    return target


def _received(response: http.client.HTTPResponse, file: BinaryIO, limit_bytes: int) -> Received:
    length = response.length
    coding = response.headers.get("Content-Encoding", "").strip().lower()
    if coding not in _CODINGS:
        raise TransferError(f"expected Content-Encoding gzip or none, found {coding[:100]!r:.70}")
    gunzip = _Gunzip() if _CODINGS[coding] else None
    if length is None and not response.chunked and gunzip is None:
        raise TransferError("expected a body that says where it ends, found one that does not")
    digest = hashlib.sha256()
    coded_bytes = size_bytes = 0
    while data := response.read1(_PIECE_BYTES):
        coded_bytes += len(data)
        for piece in gunzip.pieces(data) if gunzip else (data,):
            size_bytes += len(piece)
            if max(size_bytes, coded_bytes) > limit_bytes:
                raise TransferError(f"expected at most {limit_bytes:,} bytes, found more")
            digest.update(piece)
            _write(file, piece)
    if length is not None and coded_bytes != length:
        raise TransferError(f"expected {length:,} bytes, found {coded_bytes:,}")
    if gunzip and not gunzip.complete:
        raise TransferError("expected a whole gzip stream, found one cut short")
    validators = (_validator(response.headers.get(name)) for name in ("ETag", "Last-Modified"))
    return Received(size_bytes, digest.hexdigest(), *validators)


class _Gunzip:
    """A gzip stream, of one member or several (RFC 1952 §2.2), in pieces of bounded size."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(wbits=31)

    @property
    def complete(self) -> bool:
        return self._member.eof

    def pieces(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._member.eof:
                self._member = zlib.decompressobj(wbits=31)
            yield self._member.decompress(data, _PIECE_BYTES)
            data = self._member.unused_data if self._member.eof else self._member.unconsumed_tail


def _write(file: BinaryIO, piece: bytes) -> None:
    try:
        file.write(piece)
    except OSError as error:
        raise TransferError(f"expected to write a copy, found {error.strerror}") from None


def _validator(value: str | None) -> str | None:
    """Return what can be sent back, and kept in one line."""
    short = value is not None and len(value) <= 1000 and value.isascii() and value.isprintable()
    return value if short else None


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.URLError) and isinstance(error.reason, Exception):
        error = error.reason
    match error:
        case TimeoutError():
            return "no answer in time"
        case ssl.SSLCertVerificationError():
            return f"a certificate that cannot be trusted ({error.verify_message})"
        case http.client.IncompleteRead():
            return "a body cut short"
        case OSError(strerror=str(text)):
            return text
        case _:
            return str(error) or type(error).__name__

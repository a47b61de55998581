"""Heads, records, flows and stores with defaults, for the tests of the cache."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mitmproxy import http
from mitmproxy.test import tflow

from forebay import outcome
from forebay.cache.addon import CacheAddon
from forebay.cache.checksum import CHECKSUM_BYTES
from forebay.cache.disk import DiskStore
from forebay.cache.entry import Entry
from forebay.cache.headers import Head
from forebay.cache.largebody import PIECE_BYTES, Body, LargeBody
from forebay.cache.notices import Notices
from forebay.proxycore import bodies

NOW = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 GMT
NOW_DATE = b"Tue, 14 Nov 2023 22:13:20 GMT"
DEADLINE_S = 20


class Clock:
    """A clock that moves when it is told to."""

    def __init__(self, now_s: float = NOW) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s


def head(**fields: str | list[str]) -> Head:
    """Return a head; ``cache_control`` is Cache-Control, a list is several lines.

    >>> head(cache_control=["a", "b"]).lines(b"cache-control")
    [b'a', b'b']
    """
    return Head(
        (name.replace("_", "-").title().encode(), line.encode("latin-1"))
        for name, value in fields.items()
        for line in (value if isinstance(value, list) else [value])
    )


def entry(
    *,
    status: int = 200,
    body: Body = b"hello",
    received_at_s: float = NOW,
    said: tuple[tuple[bytes, bytes | None], ...] = (),
    **fields: str | list[str],
) -> Entry:
    """Return a stored response, fresh for a minute unless *fields* say otherwise."""
    fields = fields or {"cache_control": "max-age=60", "etag": '"a"'}
    return Entry(status, b"OK", head(**fields).fields, received_at_s, received_at_s, said, body)


def large(size_bytes: int = 300_000, name: str = f"ab/cd/{'0' * 28}.val") -> LargeBody:
    """Return a body in a file that is not there."""
    pieces = -(-size_bytes // PIECE_BYTES)
    return LargeBody(name, size_bytes, bytes(range(CHECKSUM_BYTES)) * pieces)


def key(number: int = 1) -> bytes:
    """Return a key; others for other numbers.

    >>> len(key())
    20
    """
    return number.to_bytes(8) + bytes(12)


def disk(folder: Path, **options: object) -> DiskStore:
    """Return a store that is not started."""
    given: dict[str, object] = {
        "limit_bytes": 2**30,
        "clock": Clock(),
        "notices": Notices(),
        **options,
    }
    return DiskStore(folder, **given)


def get(
    path: str = "/",
    *,
    method: str = "GET",
    host: str = "a.example",
    version: bytes = b"HTTP/1.1",
    body: bytes | None = b"",
    **fields: str | list[str],
) -> http.HTTPFlow:
    """Return the flow of a request as it is in the hook ``request``."""
    fields.setdefault("host", host)
    request = http.Request(
        host,
        80,
        method.encode(),
        b"http",
        b"",
        path.encode(),
        version,
        http.Headers(head(**fields).fields),
        body,
        None,
        NOW,
        NOW,
    )
    flow = tflow.tflow(req=request)
    flow.client_conn.sni = None
    outcome.begin(flow)
    return flow


class Origin:
    """Answers with one response, and remembers the requests it saw."""

    def __init__(
        self,
        *,
        status: int = 200,
        body: bytes = b"hello",
        version: bytes = b"HTTP/1.1",
        length: bool = True,
        **fields: str | list[str],
    ) -> None:
        self.status, self.body, self.version = status, body, version
        self.fields = list(head(**fields).fields)
        if length and status != 304:
            self.fields.append((b"Content-Length", b"%d" % len(body)))
        self.seen: list[dict[str, str]] = []

    def answer(self, request: http.Request) -> http.Response:
        self.seen.append(dict(request.headers))
        return http.Response(
            self.version,
            self.status,
            b"OK",
            http.Headers(self.fields),
            None,
            None,
            NOW,
            None,
        )


async def exchange(
    addon: CacheAddon,
    flow: http.HTTPFlow,
    origin: Origin,
    *,
    later: Callable[[http.HTTPFlow], None] = lambda flow: None,
) -> http.HTTPFlow:
    """Run the hooks as mitmproxy's core and the bodies addon do; *later* is a later addon.

    A body that is cut off is for those who call the hooks themselves.
    """
    await addon.request(flow)
    if flow.response is None:
        flow.response = origin.answer(flow.request)
        addon.responseheaders(flow)
        later(flow)
        is_own_304 = origin.status == 304
        flow.response.raw_content = (
            b"" if is_own_304 or flow.request.method == "HEAD" else origin.body
        )
    else:
        addon.responseheaders(flow)
        later(flow)
    bodies.finish_response(flow)
    addon.response(flow)
    return flow


def status_field(flow: http.HTTPFlow) -> str:
    """Return the Cache-Status that the client sees."""
    assert flow.response is not None
    value: str = flow.response.headers.get("cache-status", "")
    return value

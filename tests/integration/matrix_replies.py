"""What the origins of the matrix answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from integration.matrix import HELD, SILENCE
from origins import Reply, Seen


def status(code: int, *fields: tuple[str, str]):
    return lambda seen: Reply(code, fields)


def reply(data: bytes, *, reset: bool = False):
    return lambda seen: Reply(raw=data, reset=reset)


def silent(seen: Seen) -> Reply:
    return SILENCE


def body(size: int):
    return lambda seen: Reply(headers=[("cache-control", "no-store")], body=b"x" * size)


def pieces(size: int, *, reset: bool = False):
    fields = [("cache-control", "no-store")]
    return lambda seen: Reply(headers=fields, pieces=[b"x" * (size // 4)] * 4, reset=reset)


def endless(seen: Seen) -> Reply:
    """A beginning of a body, and no more."""

    async def begun() -> AsyncIterator[bytes]:
        yield b"x" * 100
        await asyncio.Event().wait()

    return Reply(headers=[("cache-control", "no-store")], pieces=begun())


def stored(*fields: tuple[str, str]):
    """What a cache may store."""
    return lambda seen: Reply(headers=[("etag", '"v1"'), *fields], body=b"stored")


def revalidated(seen: Seen) -> Reply:
    """Stale at once; afterwards it has not changed."""
    fields = [("etag", '"v1"'), ("cache-control", "max-age=60"), ("age", "100")]
    if seen.header("if-none-match"):
        return Reply(304, fields)
    return Reply(headers=fields, body=b"stored")


FRESH = ("cache-control", "max-age=600")
WHILE_REVALIDATING = ("cache-control", "max-age=60, stale-while-revalidate=600")
STALE_IF_ERROR = ("cache-control", "max-age=60, stale-if-error=600")
OLD = ("age", "100")


def held(seen: Seen) -> Reply:
    """What is worth waiting for; see ``crowd``."""
    return HELD

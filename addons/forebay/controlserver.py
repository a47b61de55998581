"""Serve callers on loopback: one line of JSON in, one line out.

Who knows the token may come in.  Whoever else connects, such as a web page that
tries ports, has one short line and little time, and is shown out; when there are
many such, whoever came first.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from forebay.errors import ForebayError

logger = logging.getLogger(__name__)

type Handler = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]]

_LONGEST_LINE_BYTES = 64 * 1024 * 1024
_FIRST_LINE_BYTES = 64 * 1024
_FIRST_LINE_S = 10.0
_MOST_STRANGERS = 64


class ControlServer:
    """The port, and who is at it.

    Args:
        handlers: what callers may ask for, by name.
        released: called when the connection ends of a caller who holds the proxy.

    Attributes:
        token: what callers must know.
    """

    def __init__(self, handlers: Mapping[str, Handler], released: Callable[[], None]) -> None:
        self._handlers = {"control.hello": self._hello, "control.hold": self._hold, **handlers}
        self._released = released
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._strangers: dict[asyncio.Task[None], None] = {}  # in the order in which they came
        self._holders: set[asyncio.Task[None]] = set()
        self.token = secrets.token_urlsafe(32)

    async def start(self) -> int:
        """Open a port, and return its number.

        Raises:
            OSError: when none can be had.
        """
        self._server = await asyncio.start_server(
            self._serve, "127.0.0.1", 0, limit=_FIRST_LINE_BYTES
        )
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def close(self) -> None:
        """Close it, and show all out."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in self._tasks:
            task.cancel()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._admit(task)
        try:
            line = await asyncio.wait_for(reader.readline(), _FIRST_LINE_S)
            self._strangers.pop(task, None)
            while line:
                is_known, answer = await self._answer(line)
                writer.write(answer)
                await writer.drain()
                line = await _line(reader) if is_known else b""
        except (OSError, ValueError, TimeoutError, EOFError, asyncio.CancelledError):
            pass  # it has left, or said nothing in time, or too much, or the proxy ends
        finally:
            self._tasks.discard(task)
            self._strangers.pop(task, None)
            writer.close()
            if task in self._holders:
                self._holders.discard(task)
                self._released()

    def _admit(self, task: asyncio.Task[None]) -> None:
        """Take one more who has said nothing yet: they must not use up the traffic's sockets."""
        self._strangers[task] = None
        if len(self._strangers) > _MOST_STRANGERS:
            first = next(iter(self._strangers))
            del self._strangers[first]
            first.cancel()

    async def _hello(self, said: Mapping[str, Any]) -> Mapping[str, Any]:
        """Say that we are here."""
        return {}

    async def _hold(self, said: Mapping[str, Any]) -> Mapping[str, Any]:
        """End the proxy with this connection: who started it may be killed, and leave it behind."""
        task = asyncio.current_task()
        assert task is not None
        self._holders.add(task)
        return {}

    async def _answer(self, line: bytes) -> tuple[bool, bytes]:
        """Return whether the token was right, and what is said."""
        try:
            said = json.loads(line)
            token, wanted = str(said["token"]), str(said["do"])
        except (ValueError, KeyError, TypeError, RecursionError):
            return _unknown("expected an object with token and do, found something else")
        if not hmac.compare_digest(token.encode(errors="replace"), self.token.encode()):
            return _unknown("expected the token of the control file, found another")
        handler = self._handlers.get(wanted)
        if handler is None:
            known = ", ".join(sorted(self._handlers))
            return True, _line_of(error=f"expected one of {known}, found {wanted!r:.70}")
        try:
            return True, _line_of(**await handler(said))
        except ForebayError as error:
            return True, _line_of(error=str(error))
        except Exception as error:  # the boundary: a caller gets a line, and the proxy goes on
            logger.warning("control: %s failed: %r", wanted, error)
            return True, _line_of(error=f"{wanted} failed: {error!r}")


def _unknown(error: str) -> tuple[bool, bytes]:
    return False, _line_of(error=error, unknown=True)


def _line_of(**said: object) -> bytes:
    return json.dumps(said).encode() + b"\n"


async def _line(reader: asyncio.StreamReader) -> bytes:
    """Return the next line of one who is known, which may be a long one."""
    pieces: list[bytes] = []
    size_bytes = 0
    while size_bytes <= _LONGEST_LINE_BYTES:
        try:
            return b"".join([*pieces, await reader.readuntil(b"\n")])
        except asyncio.LimitOverrunError as error:
            pieces.append(await reader.readexactly(error.consumed))
            size_bytes += error.consumed
    raise ValueError("too long a line")

"""A door for programs of the same user: one line of JSON in, one line out, on loopback.

Who knows the token may come in; it stands in a file with mode 0600 that names
port and token, written when the proxy serves, so that the file is the sign to
wait for, too.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import logging
import os
import secrets
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from mitmproxy import ctx
from mitmproxy.addonmanager import Loader

import forebay
from forebay import cabundle, settings, wholefile
from forebay.errors import ForebayError

logger = logging.getLogger(__name__)

type Handler = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]]

_LONGEST_LINE = 64 * 1024 * 1024
_FIRST_LINE_S = 10.0


class Control:
    """Serve what other addons offer.

    Addons offer something by a method ``control_handlers``, which returns
    handlers by name.
    """

    name = "forebay.control"

    def __init__(self) -> None:
        self._server: asyncio.Server | None = None
        self._file: Path | None = None
        self._token = ""
        self._handlers: dict[str, Handler] = {"control.hold": self._hold}
        self._tasks: set[asyncio.Task[None]] = set()
        self._holders: set[asyncio.Task[None]] = set()

    def load(self, loader: Loader) -> None:
        """Declare the option."""
        loader.add_option(
            "forebay_control",
            str,
            "",
            "File that names port and token of a control connection on loopback, written when the "
            "proxy serves. Empty: there is none.",
        )

    def running(self) -> None:
        """Open the door, if it is wanted.

        Not a coroutine itself: mitmproxy runs this hook of a script that was
        touched without awaiting it.
        """
        if ctx.options.forebay_control and self._server is None:
            task = asyncio.get_running_loop().create_task(self._open_or_say())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _open_or_say(self) -> None:
        try:
            await self._open(settings.path("forebay_control", ctx.options.forebay_control))
        except (ForebayError, OSError) as error:
            logger.error(  # mitmproxy leaves on it
                "forebay_control: expected a file that can be written, found %s",
                error.strerror if isinstance(error, OSError) else error,
            )

    async def _open(self, path: Path) -> None:
        for addon in ctx.master.addons.lookup.values():  # those of scripts, too
            offered = getattr(addon, "control_handlers", None)
            if offered is not None:
                self._handlers.update(offered())
        self._token = secrets.token_urlsafe(32)
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=_LONGEST_LINE)
        ca = settings.path("confdir", ctx.options.confdir) / "mitmproxy-ca-cert.pem"
        port = self._server.sockets[0].getsockname()[1]
        said = {
            "version": forebay.__version__,
            "pid": os.getpid(),
            "port": port,
            "token": self._token,
            "proxy": [list(address)[:2] for address in _listening()],
            "ca": str(ca),
            "ca_bundle": str(await asyncio.to_thread(cabundle.write, ca, path.parent)),
        }
        wholefile.write(path, json.dumps(said).encode(), mode=0o600)
        self._file = path

    def done(self) -> None:
        """Close it."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in self._tasks:
            task.cancel()
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.unlink()
            self._file = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            is_known = False
            while line := await asyncio.wait_for(
                reader.readline(), None if is_known else _FIRST_LINE_S
            ):
                is_known, answer = await self._answer(line)
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        except (OSError, ValueError, TimeoutError, asyncio.CancelledError):
            pass  # it has left, or said nothing in time, or the proxy ends
        finally:
            self._tasks.discard(task)
            writer.close()
            if task in self._holders:
                self._holders.discard(task)
                ctx.master.shutdown()

    async def _hold(self, said: Mapping[str, Any]) -> Mapping[str, Any]:
        """End the proxy with this connection: who started it may be killed, and leave it behind."""
        task = asyncio.current_task()
        assert task is not None
        self._holders.add(task)
        return {}

    async def _answer(self, line: bytes) -> tuple[bool, Mapping[str, Any]]:
        """Return whether the token was right, and what is said."""
        try:
            said = json.loads(line)
            token, wanted = str(said["token"]), str(said["do"])
        except (ValueError, KeyError, TypeError):
            return False, {"error": "expected an object with token and do, found something else"}
        if not hmac.compare_digest(token.encode(), self._token.encode()):
            return False, {"error": "expected the token of the control file, found another"}
        handler = self._handlers.get(wanted)
        if handler is None:
            known = ", ".join(sorted(self._handlers))
            return True, {"error": f"expected one of {known}, found {wanted!r:.70}"}
        try:
            return True, await handler(said)
        except ForebayError as error:
            return True, {"error": str(error)}
        except Exception as error:  # the boundary: a caller gets a line, and the proxy goes on
            logger.warning("control: %s failed: %r", wanted, error)
            return True, {"error": f"{wanted} failed: {error!r}"}


def _listening() -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = ctx.master.addons.get("proxyserver").listen_addrs()
    return found

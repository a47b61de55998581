"""A door for programs of the same user, and the file by which they find it.

The file has mode 0600; it names port and token, and is written when the proxy
serves, so that it is the sign to wait for, too.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mitmproxy import ctx
from mitmproxy.addonmanager import Loader

import forebay
from forebay import cabundle, controlfile, settings, status, wholefile
from forebay.controlserver import ControlServer, Handler
from forebay.errors import ForebayError

logger = logging.getLogger(__name__)

AUTO = "auto"
OFF = ("off", "")
_HELLO_S = 2.0


class Control:
    """Serve what other addons offer.

    Addons offer something by a method ``control_handlers``, which returns
    handlers by name; ``status`` tells what they say of themselves.
    """

    name = "forebay.control"

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._server: ControlServer | None = None
        self._opening: asyncio.Task[None] | None = None
        self._file: Path | None = None
        self._said: dict[str, Any] = {}

    def load(self, loader: Loader) -> None:
        """Declare the option."""
        settings.declare(loader)
        status.begin(loader.master, self._clock())
        loader.add_option(
            "forebay_control",
            str,
            AUTO,
            "File that names port and token of a control connection on loopback, written when the "
            "proxy serves. auto: run/PID.json in forebay_home, for forebay status; off or empty: "
            "there is none.",
        )

    def running(self) -> None:
        """Open the door, if it is wanted.

        Not a coroutine itself: mitmproxy runs this hook of a script that was
        touched without awaiting it.
        """
        if ctx.options.forebay_control not in OFF and self._server is None:
            self._server = ControlServer(self._handlers(), ctx.master.shutdown)
            self._opening = asyncio.get_running_loop().create_task(self._open_or_say(self._server))

    def _handlers(self) -> Mapping[str, Handler]:
        handlers: dict[str, Handler] = {"status": self._status}
        for addon in ctx.master.addons.lookup.values():  # those of scripts, too
            offered = getattr(addon, "control_handlers", None)
            if offered is not None:
                handlers.update(offered())
        return handlers

    async def _status(self, said: Mapping[str, Any]) -> Mapping[str, Any]:
        """Say what is on, and what is wrong."""
        return status.collected(self._clock())

    async def _open_or_say(self, server: ControlServer) -> None:
        option = ctx.options.forebay_control
        try:
            if option == AUTO:
                await self._open_at_home(server)
            else:
                path = settings.path("forebay_control", option)
                await self._open(server, path, with_bundle=True)
        except (ForebayError, OSError) as error:
            server.close()
            found = (error.strerror if isinstance(error, OSError) else None) or error
            if option == AUTO:  # nobody has asked for it, so that it costs itself only
                logger.warning("%s; forebay status will not find this proxy", _named(found))
            else:
                logger.error("%s", _named(found))  # mitmproxy leaves on it

    async def _open_at_home(self, server: ControlServer) -> None:
        home = settings.home()
        file = controlfile.path_of(home, os.getpid())
        folder = settings.writable_folder("forebay_control", file.parent)
        folder.chmod(0o700)  # fails where it is another user's, who could put others' files there
        await self._open(server, file, with_bundle=False)
        threading.Thread(
            target=controlfile.remove_dead,
            args=(home, _HELLO_S),
            kwargs={"but": file},
            name="control sweep",
            daemon=True,
        ).start()

    async def _open(self, server: ControlServer, path: Path, *, with_bundle: bool) -> None:
        port = await server.start()
        ca = settings.path("confdir", ctx.options.confdir) / "mitmproxy-ca-cert.pem"
        said = {
            "version": forebay.__version__,
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "port": port,
            "token": server.token,
            "proxy": [list(address)[:2] for address in _listening()],
            "ca": str(ca),
        }
        if with_bundle:  # for those who start us: it takes time, and clients that are told of it
            said["ca_bundle"] = str(await asyncio.to_thread(cabundle.write, ca, path.parent))
        wholefile.write(path, json.dumps(said).encode(), mode=0o600)
        self._file, self._said = path, said

    def done(self) -> None:
        """Close it."""
        if self._opening is not None:
            self._opening.cancel()
            self._opening = None
        if self._server is not None:
            self._server.close()
            self._server = None
        if self._file is not None:
            controlfile.remove(self._file, self._said)
            self._file = None


def _named(found: object) -> str:
    text = str(found)
    if text.startswith("forebay_"):
        return text  # it names its option
    return f"forebay_control: expected a file that can be written, found {text}"


def _listening() -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = ctx.master.addons.get("proxyserver").listen_addrs()
    return found

"""A door for programs of the same user, and the file by which they find it.

The file has mode 0600; it names port and token, and is written when the proxy
serves, so that it is the sign to wait for, too.
"""

from __future__ import annotations

import asyncio
import contextlib
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
from forebay import cabundle, controlfile, settings, status, truststore, wholefile
from forebay.controlserver import ControlServer, Handler
from forebay.errors import ForebayError

logger = logging.getLogger(__name__)

AUTO = "auto"
OFF = ("off", "")
_HELLO_S = 2.0
_LOOK_S = 10.0


class Control:
    """Serve what other addons offer.

    Addons offer something by a method ``control_handlers``, which returns
    handlers by name; ``status`` tells what they say of themselves.

    Args:
        clock: POSIX time in seconds.
        look_s: how often to look whether the file is still there.
    """

    name = "forebay.control"

    def __init__(self, clock: Callable[[], float] = time.time, look_s: float = _LOOK_S) -> None:
        self._clock = clock
        self._look_s = look_s
        self._server: ControlServer | None = None
        self._opening: asyncio.Task[None] | None = None
        self._keeping: asyncio.Task[None] | None = None
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
        handlers: dict[str, Handler] = {
            "status": self._status,
            "control.java_store": self._java_store,
        }
        for addon in ctx.master.addons.lookup.values():  # those of scripts, too
            offered = getattr(addon, "control_handlers", None)
            if offered is not None:
                handlers.update(offered())
        return handlers

    async def _status(self, said: Mapping[str, Any]) -> Mapping[str, Any]:
        """Say what is on, and what is wrong."""
        return status.collected(self._clock())

    async def _java_store(self, said: Mapping[str, Any]) -> Mapping[str, Any]:
        """Make a trust store for Java beside the control file; most who ask have no Java."""
        assert self._file is not None
        try:
            made = await asyncio.to_thread(truststore.write, _ca(), self._file.parent)
        except (OSError, ValueError) as error:
            raise ForebayError(f"expected to make a trust store for Java, found: {error}") from None
        return {"path": str(made)}

    async def _open_or_say(self, server: ControlServer) -> None:
        option = ctx.options.forebay_control
        try:
            if option == AUTO:
                await self._open_at_home(server)
            else:
                path = settings.path("forebay_control", option)
                await self._open(server, path, with_bundle=True)
        except ForebayError as error:
            server.close()
            if option == AUTO:  # nobody has asked for it, so that it costs itself only
                logger.warning("%s; forebay status will not find this proxy", error)
            else:
                logger.error("%s", error)  # mitmproxy leaves on it

    async def _open_at_home(self, server: ControlServer) -> None:
        home = settings.home()
        file = controlfile.path_of(home, os.getpid())
        _make_private(file.parent)
        await self._open(server, file, with_bundle=False)
        self._keeping = asyncio.get_running_loop().create_task(self._keep(file))
        threading.Thread(
            target=controlfile.remove_dead,
            args=(home, _HELLO_S),
            kwargs={"but": file},
            name="control sweep",
            daemon=True,
        ).start()

    async def _open(self, server: ControlServer, path: Path, *, with_bundle: bool) -> None:
        try:
            said = await self._opened(server, path, with_bundle=with_bundle)
            _write(path, said)
        except OSError as error:
            raise ForebayError(
                f"forebay_control: expected a file that can be written, found {path}: "
                f"{error.strerror or error}"
            ) from None
        self._file, self._said = path, said

    async def _opened(
        self, server: ControlServer, path: Path, *, with_bundle: bool
    ) -> dict[str, Any]:
        """Open the port; return what the file says."""
        port = await server.start()
        ca = _ca()
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
        return said

    async def _keep(self, file: Path) -> None:
        """Write the file again when it is gone: with its home, or as one of the dead."""
        while True:
            await asyncio.sleep(self._look_s)
            if not await asyncio.to_thread(file.exists):
                with contextlib.suppress(ForebayError, OSError):  # tried again
                    _make_private(file.parent)
                    _write(file, self._said)

    def done(self) -> None:
        """Close it."""
        for task in (self._opening, self._keeping):
            if task is not None:
                task.cancel()
        self._opening = self._keeping = None
        if self._server is not None:
            self._server.close()
            self._server = None
        if self._file is not None:
            controlfile.remove(self._file, self._said)
            self._file = None


def _make_private(folder: Path) -> None:
    settings.writable_folder("forebay_control", folder)
    try:
        folder.chmod(0o700)
    except OSError as error:  # it is another user's, who could put others' files there
        raise ForebayError(
            f"forebay_control: expected a folder of this user, found {folder}: {error.strerror}"
        ) from None


def _write(path: Path, said: Mapping[str, Any]) -> None:
    wholefile.write(path, json.dumps(said).encode(), mode=0o600)


def _ca() -> Path:
    return settings.path("confdir", ctx.options.confdir) / "mitmproxy-ca-cert.pem"


def _listening() -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = ctx.master.addons.get("proxyserver").listen_addrs()
    return found

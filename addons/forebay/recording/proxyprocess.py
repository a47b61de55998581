"""A proxy for the tests of one process: with a home and a CA of its own, gone when they are.

The standard library only, as the tests' own process uses it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from forebay.errors import ForebayError
from forebay.recording.controlclient import ControlClient, NotThereError
from forebay.recording.proxycommand import proxy_arguments

START_DEADLINE_S = 60.0
_END_DEADLINE_S = 10.0
_TURN_S = 0.01
_MOST_SHOWN_BYTES = 20_000


class ProxyProcess:
    """A proxy that runs.

    Args:
        command: starts it, without arguments.
        options: options of the user's, as ``name=value``.
        redact: rules of what is masked, as in ``redact.yaml``; None for those that ship.

    Attributes:
        control: asks it.

    Raises:
        ForebayError: when it does not start; with what it printed.
    """

    control: ControlClient

    def __init__(
        self, command: Sequence[str], options: Iterable[str] = (), redact: Path | None = None
    ) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="forebay-"))
        self._output = self._folder / "output"
        self._process: subprocess.Popen[bytes] | None = None
        self._java_store: str | None = None
        with contextlib.ExitStack() as undo:
            undo.callback(self.stop)
            self._start(list(command), options, redact)
            undo.pop_all()

    def _start(self, command: list[str], options: Iterable[str], redact: Path | None) -> None:
        home, control = self._folder / "home", self._folder / "control.json"
        (home / "rules").mkdir(parents=True)
        if redact is not None:
            try:
                shutil.copyfile(redact, home / "rules" / "redact.yaml")
            except OSError as error:
                raise ForebayError(
                    f"forebay_redact: expected a file of rules, found {redact}: {error.strerror}"
                ) from None
        arguments = proxy_arguments(self._folder / "confdir", home, control, options)
        with self._output.open("wb") as output:
            try:
                self._process = subprocess.Popen(  # noqa: S603  (the user's own command)
                    [*command, *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, "PYTHONUNBUFFERED": "1"},
                    **_away_from_the_terminal(),
                )
            except OSError as error:
                raise ForebayError(
                    f"expected to start {command[0]}, found: {error.strerror}"
                ) from None
        end_s = time.monotonic() + START_DEADLINE_S
        while not control.exists():
            if not self.is_alive:
                raise ForebayError(
                    f"expected a proxy that starts, found that it has ended with status "
                    f"{self._process.returncode}:\n{self.output()}"
                )
            if time.monotonic() > end_s:
                raise ForebayError(
                    f"expected a proxy within {START_DEADLINE_S:.0f} s, found none yet:\n"
                    f"{self.output()}"
                )
            time.sleep(_TURN_S)  # no event tells of a file or of the end of another process
        self.control = ControlClient.of(control)
        self.control.ask("control.hold")  # it ends with us, even if we are killed

    @property
    def is_alive(self) -> bool:
        """Whether it still runs."""
        return self._process is not None and self._process.poll() is None

    def java_store(self) -> str:
        """Return a trust store for Java, which is made when it is asked for first."""
        if self._java_store is None:
            try:
                self._java_store = str(self.control.ask("control.java_store")["path"])
            except NotThereError:
                self._java_store = ""  # a Forebay of another version, which makes none
        return self._java_store

    @property
    def printed_bytes(self) -> int:
        """How much it has printed until now."""
        try:
            return self._output.stat().st_size
        except OSError:
            return 0

    def output(self, since_bytes: int = 0) -> str:
        """Return what it printed, at most the last 20 kB, from *since_bytes* on."""
        try:
            with self._output.open("rb") as file:
                file.seek(max(since_bytes, self.printed_bytes - _MOST_SHOWN_BYTES))
                return file.read().decode("utf-8", "replace").strip()
        except OSError:
            return ""

    def stop(self) -> None:
        """End it, and remove its folder; a second call does nothing."""
        if hasattr(self, "control"):
            self.control.close()
        process = self._process
        if process is not None and process.poll() is None:
            process.terminate()
            try:
                process.wait(_END_DEADLINE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        with contextlib.suppress(OSError):
            shutil.rmtree(self._folder)


def _away_from_the_terminal() -> dict[str, Any]:
    """Return what keeps Ctrl-C from the proxy: the tests end first, and then end it."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}

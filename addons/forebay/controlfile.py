"""The files by which running proxies are found: one each, ``run/<pid>.json`` in their home.

The standard library only: a command that asks need not wait for mitmproxy.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from forebay.errors import ForebayError
from forebay.recording.controlclient import ControlClient, NotThereError
from forebay.regularfile import open_regular

FOLDER = "run"
"""Below ``forebay_home``."""
_NAME = re.compile(r"([0-9]{1,10})\.json", re.ASCII)
_LONGEST_BYTES = 64 * 1024
_LONGEST_ANSWER_BYTES = 16 * 1024 * 1024


class BadFileError(ForebayError):
    """What is in the file was written by no proxy."""


def path_of(home: Path, pid: int) -> Path:
    """Return the file of the process *pid*."""
    return home / FOLDER / f"{pid}.json"


def pid_of(path: Path) -> int | None:
    """Return whose file it is by its name; None when it is no such name.

    >>> pid_of(Path("run/17.json")), pid_of(Path("run/.17.json.17"))
    (17, None)
    """
    match = _NAME.fullmatch(path.name)
    return None if match is None else int(match[1])


def found(home: Path) -> list[Path]:
    """Return the files in *home* in the order of their numbers.

    Raises:
        ForebayError: when the folder is there and cannot be read.
    """
    folder = home / FOLDER
    try:
        paths = [path for path in folder.iterdir() if pid_of(path) is not None]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except (OSError, ValueError) as error:  # a NUL in the name
        reason = error.strerror if isinstance(error, OSError) else error
        raise ForebayError(f"expected a readable folder, found {folder}: {reason}") from None
    return sorted(paths, key=lambda path: (pid_of(path) or 0, path.name))


def read(path: Path) -> dict[str, Any]:
    """Return what a proxy has written about itself.

    Raises:
        BadFileError: when no proxy can have written it.
        ForebayError: when it cannot be read, or is of a Forebay that others know.
        FileNotFoundError: when it is gone.
    """
    try:
        with open_regular(path) as file:
            data = file.read(_LONGEST_BYTES + 1)
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ForebayError(f"expected a readable file, found {path}: {reason}") from None
    try:
        said = json.loads(data[:_LONGEST_BYTES])
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise BadFileError(f"expected a JSON object, found something else in {path}")
    if not _is_whole(said):
        raise ForebayError(f"expected port, token and addresses of a proxy, found others in {path}")
    return said


def _is_whole(said: Mapping[str, Any]) -> bool:
    port, token, proxy = said.get("port"), said.get("token"), said.get("proxy", [])
    return (
        type(port) is int
        and 0 < port < 1 << 16
        and isinstance(token, str)
        and isinstance(proxy, list)
        and all(
            isinstance(each, list)
            and len(each) == 2
            and isinstance(each[0], str)
            and type(each[1]) is int
            for each in proxy
        )
    )


def is_elsewhere(said: Mapping[str, Any]) -> bool:
    """Return whether a file is of another machine or container, which nobody here can ask."""
    here = socket.gethostname()
    return bool(said.get("host", here) != here)


def ask(said: Mapping[str, Any], do: str, deadline_s: float) -> dict[str, Any]:
    """Ask the proxy that has written *said*; wait for *deadline_s* seconds, twice at most.

    Raises:
        NotThereError: when it has ended.
        GoneError: when it says nothing.
        ForebayError: with what it says is wrong.
    """
    client = ControlClient(said, deadline_s, _LONGEST_ANSWER_BYTES)
    with contextlib.closing(client):
        return client.ask(do)


def remove_dead(home: Path, deadline_s: float, *, but: Path | None = None) -> None:
    """Remove the files of proxies that have ended; one that says nothing in time may live.

    Args:
        home: whose proxies.
        deadline_s: for how long each is waited for.
        but: is left alone.
    """
    with contextlib.suppress(ForebayError):
        for path in found(home):
            if path != but:
                _remove_if_dead(path, deadline_s)


def _remove_if_dead(path: Path, deadline_s: float) -> None:
    try:
        said = read(path)
    except BadFileError:
        remove(path, None)
    except (ForebayError, OSError):
        pass  # another user's, or gone
    else:
        if is_elsewhere(said):
            return
        try:
            ask(said, "control.hello", deadline_s)
        except NotThereError:
            remove(path, said)
        except ForebayError:
            pass


def remove(path: Path, said: Mapping[str, Any] | None) -> None:
    """Remove *path* if it still says *said*, or with None what no proxy has written.

    Another proxy may have been given the number meanwhile.
    """
    now: Mapping[str, Any] | None
    try:
        now = read(path)
    except BadFileError:
        now = None
    except (ForebayError, OSError):
        return
    if now == said:
        with contextlib.suppress(OSError):
            path.unlink()

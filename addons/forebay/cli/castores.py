"""The stores of certificates that ``forebay ca install`` and ``uninstall`` change."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable, Collection
from pathlib import Path

from forebay.blocklist.verdict import visible
from forebay.cli.output import DONE
from forebay.errors import ForebayError
from forebay.trust import authority, instructions, nss
from forebay.trust.nss import Database
from forebay.trust.systemstore import SystemStore
from forebay.trust.tool import State

FAILED, BY_HAND = 1, 3
_SEEN = {
    State.SAME: "trusted already",
    State.FOREIGN: "trusted already, by an entry that is not ours",
    State.ABSENT: "nothing of ours is there",
}
_JAVA = "Java has a store of its own; to change it:"


def remark(text: str) -> None:
    """Print a line beside the result."""
    print(f"forebay ca: {visible(text, 500)}", file=sys.stderr)


class Stores:
    """Install in stores, or uninstall; says what was done where.

    Args:
        confdir: mitmproxy's folder.
        wanted: which stores, ``system`` and ``nss``.
        system: the system's.
        dry: whether to say only what would be done.
    """

    def __init__(
        self, confdir: Path, wanted: Collection[str], system: SystemStore, *, dry: bool
    ) -> None:
        self._confdir = confdir
        self._wanted = wanted
        self._store = system
        self._dry = dry
        self._status = DONE

    def install(self) -> int:
        """Have the certificate trusted; return the exit status."""
        found = authority.find(self._confdir, time.time(), make=not self._dry)
        path = authority.certificate_path(self._confdir)
        if found is None:
            print(f"{path}: would be made")
        elif found.made:
            print(f"{path}: made")
        der = None if found is None else found.der
        if "system" in self._wanted:
            self._guarded(lambda: self._install_in_system(path, der))
        if "nss" in self._wanted:
            for database in self._databases(f"import {path} in the browser's settings"):
                self._guarded(lambda each=database: self._install_in(each, path, der))  # type: ignore[misc]
        if "system" in self._wanted and shutil.which("keytool"):
            print(_JAVA, instructions.for_java(str(path), remove=False))
        return self._status

    def uninstall(self) -> int:
        """Undo that; return the exit status."""
        try:
            found = authority.find(self._confdir, time.time(), make=False)
        except ForebayError:
            found = None  # it may be trusted all the same
        path = authority.certificate_path(self._confdir)
        der = None if found is None else found.der
        if "system" in self._wanted:
            self._guarded(lambda: self._uninstall_from_system(path, der))
        if "nss" in self._wanted:
            for database in self._databases("remove it in the browser's settings"):
                self._guarded(lambda each=database: self._uninstall_from(each))  # type: ignore[misc]
        if "system" in self._wanted and shutil.which("keytool"):
            print(_JAVA, instructions.for_java(str(path), remove=True))
        return self._status

    def _install_in_system(self, path: Path, der: bytes | None) -> None:
        if not self._store.is_there:
            self._by_hand("the system's store", instructions.to_install(_system(), str(path)))
            return
        where, state = self._store.path, self._store.state(der)
        if state is State.SAME:
            print(f"{where}: {_SEEN[state]}")
        elif not self._store.is_writable:
            self._by_hand(str(where), instructions.to_install("debian", str(path)))
        elif self._dry or der is None:
            print(f"{where}: would be {_verb(state)}")
        else:
            self._store.add(der)
            print(f"{where}: {_verb(state)}")

    def _uninstall_from_system(self, path: Path, der: bytes | None) -> None:
        if not self._store.is_there:
            kind = _system()
            self._by_hand("the system's store", instructions.to_uninstall(kind, str(path), der))
            return
        where, state = self._store.path, self._store.state(der)
        if state is State.ABSENT:
            print(f"{where}: {_SEEN[state]}")
        elif not self._store.is_writable:
            self._by_hand(str(where), instructions.to_uninstall("debian", str(path), der))
        elif self._dry:
            print(f"{where}: would be removed")
        else:
            self._store.remove()
            print(f"{where}: removed")

    def _install_in(self, database: Database, path: Path, der: bytes | None) -> None:
        where, state = database.folder, database.state(der)
        if state in (State.SAME, State.FOREIGN):
            print(f"{where}: {_SEEN[state]}")
        elif state is State.UNTRUSTED:
            raise ForebayError(
                f"{where}: expected to add the certificate, found it there by a name that is not "
                "ours, and not trusted: change that in the browser's settings"
            )
        elif self._dry or der is None:
            print(f"{where}: would be {_verb(state)}")
        else:
            database.add(path, der)
            print(f"{where}: {_verb(state)}; a browser that runs has to be started again")

    def _uninstall_from(self, database: Database) -> None:
        where, state = database.folder, database.state(None)
        if state is State.ABSENT:
            print(f"{where}: {_SEEN[state]}")
        elif self._dry:
            print(f"{where}: would be removed")
        else:
            database.remove()
            print(f"{where}: removed")

    def _databases(self, otherwise: str) -> list[Database]:
        if not sys.platform.startswith("linux"):
            # The browsers there go by the system's store; Firefox if it is told to.
            return []
        if user := os.environ.get("SUDO_USER"):
            what = f"the databases of Chromium and Firefox are those of {user}"
            self._by_hand(what, [], "forebay ca with --store nss, without sudo")
            return []
        found = list(nss.databases(_home()))
        if nss.is_there():
            return found
        if any(not each.is_missing for each in found) or "system" not in self._wanted:
            self._by_hand(
                "the databases of Chromium and Firefox need certutil (Debian: libnss3-tools)",
                ["sudo apt install libnss3-tools"] if _system() == "debian" else [],
                otherwise,
            )
        return []

    def _by_hand(self, what: str, commands: list[str], otherwise: str = "") -> None:
        self._status = self._status or BY_HAND
        said = " && ".join(commands) or otherwise or "see the system's documentation"
        print(f"{what}: to be done by hand: {said}")

    def _guarded(self, work: Callable[[], None]) -> None:
        """One store that fails must not keep others from their turn."""
        try:
            work()
        except ForebayError as error:
            self._status = FAILED  # it says more than work that is left
            remark(str(error))


def _home() -> Path:
    """Return the user's home folder.

    Raises:
        ForebayError: when HOME says none; where it is empty, ``~`` would be the root.
    """
    try:
        home = Path.home()
    except RuntimeError:
        home = Path()
    if os.environ.get("HOME") == "" or not home.is_absolute():
        raise ForebayError(
            f"HOME: expected the user's home folder, found {os.environ.get('HOME')!r:.100}"
        )
    return home


def _system() -> str:
    """Return what kind of system it is, by its tools."""
    if sys.platform in ("darwin", "win32"):
        return sys.platform
    known = (("update-ca-certificates", "debian"), ("update-ca-trust", "fedora"), ("trust", "arch"))
    return next((system for tool, system in known if shutil.which(tool)), "other")


def _verb(state: State) -> str:
    return "replaced" if state is State.OTHER else "installed"

"""The databases of certificates of Chromium and Firefox on Linux (NSS), changed by ``certutil``."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from forebay.errors import ForebayError
from forebay.trust import certificate, tool
from forebay.trust.tool import State

NICKNAME = "Forebay proxy CA"
"""How the names of our certificates begin; what bears such a one is ours, and nothing else."""
CERTUTIL = "certutil"
_FILE = "cert9.db"
_DEADLINE_S = 20.0
_TRUST = "C,,"  # servers, and nothing else
_OURS = re.compile(re.escape(NICKNAME) + " [0-9a-f]{16}").fullmatch
_LINE = re.compile(r"(?P<name>.+?) +(?P<trust>[a-zA-Z]*,[a-zA-Z]*,[a-zA-Z]*) *")
_CHROMIUM = (".pki/nssdb", ".local/share/pki/nssdb")
_PROFILES = (
    *("snap/chromium/*/.pki/nssdb", ".mozilla/firefox/*", ".config/mozilla/firefox/*"),
    *("snap/firefox/common/.mozilla/firefox/*", ".var/app/org.mozilla.firefox/.mozilla/firefox/*"),
)


@dataclass(frozen=True, slots=True)
class Database:
    """One database.

    Args:
        folder: where it lies.
        is_missing: whether there is none yet, and it is made when something is to be added.
    """

    folder: Path
    is_missing: bool = False

    def state(self, der: bytes | None) -> State:
        """Return what there is of ours, compared with the certificate *der*.

        Raises:
            ForebayError: when it cannot be read.
        """
        if self.is_missing:
            return State.ABSENT
        listed = self._listed()
        if der is not None:
            if (name := nickname(der)) in listed:
                return State.SAME if _is_trusted(listed[name]) else State.OTHER
            # Adding it once more would change the trust of theirs.
            theirs = [
                _is_trusted(trust)
                for name, trust in listed.items()
                if not _OURS(name) and der in self._certificates(name)
            ]
            if theirs:
                return State.FOREIGN if all(theirs) else State.UNTRUSTED
        return State.OTHER if any(map(_OURS, listed)) else State.ABSENT

    def add(self, path: Path, der: bytes) -> None:
        """Have the certificate *der* in the file *path* trusted, in place of older ones of ours.

        Raises:
            ForebayError: when that fails.
        """
        if self.is_missing:
            try:
                self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                raise ForebayError(
                    f"{self.folder}: expected to make it, found: {error.strerror}"
                ) from None
            self._run("-N", "--empty-password")
        else:
            self._remove_all()
        try:
            self._run("-A", "-t", _TRUST, "-n", nickname(der), "-i", str(path))
        except ForebayError:
            self._remove_all()  # a database with a password takes it, and trusts it not
            raise

    def remove(self) -> None:
        """Take ours out.

        Raises:
            ForebayError: when that fails.
        """
        self._remove_all()

    def _remove_all(self) -> None:
        for name in filter(_OURS, self._listed()):
            self._run("-D", "-n", name)

    def _listed(self) -> dict[str, str]:
        """Return the trust of each certificate by its nickname."""
        lines = self._run("-L").decode("utf-8", "surrogateescape").splitlines()
        found = (_LINE.fullmatch(line) for line in lines)
        return {each["name"]: each["trust"] for each in found if each}

    def _certificates(self, name: str) -> list[bytes]:
        """Return that of a nickname, among all that have the same subject."""
        return certificate.every(self._run("-L", "-n", name, "-a"))

    def _run(self, *arguments: str) -> bytes:
        command = [CERTUTIL, arguments[0], "-d", f"sql:{self.folder}", *arguments[1:]]
        try:
            return tool.run(command, deadline_s=_DEADLINE_S)
        except ForebayError as error:
            if "BAD_PASSWORD" in str(error):
                raise ForebayError(
                    f"{self.folder}: expected a database without a password, found that it asks "
                    "for one: add the certificate in the browser's settings"
                ) from None
            raise ForebayError(f"{self.folder}: {error}") from None


def nickname(der: bytes) -> str:
    """Return the nickname of a certificate of ours.

    It tells which one it is: by a nickname databases return all certificates
    that have the same subject, and those of mitmproxy have.

    >>> nickname(b"")
    'Forebay proxy CA e3b0c44298fc1c14'
    """
    return f"{NICKNAME} {hashlib.sha256(der).hexdigest()[:16]}"


def _is_trusted(trust: str) -> bool:
    return "C" in trust.partition(",")[0]


def is_there() -> bool:
    """Return whether there is the program that changes databases."""
    return shutil.which(CERTUTIL) is not None


def databases(home: Path) -> Iterator[Database]:
    """Yield the databases of the browsers of the user whose home folder is *home*.

    Chromium's comes first; where it has none yet, it is one that is missing.
    """
    chromium = [home / each for each in _CHROMIUM if (home / each / _FILE).is_file()]
    if chromium:
        yield from map(Database, chromium)
    else:
        yield Database(home / _CHROMIUM[0], is_missing=True)
    for pattern in _PROFILES:
        yield from (Database(path.parent) for path in sorted(home.glob(f"{pattern}/{_FILE}")))

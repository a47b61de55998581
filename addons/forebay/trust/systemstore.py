"""Debian's store of certificates that the system trusts: a folder, and a command that reads it."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from forebay import wholefile
from forebay.errors import ForebayError
from forebay.regularfile import open_regular
from forebay.trust import certificate, tool
from forebay.trust.instructions import NAME
from forebay.trust.tool import State

UPDATE = "update-ca-certificates"


@dataclass(frozen=True, slots=True)
class SystemStore:
    """The store.

    Args:
        local: the folder of certificates that an administrator adds.
        trusted: the folder that programs read, with what is made of it.
        options: for the command, where the folders are not Debian's.
    """

    local: Path = Path("/usr/local/share/ca-certificates")
    trusted: Path = Path("/etc/ssl/certs")
    options: tuple[str, ...] = ()

    @property
    def path(self) -> Path:
        """The file of our certificate."""
        return self.local / f"{NAME}.crt"

    @property
    def is_there(self) -> bool:
        """Whether this system has one."""
        return shutil.which(UPDATE) is not None

    @property
    def is_writable(self) -> bool:
        """Whether we may change it."""
        return os.access(self.local, os.W_OK | os.X_OK) and os.access(self.trusted, os.W_OK)

    def state(self, der: bytes | None) -> State:
        """Return what there is of ours, compared with the certificate *der*.

        Raises:
            ForebayError: when it cannot be read.
        """
        try:
            with open_regular(self.path) as file:
                found = certificate.every(file.read())
        except FileNotFoundError:
            return State.ABSENT
        except OSError as error:
            raise ForebayError(
                f"{self.path}: expected to read it, found: {error.strerror}"
            ) from None
        is_trusted = (self.trusted / f"{NAME}.pem").exists()
        return State.SAME if is_trusted and found == [der] else State.OTHER

    def add(self, der: bytes) -> None:
        """Have the certificate trusted, in place of an older one of ours.

        Raises:
            ForebayError: when that fails; then a new one is taken back.
        """
        is_new = not self.path.exists()
        self._change(lambda: wholefile.write(self.path, certificate.pem(der), mode=0o644))
        try:
            self._update(*([] if is_new else ["--fresh"]))
        except ForebayError:
            if is_new:
                self._change(self.path.unlink)
            raise

    def remove(self) -> None:
        """Take ours out.

        Raises:
            ForebayError: when that fails.
        """
        self._change(self.path.unlink)
        self._update("--fresh")  # else the links to the file stay

    def _change(self, work: tool.Work) -> None:
        try:
            work()
        except OSError as error:
            raise ForebayError(
                f"{self.path}: expected to write it, found: {error.strerror}"
            ) from None

    def _update(self, *options: str) -> None:
        tool.run([UPDATE, *options, *self.options], deadline_s=120)

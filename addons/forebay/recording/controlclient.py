"""Ask a proxy over its control connection: one line of JSON out, one line in.

The standard library only, as the tests' own process uses it.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from forebay.errors import ForebayError

DEADLINE_S = 60.0
"""The longest that an answer may take: a large cassette is read or written meanwhile."""


class GoneError(ForebayError):
    """The proxy does not answer any more."""


class ControlClient:
    """One connection to a proxy.

    Args:
        said: what its control file says.

    Attributes:
        url: of the proxy, for clients.
        port: of the proxy.
        ca_file: the certificate that clients must trust.
        ca_bundle: the same with the roots that everybody trusts.

    Raises:
        GoneError: when it cannot be reached.
    """

    def __init__(self, said: Mapping[str, Any]) -> None:
        host, port = said["proxy"][0]
        self.port = int(port)
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        self.ca_file = str(said["ca"])
        self.ca_bundle = str(said["ca_bundle"])
        self._token = said["token"]
        try:
            self._socket = socket.create_connection(("127.0.0.1", said["port"]), DEADLINE_S)
        except OSError as error:
            raise GoneError(f"expected a proxy that answers, found: {error}") from None
        self._lines = self._socket.makefile("rb")

    @classmethod
    def of(cls, path: Path) -> ControlClient:
        """Connect to the proxy that has written the control file *path*."""
        return cls(json.loads(path.read_text(encoding="utf-8")))

    def ask(self, do: str, **said: object) -> dict[str, Any]:
        """Have the proxy do something; return what it says.

        Raises:
            ForebayError: with what it says is wrong.
            GoneError: when it says nothing.
        """
        line = json.dumps({**said, "do": do, "token": self._token}).encode() + b"\n"
        try:
            self._socket.sendall(line)
            answer = self._lines.readline()
        except OSError as error:
            raise GoneError(f"{do}: expected an answer of the proxy, found: {error}") from None
        if not answer.endswith(b"\n"):
            raise GoneError(f"{do}: expected an answer of the proxy, found that it has left")
        found: dict[str, Any] = json.loads(answer)
        if "error" in found:
            raise ForebayError(str(found["error"]))
        return found

    def close(self) -> None:
        """Leave."""
        self._lines.close()
        self._socket.close()

"""Ask a proxy over its control connection: one line of JSON out, one line in.

The standard library only, as the tests' own process uses it.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from forebay.errors import ForebayError

DEADLINE_S = 60.0
"""The longest that an answer may take: a large cassette is read or written meanwhile."""
LONGEST_BYTES = 1 << 30
"""The longest answer: it may tell of all requests, with their bodies."""
_PIECE_BYTES = 1 << 16


class GoneError(ForebayError):
    """The proxy does not answer any more."""


class NotThereError(GoneError):
    """The proxy has ended: nobody is at its port, or somebody else."""


class ControlClient:
    """One connection to a proxy.

    Args:
        said: what its control file says.
        deadline_s: the longest that an answer may take.
        longest_bytes: the longest that an answer may be.

    Attributes:
        url: of the proxy, for clients; empty when it listens on no port.
        port: of the proxy; 0 when it listens on none.
        ca_file: the certificate that clients must trust; empty when the file does not say.
        ca_bundle: the same with the roots that everybody trusts; likewise.

    Raises:
        GoneError: when it cannot be reached.
    """

    def __init__(
        self,
        said: Mapping[str, Any],
        deadline_s: float = DEADLINE_S,
        longest_bytes: int = LONGEST_BYTES,
    ) -> None:
        host, port = (said.get("proxy") or [("", 0)])[0]
        self.port = int(port)
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{port}" if port else ""
        self.ca_file = str(said.get("ca", ""))
        self.ca_bundle = str(said.get("ca_bundle", ""))
        self._token = said["token"]
        self._deadline_s = deadline_s
        self._longest_bytes = longest_bytes
        try:
            self._socket = socket.create_connection(("127.0.0.1", said["port"]), deadline_s)
        except ConnectionRefusedError as error:
            raise NotThereError(f"expected a proxy that answers, found: {error}") from None
        except OSError as error:
            raise GoneError(f"expected a proxy that answers, found: {error}") from None

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
            self._socket.settimeout(self._deadline_s)
            self._socket.sendall(line)
            answer = self._line()
        except OSError as error:
            raise GoneError(f"{do}: expected an answer of the proxy, found: {error}") from None
        if not answer.endswith(b"\n"):
            raise GoneError(f"{do}: expected an answer of the proxy, found that it has left")
        try:
            found = json.loads(answer)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict) or found.get("unknown"):
            raise NotThereError(f"{do}: expected an answer of the proxy, found somebody else's")
        if "error" in found:
            raise ForebayError(str(found["error"]))
        return found

    def _line(self) -> bytes:
        """Return what comes up to the end of a line, or all there is until the proxy leaves."""
        end_s = time.monotonic() + self._deadline_s
        pieces, size = [], 0
        while True:
            left_s = end_s - time.monotonic()
            if left_s <= 0 or size > self._longest_bytes:
                raise TimeoutError("no end of it")
            self._socket.settimeout(left_s)
            piece = self._socket.recv(_PIECE_BYTES)
            pieces.append(piece)
            size += len(piece)
            if not piece or piece.endswith(b"\n"):
                return b"".join(pieces)

    def close(self) -> None:
        """Leave."""
        self._socket.close()

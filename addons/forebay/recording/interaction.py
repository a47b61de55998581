"""A request and the response to it, as they are kept: decoded, redacted, without what is volatile.

Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

type Headers = tuple[tuple[str, str], ...]
"""Names in lower case, sorted; several values of one name in their order."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request.

    Attributes:
        method: as sent.
        url: absolute.
        headers: see `Headers`.
        body: without its content codings.
    """

    method: str
    url: str
    headers: Headers = ()
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """Return the values of a field, joined as RFC 9110 §5.3 allows; None without it."""
        return joined(self.headers, name)


@dataclass(frozen=True, slots=True)
class Response:
    """A response; see `Request`.

    Attributes:
        status: as sent.
        headers: see `Headers`.
        body: without its content codings.
        is_open: whether the body went on when the client left, as streams of events do.
    """

    status: int
    headers: Headers = ()
    body: bytes = b""
    is_open: bool = False

    def header(self, name: str) -> str | None:
        """See `Request.header`."""
        return joined(self.headers, name)


class Side(StrEnum):
    """Who sends a message, or ends a WebSocket."""

    CLIENT = "client"
    SERVER = "server"


@dataclass(frozen=True, slots=True)
class Message:
    """A message of a WebSocket (RFC 6455 §5.6).

    Attributes:
        side: who has sent it.
        content: of text in UTF-8.
        is_text: whether it is text.
    """

    side: Side
    content: bytes
    is_text: bool = True


NO_CODE = 1005
"""Close code where none was sent (RFC 6455 §7.4.1)."""
BROKEN_OFF = 1006
"""Close code of a connection that ended without a close frame (RFC 6455 §7.4.1)."""


@dataclass(frozen=True, slots=True)
class WebSocket:
    """What was said over a WebSocket.

    Attributes:
        messages: in the order in which the proxy saw them.
        closed_by: who ended it; None for a recording that ended first.
        code: close code, see `NO_CODE` and `BROKEN_OFF`.
        reason: close reason.
    """

    messages: tuple[Message, ...] = ()
    closed_by: Side | None = None
    code: int = NO_CODE
    reason: str = ""

    @property
    def size_bytes(self) -> int:
        """How long all messages are."""
        return sum(len(each.content) for each in self.messages)


SWITCHED = 101
"""Status of a response after which a WebSocket begins."""


@dataclass(frozen=True, slots=True)
class Interaction:
    """What was asked, what was answered, and what was said over a WebSocket that it began."""

    request: Request
    response: Response
    websocket: WebSocket | None = None


def joined(headers: Headers, name: str) -> str | None:
    """Return the values of the field *name*, in lower case, as one; None without it."""
    found = [value for each, value in headers if each == name]
    return ", ".join(found) if found else None

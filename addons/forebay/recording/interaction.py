"""A request and the response to it, as they are kept: decoded, redacted, without what is volatile.

Pure.
"""

from __future__ import annotations

from dataclasses import dataclass

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
    """A response; see `Request`."""

    status: int
    headers: Headers = ()
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """See `Request.header`."""
        return joined(self.headers, name)


@dataclass(frozen=True, slots=True)
class Interaction:
    """What was asked, and what was answered."""

    request: Request
    response: Response


def joined(headers: Headers, name: str) -> str | None:
    """Return the values of the field *name*, in lower case, as one; None without it."""
    found = [value for each, value in headers if each == name]
    return ", ".join(found) if found else None

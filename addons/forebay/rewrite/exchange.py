"""What rules look at and edit: one request, and its response once there is one.

Pure: no mitmproxy, no clock, no files.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from forebay.names import authority

type Fields = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and its response as edits leave them; every edit makes another.

    Args:
        method: as sent; methods are case-sensitive (RFC 9110 §9.1).
        scheme: ``http`` or ``https``.
        host: where the request goes, as it is written there.
        port: of the host.
        target: path and query as sent.
        request: the fields of the request.
        hosts: the canonical names of the host; more than one only where it
            was addressed by IP.
        status: None as long as there is no response.
        response: the fields of the response.
        client: the client's address.
        user: the proxy user.
        flow: what a flow filter looks at; None where there is none.
        lower_case: whether names of fields are written as HTTP/2 demands (RFC 9113 §8.2.1).
    """

    method: str
    scheme: str
    host: str
    port: int
    target: str
    request: Fields = ()
    hosts: tuple[str, ...] = ()
    status: int | None = None
    response: Fields = ()
    client: str | None = None
    user: str | None = None
    flow: object = None
    lower_case: bool = False

    @property
    def path(self) -> str:
        """The path as sent, without the query."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> str | None:
        """The query as sent, or None where there is no ``?``."""
        _, mark, query = self.target.partition("?")
        return query if mark else None

    @property
    def authority(self) -> str:
        """Host and port, without the port that the scheme implies (RFC 9110 §4.2.3)."""
        return authority(self.scheme, self.host, self.port)

    @property
    def url(self) -> str:
        """The whole URL."""
        return f"{self.scheme}://{self.authority}{self.target}"

    def fields(self, *, of_response: bool) -> Fields:
        """Return the fields of one of the two messages."""
        return self.response if of_response else self.request

    def with_fields(self, fields: Fields, *, of_response: bool) -> Exchange:
        """Return it with other fields of one of the two messages."""
        if of_response:
            return replace(self, response=fields)
        return replace(self, request=fields)


def first(fields: Fields, name: bytes) -> bytes | None:
    """Return the value of the first field called *name*, in lower case, or None.

    >>> first(((b"Accept", b"a"), (b"ACCEPT", b"b")), b"accept")
    b'a'
    """
    for key, value in fields:
        if len(key) == len(name) and key.lower() == name:
            return value
    return None


def values(fields: Fields, name: bytes) -> list[bytes]:
    """Return the values of all fields called *name*, in lower case."""
    return [value for key, value in fields if len(key) == len(name) and key.lower() == name]


def text_of(value: bytes) -> str:
    """Return a field's value as text, from which `bytes_of` makes the same bytes again."""
    return value.decode("latin-1")


def bytes_of(text: str) -> bytes:
    """Return a text as a field's value; what is not of ISO 8859-1 becomes UTF-8."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogateescape")

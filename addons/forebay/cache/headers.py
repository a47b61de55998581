"""The head of a message as the policy reads it, and what of it may be stored (RFC 9111 §3.1)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from forebay.endtoend import PROTECTED
from forebay.endtoend import Fields as Fields  # noqa: PLC0414  (for the whole folder)

_HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        # of this hop's proxy, which is no part of the key
        b"proxy-authenticate",
        b"proxy-authentication-info",
        b"proxy-authorization",
    }
)
_CONTROL = re.compile(rb"[\r\n\0]")
_MEMBER = re.compile(rb'(?:[^",]++|"(?:[^"\\]++|\\.)*+(?:"|\\?\Z))++', re.DOTALL)


class Head:
    """Field lines by lower-case name, read in one pass.

    >>> Head(((b"Vary", b"A"), (b"vary", b"B"))).lines(b"vary")
    [b'A', b'B']
    """

    __slots__ = ("_lines", "fields")

    def __init__(self, fields: Iterable[tuple[bytes, bytes]]) -> None:
        self.fields: Fields = tuple(fields)
        lines: dict[bytes, list[bytes]] = {}
        for name, value in self.fields:
            lowered = name.lower()
            if lowered in lines:
                lines[lowered].append(value)
            else:
                lines[lowered] = [value]
        self._lines = lines

    def __contains__(self, name: bytes) -> bool:
        return name in self._lines

    def lines(self, name: bytes) -> list[bytes]:
        """Return the values of the field *name* (lower case), one for each line."""
        return self._lines.get(name, [])

    def only(self, name: bytes) -> bytes | None:
        """Return the value of a field that must not repeat, or None when it is absent or does."""
        lines = self._lines.get(name)
        return lines[0] if lines is not None and len(lines) == 1 else None

    def names(self) -> Iterable[bytes]:
        """Return the lower-case names that occur."""
        return self._lines.keys()


def members(value: bytes) -> Iterator[bytes]:
    """Yield the trimmed members of a list-based field value (RFC 9110 §5.6.1), empty ones left out.

    A comma in a quoted string parts nothing; a string that is not closed
    takes the rest.

    >>> list(members(b'a, "b, c" ,, d'))
    [b'a', b'"b, c"', b'd']
    """
    for found in _MEMBER.finditer(value):
        member = found.group().strip(b" \t")
        if member:
            yield member


def has_control(fields: Fields) -> bool:
    """Return whether a name or value holds CR, LF or NUL, which mitmproxy passes on unchanged."""
    return any(_CONTROL.search(value) or _CONTROL.search(name) for name, value in fields)


def without(fields: Fields, names: frozenset[bytes]) -> Fields:
    """Return *fields* less those with one of the lower-case *names*."""
    return tuple(field for field in fields if field[0].lower() not in names)


def end_to_end(head: Head) -> Fields:
    """Return the fields that may be stored: not those for one hop only (§3.1)."""
    named = {
        option.lower() for line in head.lines(b"connection") for option in members(line)
    } - PROTECTED
    return without(head.fields, _HOP_BY_HOP | named)

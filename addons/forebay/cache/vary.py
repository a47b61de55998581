"""Several responses under one URL (RFC 9111 §4.1).

A response with Vary is stored under a key made of the URL's key, the field
names it lists, and what the request said in those fields.  The URL's own key
then holds the sets of names in use, the newest first, so that a lookup knows
which keys to try.
"""

from __future__ import annotations

import re

from forebay.cache.headers import Head, members
from forebay.cache.key import digest

type Names = tuple[bytes, ...]
"""Field names of one Vary: lower case, sorted, none twice; empty for no Vary."""

type Values = tuple[tuple[bytes, bytes | None], ...]
"""What a request said in the fields of a Vary; None for an absent field."""

_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9a-z-]+").fullmatch
_SPACE = re.compile(rb"[ \t]+")
_FULL_WEIGHT = re.compile(rb";q=1(?:\.0{0,3})?\Z")
MAX_NAMES = 16
MAX_NAME_SETS = 8
MAX_VALUES_BYTES = 16 * 1024
# A comma in these parts no list, so white space beside it may have a meaning.
_NO_LISTS = frozenset({b"authorization", b"cookie", b"referer", b"user-agent"})


def names(head: Head) -> Names | None:
    """Return the names that a response varies on, or None when no request matches it.

    That is so for ``*`` in any member, for one that is no field name (whatever
    it was meant to say), and for a list longer than ``MAX_NAMES``.

    >>> names(Head([(b"Vary", b"Accept-Language, accept")]))
    (b'accept', b'accept-language')
    >>> names(Head([(b"Vary", b"Accept"), (b"Vary", b",*")])) is None
    True
    """
    if b"vary" not in head:
        return ()
    found = {member.lower() for line in head.lines(b"vary") for member in members(line)}
    if b"*" in found or len(found) > MAX_NAMES or not all(map(_NAME, found)):
        return None
    return tuple(sorted(found))


def values(of: Names, request: Head) -> Values | None:
    """Return what *request* says in the fields *of*, normalised, or None when it is too much."""
    found = tuple((name, _normalised(name, request)) for name in of)
    size = sum(len(value) for _, value in found if value is not None)
    return None if size > MAX_VALUES_BYTES else found


def _normalised(name: bytes, request: Head) -> bytes | None:
    """Join lines and trim the white space of list members, which changes no meaning (§4.1)."""
    if name not in request:
        return None
    lines = request.lines(name)
    if name == b"accept-language":
        return _languages(lines)
    if name in _NO_LISTS:
        return b"\n".join(lines)  # no value holds a line feed
    return b",".join(member for line in lines for member in members(line))


def _languages(lines: list[bytes]) -> bytes:
    """Return the languages of Accept-Language in one spelling.

    Neither letter case nor order has a meaning (RFC 9110 §12.5.4); what is
    preferred is said by weights.
    """
    found = {
        _FULL_WEIGHT.sub(b"", _SPACE.sub(b"", member.lower()))
        for line in lines
        for member in members(line)
    }
    return b",".join(sorted(found))


def variant_key(primary: bytes, said: Values, begun_at_s: float) -> bytes:
    """Return the key of the response for requests that say *said*.

    *begun_at_s* is that of the URL's index: with another index, begun after the
    URL was invalidated, no variant of an earlier one is found.
    """
    parts: list[bytes | None] = [primary, begun_at_s.hex().encode("ascii")]
    for name, value in said:
        parts += (name, value)
    return digest(parts)


def with_names(known: tuple[Names, ...], new: Names) -> tuple[Names, ...]:
    """Return the sets of names in use, *new* among them; the oldest are forgotten."""
    return known if new in known else (new, *known)[:MAX_NAME_SETS]

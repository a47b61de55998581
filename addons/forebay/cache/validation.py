"""Asking the origin whether a stored response is still good (RFC 9111 §4.3)."""

from __future__ import annotations

import re

from forebay.cache import dates
from forebay.cache.headers import Fields, Head, end_to_end, without

_ENTITY_TAG = re.compile(rb'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')  # RFC 9110 §8.8.3
# These describe the bytes that are stored, whatever a 304 says (§3.2).
_OF_THE_BODY = frozenset(
    {b"content-length", b"content-encoding", b"content-range", b"transfer-encoding"}
)
# These tell of one message's way and time, so the older message's are void.
_OF_THE_MESSAGE = frozenset({b"age", b"date"})


def entity_tag(head: Head) -> bytes | None:
    """Return the one well-formed ETag of *head*, or None."""
    tag = head.only(b"etag")
    return tag if tag is not None and _ENTITY_TAG.fullmatch(tag) else None


def last_modified(head: Head) -> bytes | None:
    """Return the one readable Last-Modified of *head*, or None."""
    value = head.only(b"last-modified")
    # The century of an rfc850 date does not matter for whether it is one.
    return value if value is not None and dates.parse(value, 0) is not None else None


def has_validator(head: Head) -> bool:
    """Return whether the origin can be asked about a response with this head."""
    return entity_tag(head) is not None or last_modified(head) is not None


def conditional_fields(stored: Head) -> Fields:
    """Return the fields that make a request conditional on *stored* being outdated (§4.3.1).

    >>> conditional_fields(Head([(b"ETag", b'"a"')]))
    ((b'If-None-Match', b'"a"'),)
    """
    tag, modified = entity_tag(stored), last_modified(stored)
    fields: list[tuple[bytes, bytes]] = []
    if tag is not None:
        fields.append((b"If-None-Match", tag))
    if modified is not None:
        fields.append((b"If-Modified-Since", modified))
    return tuple(fields)


def selects(not_modified: Head, stored: Head) -> bool:
    """Return whether a 304 to our own request is about *stored*, and may update it (§4.3.4).

    1. An ETag in the 304 has to be the stored one; a strong one strongly.
    2. Else a Last-Modified in it has to be the stored one.
    3. With neither, it answers for the one response that was asked about.
    """
    tag = entity_tag(not_modified)
    if tag is not None:
        ours = entity_tag(stored)
        return ours is not None and (
            ours.removeprefix(b"W/") == tag.removeprefix(b"W/")
            if tag.startswith(b"W/")
            else ours == tag
        )
    modified = last_modified(not_modified)
    return modified is None or modified == last_modified(stored)


def head_confirms(head: Head, stored: Head, size_bytes: int) -> bool:
    """Return whether a 200 to HEAD is about *stored*, and may update it (§4.3.5).

    Each validator it has must be the stored one, and its Content-Length the
    *size_bytes* of the stored body; another response makes *stored* outdated.
    One without any validator says nothing of it: see ``has_validator``.
    """
    if b"etag" in head and head.only(b"etag") != stored.only(b"etag"):
        return False
    if b"last-modified" in head and last_modified(head) != last_modified(stored):
        return False
    length = head.only(b"content-length")
    return b"content-length" not in head or length == b"%d" % size_bytes


def merge(stored: Fields, not_modified: Head) -> Fields:
    """Return the stored head as a 304 updates it (§3.2, §4.3.4).

    Each field of the 304 replaces all lines of that name, save those about the
    stored bytes and those for one hop only.  The stored Age and Date go in any
    case: they would make the validated response seem old.
    """
    news = without(end_to_end(not_modified), _OF_THE_BODY)
    replaced = frozenset(name.lower() for name, _ in news)
    return without(stored, replaced | _OF_THE_MESSAGE) + news

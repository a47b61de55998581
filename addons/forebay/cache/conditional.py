"""Conditional requests of clients, answered from the store (RFC 9111 §4.3.2, RFC 9110 §13)."""

from __future__ import annotations

import re

from forebay.cache import dates
from forebay.cache.headers import Fields, Head
from forebay.cache.validation import entity_tag, last_modified

CONDITIONS = frozenset({b"if-none-match", b"if-modified-since"})
"""The fields that a cache may evaluate itself."""

_TAG = rb'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*+"'  # RFC 9110 §8.8.3
_TAGS = re.compile(rb"[ \t,]*+(?:" + _TAG + rb"[ \t]*+(?:,[ \t,]*+|\Z))*+")
_EACH_TAG = re.compile(_TAG)
# RFC 9110 §15.4.5; other fields would only repeat what the client has.
_OF_A_304 = frozenset(
    b"cache-control cdn-cache-control content-location date etag expires vary".split()
)


def is_conditional(request: Head) -> bool:
    """Return whether *request* asks for a response only if it is another."""
    return b"if-none-match" in request or b"if-modified-since" in request


def is_not_modified(request: Head, stored: Head, *, date_s: float, now_s: float) -> bool:
    """Return whether the client has what is stored, so that 304 answers its GET or HEAD.

    If-None-Match settles it, whatever If-Modified-Since says (RFC 9110 §13.1.3).

    Args:
        request: the head of the request.
        stored: the head of the stored response.
        date_s: its Date, or when it was received, where it has no Last-Modified.
        now_s: the time, for dates with two digits for the year.

    >>> stored = Head([(b"ETag", b'"a"')])
    >>> request = Head([(b"If-None-Match", b'"b", W/"a"')])
    >>> is_not_modified(request, stored, date_s=0, now_s=0)
    True
    """
    if b"if-none-match" in request:
        return _matches(b", ".join(request.lines(b"if-none-match")), entity_tag(stored))
    since = request.only(b"if-modified-since")
    since_s = None if since is None else dates.parse(since, now_s)
    if since_s is None:
        return False
    modified = last_modified(stored)
    modified_s = None if modified is None else dates.parse(modified, now_s)
    return (date_s if modified_s is None else modified_s) <= since_s


def _matches(value: bytes, tag: bytes | None) -> bool:
    """Return whether the field *value* names *tag*, weakly compared (RFC 9110 §13.1.2)."""
    if value.strip(b" \t") == b"*":
        return True
    if tag is None or not _TAGS.fullmatch(value):
        return False
    opaque = tag.removeprefix(b"W/")
    return any(found.removeprefix(b"W/") == opaque for found in _EACH_TAG.findall(value))


def fields_of_304(stored: Fields) -> Fields:
    """Return the fields of a stored response that belong into a 304 (RFC 9110 §15.4.5)."""
    names = {name.lower() for name, _ in stored}
    # The date guides the client's cache where there is no tag.
    wanted = _OF_A_304 if b"etag" in names else _OF_A_304 | {b"last-modified"}
    return tuple(field for field in stored if field[0].lower() in wanted)

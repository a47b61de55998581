"""Parts of responses: what is asked for, and what is stored (RFC 9110 §14, RFC 9111 §3.3, §3.4)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol, Self

from forebay.cache import dates
from forebay.cache.headers import Fields, Head, members, without
from forebay.cache.validation import entity_tag, last_modified

_UNIT = re.compile(rb"[ \t]*+bytes=", re.IGNORECASE)
_SPEC = re.compile(rb"([0-9]{1,18})-([0-9]{0,18})|-([0-9]{1,18})")
_CONTENT_RANGE = re.compile(rb"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})", re.IGNORECASE)
_ABOUT_BYTES = frozenset({b"content-range", b"content-length"})
_STRONG_AFTER_S = 60  # RFC 9110 §8.8.2.2


class Sliced(Protocol):
    """A body, wherever it lies."""

    def __getitem__(self, wanted: slice, /) -> Self:
        """Return a part of it."""


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes *first* to *last*, both included, of a representation of *total* bytes."""

    first: int
    last: int
    total: int

    @property
    def size_bytes(self) -> int:
        """How many bytes it has."""
        return self.last - self.first + 1

    @property
    def is_whole(self) -> bool:
        """Whether it is all there is."""
        return self.size_bytes == self.total

    def holds(self, other: Part) -> bool:
        """Return whether *other* lies inside, in a representation of the same length."""
        return self.total == other.total and self.first <= other.first and other.last <= self.last

    def slice[B: Sliced](self, body: B, wanted: Part) -> B:
        """Return the bytes of *wanted* from *body*, which are those of this part."""
        return body[wanted.first - self.first : wanted.last - self.first + 1]

    def field(self) -> bytes:
        """Return it as a Content-Range.

        >>> Part(0, 4, 10).field()
        b'bytes 0-4/10'
        """
        return b"bytes %d-%d/%d" % (self.first, self.last, self.total)


@dataclass(frozen=True, slots=True)
class Span:
    """The one range that a request names: *first* to *last*, to the end, or the *suffix* last."""

    first: int = 0
    last: int | None = None
    suffix: int | None = None

    def within(self, total: int) -> Part | None:
        """Return it in a representation of *total* bytes; None when nothing of it is there."""
        if self.suffix is not None:
            first, last = max(0, total - self.suffix), total - 1
        else:
            first, last = self.first, total - 1 if self.last is None else min(self.last, total - 1)
        return Part(first, last, total) if first <= last else None


def span(request: Head) -> Span | None:
    """Return the range that *request* asks for; None for the whole.

    A Range that cannot be read is ignored (RFC 9110 §14.2), and of several
    ranges the whole is given.

    >>> span(Head([(b"Range", b"bytes=-5")]))
    Span(first=0, last=None, suffix=5)
    """
    value = request.only(b"range")
    unit = None if value is None else _UNIT.match(value)
    if value is None or unit is None:
        return None
    found = [_SPEC.fullmatch(spec) for spec in members(value[unit.end() :])]
    if len(found) != 1 or found[0] is None:
        return None
    first, last, suffix = found[0].groups()
    if suffix is not None:
        return Span(suffix=int(suffix))
    if last and int(last) < int(first):
        return None
    return Span(int(first), int(last) if last else None)


def content_range(head: Head) -> Part | None:
    """Return which part a response is, or None when that cannot be relied on."""
    value = head.only(b"content-range")
    found = None if value is None else _CONTENT_RANGE.fullmatch(value)
    if found is None:
        return None
    part = Part(int(found[1]), int(found[2]), int(found[3]))
    return part if part.first <= part.last < part.total else None


def if_range_holds(request: Head, stored: Head, *, date_s: float, now_s: float) -> bool:
    """Return whether the request's If-Range, if any, names what is stored (RFC 9110 §13.1.5).

    Strongly compared; a date is strong when it lies a minute before *date_s*,
    the stored response's Date.
    """
    if b"if-range" not in request:
        return True
    value = request.only(b"if-range")
    if value is None:
        return False
    if value.startswith(b'"'):
        return value == entity_tag(stored)
    modified = last_modified(stored)
    modified_s = None if modified is None else dates.parse(modified, now_s)
    return (
        modified_s is not None
        and modified_s + _STRONG_AFTER_S <= date_s
        and dates.parse(value, now_s) == modified_s
    )


def strong_tag(head: Head) -> bytes | None:
    """Return the strong ETag of *head*, which alone lets parts be put together, or None."""
    tag = entity_tag(head)
    return None if tag is None or tag.startswith(b"W/") else tag


def request_for_rest(part: Part, stored: Head) -> Fields:
    """Return the fields that ask for what *part* lacks of the whole (§3.4); none when it cannot be.

    >>> request_for_rest(Part(0, 4, 10), Head([(b"ETag", b'"a"')]))
    ((b'Range', b'bytes=5-'), (b'If-Range', b'"a"'))
    """
    tag = strong_tag(stored)
    if tag is None or part.is_whole:
        return ()
    if part.first == 0:
        lacking = b"bytes=%d-" % (part.last + 1)
    elif part.last == part.total - 1:
        lacking = b"bytes=0-%d" % (part.first - 1)
    else:
        return ()  # a piece on either side is lacking: the whole is as cheap
    return (b"Range", lacking), (b"If-Range", tag)


def joined(one: Part, one_body: bytes, two: Part, two_body: bytes) -> tuple[Part, bytes] | None:
    """Return two parts of one representation as one (§3.4), or None when there is a gap.

    Where both have the same bytes, those of *two*, the newer, are taken.
    """
    if one.total != two.total:
        return None
    if two.first > one.last + 1 or one.first > two.last + 1:
        return None
    before = one_body[: max(0, two.first - one.first)]
    after = one_body[max(0, two.last + 1 - one.first) :]
    whole = Part(min(one.first, two.first), max(one.last, two.last), one.total)
    return whole, before + two_body + after


def fields_of(part: Part, fields: Fields) -> Fields:
    """Return *fields* for a 206 that carries *part*."""
    kept = without(fields, _ABOUT_BYTES)
    length = (b"Content-Length", b"%d" % part.size_bytes)
    return (*kept, (b"Content-Range", part.field()), length)


def fields_of_whole(fields: Fields, size_bytes: int) -> Fields:
    """Return the *fields* of a 206 for the 200 that its parts have become."""
    return (*without(fields, _ABOUT_BYTES), (b"Content-Length", b"%d" % size_bytes))

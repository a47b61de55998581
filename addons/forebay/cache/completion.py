"""A stored part and the rest of it, asked for alone, as the whole (RFC 9111 §3.4)."""

from __future__ import annotations

from dataclasses import dataclass

from forebay.cache.entry import Entry
from forebay.cache.headers import Fields, Head
from forebay.cache.ranges import Part, content_range, fields_of_whole, strong_tag
from forebay.cache.validation import merge


@dataclass(frozen=True, slots=True)
class Completion:
    """What a stored part becomes.

    Args:
        rest: the bytes that are lacking.
        fields: the head of the whole.
        before: the stored bytes, when the rest follows them.
        after: the stored bytes, when the rest precedes them.
    """

    rest: Part
    fields: Fields
    before: bytes = b""
    after: bytes = b""

    def whole(self, rest: bytes) -> bytes | None:
        """Return all bytes, or None when *rest* is not as long as was said."""
        return self.before + rest + self.after if len(rest) == self.rest.size_bytes else None


def is_rest(stored: Entry, status: int, news: Head) -> bool:
    """Return whether a response with that head can be used for a request for the rest.

    A new whole can, and so can what says that there is none; not another part,
    nor what is only about our request, which is not the client's.
    """
    if status in (304, 416):
        return False
    if status != 206:
        return True
    found = completion(stored, news)
    return found is not None and news.only(b"content-length") in (
        None,
        b"%d" % found.rest.size_bytes,
    )


def completion(stored: Entry, news: Head) -> Completion | None:
    """Return what *stored*, a part in memory, becomes with a 206 to our request for the rest.

    Args:
        stored: the stored part.
        news: the head of the 206.

    Returns:
        None when it is not exactly what is lacking, of the same representation.
    """
    part, rest = stored.part, content_range(news)
    tag = strong_tag(news)
    if part is None or rest is None or tag is None or tag != strong_tag(Head(stored.fields)):
        return None
    if rest.total != part.total or not isinstance(stored.body, bytes):
        return None
    fields = fields_of_whole(merge(stored.fields, news), part.total)
    if part.first == 0 and (rest.first, rest.last) == (part.last + 1, part.total - 1):
        return Completion(rest, fields, before=stored.body)
    if part.last == part.total - 1 and (rest.first, rest.last) == (0, part.first - 1):
        return Completion(rest, fields, after=stored.body)
    return None

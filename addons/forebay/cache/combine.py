"""Parts of one representation put together (RFC 9111 §3.4)."""

from __future__ import annotations

from dataclasses import replace

from forebay.cache.entry import Entry
from forebay.cache.headers import Head
from forebay.cache.largebody import LargeBody
from forebay.cache.ranges import Part, fields_of, fields_of_whole, joined, strong_tag
from forebay.cache.validation import merge


def combined(stored: Entry, new: Entry) -> Entry | None:
    """Return what *stored*, whole or a part, becomes with *new*, a later part.

    None when they do not provably belong together: without the same strong
    ETag, with another length of the whole, or with a gap between them; and when
    one is too long for memory.
    """
    tag = strong_tag(Head(new.fields))
    one, two = _part(stored), new.part
    if tag is None or one is None or two is None or tag != strong_tag(Head(stored.fields)):
        return None
    if isinstance(stored.body, LargeBody) or isinstance(new.body, LargeBody):
        return None
    found = joined(one, stored.body, two, new.body)
    if found is None:
        return None
    part, body = found
    return _of(part, replace(new, fields=merge(stored.fields, Head(new.fields)), body=body))


def settled(new: Entry) -> Entry:
    """Return a part that is all there is as the whole, and any other entry as it is."""
    return new if new.part is None else _of(new.part, new)


def _of(part: Part, entry: Entry) -> Entry:
    if part.is_whole:
        fields = fields_of_whole(entry.fields, part.total)
        return replace(entry, status=200, reason=b"OK", fields=fields)
    return replace(entry, fields=fields_of(part, entry.fields))


def _part(entry: Entry) -> Part | None:
    if entry.status == 200 and entry.body:
        return Part(0, len(entry.body) - 1, len(entry.body))
    return entry.part

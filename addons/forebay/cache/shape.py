"""The form in which a stored response answers: as it is, 304, 206, 416 (RFC 9110 §13.2.2)."""

from __future__ import annotations

from dataclasses import dataclass

from forebay.cache import ranges
from forebay.cache.conditional import is_conditional, is_not_modified
from forebay.cache.entry import Entry
from forebay.cache.headers import Head
from forebay.cache.ranges import Part


@dataclass(frozen=True, slots=True)
class Shape:
    """The form: a *status* of None is that of the stored response.

    Args:
        status: 304, 206, 416 or None.
        part: the bytes to send with a 206.
    """

    status: int | None = None
    part: Part | None = None


AS_STORED = Shape()
NOT_MODIFIED = Shape(304)
UNSATISFIABLE = Shape(416)


def shape(request: Head, entry: Entry, now_s: float, *, is_get: bool = True) -> Shape | None:
    """Return the form in which *entry* answers *request*, a GET or HEAD.

    None when it cannot, since the part that is stored does not hold what is asked for.
    """
    has_range = is_get and b"range" in request
    conditional = is_conditional(request)
    if not (has_range or conditional or entry.part):
        return AS_STORED
    if not 200 <= entry.status <= 299:
        return AS_STORED  # conditions are about what would have succeeded (RFC 9110 §13.2.1)
    stored, date_s = Head(entry.fields), entry.validity.date_s
    if conditional and is_not_modified(request, stored, date_s=date_s, now_s=now_s):
        return NOT_MODIFIED
    asked = ranges.span(request) if has_range else None
    if asked is not None and not ranges.if_range_holds(request, stored, date_s=date_s, now_s=now_s):
        asked = None
    if entry.part is not None:
        part = None if asked is None else asked.within(entry.part.total)
        return Shape(206, part) if part is not None and entry.part.holds(part) else None
    if asked is None or entry.status != 200 or not entry.body:
        return AS_STORED
    part = asked.within(len(entry.body))
    return UNSATISFIABLE if part is None else Shape(206, part)

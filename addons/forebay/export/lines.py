r"""Read one line of a traffic log as the record or the gap that it is.

Pure.  Lenient in one thing: an escape of a lone surrogate, which is no
character and which strict readers refuse, becomes the text ``\udc80``.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

import msgspec

from forebay.trafficlog.record import VERSION, Gap, Record

_RECORD = msgspec.json.Decoder(Record)
_GAP = msgspec.json.Decoder(Gap)
# Whole pairs and other escapes are taken first, so that what is left is a lone one.
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(?P<lone>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)


def decode(line: bytes) -> Record | Gap:
    r"""Return what *line* says; a record's timestamp is in UTC.

    >>> decode(rb'{"v":1,"kind":"http","seq":1,"url.path":"/\udc80"}').url_path
    '/\\udc80'

    Raises:
        ValueError: when it is neither, or of a later version (`msgspec.MsgspecError` is one).
        RecursionError: when it is nested too deeply.
    """
    try:
        item = _decoded(line)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        mended = _ESCAPE.sub(_mended, line)
        if mended == line:
            raise
        item = _decoded(mended)
    if item.v > VERSION:
        raise ValueError(f"version {item.v}")
    return item


def _decoded(line: bytes) -> Record | Gap:
    try:
        record = _RECORD.decode(line)
    except msgspec.ValidationError:
        try:
            gap = _GAP.decode(line)
        except msgspec.ValidationError:
            gap = None
        if gap is None or gap.kind != "gap":
            raise
        return gap
    at = record.timestamp
    if at is None or at.tzinfo is UTC:
        return record
    return msgspec.structs.replace(record, timestamp=_in_utc(at))


def _in_utc(at: datetime) -> datetime:
    if at.tzinfo is None:
        return at.replace(tzinfo=UTC)
    try:
        return at.astimezone(UTC)
    except OverflowError:  # the first or the last day of the calendar, elsewhere
        raise ValueError(f"time {at.isoformat()}") from None


def _mended(escape: re.Match[bytes]) -> bytes:
    return rb"\\" + escape["lone"] if escape["lone"] else escape[0]

"""What a record says of a captured body: decoded with a bound, redacted, as text or as base64.

Pure; the writer's thread does it, as a body may take a millisecond.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from typing import Any

from forebay import contentcoding
from forebay.contentcoding import CodingError
from forebay.mediatype import charset_name, codec_of
from forebay.trafficlog import redactbody
from forebay.trafficlog.redact import Redactor

_BINARY = re.compile("[\0-\b\x0e-\x1a\x1c-\x1f\udc80-\udcff]").search


@dataclass(frozen=True, slots=True)
class Captured:
    """The beginning of a body, as transferred.

    Attributes:
        data: so much of it as was kept.
        is_whole: whether that is all.
        content_type: the Content-Type field.
        content_encoding: the Content-Encoding field.
    """

    data: bytes
    is_whole: bool
    content_type: str
    content_encoding: str


def described(
    found: Captured, limit_bytes: int, redactor: Redactor
) -> tuple[dict[str, Any], int | None]:
    """Return what is recorded of a body, and its decoded size in bytes where that is known.

    >>> described(Captured(b'{"pin":1}', True, "application/json", ""), 100, Redactor())[0]["text"]
    '{"pin":"REDACTED"}'
    """
    said: dict[str, Any] = {}
    data, is_whole = found.data, found.is_whole
    if is_whole:
        said["sha256"] = hashlib.sha256(data).hexdigest()
    is_coded = False
    if contentcoding.codings(found.content_encoding):
        try:
            data, is_whole = contentcoding.beginning(
                data, found.content_encoding, limit_bytes, is_cut=not found.is_whole
            )
        except CodingError as error:
            is_coded = True
            said |= {"coding": found.content_encoding[:100], "note": f"{error}"[:200]}
    if len(data) > limit_bytes:
        data, is_whole = data[:limit_bytes], False
    said |= {"size": len(data), "truncated": not is_whole}
    content, is_altered = _content(data, found.content_type, redactor, is_opaque=is_coded)
    said |= content
    if is_altered:
        said["redacted"] = True
        said.pop("sha256", None)  # of a short secret, all could be tried
    return said, len(data) if is_whole and not is_coded else None


def _content(
    data: bytes, content_type: str, redactor: Redactor, *, is_opaque: bool
) -> tuple[dict[str, Any], bool]:
    """Return ``text``, or ``base64`` of what is no text, and whether secrets were masked."""
    if not is_opaque:
        charset = codec_of(charset_name(content_type))
        if charset == "ascii":
            charset = "utf-8"  # which is more, and often meant
        text = data.decode(charset, "surrogateescape" if charset == "utf-8" else "replace")
        if charset == "utf-8":
            text = _without_half(text)
        clean = redactbody.body(redactor, text, content_type)
        if not _BINARY(clean):
            return {"text": clean}, clean != text
        if charset == "utf-8" and clean != text:  # a form with files, and the like
            return _base64(clean.encode("utf-8", "surrogateescape")), True
    # Secrets that their look tells stand in anything.
    text = data.decode("latin-1")
    clean = redactor.looks.replaced(text, redactor.mask)
    return _base64(clean.encode("latin-1")), clean != text


def _base64(data: bytes) -> dict[str, Any]:
    return {"base64": base64.b64encode(data).decode("ascii")}


def _without_half(text: str) -> str:
    """Return *text* without the beginning of a character that was cut off (3 bytes at most)."""
    end = len(text)
    while end and len(text) - end < 3 and "\udc80" <= text[end - 1] <= "\udcff":
        end -= 1
    return text[:end] if text[end:] and "\udcc2" <= text[end] <= "\udcf4" else text

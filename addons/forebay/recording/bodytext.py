"""Bodies as people can read them in a cassette, and back to the same bytes.

Pure.  JSON that was sent in one of the usual ways is shown on many lines, with
the way it was sent beside it; text stays text; the rest goes to side files.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

SPACED, COMPACT, ASCII, ASCII_COMPACT = "json", "json compact", "json ascii", "json ascii compact"
_STYLES: dict[str, tuple[bool, tuple[str, str]]] = {
    COMPACT: (False, (",", ":")),
    SPACED: (False, (", ", ": ")),
    ASCII_COMPACT: (True, (",", ":")),
    ASCII: (True, (", ", ": ")),
}
_LONGEST_JSON_BYTES = 1_000_000
_TEXT_CONTROLS = frozenset("\t\n\r\f\x1b")


class BodyError(ValueError):
    """A body of a cassette that cannot be made out; its text says why."""


def shown(data: bytes) -> tuple[dict[str, str], bytes | None]:
    """Return what stands in the cassette for a body, and what goes to a side file.

    >>> shown(b'{"a":[1,2]}')[0]["sent_as"]
    'json compact'
    >>> shown(b"hello")
    ({'body': 'hello'}, None)
    >>> shown(b"")
    ({}, None)
    """
    if not data:
        return {}, None
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = ""
    if not text or not _is_text(text):
        return {"body_file": file_name(data)}, data
    style = _style(text)
    if style is not None:
        return {
            "body": json.dumps(_parsed(text), indent=2, ensure_ascii=False) + "\n",
            "sent_as": style,
        }, None
    return {"body": text}, None


def file_name(data: bytes) -> str:
    """Return the name of the side file of a body."""
    return f"{hashlib.sha256(data).hexdigest()[:32]}.bin"


def read(said: Mapping[str, Any], files: Mapping[str, bytes]) -> bytes:
    """Return the body that *said*, a request or response of a cassette, speaks of.

    Args:
        said: as YAML has it.
        files: the side files by name.

    Raises:
        BodyError: when the file is missing or another, or the JSON is none.
    """
    name = said.get("body_file")
    if name is not None:
        if name not in files:
            raise BodyError(f"expected the file {name!r} beside the cassette, found none")
        data = files[name]
        if file_name(data) != name:
            raise BodyError(f"expected the content that {name!r} names, found another")
        return data
    text = said.get("body", "")
    style = said.get("sent_as")
    if style is not None:
        ensure_ascii, separators = _STYLES[style]
        try:
            value = _parsed(text)
        except (ValueError, RecursionError) as error:
            raise BodyError(f"expected JSON, as sent_as says, found {error}") from None
        text = json.dumps(value, ensure_ascii=ensure_ascii, separators=separators)
    return str(text).encode("utf-8", "surrogateescape")


def _is_text(text: str) -> bool:
    return all(c.isprintable() or c in _TEXT_CONTROLS for c in text[:1000]) and "\0" not in text


def _style(text: str) -> str | None:
    """Return the way in which *text* was sent, if it is JSON that can be shown without loss."""
    if text[0] not in "{[" or len(text) > _LONGEST_JSON_BYTES or len(text) < 3:
        return None
    try:
        value = _parsed(text)
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):
        return None
    for style, (ensure_ascii, separators) in _STYLES.items():
        if json.dumps(value, ensure_ascii=ensure_ascii, separators=separators) == text:
            return style
    return None


def _parsed(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_once)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member that is there twice")
    return found

"""Bodies as people can read them in a cassette, and back to the same bytes.

Pure.  JSON that was sent in one of the usual ways is shown on many lines, with
the way it was sent beside it; text stays text, with plain ends of lines where it is
a stream of events; the rest goes to side files.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from forebay.mediatype import EVENTS

SPACED, COMPACT, ASCII, ASCII_COMPACT = "json", "json compact", "json ascii", "json ascii compact"
_STYLES: dict[str, tuple[bool, tuple[str, str]]] = {
    COMPACT: (False, (",", ":")),
    SPACED: (False, (", ", ": ")),
    ASCII_COMPACT: (True, (",", ":")),
    ASCII: (True, (", ", ": ")),
}
CRLF = "crlf"
"""How a stream of events was sent whose lines end in CR LF."""
_LONGEST_JSON_BYTES = 1_000_000
_TEXT_CONTROLS = frozenset("\t\n\r\f\x1b")


class BodyError(ValueError):
    """A body of a cassette that cannot be made out; its text says why."""


def shown(data: bytes, kind: str = "") -> tuple[dict[str, str], bytes | None]:
    """Return what stands in the cassette for a body, and what goes to a side file.

    Args:
        data: the body.
        kind: its media type, where that is known.

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
    if kind == EVENTS and text.count("\r\n") == text.count("\r") == text.count("\n") > 0:
        return {"body": text.replace("\r\n", "\n"), "sent_as": CRLF}, None
    text, style = spread(text)
    return {"body": text} | ({"sent_as": style} if style else {}), None


def spread(text: str) -> tuple[str, str | None]:
    """Return a text as it is shown, and how JSON was sent that is shown on many lines."""
    style = _style(text)
    if style is None:
        return text, None
    return json.dumps(_parsed(text), indent=2, ensure_ascii=False) + "\n", style


def gathered(text: str, style: str) -> str:
    """Return what `spread` was given.

    Raises:
        BodyError: when it is no JSON.
    """
    ensure_ascii, separators = _STYLES[style]
    try:
        value = _parsed(text)
    except (ValueError, RecursionError) as error:
        raise BodyError(f"expected JSON, as sent_as says, found {error}") from None
    return json.dumps(value, ensure_ascii=ensure_ascii, separators=separators)


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
    if style == CRLF:
        text = text.replace("\n", "\r\n")
    elif style is not None:
        text = gathered(text, style)
    return str(text).encode("utf-8", "surrogateescape")


def _is_text(text: str) -> bool:
    return all(c.isprintable() or c in _TEXT_CONTROLS for c in text[:1000]) and "\0" not in text


def _style(text: str) -> str | None:
    """Return the way in which *text* was sent, if it is JSON that can be shown without loss."""
    if text[:1] not in ("{", "[") or len(text) > _LONGEST_JSON_BYTES or len(text) < 3:
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

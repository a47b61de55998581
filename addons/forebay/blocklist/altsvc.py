"""Alt-Svc without HTTP/3, so that clients stay where they can be filtered (RFC 7838).

Pure.  A client that takes up an ``h3`` alternative leaves over QUIC, past a
proxy for TCP.
"""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]++"
# Control characters end a quoted string, save the tab (RFC 9110 §5.6.4).
_QUOTED = rb'"(?:[^"\\\x00-\x08\x0a-\x1f\x7f]|\\[\t\x20-\x7e\x80-\xff])*+"'
_OWS = rb"[ \t]*+"
_ALTERNATIVE = re.compile(
    rb"(" + _TOKEN + rb")=" + _QUOTED +
    rb"(?:" + _OWS + rb";" + _OWS + _TOKEN + rb"=(?:" + _TOKEN + rb"|" + _QUOTED + rb"))*+"
)  # fmt: skip
_NEXT = re.compile(_OWS + rb"(?:,[ \t,]*+|\Z)")

Fields = tuple[tuple[bytes, bytes], ...]


def without_h3(value: bytes) -> bytes | None:
    """Return an Alt-Svc value less its alternatives over QUIC, None when nothing is left.

    The others stay byte for byte, and a value that cannot be read (§3) goes
    as a whole if it may speak of HTTP/3.

    >>> without_h3(b'h3=":443"; ma=86400, h2="alt.example:443"; ma=60')
    b'h2="alt.example:443"; ma=60'
    >>> without_h3(b'h3-29=":443"')
    >>> without_h3(b"clear")
    b'clear'
    """
    alternatives = _alternatives(value)
    if alternatives is None:
        return None if _may_speak_of_quic(value) else value
    kept = [text for protocol, text in alternatives if not _is_quic(protocol)]
    if len(kept) == len(alternatives):
        return value
    return b", ".join(kept) or None


def clean(fields: Fields) -> Fields | None:
    """Return all *fields* with their Alt-Svc ones less HTTP/3, None when nothing changes.

    >>> clean(((b"Server", b"a"), (b"Alt-Svc", b'h3=":443"')))
    ((b'Server', b'a'),)
    """
    cleaned: list[tuple[bytes, bytes]] = []
    for name, value in fields:
        left = without_h3(value) if len(name) == 7 and name.lower() == b"alt-svc" else value
        if left is not None:
            cleaned.append((name, left))
    return None if tuple(cleaned) == fields else tuple(cleaned)


def _alternatives(value: bytes) -> list[tuple[bytes, bytes]] | None:
    """Return the protocol-id and the whole text of each alternative; None if malformed."""
    found = []
    place = len(value) - len(value.lstrip(b" \t,"))
    while place < len(value):
        alternative = _ALTERNATIVE.match(value, place)
        after = _NEXT.match(value, alternative.end()) if alternative else None
        if alternative is None or after is None:
            return None
        found.append((alternative[1], alternative[0]))
        place = after.end()
    return found


def _is_quic(protocol: bytes) -> bool:
    # Percent-encoded (§3); ALPN names have a case, but not every client minds it.
    name = unquote_to_bytes(protocol).lower()
    return name in (b"h3", b"quic") or name.startswith(b"h3-")


def _may_speak_of_quic(value: bytes) -> bool:
    spelled = (value.lower(), unquote_to_bytes(value).lower())
    return any(name in text for text in spelled for name in (b"h3", b"quic"))

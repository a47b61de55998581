"""Which fields of a message are for this hop only (RFC 9110 §7.6.1, §7.8)."""

from __future__ import annotations

type Fields = tuple[tuple[bytes, bytes], ...]

PROTECTED = frozenset(
    b"age authorization cache-control cdn-cache-control connection content-encoding "
    b"content-language content-length content-location content-range content-type cookie date etag "
    b"expires host last-modified pragma set-cookie surrogate-control transfer-encoding upgrade "
    b"vary".split()
)
"""Fields that ``Connection`` cannot name.

No sender may name them (RFC 9110 §7.6.1): without one the message would be
framed or routed otherwise, or be good for others, for longer or as something
else.  So it is taken for an attack.
"""

_ALWAYS = frozenset({b"keep-alive", b"proxy-connection"})
_OPTIONS = frozenset({b"close", b"keep-alive", b"upgrade"})
_WEBSOCKET = b"websocket"
_WEBSOCKET_VERSION = [b"13"]


def end_to_end(fields: Fields, also: frozenset[bytes] = frozenset()) -> Fields | None:
    """Return the fields without those for this hop only, or None when there are none.

    ``Connection`` itself stays with the options that mitmproxy reads to decide
    about keeping the connection.  *also* names further fields, in lower case, that end here.

    >>> end_to_end(((b"Connection", b"close, X-Hop"), (b"X-Hop", b"1"), (b"A", b"2")))
    ((b'Connection', b'close'), (b'A', b'2'))
    """
    named: list[bytes] = []
    present = False
    for name, value in fields:
        lowered = name.lower()
        if lowered == b"connection":
            named.extend(option.strip().lower() for option in value.split(b","))
        elif lowered in _ALWAYS or lowered in also:
            present = True
    hop = [option for option in named if option and option not in _OPTIONS]
    if not hop and not present:
        return None
    dropped = (_ALWAYS | also | set(hop)) - PROTECTED
    kept: list[tuple[bytes, bytes]] = []
    for name, value in fields:
        lowered = name.lower()
        if lowered == b"connection":
            options = [o.strip() for o in value.split(b",") if o.strip().lower() in _OPTIONS]
            if options:
                kept.append((name, b", ".join(options)))
        elif lowered not in dropped:
            kept.append((name, value))
    return tuple(kept)


def websocket_only(fields: Fields) -> Fields | None:
    """Return the fields of a request that asks for no other upgrade, or None if these do not.

    An intermediary may drop ``Upgrade`` (RFC 9110 §7.8).  After any other one
    nobody could tell what is asked for on the connection.  Nor could they after
    one to a WebSocket of another version than that of RFC 6455 §4.1, which
    mitmproxy does not read.

    >>> websocket_only(((b"Connection", b"close, Upgrade"), (b"Upgrade", b"h2c")))
    ((b'Connection', b'close'),)
    """
    asked = [(name, value) for name, value in fields if name.lower() == b"upgrade"]
    if not asked:
        return None
    versions = [value for name, value in fields if name.lower() == b"sec-websocket-version"]
    readable = versions == _WEBSOCKET_VERSION
    protocols = [p.strip() for _, value in asked for p in value.split(b",")]
    wanted = next((p for p in protocols if readable and p.lower() == _WEBSOCKET), None)
    if wanted is not None and [value for _, value in asked] == [wanted]:
        return None
    kept: list[tuple[bytes, bytes]] = []
    for name, value in fields:
        lowered = name.lower()
        if lowered == b"connection" and wanted is None:
            options = [o.strip() for o in value.split(b",") if o.strip().lower() != b"upgrade"]
            if any(options):
                kept.append((name, b", ".join(filter(None, options))))
        elif lowered != b"upgrade":
            kept.append((name, value))
    if wanted is not None:
        kept.append((asked[0][0], wanted))
    return tuple(kept)

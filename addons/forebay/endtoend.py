"""Which fields of a message are for this hop only (RFC 9110 §7.6.1)."""

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

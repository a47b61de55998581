"""The Cache-Status field: what this cache did, for whoever reads the response (RFC 9211)."""

from __future__ import annotations

import re
from enum import StrEnum

_CACHE = "forebay"
_TOKEN = re.compile(r"[A-Za-z*][!#$%&'*+\-.^_`|~:/0-9A-Za-z]*")  # RFC 9651 §3.3.4
_NOT_IN_STRING = re.compile(r"[^\x20-\x7e]")


class Fwd(StrEnum):
    """Why a request went forward (RFC 9211 §2.2)."""

    BYPASS = "bypass"
    METHOD = "method"
    URI_MISS = "uri-miss"
    VARY_MISS = "vary-miss"
    REQUEST = "request"
    STALE = "stale"
    PARTIAL = "partial"


def hit(ttl_s: int, detail: str | None = None) -> bytes:
    """Return the value for an answer from the store that stays fresh for *ttl_s* seconds.

    >>> hit(31)
    b'forebay; hit; ttl=31'
    """
    value = f"{_CACHE}; hit; ttl={ttl_s}"
    return (value if detail is None else f"{value}; detail={_item(detail)}").encode("ascii")


def refused(detail: str) -> bytes:
    """Return the value for an answer that is neither stored nor the origin's.

    >>> refused("only-if-cached")
    b'forebay; detail=only-if-cached'
    """
    return f"{_CACHE}; detail={_item(detail)}".encode("ascii")


def forwarded(
    fwd: Fwd, *, fwd_status: int | None = None, stored: bool = False, detail: str | None = None
) -> bytes:
    """Return the value for a request that went to the origin.

    >>> forwarded(Fwd.STALE, fwd_status=304, stored=True)
    b'forebay; fwd=stale; fwd-status=304; stored'
    >>> forwarded(Fwd.BYPASS, detail="names disagree")
    b'forebay; fwd=bypass; detail="names disagree"'
    """
    value = f"{_CACHE}; fwd={fwd}"
    if fwd_status is not None:
        value += f"; fwd-status={fwd_status}"
    if stored:
        value += "; stored"
    if detail is not None:
        value += f"; detail={_item(detail)}"
    return value.encode("ascii")


def _item(text: str) -> str:
    if _TOKEN.fullmatch(text):
        return text
    printable = _NOT_IN_STRING.sub("?", text)
    return '"' + printable.replace("\\", "\\\\").replace('"', '\\"') + '"'

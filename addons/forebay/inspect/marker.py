"""Choose the sign that stands beside a flow in a list.

Pure.  All are of one cell, and in the fonts of terminals and of browsers that
have none for emoji.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

BLOCKED = ":heavy_multiplication_x:"
FAILED = ":warning:"
REPLAYED = ":arrow_forward:"
REWRITTEN = ":pencil2:"
CACHED = ":recycle:"


def marker(notes: Mapping[str, Any], *, failed: bool = False) -> str:
    """Return the name of the sign, as mitmproxy knows it; empty when nothing was decided.

    Where several fit, the one that tells most of what the client got: a
    blocked flow may have been broken off, and a stored answer edited.

    >>> marker({"cache": {"result": "miss"}}), marker({"cache": {"result": "hit"}})
    ('', ':recycle:')
    """
    if is_blocked(notes):
        return BLOCKED
    if failed:
        return FAILED
    if notes.get("answer") == "recording":
        return REPLAYED
    if notes.get("edits") or any(acting(entry) for entry in notes.get("rewrite") or ()):
        return REWRITTEN
    cache = notes.get("cache") or {}
    if cache.get("result") in ("hit", "revalidated"):
        return CACHED
    if cache.get("result") == "stale" and cache.get("age_s") is not None:
        return CACHED  # in place of an error of the origin's
    return ""


def is_blocked(notes: Mapping[str, Any]) -> bool:
    """Return whether the flow was refused by the blocklist."""
    return notes.get("answer") == "blocklist" or (notes.get("block") or {}).get("action") == "block"


def acting(entry: Mapping[str, Any]) -> bool:
    """Return whether a rewrite rule has done something, or has failed to, and not in shadow."""
    if "mode" in entry:
        return False
    return bool(entry.get("changes")) or "answer" in entry or "failed" in entry

"""Resource types of Adblock rules, and sets of (type, party) pairs as bits of one integer.

What a rule asks of type and party is one number, and so is what a request is:
whether they fit is one ``&``.
"""

from __future__ import annotations

from typing import Final

TYPES: Final = (
    "document",
    "subdocument",
    "stylesheet",
    "script",
    "image",
    "font",
    "media",
    "object",
    "xmlhttprequest",
    "ping",
    "websocket",
    "other",
)
"""What a request is for, in the words of Adblock rules."""

ALIASES: Final = {
    "doc": "document",
    "frame": "subdocument",
    "css": "stylesheet",
    "object-subrequest": "object",
    "xhr": "xmlhttprequest",
    "beacon": "ping",
}

THIRD, FIRST, UNKNOWN = 0b001, 0b010, 0b100
"""How a request's host stands to its page: another site, the same, or not known."""

_PARTIES = 3
ANY_PARTY = THIRD | FIRST | UNKNOWN


def bits(types: frozenset[str], parties: int) -> int:
    """Return the set of all pairs of one of *types* and one of *parties*.

    >>> bits(frozenset({"document"}), THIRD), bits(frozenset({"subdocument"}), FIRST)
    (1, 16)
    """
    return sum(parties << _PARTIES * i for i, name in enumerate(TYPES) if name in types)


ALL = frozenset(TYPES)
USUAL = ALL - {"document"}
"""What a rule is about that names no type: a page itself is not blocked by accident."""

BIT_OF: Final = {
    (name, party): bits(frozenset({name}), party)
    for name in TYPES
    for party in (THIRD, FIRST, UNKNOWN)
}
"""The one pair that a request is."""

ANYTHING = bits(ALL, ANY_PARTY)

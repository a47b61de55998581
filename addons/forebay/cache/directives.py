"""Cache-Control: its members, read conservatively (RFC 9111 §5.2).

A response is never kept longer, or for more people, than any reading of its
directives allows:

* What restricts (``no-store``, ``private`` …) counts in any spelling: any case,
  with an argument, or in a member that breaks the grammar.
* What permits (``public``, ``must-revalidate`` for §3.5 …) counts only when it
  is spelled as the RFC does.
* A number of seconds may be a token or a quoted string.  One that is negative,
  decimal, no number, or given twice with different values is 0: the response
  is stale (§4.2.1).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from forebay.cache.headers import Head, members

MAX_SECONDS = 2**31
"""What a larger number counts as (RFC 9111 §1.2.2)."""

_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"  # noqa: S105 (RFC 9110 §5.6.2)
_MEMBER = re.compile(
    rf"(?P<name>{_TOKEN})(?:=(?:(?P<token>{_TOKEN})|(?P<quoted>\"(?:[^\"\\]++|\\.)*+\")))?",
    re.DOTALL,
)
_WORD = re.compile(_TOKEN)
_PAIR = re.compile(r"\\(.)", re.DOTALL)
_INVALID = '"'
"""An argument that stands for every one that cannot be read; no valid one equals it."""
_MEMORABLE_BYTES = 256


@dataclass(frozen=True, slots=True)
class Directives:
    """The members of a Cache-Control field; names in lower case, ``""`` for no argument."""

    arguments: dict[str, tuple[str, ...]]

    def has(self, name: str) -> bool:
        """Return whether the restriction *name* is there, however it is spelled."""
        return name in self.arguments

    def grants(self, name: str) -> bool:
        """Return whether the permission *name* is there exactly as the RFC spells it."""
        return name in self.arguments and not any(self.arguments[name])

    def seconds(self, name: str) -> int | None:
        """Return the span *name* in seconds: None when absent, 0 when it cannot be relied on."""
        found = self.arguments.get(name)
        if found is None:
            return None
        spans = {_seconds(argument) for argument in found}
        return spans.pop() if len(spans) == 1 else 0


def cache_control(head: Head) -> Directives:
    """Return the directives of the head's Cache-Control field."""
    lines = head.lines(b"cache-control")
    if not lines:
        return NONE
    return parse(lines[0] if len(lines) == 1 else b", ".join(lines))


def parse(value: bytes) -> Directives:
    """Return the directives of a Cache-Control field value; any bytes will do.

    >>> parse(b'extension="max-age=3600", max-age=1').seconds("max-age")
    1
    >>> parse(b"max-age=300,  No-Store").has("no-store")
    True
    >>> parse(b'max-age="300"').seconds("max-age"), parse(b"max-age = 300").seconds("max-age")
    (300, 0)
    """
    # Few values make up most traffic, and a long one must not stay in memory.
    return _remembered(value) if len(value) <= _MEMORABLE_BYTES else _parse(value)


def _parse(value: bytes) -> Directives:
    arguments: dict[str, list[str]] = {}
    for raw in members(value):
        member = raw.decode("latin-1")
        found = _MEMBER.fullmatch(member)
        if found is None:
            for word in _WORD.findall(member):
                arguments.setdefault(word.lower(), []).append(_INVALID)
        else:
            argument = found["token"] or found["quoted"] or ""
            arguments.setdefault(found["name"].lower(), []).append(argument)
    return Directives({name: tuple(found) for name, found in arguments.items()})


_remembered = lru_cache(maxsize=512)(_parse)
NONE = Directives({})
"""What an absent field says."""


def _seconds(argument: str) -> int:
    if len(argument) > 1 and argument.startswith('"'):  # closed, or it would be _INVALID
        argument = _PAIR.sub(r"\1", argument[1:-1])  # RFC 9110 §5.6.4
    # isascii, since isdigit alone lets superscripts through
    if not (argument.isascii() and argument.isdigit()):
        return 0
    return clamped(argument)


def clamped(digits: str) -> int:
    """Return the number that ASCII *digits* spell, at most ``MAX_SECONDS``.

    >>> clamped("003600"), clamped("9" * 5000)
    (3600, 2147483648)
    """
    significant = digits.lstrip("0")
    # int() refuses thousands of digits
    return MAX_SECONDS if len(significant) > 10 else min(int(significant or "0"), MAX_SECONDS)

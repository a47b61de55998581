"""Parameters of a query: each is edited alone, all others stay byte for byte.

Pure: no mitmproxy, no clock, no files.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote, unquote_plus

from forebay.rewrite.patterns import Glob

_AS_IT_IS = "!$'()*,-./:;@_~"  # what a query may hold, less what separates and what means a space


def name_of(pair: str) -> str:
    """Return the name of ``name=value``, decoded.

    >>> name_of("a%5Bb%5D=1")
    'a[b]'
    """
    return unquote_plus(pair.partition("=")[0])


def values(query: str, name: str) -> list[str]:
    """Return the decoded values of all parameters called *name*.

    >>> values("a=1&b=x+y&a=2", "a")
    ['1', '2']
    """
    pairs = query.split("&")
    return [unquote_plus(pair.partition("=")[2]) for pair in pairs if name_of(pair) == name]


def value(query: str, name: str) -> str | None:
    """Return the decoded value of the first parameter called *name*, or None.

    >>> value("a=1&b=x+y", "b")
    'x y'
    """
    return next(iter(values(query, name)), None)


def encoded(name: str, found: str) -> str:
    """Return a parameter as it is written in a query."""
    return f"{quote(name, safe=_AS_IT_IS)}={quote(found, safe=_AS_IT_IS, errors='replace')}"


def remove(query: str, pattern: Glob) -> str:
    """Return *query* without the parameters whose names fit *pattern*."""
    return "&".join(pair for pair in query.split("&") if not pattern.matches(name_of(pair)))


def put(query: str, name: str, found: str, *, only_if_absent: bool = False) -> str:
    """Return *query* with one parameter *name*, in the place of the first there was.

    >>> put("a=1&b=2&a=3", "a", "x y")
    'a=x%20y&b=2'
    """
    pairs: list[str] = []
    is_there = False
    for pair in query.split("&") if query else ():
        if name_of(pair) != name:
            pairs.append(pair)
        elif only_if_absent:
            return query
        elif not is_there:
            pairs.append(encoded(name, found))
            is_there = True
    if not is_there:
        pairs.append(encoded(name, found))
    return "&".join(pairs)


def change(query: str, name: str, edit: Callable[[str], str]) -> str:
    """Return *query* with each value of *name* edited, in decoded form."""
    pairs = []
    for pair in query.split("&"):
        if name_of(pair) == name and "=" in pair:
            before = unquote_plus(pair.partition("=")[2])
            after = edit(before)
            pairs.append(pair if after == before else encoded(name, after))
        else:
            pairs.append(pair)
    return "&".join(pairs)

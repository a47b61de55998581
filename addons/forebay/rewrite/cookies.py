"""One cookie among many, in Cookie and in Set-Cookie (RFC 6265).

Pure: no mitmproxy, no clock, no files.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from forebay.errors import RuleError
from forebay.rewrite.exchange import Fields, bytes_of, text_of, values
from forebay.rewrite.patterns import Glob

COOKIE = b"cookie"
SET_COOKIE = b"set-cookie"
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII).fullmatch
_ATTRIBUTES = {
    name.lower(): name
    for name in ("Domain", "Expires", "HttpOnly", "Max-Age", "Partitioned", "Path", "Priority")
} | {"samesite": "SameSite", "secure": "Secure"}
_FLAGS = frozenset({"httponly", "partitioned", "secure"})


def cookie_name(text: str) -> str:
    """Return *text* as the name of a cookie.

    Raises:
        RuleError: when it is none (RFC 6265 §4.1.1: a token).
    """
    if not _TOKEN(text):
        raise RuleError(f"expected the name of a cookie such as session, found {text!r:.70}")
    return text


def cookie_pattern(text: str) -> Glob:
    """Return the pattern for names of cookies that *text* says.

    Raises:
        RuleError: when no cookie is named so.
    """
    if not _TOKEN(text):  # of which * is part
        raise RuleError(f"expected the name of a cookie such as _ga*, found {text!r:.70}")
    return Glob.of(text)


def attribute(name: str) -> str:
    """Return the name of an attribute of Set-Cookie as it is usually written.

    Raises:
        RuleError: when there is no such attribute.
    """
    found = _ATTRIBUTES.get(name.lower())
    if found is None:
        raise RuleError(
            f"expected an attribute such as {', '.join(sorted(_ATTRIBUTES.values()))}, "
            f"found {name!r:.70}"
        )
    return found


def is_attribute(name: str) -> bool:
    """Return whether there is such an attribute."""
    return name.lower() in _ATTRIBUTES


def is_flag(name: str) -> bool:
    """Return whether an attribute has no value."""
    return name.lower() in _FLAGS


def _pairs(line: str) -> list[str]:
    return [pair.strip(" \t") for pair in line.split(";") if pair.strip(" \t")]


def _name_of(pair: str) -> str:
    return pair.partition("=")[0].strip(" \t")


def value(request: Fields, name: str) -> str | None:
    """Return the value of the first cookie called *name* that a client sent, or None.

    >>> value(((b"Cookie", b"a=1; b=2"),), "b")
    '2'
    """
    for line in values(request, COOKIE):
        for pair in _pairs(text_of(line)):
            if _name_of(pair) == name:
                return pair.partition("=")[2].strip(" \t")
    return None


def _as_sent(value: str) -> str:
    """Return a value so that the bytes of the cookies beside it stay what they are."""
    return text_of(bytes_of(value))


def _edited(request: Fields, edit: Callable[[list[str]], list[str]], name: bytes) -> Fields:
    """Return the fields with all pairs of Cookie edited; its first line holds what is left."""
    pairs = [pair for line in values(request, COOKIE) for pair in _pairs(text_of(line))]
    after = edit(pairs)
    if after == pairs:
        return request
    line = bytes_of("; ".join(after))
    fields: list[tuple[bytes, bytes]] = []
    is_placed = not after
    for key, found in request:
        if key.lower() != COOKIE:
            fields.append((key, found))
        elif not is_placed:
            fields.append((key, line))
            is_placed = True
    if not is_placed:
        fields.append((name, line))
    return tuple(fields)


def remove(request: Fields, pattern: Glob) -> Fields:
    """Return the fields of a request without the cookies whose names fit *pattern*.

    >>> remove(((b"Cookie", b"_ga=1; a=2"),), Glob.of("_ga*"))
    ((b'Cookie', b'a=2'),)
    """

    def edit(pairs: list[str]) -> list[str]:
        return [pair for pair in pairs if not pattern.matches(_name_of(pair))]

    return _edited(request, edit, b"Cookie")


def put(
    request: Fields,
    name: str,
    found: str,
    *,
    only_if_absent: bool = False,
    lower_case: bool = False,
) -> Fields:
    """Return the fields of a request with one cookie *name*, where the first of it was."""
    own = f"{name}={_as_sent(found)}"

    def edit(pairs: list[str]) -> list[str]:
        kept: list[str] = []
        is_there = False
        for pair in pairs:
            if _name_of(pair) != name:
                kept.append(pair)
            elif only_if_absent:
                return pairs
            elif not is_there:
                kept.append(own)
                is_there = True
        return kept if is_there else [*kept, own]

    return _edited(request, edit, b"cookie" if lower_case else b"Cookie")


def change(request: Fields, name: str, edit: Callable[[str], str]) -> Fields:
    """Return the fields of a request with the value of each cookie *name* edited."""

    def each(pairs: list[str]) -> list[str]:
        changed = []
        for pair in pairs:
            before = pair.partition("=")[2].strip(" \t")
            is_meant = _name_of(pair) == name and "=" in pair
            after = edit(before) if is_meant else before
            changed.append(pair if after == before else f"{name}={_as_sent(after)}")
        return changed

    return _edited(request, each, b"Cookie")


def set_cookie_name(line: bytes) -> str:
    """Return which cookie a Set-Cookie is about.

    >>> set_cookie_name(b"a=1; Path=/")
    'a'
    """
    return _name_of(text_of(line).partition(";")[0])


def remove_set(response: Fields, pattern: Glob) -> Fields:
    """Return the fields of a response without those that set cookies whose names fit *pattern*."""
    return tuple(
        (key, found)
        for key, found in response
        if key.lower() != SET_COOKIE or not pattern.matches(set_cookie_name(found))
    )


def put_set(response: Fields, name: str, found: str, *, lower_case: bool = False) -> Fields:
    """Return the fields of a response with one Set-Cookie of *name*: value and attributes."""
    kept = remove_set(response, Glob(name))
    key = b"set-cookie" if lower_case else b"Set-Cookie"
    return (*kept, (key, bytes_of(f"{name}={found}")))


def change_attributes(
    response: Fields, pattern: Glob, attributes: Mapping[str, str | None]
) -> Fields:
    """Return the fields of a response with attributes of its cookies set, or removed where None.

    >>> change_attributes(
    ...     ((b"Set-Cookie", b"a=1; Secure; Path=/"),), Glob.of("*"), {"Secure": None, "Path": "/x"}
    ... )
    ((b'Set-Cookie', b'a=1; Path=/x'),)
    """
    lowered = {name.lower(): (name, found) for name, found in attributes.items()}
    fields: list[tuple[bytes, bytes]] = []
    for key, line in response:
        if key.lower() != SET_COOKIE or not pattern.matches(set_cookie_name(line)):
            fields.append((key, line))
            continue
        pair, _, rest = text_of(line).partition(";")
        parts = _pairs(rest)
        kept = [part for part in parts if _name_of(part).lower() not in lowered]
        own = [
            name if is_flag(name) else f"{name}={found}"
            for name, found in lowered.values()
            if found is not None
        ]
        if [*kept, *own] != parts:
            line = bytes_of("; ".join([pair.strip(" \t"), *kept, *own]))  # noqa: PLW2901
        fields.append((key, line))
    return tuple(fields)

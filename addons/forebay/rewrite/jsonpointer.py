"""Values inside JSON, by pointer (RFC 6901) or merge patch (RFC 7396).

Numbers keep the digits they were sent with.

Pure: no mitmproxy, no clock, no files.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from forebay.errors import RuleError

type Pointer = tuple[str, ...]

_ESCAPE = re.compile(r"~(?![01])")
_INDEX = re.compile(r"0|[1-9][0-9]{0,8}").fullmatch
_decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")


class NoSuchPlaceError(Exception):
    """A pointer to something that is not there."""


def pointer(text: str) -> Pointer:
    """Return the steps of the pointer *text*.

    Raises:
        RuleError: when it is none.

    >>> pointer("/a~1b/0")
    ('a/b', '0')
    """
    if (text and not text.startswith("/")) or _ESCAPE.search(text):
        raise RuleError(
            f"expected a JSON pointer such as /user/name (RFC 6901), found {text!r:.70}"
        )
    steps = text.split("/")[1:]
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in steps)


def decode(text: str) -> Any:
    """Return the value of JSON text.

    Raises:
        ValueError: when it is none.
    """
    try:
        return _decoder.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        raise ValueError(str(error)) from None
    except InvalidOperation:
        raise ValueError("a number with an exponent out of range") from None


def encode(value: Any) -> str:
    """Return *value* as compact JSON text.

    Raises:
        ValueError: when it cannot be one: nested too deeply, or with half a character in it.
    """
    try:
        return _encoder.encode(value).decode("utf-8")
    except RecursionError as error:
        raise ValueError(str(error)) from None


def value_of(text: str) -> Any:
    """Return what *text* says: a JSON value, or else the text itself.

    >>> value_of("5"), value_of("five"), value_of('"5"')
    (5, 'five', '5')
    """
    try:
        return decode(text)
    except ValueError:
        return text


def put(document: Any, where: Pointer, value: Any) -> Any:
    """Return *document* with *value* at *where*; ``-`` is the place behind the end of a list.

    Raises:
        NoSuchPlaceError: when what should hold it is not there.
    """
    if not where:
        return value
    parent, last = _parent(document, where), where[-1]
    match parent:
        case dict():
            parent[last] = value
        case list() if last == "-":
            parent.append(value)
        case list() if _INDEX(last) and int(last) < len(parent):
            parent[int(last)] = value
        case _:
            raise NoSuchPlaceError
    return document


def remove(document: Any, where: Pointer) -> Any:
    """Return *document* without what is at *where*; null without itself.

    Raises:
        NoSuchPlaceError: when nothing is there.
    """
    if not where:
        return None
    parent, last = _parent(document, where), where[-1]
    match parent:
        case dict() if last in parent:
            del parent[last]
        case list() if _INDEX(last) and int(last) < len(parent):
            del parent[int(last)]
        case _:
            raise NoSuchPlaceError
    return document


def merged(document: Any, patch: Any) -> Any:
    """Return *document* as a merge patch leaves it (RFC 7396 §2).

    >>> merged({"a": 1, "b": {"c": 2}}, {"a": None, "b": {"d": 3}})
    {'b': {'c': 2, 'd': 3}}
    """
    if not isinstance(patch, dict):
        return patch
    found = dict(document) if isinstance(document, dict) else {}
    for name, value in patch.items():
        if value is None:
            found.pop(name, None)
        else:
            found[name] = merged(found.get(name), value)
    return found


def patch_of(said: Any) -> Any:
    """Return the merge patch that a rule file says: each text in it is a value as in ``value_of``.

    >>> patch_of({"a": "5", "b": None, "c": ["x"]})
    {'a': 5, 'b': None, 'c': ['x']}
    """
    match said:
        case dict():
            return {name: patch_of(value) for name, value in said.items()}
        case list():
            return [patch_of(value) for value in said]
        case str():
            return value_of(said)
    return said


def _parent(document: Any, where: Pointer) -> Any:
    for step in where[:-1]:
        match document:
            case dict() if step in document:
                document = document[step]
            case list() if _INDEX(step) and int(step) < len(document):
                document = document[int(step)]
            case _:
                raise NoSuchPlaceError
    return document

"""Take cookies out of header fields, as HAR 1.2 lists them.

Pure.  Values are as logged, which is mostly redacted as a whole: then there is
one cookie without a name, as browsers read such a field.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

_TEXTS = {"path": "path", "domain": "domain", "samesite": "_sameSite"}
_FLAGS = {"httponly": "httpOnly", "secure": "secure"}


def sent(values: Iterable[str]) -> list[dict[str, Any]]:
    """Return the cookies of Cookie fields.

    >>> sent(["a=1; b=x=y", "REDACTED"])[1:]
    [{'name': 'b', 'value': 'x=y'}, {'name': '', 'value': 'REDACTED'}]
    """
    pairs = (pair.strip() for value in values for pair in value.split(";"))
    return [_cookie(pair) for pair in pairs if pair]


def received(values: Iterable[str]) -> list[dict[str, Any]]:
    """Return the cookies of Set-Cookie fields, with their attributes.

    >>> received(["a=1; Path=/; Secure; Expires=Wed, 09 Jun 2027 10:18:14 GMT"])
    ... # doctest: +NORMALIZE_WHITESPACE
    [{'name': 'a', 'value': '1', 'path': '/', 'secure': True,
    'expires': '2027-06-09T10:18:14.000Z'}]
    """
    return [_with_attributes(value) for value in values]


def _cookie(pair: str) -> dict[str, Any]:
    name, equals, value = pair.partition("=")
    if not equals:
        name, value = "", pair
    return {"name": name.strip(), "value": value.strip()}


def _with_attributes(field: str) -> dict[str, Any]:
    pair, *attributes = field.split(";")
    cookie = _cookie(pair)
    for attribute in attributes:
        name, _, value = attribute.partition("=")
        name, value = name.strip().lower(), value.strip()
        if name in _TEXTS:
            cookie[_TEXTS[name]] = value
        elif name in _FLAGS:
            cookie[_FLAGS[name]] = True
        elif name == "expires" and (at := _time(value)):
            cookie["expires"] = at
    return cookie


def _time(value: str) -> str | None:
    try:
        at = parsedate_to_datetime(value)
        return iso8601(at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC))
    except (ValueError, OverflowError):
        return None


def iso8601(at: datetime) -> str:
    """Return a time in UTC as HAR writes it, with milliseconds or, if it has them, microseconds.

    >>> iso8601(datetime(2026, 1, 2, 3, 4, 5, 678901))
    '2026-01-02T03:04:05.678901Z'
    """
    exact = "milliseconds" if at.microsecond % 1000 == 0 else "microseconds"
    return at.replace(tzinfo=None).isoformat(timespec=exact) + "Z"

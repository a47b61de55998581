"""Keep secrets out of the log: in URLs, header fields, and texts that quote either.

Pure.  What is masked errs on the side of too much, since a log is read by more
people than the traffic is.  Masked values become ``REDACTED``; the name stays,
so that one sees that something was there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from forebay.secret import FIELDS, decoded, is_secret, is_secret_field

MASK = "REDACTED"
USERINFO = "REDACTED:REDACTED@"

_SUSPECT = re.compile(r"[%?;#=@:]").search
_HINT = re.compile(r"[=@:%]|basic|bearer|cookie|authorization", re.IGNORECASE).search
_AUTHORITY = re.compile(r"//[^/?#\s]*@")
_WORD = re.compile(r"[^\s/]+")
_BEFORE_USER = re.compile(r".*[\"'=&?;,()<>]", re.DOTALL)
_SCHEME = re.compile(r"(basic|bearer)(\s++|%20|\+)(?!\s)[^\s\"',;]+", re.IGNORECASE)
# Quoted bytes come with their escapes, so a name may follow a letter: \nCookie.
_FIELD = re.compile(
    r"("
    + "|".join(sorted(map(re.escape, FIELDS), key=len, reverse=True))
    + r")(?=[\"']?\s{0,3}[:=,])(?:(?!\\r|\\n)[^\r\n])+",
    re.IGNORECASE,
)
_PAIR = re.compile(r"(?<![\w.%\[\]-])([\w.%\[\]-]++)[\"']?\s{0,3}[=:]\s{0,3}(?:b(?=[\"']))?")
_VALUE = re.compile(r"\"[^\"]*\"?|'[^']*'?|[^\s&]*")
_PARAMETER = re.compile(r"[^\s&]+")


def target(text: str) -> str:
    """Return a URL, or a path with its query, without secrets.

    >>> target("https://me:pw@example.com/a;jsessionid=1/b?id=7&access%5Ftoken=x")
    'https://REDACTED:REDACTED@example.com/a;jsessionid=REDACTED/b?id=7&access%5Ftoken=REDACTED'
    """
    path, mark, query = text.partition("?")
    if _SUSPECT(path):
        path = _AUTHORITY.sub("//" + USERINFO, path)
        path = "/".join([_segment(segment) for segment in path.split("/")])
    if not query:
        return path + mark
    return f"{path}?{'&'.join([_piece(piece) for piece in query.split('&')])}"


def _segment(segment: str) -> str:
    if not _SUSPECT(segment):
        return segment
    return ";".join([_piece(piece) for piece in segment.split(";")])


def _piece(piece: str) -> str:
    """Return one ``name=value`` without its secret."""
    name, equals, value = piece.partition("=")
    if equals and is_secret(name):
        return f"{name}={MASK}"
    # A whole URL may be the value (or the name), encoded or not.
    if _SUSPECT(value) and _holds_secret(value):
        value = MASK
    if _SUSPECT(name) and _holds_secret(name):
        name = MASK
    return name + equals + value


def _holds_secret(value: str) -> bool:
    plain = decoded(value)
    return _scrubbed(plain) != plain


def text(value: str) -> str:
    """Return a text, which may quote URLs or header bytes, without secrets.

    >>> text("Bad HTTP request line: b'GET http://u:p@h/?sig=1 HTTP/1.1'")
    "Bad HTTP request line: b'GET http://REDACTED:REDACTED@h/?sig=REDACTED HTTP/1.1'"
    """
    if not _HINT(value):
        return value
    value = _scrubbed(value)
    if "%" in value:
        value = _PARAMETER.sub(_unless_encoded, value)
    return value


def excerpt(value: str, limit: int) -> str:
    """Return `text` of *value*, at most *limit* characters of it.

    Cut last: before, it might cut off what tells that something is a secret.
    """
    if len(value) > 16 * limit:
        value = value[: 16 * limit].rpartition(" ")[0]
    return text(value)[:limit]


def _unless_encoded(found: re.Match[str]) -> str:
    word = found[0]
    return MASK if "%" in word and _holds_secret(word) else word


def _without_credentials(found: re.Match[str]) -> str:
    """Mask ``user:password@`` up to the last ``@`` of a word; in time linear in its length."""
    word = found[0]
    end = word.rfind("@")
    colon = word.find(":", 0, max(end, 0))
    if colon < 0:
        return word
    before = _BEFORE_USER.match(word, 0, colon)
    return (before[0] if before else "") + USERINFO + word[end + 1 :]


def _scrubbed(value: str) -> str:
    if not _HINT(value):
        return value
    value = _FIELD.sub(rf"\1: {MASK}", value)
    value = _SCHEME.sub(rf"\1 {MASK}", value)
    if "@" in value:
        value = _AUTHORITY.sub("//" + USERINFO, value)
        value = _WORD.sub(_without_credentials, value)
    parts: list[str] = []
    position = 0
    for pair in _PAIR.finditer(value):
        if pair.start() >= position and _is_secret_in(value, pair):
            secret = _VALUE.match(value, pair.end())
            parts += value[position : pair.end()], MASK
            position = pair.end() if secret is None else secret.end()
    return "".join(parts) + value[position:]


def _is_secret_in(value: str, pair: re.Match[str]) -> bool:
    name = pair[1]
    if value[pair.start() - 1 : pair.start()] == "\\":  # an escape comes before, \n or \x00
        return is_secret(name) or is_secret(name[1:]) or is_secret(name[3:])
    return is_secret(name)


def fields(
    pairs: Iterable[tuple[bytes, bytes]], max_bytes: int
) -> tuple[dict[str, list[str]], bool]:
    """Return header fields as name in lower case to values, and whether some were left out.

    Secrets are masked; at most about *max_bytes* are kept.

    >>> fields([(b"Cookie", b"a=1"), (b"Accept", b"*/*"), (b"accept", b"x")], 1000)
    ({'cookie': ['REDACTED'], 'accept': ['*/*', 'x']}, False)
    """
    found: dict[str, list[str]] = {}
    left = max_bytes
    for raw_name, raw_value in pairs:
        left -= len(raw_name) + len(raw_value)
        if left < 0:
            return found, True
        name = raw_name.decode("utf-8", "surrogateescape").lower()
        if is_secret_field(name):
            value = MASK
        else:
            value = _field_value(name, raw_value.decode("utf-8", "surrogateescape"))
        found.setdefault(name, []).append(value)
    return found, False


_URL_FIELDS = frozenset({"referer", "location", "content-location", "origin"})


def _field_value(name: str, value: str) -> str:
    return target(value) if name in _URL_FIELDS else text(value)


_IS_PLACE = re.compile(
    r"(https?://[^\s@?/]*/?|localhost|[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})+)(:[0-9]{1,5})?"
).fullmatch
_SHORTEST_NEEDLE = 6


def needles(values: Iterable[str]) -> tuple[str, ...]:
    """Return texts by which secret *values* are found, as they are and percent-encoded.

    Without those that are short, for they stand in much that is none, and those
    that are the name or the URL of a host: who reads a log wants to know where
    requests went.

    >>> needles(["true", "api.example:8080", "s3 cr=t"])
    ('s3%20cr%3Dt', 's3 cr=t')
    """
    found = [each for each in values if len(each) >= _SHORTEST_NEEDLE and not _IS_PLACE(each)]
    forms = {
        form
        for each in found
        for form in (
            each,
            *(quote(each, safe=safe, errors="surrogateescape") for safe in ("", "/")),
        )
    }
    return tuple(sorted(forms, key=lambda form: (-len(form), form)))  # one may begin another


def without(value: Any, found: Iterable[str]) -> Any:
    """Return *value*, of what JSON has, with the texts *found* masked wherever they stand.

    Names of members stay.
    """
    match value:
        case str():
            for needle in found:
                value = value.replace(needle, MASK)
            return value
        case dict():
            return {name: without(item, found) for name, item in value.items()}
        case list():
            return [without(item, found) for item in value]
        case _:
            return value


def verdict(value: Any, depth: int = 6) -> Any:
    """Return a copy of what an addon noted in the outcome, bounded and without secrets.

    A copy, because the addon may go on writing in it while the log is written.

    >>> verdict({"reason": "GET http://u:p@h/", "authorization": "x", "n": [1, None]})
    {'reason': 'GET http://REDACTED:REDACTED@h/', 'authorization': 'REDACTED', 'n': [1, None]}
    """
    if value is None or isinstance(value, bool | float | int):
        return value
    if isinstance(value, str):
        return excerpt(value, 1000)
    if depth and isinstance(value, dict):
        return {
            str(key)[:100]: MASK if str(key).lower() in FIELDS else verdict(item, depth - 1)
            for key, item in list(value.items())[:100]
        }
    if depth and isinstance(value, list):
        return [verdict(item, depth - 1) for item in value[:100]]
    return None

"""Which recorded request is the one that is asked, and how others differ from it.

Pure.  Requests are compared part by part, each in a form in which what means
the same is the same: queries and forms without order, JSON as values, GraphQL
by operation and variables, multipart without its boundary.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from forebay.errors import RuleError
from forebay.mediatype import is_json, media_type
from forebay.names import DEFAULT_PORTS
from forebay.recording.interaction import Request
from forebay.rewrite.patterns import Glob

PARTS = ("method", "scheme", "host", "port", "path", "query", "body")
"""What is compared unless something else is asked for; also: ``header:NAME``."""
_PORTS = DEFAULT_PORTS | {"ws": 80, "wss": 443}
_FORM = "application/x-www-form-urlencoded"
_BOUNDARY = re.compile(r'boundary="?([^";,]{1,200})"?', re.IGNORECASE)
_BLANKS = re.compile(r"[\s,]+")
_LONGEST_SHOWN = 10_000


@dataclass(frozen=True, slots=True)
class Difference:
    """A part in which two requests differ, as texts."""

    part: str
    asked: str
    recorded: str


@dataclass(frozen=True, slots=True)
class Matcher:
    """Compares requests.

    Attributes:
        parts: what is compared.
        query: names of parameters that do not count.
        form: names of fields of forms that do not.
        members: places in JSON that do not, such as ``("a", "b")``; ``*`` is any.
    """

    parts: tuple[str, ...] = PARTS
    query: tuple[Glob, ...] = ()
    form: tuple[Glob, ...] = ()
    members: tuple[tuple[str, ...], ...] = ()

    def key(self, request: Request) -> tuple[str, ...]:
        """Return what is equal for requests that are the same.

        >>> matcher = Matcher()
        >>> matcher.key(Request("GET", "http://h/?a=1&b=2")) == matcher.key(
        ...     Request("GET", "http://h:80/?b=2&a=1"))
        True
        """
        # Whatever is compared, a WebSocket answers a WebSocket only.
        kind = "websocket" if request.url.startswith(("ws:", "wss:")) else ""
        return (kind, *self._values(request).values())

    def differences(self, asked: Request, recorded: Request) -> list[Difference]:
        """Return the parts in which *asked* is another request than *recorded*."""
        mine, other = self._values(asked), self._values(recorded)
        return [
            difference(part, mine[part], other[part]) for part in mine if mine[part] != other[part]
        ]

    def nearest(self, asked: Request, recorded: Sequence[Request]) -> int | None:
        """Return the number of the recorded request that differs least; None without any.

        What says more about a request counts more: its host and path before its body.
        """
        if not recorded:
            return None
        mine = self._values(asked)
        weights = {"host": 16, "path": 12, "method": 6, "scheme": 1, "port": 2, "query": 4}

        def likeness(number: int) -> float:
            other = self._values(recorded[number])
            total = 0.0
            for part, value in mine.items():
                weight = weights.get(part, 3)
                total += weight * (value == other[part] or _shared(value, other[part]) / 2)
            return total

        return max(range(len(recorded)), key=likeness)

    def _values(self, request: Request) -> dict[str, str]:
        url = urlsplit(request.url)
        return {part: self._value(part, request, url) for part in self.parts}

    def _value(self, part: str, request: Request, url: Any) -> str:
        match part:
            case "method":
                return request.method
            case "scheme":
                return str(url.scheme)
            case "host":
                return str(url.hostname or "")
            case "port":
                return str(_port(url))
            case "path":
                return str(url.path) or "/"
            case "query":
                return _pairs(url.query, self.query)
            case "body":
                return self.content(request.body, request.header("content-type") or "")
            case _:
                return request.header(part.removeprefix("header:")) or ""

    def content(self, data: bytes, content_type: str = "") -> str:
        """Return the form in which contents are the same that mean the same."""
        if not data:
            return ""
        kind = media_type(content_type)
        text = data.decode("utf-8", "surrogateescape")
        if kind == _FORM:
            return _pairs(text, self.form)
        if kind.startswith("multipart/") and (found := _BOUNDARY.search(content_type)):
            return text.replace(f"--{found[1].strip()}", "--")
        if is_json(kind) or text[:1] in ("{", "["):
            try:
                return json.dumps(_graphql(self._without(json.loads(text))), sort_keys=True)
            except (ValueError, RecursionError):
                pass
        if kind == "application/graphql":
            return " ".join(_BLANKS.split(text)).strip()
        if text.isprintable():
            return text
        return text if len(text) < 4096 else hashlib.sha256(data).hexdigest()

    def _without(self, value: Any, at: tuple[str, ...] = ()) -> Any:
        if not self.members:
            return value
        match value:
            case dict():
                return {
                    name: self._without(item, (*at, name))
                    for name, item in value.items()
                    if not self._is_ignored((*at, name))
                }
            case list():
                return [
                    self._without(item, (*at, str(number)))
                    for number, item in enumerate(value)
                    if not self._is_ignored((*at, str(number)))
                ]
            case _:
                return value

    def _is_ignored(self, at: tuple[str, ...]) -> bool:
        return any(
            len(each) == len(at)
            and all(one in ("*", two) for one, two in zip(each, at, strict=True))
            for each in self.members
        )


def _port(url: Any) -> int:
    try:
        return url.port or _PORTS.get(url.scheme, 0)
    except ValueError:
        return 0


def _pairs(text: str, ignored: Iterable[Glob]) -> str:
    pairs = parse_qsl(text, keep_blank_values=True, errors="surrogateescape")
    ignored = tuple(ignored)
    return "&".join(
        sorted(
            f"{name}={value}"
            for name, value in pairs
            if not any(glob.matches(name) for glob in ignored)
        )
    )


def _graphql(value: Any) -> Any:
    """Return a GraphQL request without what its text may have otherwise (white space, commas)."""
    if isinstance(value, list):
        return [_graphql(each) for each in value]
    if isinstance(value, dict) and isinstance(value.get("query"), str) and "{" in value["query"]:
        return value | {"query": " ".join(_BLANKS.split(value["query"])).strip()}
    return value


def _shared(one: str, other: str) -> float:
    """Return which part of two texts is the same beginning, from 0 to 1."""
    longest = max(len(one), len(other))
    if not longest:
        return 1.0
    same = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), None)
    return (min(len(one), len(other)) if same is None else same) / longest


def difference(part: str, asked: str, recorded: str) -> Difference:
    """Return a difference, of long texts their beginnings."""
    return Difference(part, _cut(asked), _cut(recorded))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "…"


def matcher(match: Sequence[str], ignore: Sequence[str]) -> Matcher:
    """Return what compares as *match* and *ignore* say.

    Args:
        match: parts; none for `PARTS`.
        ignore: parts that do not count, or ``query:NAME``, ``form:NAME``,
            ``json:/a/b``; ``*`` stands for anything.

    Raises:
        RuleError: when one is none of these.
    """
    parts = list(match or PARTS)
    for part in parts:
        if part not in PARTS and not re.fullmatch(r"header:[!-9;-~]+", part):
            raise RuleError(
                f"expected {', '.join(PARTS)} or header:NAME as what is compared, "
                f"found {part!r:.70}"
            )
    names: dict[str, list[str]] = {"query": [], "form": [], "json": []}
    for each in ignore:
        kind, colon, name = each.partition(":")
        if colon and name and kind in names:
            names[kind].append(name)
        elif each in PARTS or kind == "header":
            parts = [part for part in parts if part.lower() != each.lower()]
        else:
            raise RuleError(
                "expected a part, query:NAME, form:NAME or json:/a/b as what does not count, "
                f"found {each!r:.70}"
            )
    return Matcher(
        tuple(part.lower() for part in parts),
        tuple(map(Glob.of, names["query"])),
        tuple(map(Glob.of, names["form"])),
        tuple(tuple(name.strip("/").split("/")) for name in names["json"]),
    )

"""The text of a cassette to interactions, and back.

What Forebay has written is read fast; what was edited by hand, or is damaged,
is read by a YAML library, which says what is wrong in which line.

Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from forebay.errors import RuleError, RuleErrors
from forebay.mediatype import media_type
from forebay.recording import bodytext, sockettext, yamltext
from forebay.recording.bodytext import BodyError
from forebay.recording.interaction import (
    SWITCHED,
    Headers,
    Interaction,
    Request,
    Response,
    Side,
    joined,
)

VERSION = 2
"""Number of the format; a newer one is refused.  What an older one can say is written as that."""
HEADER = """\
# Recorded by Forebay; may be edited, and belongs beside the tests.
"""
_VERSION = re.compile(r"^version: *([0-9]{1,9}) *$", re.MULTILINE)


def dumps(interactions: Iterable[Interaction]) -> tuple[str, dict[str, bytes]]:
    """Return the text of a cassette, and the contents of its side files by name."""
    files: dict[str, bytes] = {}
    items = [_item(each, files) for each in interactions]
    version = max(map(_version, items), default=1)
    return HEADER + yamltext.dumps({"version": version, "interactions": items}), files


def _item(each: Interaction, files: dict[str, bytes]) -> dict[str, Any]:
    asked, answered = each.request, each.response
    item: dict[str, Any] = {
        "request": {
            "method": asked.method,
            "url": asked.url,
            **_said(asked.headers, asked.body, files),
        },
        "response": {
            "status": answered.status,
            **_said(answered.headers, answered.body, files),
            **({"ended_by": str(Side.CLIENT)} if answered.is_open else {}),
        },
    }
    if each.websocket is not None:
        item["websocket"] = sockettext.shown(each.websocket)
    return item


def _version(item: Mapping[str, Any]) -> int:
    """Return the first version of the format that can say this."""
    response = item["response"]
    styles = (item["request"].get("sent_as"), response.get("sent_as"))
    return 2 if "websocket" in item or "ended_by" in response or bodytext.CRLF in styles else 1


def _said(headers: Headers, body: bytes, files: dict[str, bytes]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, value in headers:
        before = fields.get(name)
        if before is None:
            fields[name] = value
        else:
            fields[name] = [*(before if isinstance(before, list) else [before]), value]
    kind = media_type(joined(headers, "content-type") or "")
    content, aside = bodytext.shown(body, kind)
    if aside is not None:
        files[content["body_file"]] = aside
    return ({"headers": fields} if fields else {}) | content


def loads(text: str, path: Path, files: Mapping[str, bytes]) -> list[Interaction]:
    """Return the interactions of a cassette.

    Args:
        text: the cassette.
        path: named in errors only.
        files: the contents of its side files by name.

    Raises:
        RuleErrors: with all that is wrong, and in which line.
    """
    found = _VERSION.search(text)
    if found and int(found[1]) > VERSION:
        line = text.count("\n", 0, found.start()) + 1
        raise RuleErrors(
            [
                RuleError(
                    f"expected a cassette of version {VERSION} or older, found version {found[1]}, "
                    "which a newer Forebay has written",
                    path,
                    line,
                )
            ]
        )
    try:
        return [_interaction(item, files) for item in _items(yamltext.loads(text))]
    except (yamltext.NotOursError, BodyError, KeyError, TypeError, AttributeError, ValueError):
        return _by_library(text, path, files)


def _items(value: Any) -> list[Any]:
    if value.keys() != {"version", "interactions"} or value["version"] not in range(1, VERSION + 1):
        raise TypeError
    items = value["interactions"]
    if not isinstance(items, list):
        raise TypeError
    return items


_REQUEST = frozenset({"method", "url", "headers", "body", "sent_as", "body_file"})
_RESPONSE = frozenset({"status", "headers", "body", "sent_as", "body_file", "ended_by"})


def _interaction(item: Any, files: Mapping[str, bytes]) -> Interaction:
    """Return one interaction; any error means that the library has to look at it."""
    asked, answered, talk = item["request"], item["response"], item.get("websocket")
    if (
        len(item) != (2 if talk is None else 3)
        or not asked.keys() <= _REQUEST
        or not answered.keys() <= _RESPONSE
    ):
        raise TypeError
    method, url, status = asked["method"], asked["url"], answered["status"]
    if not isinstance(method, str) or not isinstance(url, str) or type(status) is not int:
        raise TypeError
    if not 100 <= status <= 599 or "://" not in url[1:20]:
        raise TypeError
    if answered.get("ended_by", Side.CLIENT) != Side.CLIENT or (talk and status != SWITCHED):
        raise TypeError
    return Interaction(
        Request(method, url, _headers(asked), bodytext.read(asked, files)),
        Response(
            status, _headers(answered), bodytext.read(answered, files), "ended_by" in answered
        ),
        None if talk is None else sockettext.read(talk),
    )


def _headers(said: Mapping[str, Any]) -> Headers:
    fields = said.get("headers")
    if fields is None:
        return ()
    found: list[tuple[str, str]] = []
    for name, value in fields.items():
        for each in value if isinstance(value, list) else (value,):
            if not isinstance(each, str):
                raise TypeError
            found.append((name, each))
    return tuple(found)


def _by_library(text: str, path: Path, files: Mapping[str, bytes]) -> list[Interaction]:
    from forebay import schema
    from forebay.recording.cassettefile import CassetteFile

    document = schema.parse(text, path, CassetteFile)
    errors: list[RuleError] = []
    found: list[Interaction] = []
    for number, item in enumerate(document.model.interactions):
        try:
            asked, answered = item.request, item.response
            found.append(
                Interaction(
                    Request(asked.method, asked.url, asked.pairs(), asked.content(files)),
                    Response(
                        answered.status,
                        answered.pairs(),
                        answered.content(files),
                        answered.ended_by is not None,
                    ),
                    None if item.websocket is None else item.websocket.made(),
                )
            )
        except BodyError as error:
            errors.append(RuleError(str(error), path, document.line("interactions", number)))
    if errors:
        raise RuleErrors(errors)
    return found


_ITEM = re.compile(r"^- ", re.MULTILINE)
_MESSAGES = re.compile(r"^    messages:$", re.MULTILINE)
_MESSAGE = re.compile(r"^    - (?:client|server):", re.MULTILINE)


def line(text: str, path: Path, number: int, message: int | None = None) -> int:
    """Return the line, from 1, of an interaction of a cassette.

    Args:
        text: the cassette.
        path: named in errors only.
        number: of the interaction, from 0.
        message: of its WebSocket, from 0; None for the interaction itself.
    """
    try:
        yamltext.loads(text)
    except yamltext.NotOursError:
        return _line_by_library(text, path, number, message)
    starts = [found.start() for found in _ITEM.finditer(text)]
    at, end = starts[number], [*starts, len(text)][number + 1]
    if message is not None and (head := _MESSAGES.search(text, at, end)):
        found = [each.start() for each in _MESSAGE.finditer(text, head.end(), end)]
        at = found[message] if message < len(found) else at
    return text.count("\n", 0, at) + 1


def _line_by_library(text: str, path: Path, number: int, message: int | None) -> int:
    from forebay import schema
    from forebay.recording.cassettefile import CassetteFile

    place: list[str | int] = ["interactions", number]
    if message is not None:
        place += ["websocket", "messages", message]
    return schema.parse(text, path, CassetteFile).line(*place)

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
from forebay.recording import bodytext, yamltext
from forebay.recording.bodytext import BodyError
from forebay.recording.interaction import Headers, Interaction, Request, Response

VERSION = 1
"""Number of the format; a newer one is refused."""
HEADER = """\
# Recorded by Forebay; may be edited, and belongs beside the tests.
"""
_VERSION = re.compile(r"^version: *([0-9]{1,9}) *$", re.MULTILINE)


def dumps(interactions: Iterable[Interaction]) -> tuple[str, dict[str, bytes]]:
    """Return the text of a cassette, and the contents of its side files by name."""
    files: dict[str, bytes] = {}
    items = [
        {
            "request": {
                "method": each.request.method,
                "url": each.request.url,
                **_said(each.request.headers, each.request.body, files),
            },
            "response": {
                "status": each.response.status,
                **_said(each.response.headers, each.response.body, files),
            },
        }
        for each in interactions
    ]
    return HEADER + yamltext.dumps({"version": VERSION, "interactions": items}), files


def _said(headers: Headers, body: bytes, files: dict[str, bytes]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, value in headers:
        before = fields.get(name)
        if before is None:
            fields[name] = value
        else:
            fields[name] = [*(before if isinstance(before, list) else [before]), value]
    content, aside = bodytext.shown(body)
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
                    f"expected a cassette of version {VERSION}, found version {found[1]}, which a "
                    "newer Forebay has written",
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
    if value.keys() != {"version", "interactions"} or value["version"] != VERSION:
        raise TypeError
    items = value["interactions"]
    if not isinstance(items, list):
        raise TypeError
    return items


_REQUEST = frozenset({"method", "url", "headers", "body", "sent_as", "body_file"})
_RESPONSE = frozenset({"status", "headers", "body", "sent_as", "body_file"})


def _interaction(item: Any, files: Mapping[str, bytes]) -> Interaction:
    """Return one interaction; any error means that the library has to look at it."""
    asked, answered = item["request"], item["response"]
    if len(item) != 2 or not asked.keys() <= _REQUEST or not answered.keys() <= _RESPONSE:
        raise TypeError
    method, url, status = asked["method"], asked["url"], answered["status"]
    if not isinstance(method, str) or not isinstance(url, str) or type(status) is not int:
        raise TypeError
    if not 100 <= status <= 599 or "://" not in url[1:20]:
        raise TypeError
    return Interaction(
        Request(method, url, _headers(asked), bodytext.read(asked, files)),
        Response(status, _headers(answered), bodytext.read(answered, files)),
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
                    Response(answered.status, answered.pairs(), answered.content(files)),
                )
            )
        except BodyError as error:
            errors.append(RuleError(str(error), path, document.line("interactions", number)))
    if errors:
        raise RuleErrors(errors)
    return found

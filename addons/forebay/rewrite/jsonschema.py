"""The JSON Schema of rewrite files, for editors; made from the models.

Importing this imports pydantic (see `forebay.schema`): import it late.
"""

from __future__ import annotations

from typing import Any

from forebay.rewrite.models import RewriteFile

FILE = "rewrite.schema.json"
"""Its name beside the rules that ship."""

INDENT = 1
"""How many spaces deeper each level of the file is."""
_TEXT = {"type": ["string", "number", "boolean"]}
_MAY_BE_TEXT = ("RedirectSection", "TestRequest")
"""Sections that a URL alone may stand for."""


def json_schema() -> dict[str, Any]:
    """Return the schema.

    Values are text as written, so editors must not mind that 10 is a number.
    """
    found = RewriteFile.model_json_schema(by_alias=True, mode="validation")
    found = _loosened(found)
    sections = found["$defs"]
    for name in _MAY_BE_TEXT:
        sections[name] = {"anyOf": [{"type": "string"}, sections[name]]}
    for name in sections:
        if name.startswith("OneOrMore_"):  # of what, pydantic does not say
            sections[name] = {"anyOf": [_TEXT, {"type": "array", "items": _TEXT, "minItems": 1}]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Forebay rewrite rules",
        **found,
    }


def _loosened(node: Any) -> Any:
    match node:
        case dict():
            found = {key: _loosened(value) for key, value in node.items() if key != "title"}
            if found.get("type") == "string" and "enum" not in found:
                found |= _TEXT
            return found
        case list():
            return [_loosened(each) for each in node]
    return node

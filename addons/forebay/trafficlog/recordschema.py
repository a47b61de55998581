"""Describe a line of the traffic log as a JSON Schema (draft 2020-12).

Pure.  Types are those of `record.Record` and `record.Gap`, and the descriptions
are their docstrings, so that there is one text of each.
"""

from __future__ import annotations

import inspect
import re
from typing import Any

import msgspec

from forebay.trafficlog.record import VERSION, Gap, Record

_ATTRIBUTE = re.compile(r"    (\w+): (.*)")
_IS_RELATIVE = re.compile(r"\bthe same\b|\blikewise\b|^its ").search


def json_schema() -> dict[str, Any]:
    """Return the schema; readers should let members pass that it does not name.

    >>> json_schema()["$defs"]["Record"]["properties"]["url.scheme"]["description"]
    '``http`` or ``https``.'
    """
    _, parts = msgspec.json.schema_components((Record, Gap), ref_template="#/$defs/{name}")
    for struct in (Record, Gap):
        part = parts[struct.__name__]
        part["description"] = (inspect.getdoc(struct) or "").partition("\n\n")[0]
        texts = _descriptions(struct)
        for field in msgspec.structs.fields(struct):
            part["properties"][field.encode_name]["description"] = texts[field.name]
        part["properties"]["v"] |= {"minimum": 1, "maximum": VERSION}
        # Every line has a version, though its writer need not name it.
        part["required"] = ["v", *(name for name in part["required"] if name != "v")]
    parts["Record"]["properties"]["timestamp"]["format"] = "date-time"
    parts["Record"]["properties"]["kind"]["not"] = {"const": "gap"}
    parts["Gap"]["properties"]["kind"]["const"] = "gap"
    parts["Gap"]["required"].append("kind")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Forebay's traffic log",
        "description": "One line of the log.",
        "oneOf": [{"$ref": "#/$defs/Record"}, {"$ref": "#/$defs/Gap"}],
        "$defs": parts,
    }


def _descriptions(struct: type[msgspec.Struct]) -> dict[str, str]:
    """Return what the Attributes section of a docstring says of each.

    Members of the schema are read one by one: what is said by means of the
    attribute before names that.
    """
    section = (inspect.getdoc(struct) or "").partition("Attributes:\n")[2]
    found: dict[str, str] = {}
    name = ""
    for line in section.splitlines():
        if begins := _ATTRIBUTE.fullmatch(line):
            name = begins[1]
            found[name] = begins[2]
        else:
            found[name] += f" {line.strip()}"
    said_of = ""
    names = {field.name: field.encode_name for field in msgspec.structs.fields(struct)}
    for name, text in found.items():
        if _IS_RELATIVE(text):
            found[name] = f"{text} (see ``{said_of}``)"
        else:
            said_of = names.get(name, name)
    return found

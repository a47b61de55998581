"""The JSON document."""

from __future__ import annotations

import msgspec

from forebay.report import document
from forebay.report.document import Summary
from report.logs import line, summary


def test_every_part_is_described():
    names = Summary.__struct_fields__

    described = document.__doc__
    tables = {
        "clients",
        "users",
        "content_types",
        "blocked_lists",
        "blocked_rules",
        "rewrite_rules",
    }
    assert [name for name in names if f"``{name}``" not in described and name not in tables] == []


def test_it_is_json_and_can_be_read_back():
    found = summary(line(cache={"result": "hit"}, rewrite=[{"id": "r"}]), line(status=None))

    again = msgspec.json.decode(msgspec.json.encode(found), type=Summary)

    assert again == found
    assert msgspec.to_builtins(found)["period"]["from"] == "2026-03-02T12:00:00Z"

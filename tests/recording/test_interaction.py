"""Requests and responses as they are kept."""

from __future__ import annotations

from forebay.recording.interaction import Request, Response


def test_fields_of_one_name_are_joined():
    headers = (("accept", "a"), ("vary", "b"), ("vary", "c"))

    assert Request("GET", "http://h/", headers).header("vary") == "b, c"
    assert Response(200, headers).header("accept") == "a"
    assert Response(200, headers).header("date") is None

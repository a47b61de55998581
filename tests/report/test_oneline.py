"""A record on one line."""

from __future__ import annotations

import pytest

from forebay.report.oneline import Tone, parts, target
from report.logs import HOSTILE, line
from report.test_page import hostile


def words(**given):
    return "  ".join(part.text for part in parts(line(**given)))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "12:00:00.000  192.0.2.1  GET  200  https://a.example/x  1 kB  100 ms"),
        ({"cache": {"result": "hit", "age_s": 1}}, "…  hit"),
        ({"cache": {"result": "stale"}}, "…  refetched"),
        (
            {"block": {"action": "block", "rule": "||a^", "path": "ads.txt", "line": 7}},
            "…  blocked by ||a^ (ads.txt:7)",
        ),
        ({"block": {"action": "block"}}, "…  blocked"),
        ({"block": {"action": "allow", "rule": "||a^"}}, "…100 ms"),
        ({"rewrite": [{"id": "r", "file": "f", "line": 2}]}, "…  rewritten by r (f:2)"),
        (
            {"rewrite": [{"id": "r", "file": "f", "line": 2, "failed": "x"}]},
            "…  rewritten by r failed (f:2)",
        ),
        (
            {"rewrite": [{"id": "r", "file": "f", "line": 2, "mode": "shadow"}]},
            "…  rewritten by r shadow (f:2)",
        ),
        ({"error_type": "truncated", "error_message": "cut"}, "…  truncated: cut"),
        ({"error_type": "truncated"}, "…  truncated"),
        ({"background": True, "attempt": 2}, "…  (by the cache)  (attempt 2)"),
        (
            {"kind": "tcp", "client_bytes": 3, "server_bytes": 5, "response_body_bytes": None},
            "…  8 B  100 ms",
        ),
        ({"delivered_bytes": 7}, "…  7 B  100 ms"),
    ],
)
def test_what_is_told(given, expected):
    found = words(**given)

    assert found == expected if expected[0] != "…" else found.endswith(expected[1:])


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"url_full": None, "server_port": 443}, "a.example:443"),
        ({"url_full": None, "server_address": "::1", "server_port": 1}, "[::1]:1"),
        ({"url_full": None, "server_address": None, "dns_question": "d", "server_port": 53}, "d"),
        ({"url_full": None, "server_address": None}, "-"),
    ],
)
def test_what_was_asked_for_without_a_url(given, expected):
    assert target(line(**given)) == expected


@pytest.mark.parametrize(
    ("status", "tone"),
    [(200, Tone.GOOD), (301, Tone.MOVED), (404, Tone.DOUBTFUL), (503, Tone.BAD), (900, Tone.PLAIN)],
)
def test_a_status_has_the_tone_of_its_class(status, tone):
    assert (
        next(part.tone for part in parts(line(status=status)) if part.text == str(status)) is tone
    )


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_hidden_gets_through(text):
    found = "".join(part.text for part in parts(hostile(text)))

    assert found.isprintable()
    assert len(found) < 2000

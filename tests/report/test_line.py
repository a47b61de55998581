"""What is read of a record."""

from __future__ import annotations

import msgspec
import pytest

from forebay.report.line import Cache, cache_word, decode
from forebay.trafficlog.record import Gap, encode
from report.logs import BEGIN, line


def test_fields_have_the_names_of_the_log():
    found = line(
        user="ada",
        block={"action": "block", "rule": "r", "list": "l", "path": "p", "line": 3, "name": "n"},
        rewrite=[{"id": "i", "file": "f", "line": 1, "phase": "request", "changes": []}],
        cache={"result": "hit", "reason": "fresh", "age_s": 2, "ttl_s": 9, "stored": False},
    )

    assert (found.kind, found.timestamp, found.status) == ("http", BEGIN, 200)
    assert (found.server_address, found.client_address, found.user) == (
        "a.example",
        "192.0.2.1",
        "ada",
    )
    assert (found.block.rule, found.block.line) == ("r", 3)
    assert found.rewrite[0].id == "i"
    assert cache_word(found.cache) == "hit"


def test_a_gap_is_read_too():
    found = decode(encode(Gap(lost=2, from_seq=4, to_seq=5, instance="i")))

    assert (found.kind, found.lost, found.from_seq, found.to_seq) == ("gap", 2, 4, 5)
    assert found.instance == "i"


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        '{"v":2,"kind":"http"}',
        '{"v":1}',
        '{"v":1,"kind":"http","forebay.duration_s":-1}',
        '{"v":1,"kind":"http","http.response.body.size":-1}',
        '{"v":1,"kind":"http","http.response.body.size":"many"}',
        '{"v":1,"kind":"http","timestamp":"2026-01-01T00:00:00"}',
        '{"v":1,"kind":"http","forebay.sample_rate":0}',
        '{"v":1,"kind":"http","forebay.rewrite":{}}',
    ],
)
def test_what_makes_no_sense_is_damage(text):
    with pytest.raises(msgspec.ValidationError):
        decode(text.encode())


@pytest.mark.parametrize(
    ("cache", "word"),
    [
        (Cache("hit", "fresh", 1), "hit"),
        (Cache("stale", "unreachable", 90), "stale"),
        (Cache("stale", "expired"), "refetched"),
        (Cache(), "unknown"),
    ],
)
def test_words_of_the_cache(cache, word):
    assert cache_word(cache) == word

"""The body on its way to the store."""

from __future__ import annotations

import pytest

from forebay.cache.collector import Collector


def collected(pieces, *, limit_bytes=10, expected_bytes=None, end="end"):
    found = []
    collector = Collector(
        limit_bytes=limit_bytes, expected_bytes=expected_bytes, commit=found.append
    )
    for piece in pieces:
        collector.feed(piece)
    getattr(collector, end)()
    return found


@pytest.mark.parametrize(
    ("pieces", "given", "expected"),
    [
        ([], {}, [b""]),
        ([b"hello"], {"expected_bytes": 5}, [b"hello"]),
        ([b"he", b"llo"], {}, [b"hello"]),
        ([b"1234567890"], {}, [b"1234567890"]),
        pytest.param([b"123456789", b"01"], {}, [], id="beyond the limit"),
        pytest.param([b"hell"], {"expected_bytes": 5}, [], id="too short"),
        pytest.param([b"hello!"], {"expected_bytes": 5}, [], id="too long"),
        pytest.param([b"hello"], {"end": "abort"}, [], id="broken off"),
    ],
)
def test_only_a_whole_body_is_handed_over(pieces, given, expected):
    assert collected(pieces, **given) == expected

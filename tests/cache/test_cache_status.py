"""The Cache-Status field: RFC 9211."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.cache.cache_status import Fwd, forwarded, hit, refused


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (hit(31), b"forebay; hit; ttl=31"),
        (forwarded(Fwd.URI_MISS, stored=True), b"forebay; fwd=uri-miss; stored"),
        (forwarded(Fwd.VARY_MISS), b"forebay; fwd=vary-miss"),
        (
            forwarded(Fwd.STALE, fwd_status=304, stored=True),
            b"forebay; fwd=stale; fwd-status=304; stored",
        ),
        (forwarded(Fwd.BYPASS, detail="range"), b"forebay; fwd=bypass; detail=range"),
        (forwarded(Fwd.REQUEST, detail="a b"), b'forebay; fwd=request; detail="a b"'),
        (forwarded(Fwd.METHOD, detail='a"\\'), b'forebay; fwd=method; detail="a\\"\\\\"'),
        (refused("only-if-cached"), b"forebay; detail=only-if-cached"),
    ],
)
def test_values(found, expected):
    assert found == expected


@given(st.text(max_size=30))
def test_any_detail_is_one_token_or_string(detail):
    """Nothing can be injected into the field."""
    value = forwarded(Fwd.BYPASS, detail=detail).removeprefix(b"forebay; fwd=bypass; detail=")

    assert all(0x20 <= byte <= 0x7E for byte in value)
    if value.startswith(b'"'):
        inner = value[1:-1].replace(b"\\\\", b"").replace(b'\\"', b"")
        assert b'"' not in inner and b"\\" not in inner
    else:
        assert b";" not in value and b" " not in value

"""Types and parties as bits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.blocklist.resource import (
    ALIASES,
    ALL,
    ANY_PARTY,
    ANYTHING,
    BIT_OF,
    FIRST,
    THIRD,
    TYPES,
    UNKNOWN,
    USUAL,
    bits,
)

PARTIES = (THIRD, FIRST, UNKNOWN)


@given(st.frozensets(st.sampled_from(TYPES)), st.integers(0, ANY_PARTY))
def test_a_set_holds_just_the_pairs_it_is_made_of(types, parties):
    mask = bits(types, parties)

    held = {pair for pair, bit in BIT_OF.items() if mask & bit}

    assert held == {(type_, party) for type_ in types for party in PARTIES if parties & party}


def test_each_pair_is_a_bit_of_its_own():
    assert sum(BIT_OF.values()) == ANYTHING == bits(ALL, ANY_PARTY)
    assert all(bit.bit_count() == 1 for bit in BIT_OF.values())
    assert len(set(BIT_OF.values())) == len(TYPES) * len(PARTIES)


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("doc", "document"),
        ("frame", "subdocument"),
        ("css", "stylesheet"),
        ("xhr", "xmlhttprequest"),
        ("beacon", "ping"),
        ("object-subrequest", "object"),
    ],
)
def test_short_names(short, long):
    assert ALIASES[short] == long
    assert long in ALL and short not in ALL


def test_a_page_itself_is_not_meant_by_accident():
    assert {"document"} == ALL - USUAL

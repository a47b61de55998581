"""Views of a body in a file, and its digests."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.cache.checksum import CHECKSUM_BYTES, checksum
from forebay.cache.largebody import (
    PIECE_BYTES,
    DamagedBodyError,
    Digester,
    LargeBody,
)

SIZE = 2 * PIECE_BYTES + 77
BYTES = bytes(number * 7 % 251 for number in range(SIZE))


class InMemory:
    def piece(self, number, digest):
        data = BYTES[number * PIECE_BYTES : (number + 1) * PIECE_BYTES]
        assert checksum(data) == digest
        return data


def digests(*portions):
    digester = Digester()
    for portion in portions:
        digester.update(portion)
    return digester.digests()


def body(**more):
    return LargeBody("x", SIZE, digests(BYTES), file=InMemory(), **more)


def read(view):
    found = b""
    while len(found) < len(view):
        piece = view.read(len(found), 100_000)
        assert 0 < len(piece) <= 100_000
        found += piece
    return found


@given(st.lists(st.integers(0, SIZE), max_size=5))
def test_the_digests_do_not_depend_on_the_portions(cuts):
    marks = [0, *sorted(cuts), SIZE]
    portions = [BYTES[one:two] for one, two in pairwise(marks)]

    assert digests(*portions) == digests(BYTES)


@given(st.integers(0, SIZE), st.integers(0, SIZE), st.integers(0, 99), st.integers(0, SIZE))
def test_a_slice_is_what_it_is_of_bytes(first, last, inner, end):
    view, expected = body()[first:last][inner:end], BYTES[first:last][inner:end]

    assert len(view) == len(expected) and read(view) == expected


def test_a_body_that_is_not_open_cannot_be_read():
    with pytest.raises(DamagedBodyError):
        LargeBody("x", SIZE, digests(BYTES)).read(0, 1)


@pytest.mark.parametrize(
    ("total_bytes", "count", "expected"),
    [(SIZE, 3, True), (SIZE, 2, False), (SIZE, 4, False), (PIECE_BYTES, 1, True), (0, 0, False)],
)
def test_there_is_a_digest_for_each_piece(total_bytes, count, expected):
    assert LargeBody("x", total_bytes, bytes(count * CHECKSUM_BYTES)).is_sound is expected

"""The stored form: intact or nothing."""

from __future__ import annotations

import pickle
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cache.builders import NOW, entry, head, key, large
from forebay.cache.checksum import checksum
from forebay.cache.entry import (
    FORMAT,
    DamagedEntryError,
    Entry,
    VaryIndex,
    decode,
    encode,
)
from forebay.cache.ranges import Part

fields = st.lists(st.tuples(st.binary(max_size=9), st.binary(max_size=9)), max_size=4).map(tuple)
said = st.lists(
    st.tuples(st.binary(max_size=9), st.none() | st.binary(max_size=9)), max_size=3
).map(tuple)
times = st.floats(0, 1e11)
entries = st.builds(
    Entry,
    st.integers(200, 599),
    st.binary(max_size=9),
    fields,
    times,
    times,
    said,
    st.binary(max_size=99),
    st.booleans(),
    st.none() | st.integers(0, 10**9),
)
indexes = st.builds(
    VaryIndex,
    st.lists(st.lists(st.binary(max_size=9), max_size=3).map(tuple), max_size=3).map(tuple),
    times,
)
VALID = encode(key(), entry(said=((b"accept", None),), body=b"hello"))


@given(entries | indexes, st.binary(min_size=1, max_size=32))
def test_what_is_encoded_is_decoded(record, any_key):
    assert decode(any_key, encode(any_key, record)) == record


def test_what_an_entry_says_is_read_when_it_is_made():
    found = entry(cache_control="no-cache, max-age=7", received_at_s=NOW)

    assert found.no_cache and found.validity.max_age_s == 7
    assert found.validity.received_at_s == NOW
    assert found.allowance.is_forbidden


def test_the_part_of_a_206_is_known():
    fields = {"cache_control": "max-age=7", "content_range": "bytes 2-6/10"}

    assert entry(status=206, **fields).part == Part(2, 6, 10)
    assert entry(status=200, **fields).part is None


def test_what_is_targeted_or_forced_stays_so():
    """A restart may come with other options or rules; what is stored was judged by these."""
    fields = head(cache_control="max-age=9", cdn_cache_control="max-age=60").fields
    made = Entry(200, b"OK", fields, NOW, NOW, (), b"", True, 7)

    found = decode(key(), encode(key(), made))

    assert found.validity.max_age_s == 60 and found.validity.forced_s == 7


def test_any_flipped_bit_is_found():
    assert accepts(VALID)
    for bit in range(len(VALID) * 8):
        damaged = bytearray(VALID)
        damaged[bit // 8] ^= 1 << bit % 8

        assert not accepts(bytes(damaged)), bit


def test_any_cut_is_found():
    for length in range(len(VALID)):
        assert not accepts(VALID[:length]), length


def test_more_bytes_than_there_were_are_found():
    with pytest.raises(DamagedEntryError, match="length"):
        decode(key(), VALID + b"x")


def test_an_entry_of_another_key_is_none():
    """A database may hand out the wrong row."""
    with pytest.raises(DamagedEntryError, match="another key"):
        decode(key(2), VALID)


@given(st.binary(max_size=300))
def test_any_bytes_are_refused(data):
    with pytest.raises(DamagedEntryError):
        decode(key(), data)


@given(st.binary(max_size=100))
@example(b"\x91\xa9" + bytes(8) + b"\x80")
def test_any_sealed_bytes_are_a_record_or_refused(meta):
    """Even with a checksum that is right: what is inside is checked as well."""
    accepts(sealed(meta))


def test_a_sealed_pickle_is_refused():
    with pytest.raises(DamagedEntryError, match="expected a record"):
        decode(key(), sealed(pickle.dumps({})))


def test_another_format_is_refused():
    data = bytearray(VALID)
    data[3] = FORMAT + 1

    with pytest.raises(DamagedEntryError, match="expected format"):
        decode(key(), bytes(data))


def sealed(meta: bytes) -> bytes:
    """Return *meta* under a prefix and checksum that fit."""
    prefix = b"FBC" + bytes([FORMAT, len(key())]) + len(meta).to_bytes(4) + (0).to_bytes(8)
    proof = checksum(prefix, key(), meta)
    return prefix + proof + key() + meta


def accepts(data: bytes) -> bool:
    """Return whether *data* is a record of the usual key; any other exception goes through."""
    try:
        decode(key(), data)
    except DamagedEntryError:
        return False
    return True


def test_a_body_in_a_file_is_named_not_held():
    stored = entry(body=large())

    data = encode(key(), stored)

    assert decode(key(), data) == stored and len(data) < 1000


@pytest.mark.parametrize(
    "change", [{"total_bytes": 3_000_000}, {"digests": b""}, {"total_bytes": 0}]
)
def test_a_body_without_its_digests_is_refused(change):
    data = encode(key(), entry(body=replace(large(), **change)))

    with pytest.raises(DamagedEntryError, match="digest"):
        decode(key(), data)

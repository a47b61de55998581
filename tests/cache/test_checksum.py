"""The checksum of what lies on a disk."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from forebay.cache.checksum import CHECKSUM_BYTES, Checksum, checksum


@given(st.binary(max_size=300), st.data())
def test_portions_do_not_matter_and_any_change_does(content, data):
    """A flipped bit, a cut, a byte more, other bytes first."""
    cut = data.draw(st.integers(0, len(content)))
    whole = Checksum()
    whole.update(content[:cut])
    whole.update(memoryview(content)[cut:])
    proof = whole.digest()

    assert proof == checksum(content) == checksum(content[:cut], content[cut:])
    assert len(proof) == CHECKSUM_BYTES
    assert proof != checksum(content, b"\0")
    if content:
        at, bit = data.draw(st.integers(0, len(content) - 1)), 1 << data.draw(st.integers(0, 7))
        changed = bytearray(content)
        changed[at] ^= bit
        assert proof != checksum(changed)
        assert proof != checksum(content[:-1])


def test_it_stays_the_same():
    """Or all that is stored would be taken for damaged."""
    assert checksum(b"forebay").hex() == "a0eda3b0a0b54ee56a73bdaf95282b0f"

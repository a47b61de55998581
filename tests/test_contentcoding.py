"""Content codings: RFC 9110 §8.4.1."""

from __future__ import annotations

import gzip
import time
import tracemalloc
import zlib
from collections.abc import Callable

import brotli
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from forebay.contentcoding import KNOWN, LONGEST_CHAIN, CodingError, codings, decoded

LIMIT = 1_000_000
TEXT = b"so much the better, " * 500


def raw_deflate(data: bytes) -> bytes:
    coder = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return coder.compress(data) + coder.flush()


def zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=True).compress(data)


def zstd_of_unknown_size(data: bytes) -> bytes:
    coder = zstandard.ZstdCompressor().compressobj()
    return coder.compress(data) + coder.flush()


def members(data: bytes) -> bytes:
    return b"".join(gzip.compress(data[at : at + 3000]) for at in range(0, len(data) + 1, 3000))


def frames(data: bytes) -> bytes:
    """Return two frames of zstd around one to be skipped (RFC 8878 §3.1.2)."""
    half = len(data) // 2
    skippable = b"\x50\x2a\x4d\x18\x03\0\0\0abc"
    return zstd(data[:half]) + skippable + zstd_of_unknown_size(data[half:])


def decodes(data: bytes, name: str) -> bool:
    try:
        decoded(data, name, LIMIT)
    except CodingError:
        return False
    return True


CODERS: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("gzip", gzip.compress),
    ("gzip", members),
    ("x-gzip", gzip.compress),
    ("deflate", zlib.compress),
    ("deflate", raw_deflate),
    ("br", brotli.compress),
    ("zstd", zstd),
    ("zstd", zstd_of_unknown_size),
    ("zstd", frames),
]
coders = pytest.mark.parametrize(
    ("name", "encode"), [pytest.param(*one, id=f"{one[0]}-{one[1].__name__}") for one in CODERS]
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", []),
        ("identity", []),
        ("gzip", ["gzip"]),
        (" GZip ,, br,Identity,", ["gzip", "br"]),
    ],
)
def test_which_codings_a_field_names(value, expected):
    assert codings(value) == expected


class TestWhole:
    @coders
    def test_each_coding_is_undone(self, name, encode):
        assert decoded(encode(TEXT), name, LIMIT) == TEXT
        assert name in KNOWN

    @coders
    def test_an_empty_content_is_empty_with_and_without_coding(self, name, encode):
        assert decoded(encode(b""), name, LIMIT) == b""
        assert decoded(b"", name, LIMIT) == b""

    @coders
    def test_content_may_be_as_long_as_the_limit(self, name, encode):
        assert decoded(encode(TEXT), name, len(TEXT)) == TEXT
        with pytest.raises(CodingError, match=r"^more than 9,999 bytes$"):
            decoded(encode(TEXT), name, len(TEXT) - 1)

    @pytest.mark.parametrize("value", ["", "identity", "Identity, identity"])
    def test_without_a_coding_content_is_as_it_is(self, value):
        assert decoded(TEXT, value, LIMIT) == TEXT
        with pytest.raises(CodingError, match=r"^more than 9 bytes$"):
            decoded(TEXT, value, 9)

    def test_a_chain_is_undone_from_its_end(self):
        assert decoded(brotli.compress(gzip.compress(zstd(TEXT))), "zstd, gzip, br", LIMIT) == TEXT

    def test_what_follows_a_deflate_stream_does_not_count(self):
        """As in browsers; the coding says nothing of it."""
        assert decoded(zlib.compress(TEXT) + b"junk", "deflate", LIMIT) == TEXT

    @given(st.binary(max_size=300), st.lists(st.sampled_from(CODERS), max_size=LONGEST_CHAIN))
    def test_what_any_chain_has_made_is_undone(self, data, chain):
        made = data
        for _, encode in chain:
            made = encode(made)

        assert decoded(made, ",".join(name for name, _ in chain), LIMIT) == data


class TestDamaged:
    @coders
    def test_every_truncation_is_told(self, name, encode):
        """Where members or frames end, nothing is missing that could be told."""
        whole = encode(TEXT[:200])
        for size in range(1, len(whole)):
            if encode is frames and decodes(whole[:size], name):
                continue
            with pytest.raises(CodingError):
                decoded(whole[:size], name, LIMIT)

    def test_two_frames_end_at_two_more_places_only(self):
        """One of them is that of the frame which is skipped."""
        whole = frames(TEXT[:200])

        assert [size for size in range(1, len(whole)) if decodes(whole[:size], "zstd")] == [
            len(zstd(TEXT[:100])),
            len(zstd(TEXT[:100])) + 11,
        ]

    @pytest.mark.parametrize("name", ["gzip", "br", "zstd"])
    def test_junk_behind_the_end_is_told(self, name):
        encode = dict(CODERS)[name]
        with pytest.raises(CodingError, match=f"^content that is no {name}: "):
            decoded(encode(TEXT) + b"junk", name, LIMIT)

    def test_a_checksum_that_is_wrong_is_told(self):
        for name, encode in (("gzip", gzip.compress), ("zstd", zstd), ("deflate", zlib.compress)):
            whole = bytearray(encode(TEXT))
            whole[-5 if name == "gzip" else -1] ^= 1
            with pytest.raises(CodingError, match=f"^content that is no {name}: "):
                decoded(bytes(whole), name, LIMIT)

    @given(st.binary(min_size=1, max_size=200), st.sampled_from(sorted(KNOWN)))
    def test_any_bytes_are_content_or_an_error(self, data, name):
        try:
            found = decoded(data, name, 1000)
        except CodingError:
            return
        assert len(found) <= 1000

    @given(st.data(), st.sampled_from(CODERS))
    def test_any_change_gives_content_or_an_error(self, data, coder):
        name, encode = coder
        whole = bytearray(encode(TEXT))
        for _ in range(data.draw(st.integers(1, 3))):
            whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
        try:
            found = decoded(bytes(whole), name, LIMIT)
        except CodingError:
            return
        assert len(found) <= LIMIT


class TestRefused:
    @pytest.mark.parametrize(
        "value", ["compress", "rot13", "bz2", "utf-8", "gzip;q=1", "aes128gcm"]
    )
    def test_no_other_coding_is_known(self, value):
        with pytest.raises(CodingError, match=f"^the content coding {value}$"):
            decoded(TEXT, value, LIMIT)

    def test_a_long_name_is_cut(self):
        with pytest.raises(CodingError, match=f"^the content coding {'x' * 40}$"):
            decoded(TEXT, "x" * 5000, LIMIT)

    def test_a_long_chain_is_refused(self):
        with pytest.raises(CodingError, match=r"^more than 4 content codings$"):
            decoded(TEXT, ",".join(["gzip"] * 5), LIMIT)


def cost(data: bytes, name: str, limit_bytes: int) -> int:
    """Return the most memory, in bytes, that it took to refuse *data*."""
    tracemalloc.start()
    try:
        with pytest.raises(CodingError):
            decoded(data, name, limit_bytes)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


class TestBombs:
    @coders
    def test_a_bomb_costs_about_its_limit(self, name, encode):
        bomb = encode(bytes(30_000_000))

        assert len(bomb) < 400_000
        assert cost(bomb, name, 100_000) < 4_000_000

    def test_so_does_one_inside_another(self):
        bomb = gzip.compress(gzip.compress(bytes(100_000_000)))

        assert cost(bomb, "gzip, gzip", 200_000) < 2_000_000

    @coders
    @settings(deadline=None, max_examples=30)
    @given(st.integers(0, 3000), st.integers(0, 3000))
    def test_no_more_than_the_limit_comes_out(self, name, encode, size, limit_bytes):
        made = encode(bytes(size))
        if size > limit_bytes:
            with pytest.raises(CodingError):
                decoded(made, name, limit_bytes)
        else:
            assert len(decoded(made, name, limit_bytes)) == size

    def test_a_window_beyond_what_senders_may_use_is_refused(self):
        """A few bytes could ask for 128 MiB of memory (RFC 9659 §3)."""
        given = zstandard.ZstdCompressionParameters(window_log=24)
        coder = zstandard.ZstdCompressor(compression_params=given).compressobj()
        wide = coder.compress(TEXT) + coder.flush()

        with pytest.raises(CodingError, match=r"^content that is no zstd: "):
            decoded(wide, "zstd", LIMIT)

    @pytest.mark.parametrize(
        ("name", "empty"),
        [("gzip", gzip.compress(b"")), ("zstd", zstd_of_unknown_size(b""))],
        ids=["gzip", "zstd"],
    )
    def test_very_many_empty_members_take_little_time(self, name, empty):
        """What follows a member is not copied whole for each."""
        many = empty * (4_000_000 // len(empty))

        started_s = time.process_time()
        found = decoded(many, name, LIMIT)

        assert found == b""
        assert time.process_time() - started_s < 8

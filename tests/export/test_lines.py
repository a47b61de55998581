"""Reading one line."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from export.records import any_records
from forebay.export.lines import decode
from forebay.trafficlog.record import Gap, Record, encode


@given(any_records())
def test_what_was_written_reads_back(record):
    assert decode(encode(record)) == record


def test_a_gap_is_one():
    gap = Gap(lost=2, from_seq=4, to_seq=5, instance="x")

    assert decode(encode(gap)) == gap


@pytest.mark.parametrize(
    ("written", "read"),
    [
        pytest.param(rb"\udc80", "\\udc80", id="a low one alone"),
        pytest.param(rb"\uD83D", "\\uD83D", id="a high one alone"),
        pytest.param(rb"\ud83d\ude00\ud83d", "😀\\ud83d", id="a pair before it"),
        pytest.param(rb"\ude00\ud83d", "\\ude00\\ud83d", id="the wrong way round"),
        pytest.param(rb"\\udc80\udc80", "\\udc80\\udc80", id="after one that only looks so"),
        pytest.param(rb"\"\udfff\"", '"\\udfff"', id="between other escapes"),
    ],
)
def test_an_escape_of_no_character_becomes_its_text(written, read):
    record = decode(b'{"v":1,"kind":"http","seq":1,"url.path":"%b"}' % written)

    assert isinstance(record, Record) and record.url_path == read


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2026-01-02T03:04:05", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02T03:04:05+02:00", datetime(2026, 1, 2, 1, 4, 5, tzinfo=UTC)),
    ],
)
def test_times_are_in_utc(written, read):
    """A log of Forebay's has no other; one that was edited may."""
    record = decode(b'{"v":1,"kind":"http","seq":1,"timestamp":"%b"}' % written.encode())

    assert isinstance(record, Record) and record.timestamp == read
    assert record.timestamp.tzinfo is UTC


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"", "truncated"),
        (b'{"v":1,"kind":"ht', "truncated"),
        (b"[1]", "Expected `object`"),
        (b'{"v":1,"kind":"http"}', "missing required field `seq`"),
        (b'{"v":1,"kind":"x","lost":1,"from_seq":1,"to_seq":1}', "missing required field `seq`"),
        (b'{"v":2,"kind":"http","seq":1}', "version 2"),
        (b'{"v":1,"kind":"http","seq":"\xff"}', "Expected `int`|UTF-8"),
        (
            b'{"v":1,"kind":"http","seq":1,"timestamp":"0001-01-01T00:00:00+10:00"}',
            "time 0001-01-01",
        ),
        (rb'{"v":1,"kind":"http","seq":1,"url.path":"\udc8"}', "JSON is malformed"),
    ],
)
def test_what_is_no_record_is_refused(line, message):
    with pytest.raises(ValueError, match=message):
        decode(line)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(line):
    for text in (line, b'{"v":1,"kind":"http","seq":1,"url.path":"%b"}' % line):
        with contextlib.suppress(msgspec.MsgspecError, ValueError):
            assert isinstance(decode(text), Record | Gap)

"""Lists kept as bytes."""

from __future__ import annotations

import pytest

from forebay.blocklist.rule import Cited, Source


@pytest.mark.parametrize(
    ("line", "text"),
    [(1, "! first"), (2, "ads.example"), (3, "b\ufffdd"), (4, "last.example")],
)
def test_a_line_is_cited_as_it_was_read(line, text):
    """Also the last, without a line end, and one with undecodable bytes."""
    source = Source("ads", "/lists/ads.txt")
    for raw in (b"! first\r\n", b"  ads.example\n", b"b\xffd\n", b"last.example"):
        source.append(raw)

    assert source.cite(line) == Cited(text, "ads", "/lists/ads.txt", line)


def test_lines_are_numbered_from_one():
    source = Source("ads", "/lists/ads.txt")

    assert [source.append(b"a\n"), source.append(b"b\n")] == [1, 2]

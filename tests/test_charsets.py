"""With which characters a regex can begin."""

from __future__ import annotations

import re
from re import _parser as parser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.charsets import ALL, OTHERS, Beginnings


def beginnings(text: str) -> tuple[int, bool]:
    tree = parser.parse(text)
    return Beginnings(ignores_case=bool(tree.state.flags & re.IGNORECASE)).of(list(tree))


def bits(text: str) -> int:
    found = 0
    for char in text:
        found |= 1 << ord(char)
    return found


@pytest.mark.parametrize(
    ("text", "expected", "may_be_empty"),
    [
        ("abc", bits("a"), False),
        ("a?bc", bits("ab"), False),
        ("a*", bits("a"), True),
        ("(?:ab|cd|)x", bits("acx"), False),
        ("(ab)", bits("a"), False),
        ("(?>ab)", bits("a"), False),
        ("^a", bits("a"), False),
        ("a?$b", bits("a"), False),
        (".", ALL, False),
        ("(?=a)", ALL, True),
        ("[a-c]", bits("abc"), False),
        ("[^a-c]", ALL & ~bits("abc"), False),
        ("[^a]", ALL & ~bits("a"), False),
        ("[ab]?", bits("ab"), True),
        ("(?i)a", bits("aA"), False),
        ("(?i)[b-c]", bits("bcBC"), False),
        ("\u0100", OTHERS, False),
        ("[é-\u0100]", sum(1 << code for code in range(0xE9, 0x100)) | OTHERS, False),
        ("", 0, True),
    ],
)
def test_first_characters(text, expected, may_be_empty):
    assert beginnings(text) == (expected, may_be_empty)


@given(
    st.sampled_from([r"\d", r"\D", r"\s", r"\S", r"\w", r"\W"]), st.characters(max_codepoint=255)
)
def test_classes_hold_what_re_says(text, char):
    first, may_be_empty = beginnings(text)

    assert bool(first & bits(char)) is bool(re.match(text, char))
    assert first & OTHERS
    assert not may_be_empty

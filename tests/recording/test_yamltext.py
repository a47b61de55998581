"""The YAML of cassettes, with a YAML library as the judge."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from forebay.recording.yamltext import NotOursError, dumps, loads

# As bytes that are no UTF-8 are kept, and all that a message may hold.
TEXTS = st.text(st.characters(exclude_categories=())) | st.text("\n\t ab:#-|>\"'\\", max_size=12)
KEYS = st.text(min_size=1, max_size=8) | st.sampled_from(["no", "content-type", "a b", "-", "|"])
INTEGERS = st.integers(-(10**17), 10**17)
VALUES = st.recursive(
    INTEGERS | st.booleans() | TEXTS,
    lambda inner: (
        st.lists(INTEGERS | TEXTS | st.dictionaries(KEYS, inner, max_size=3), max_size=3)
        | st.dictionaries(KEYS, inner, max_size=3)
    ),
    max_leaves=10,
)
FILES = st.dictionaries(KEYS, VALUES, min_size=1, max_size=4)


def by_library(text: str):
    return YAML(typ="safe", pure=True).load(text)


@given(FILES)
@example({"a": "\n x\n\n"})
@example({"a": "x\n\n\n"})
@example({"a": ["- b", {"c": {"d": "e"}}]})
def test_what_is_written_is_read_back(value):
    assert loads(dumps(value)) == value


@given(FILES)
def test_a_library_reads_the_same(value):
    """Anybody may, and when it was edited by hand one has to."""
    assert by_library(dumps(value)) == value


@given(st.text("ab:-|#\n \"'{}[],0&*!%@`>?~") | TEXTS)
@example("a: |\n  x\nb: 1\n")
@example("a:\n- - b\n")
@example("a: b\n\n\nc: d\n")
@example("a: |\n\n  x\n")
@example("a:\n  b: 1\n  a: 2\na: 1\n")
def test_what_is_read_at_all_is_what_a_library_reads(text):
    try:
        found = loads(text)
    except NotOursError:
        return
    assert found == by_library(text)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("abc", "abc"),
        ("text/html; charset=utf-8", "text/html; charset=utf-8"),
        ("http://127.0.0.1:80/a?b=c&d", "http://127.0.0.1:80/a?b=c&d"),
        ("no", '"no"'),
        ("", '""'),
        ("1.0", '"1.0"'),
        ("2026-11-28", '"2026-11-28"'),
        ("*/*", '"*/*"'),
        ("a: b", '"a: b"'),
        ("a #b", '"a #b"'),
        ("grüße", '"grüße"'),
        ("a\tb", '"a\\tb"'),
        ("\udcff\x7f\u2028", '"\\udcff\\u007f\\u2028"'),
        ("a\r\nb", '"a\\r\\nb"'),
        ("a\nb\n", "|\n  a\n  b"),
        ("a\nb", "|-\n  a\n  b"),
        ("a\n\n", "|+\n  a\n"),
        (" a\nb", "|2-\n   a\n  b"),
        ("grüße\n😀", "|-\n  grüße\n  😀"),
    ],
)
def test_each_text_in_the_form_that_reads_best(value, text):
    assert dumps({"k": value}) == f"k: {text}\n"


def test_what_cannot_be_written_is_refused():
    with pytest.raises(TypeError, match="expected text or a number, found float"):
        dumps({"a": 1.5})

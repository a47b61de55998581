"""YAML for people, that programs can read back."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from forebay.inspect.explain import explain, pruned

TEXTS = st.text(st.characters(codec="utf-8"), min_size=1)
VALUES = st.recursive(
    TEXTS | st.integers() | st.booleans(),
    lambda inner: st.lists(inner, min_size=1) | st.dictionaries(TEXTS, inner, min_size=1),
    max_leaves=10,
)


def test_long_lines_stay_whole():
    url = "http://h.example/" + "a b/" * 500

    assert f"url: {url}" in explain({"url": url})


def test_lists_stand_below_their_name():
    assert explain({"names": ["a", "b"]}) == "names:\n  - a\n  - b\n"


def test_what_is_unknown_is_left_out_and_zero_is_known():
    assert pruned({"a": None, "b": {"c": []}, "d": 0, "e": False, "f": ({"g": ""}, 1)}) == {
        "d": 0,
        "e": False,
        "f": [1],
    }


def test_odd_characters_are_spelt_out():
    assert explain({"a\x85": "b\u2028\udcff"}) == "a\\u0085: b\\u2028\\udcff\n"


@settings(deadline=None, max_examples=50)
@given(st.dictionaries(TEXTS, VALUES, min_size=1))
def test_whatever_is_in_it_can_be_read_back(value):
    text = explain(value)

    assert YAML(typ="safe", pure=True).load(text) == pruned(value)

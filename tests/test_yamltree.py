"""YAML text to plain values."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forebay import yamltree
from forebay.errors import RuleErrors

PATH = Path("lists.yaml")


def parse(text: str) -> yamltree.Tree:
    return yamltree.parse(text, PATH)


def value(text: str) -> object:
    """Return what *text* says; nothing may be wrong with it."""
    tree = parse(text)
    assert tree.errors == []
    return tree.value


def refusal(text: str) -> str:
    with pytest.raises(RuleErrors) as caught:
        parse(text)
    return str(caught.value)


@pytest.mark.parametrize("text", ["", "\n", "# only a comment\n", "---\n", "~"])
def test_nothing_is_none(text):
    assert value(text) is None


@pytest.mark.parametrize("written", ["items:\n", "items: ~", "items: null"])
def test_a_key_with_nothing_under_it_is_there(written):
    assert value(written) == {"items": None}


@pytest.mark.parametrize(
    "written",
    ["no", "on", "Yes", "1.10", "0x1F", "1e3", "007", "true", "2001-01-01", "'~'", "=", "'<<'"],
)
def test_text_is_what_was_written(written):
    """None of YAML's guesses about types reaches a rule."""
    assert value(f"items:\n- name: {written}\n") == {"items": [{"name": written.strip("'")}]}


def test_each_value_knows_its_place():
    places = parse("# c\nitems:\n- name: a\n\n- part:\n    number: 1\n  name: b\n").places

    assert places["items", 0] == places["items", 0, "name"] == (3, 3)
    assert places["items", 1] == (5, 3)
    assert places["items", 1, "part", "number"] == (6, 5)
    assert places["items", 1, "part", "text"] == (5, 3)  # the nearest thing around it
    assert places["items", 1, "name"] == (7, 3)
    assert places["other", 7] == places[()] == (1, 1)
    assert ("items", 1, "part", "text") not in places


def test_the_column_is_that_of_the_key_or_the_item():
    places = parse("é: {a: b, 'c': [d,  é]}\n? e\n: - &f g\n").places

    assert places["é",] == (1, 1)
    assert places["é", "a"] == (1, 5)
    assert places["é", "c"] == (1, 11)
    assert [places["é", "c", i] for i in range(2)] == [(1, 17), (1, 21)]
    assert places["e",] == (2, 3)
    assert places["e", 0] == (3, 5)


def test_anchors_and_merge_keys():
    """A key beats what is merged in, and of what is merged the earlier beats the later."""
    found = value(
        "- &one {name: one, count: 3}\n"
        "- &two {name: two, part: {text: two}, count: 4}\n"
        "- <<: *one\n  name: three\n"
        "- <<: [*one, *two]\n"
        "- *one\n"
    )

    assert found == [
        {"name": "one", "count": "3"},
        {"name": "two", "part": {"text": "two"}, "count": "4"},
        {"name": "three", "count": "3"},
        {"name": "one", "count": "3", "part": {"text": "two"}},
        {"name": "one", "count": "3"},
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("items:\n- name: a\n  name: b", "3:3: expected each key once, found 'name' again", id="key twice"),
        pytest.param("items:\n- name: a\n  [a]: b", "3:3: expected text as key, found a list or a mapping", id="list as key"),
        pytest.param("items:\n- name: !foo a", "2:9: expected a value without tag, found '!foo'", id="tag on text"),
        pytest.param("items:\n- !!omap\n  name: a", "2:3: expected a value without tag, found 'omap'", id="tag on a mapping"),
        pytest.param("items:\n- name: a\n  <<: x", "3:7: expected a mapping to merge, found something else", id="merged text"),
    ],
)  # fmt: skip
def test_what_a_rule_cannot_mean_is_left_out_and_reported(text, message):
    assert [str(error) for error in parse(text).errors] == [f"lists.yaml:{message}"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("items: &a\n- *a", "1:8: expected a finite value, found one that contains itself", id="endless"),
        pytest.param("items:\n- name: *.example.com", "2:9: expected valid YAML: found undefined alias '.example.com'; write a value that begins with * in quotes", id="bare star"),
        pytest.param("items:\n- name: *", "2:10: expected valid YAML: expected alphabetic or numeric character, but found '\\x00'; write a value that begins with * in quotes", id="lone star"),
        pytest.param("items:\n\t- a", "2:1: expected valid YAML: found character '\\t' that cannot start any token; indent with spaces", id="tab"),
        pytest.param("items: @a", "1:8: expected valid YAML: found character '@' that cannot start any token; write the value in quotes", id="at sign"),
        pytest.param("items:\n  a: b: c", "2:7: expected valid YAML: mapping values are not allowed here", id="colon"),
        pytest.param("--- {}\n--- {}\n", "2:1: expected valid YAML: expected a single document in the stream, but found another document", id="two documents"),
        pytest.param("items:\n- 'a\n", "2: expected valid YAML: found unexpected end of stream", id="open quote"),
        pytest.param("items:\n- a\x00", "2:4: expected valid YAML: the character '\\x00' is not allowed", id="NUL"),
        pytest.param('"\\UFFFFFFFF"', "1: expected valid YAML: chr() arg not in range(0x110000)", id="escape beyond Unicode"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_further_is_refused(text, message):
    assert refusal(text) == f"lists.yaml:{message}"


def test_what_is_left_out_costs_nothing_else():
    tree = parse("- name: a\n  name: b\n  [c]: d\n  <<: x\n- !foo e\n")

    assert tree.value == [{"name": "a"}, "e"]
    assert [(error.line, error.column) for error in tree.errors] == [(2, 3), (3, 3), (4, 7), (5, 3)]


class TestLimits:
    def test_an_alias_bomb_is_refused(self):
        """Nine levels of nine aliases would be 387 million values."""
        bottom = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n"
        levels = [f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 9)]

        found = refusal(bottom + "".join(levels))

        assert found.endswith("expected at most 100,000 values, found more")

    def test_nesting_by_aliases_is_bounded(self):
        chain = "\n".join(["a0: &a0 [x]"] + [f"a{i}: &a{i} [*a{i - 1}]" for i in range(1, 40)])

        assert "expected at most 32 levels, found more" in refusal(chain)

    @pytest.mark.parametrize(("text", "column"), [("[", 33), ("- ", 65), ("{a: ", 126)])
    def test_nesting_is_bounded(self, text, column):
        """At the first that is too deep, to which a key is a level of its own."""
        found = refusal(text * 5000)

        assert found.startswith(f"lists.yaml:1:{column}: expected valid YAML: ")

    def test_the_number_of_errors_is_bounded(self):
        tree = parse("".join(f"? [{i}]\n: v\n" for i in range(500)))

        assert len(tree.errors) == yamltree.LIMIT_ERRORS


YAML_BITS = st.sampled_from(
    ["items", ":", " ", "\n", "- ", "name", "part", "'", '"', "{", "}", "[", "]", ",", "&a", "*a",
     "!", "!!", "|", ">", "%", "?", "#", "---", "...", "<<", "\t", "\\", "\r", "\x85", "\u2028", "~", "0", "é", "\ufeff", "%YAML 1.1", "%TAG ! x"]
)  # fmt: skip


def behind(text: str, line: int) -> int:
    """Return the column behind *line*, which ends at LF, and to YAML at a lone CR too."""
    found = [rows[line - 1 :][:1] for rows in (text.split("\n"), re.split("\r\n?|\n", text))]
    return 1 + max(len(row) for rows in found for row in rows)


@settings(deadline=None, max_examples=400)
@given(st.one_of(st.text(), st.lists(YAML_BITS, max_size=25).map("".join)))
def test_any_text_gives_values_or_errors_within_the_file(text):
    lines = max(1, len(text.splitlines()))
    try:
        tree = parse(text)
    except RuleErrors as error:
        found = error.errors
        assert found
    else:
        found = tree.errors
        for line, column in tree.places.values():
            assert 1 <= line <= lines
            assert 1 <= column <= behind(text, line)
        assert all(one.column is not None for one in found)
        assert isinstance(tree.value, dict | list | str | None)
    for one in found:
        assert one.path == PATH
        assert one.line is not None and 1 <= one.line <= lines
        assert one.column is None or 1 <= one.column <= behind(text, one.line)
        assert "\n" not in str(one)

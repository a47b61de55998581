"""YAML text to models."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import AfterValidator, Field, ValidationInfo

from forebay import schema, yamltree
from forebay.errors import RuleErrors

PATH = Path("lists.yaml")


def not_bad(text: str, info: ValidationInfo) -> str:
    if text == "bad":
        raise ValueError("expected anything but bad, found 'bad'")
    info.context.setdefault("seen", []).append(text)
    return text


class Part(schema.Section):
    text: str = ""
    number: int = 0
    share: float = 0.0
    on: bool = False
    kind: Literal["a", "b"] = "a"


class Item(schema.Section):
    name: Annotated[str, AfterValidator(not_bad)]
    part: Part = Part()
    fields: dict[Annotated[str, Field(max_length=5)], str] = {}
    words: Annotated[list[str], Field(min_length=1)] | None = None
    count: Annotated[int, Field(ge=1)] = 1


class Top(schema.Section):
    items: list[Item] = []


def parse(text: str) -> schema.Document[Top]:
    return schema.parse(text, PATH, Top)


def errors(text: str) -> str:
    with pytest.raises(RuleErrors) as caught:
        parse(text)
    return str(caught.value)


@pytest.mark.parametrize("text", ["", "\n", "# only a comment\n", "items:\n", "---\n", "items: ~"])
def test_nothing_is_no_items(text):
    """A file in which all is commented out is a file without rules."""
    assert parse(text).model.items == []


@pytest.mark.parametrize("written", ["no", "1.10", "2001-01-01", "'~'"])
def test_text_is_what_was_written(written):
    """The model wants text, so it is no number, date or truth value."""
    document = parse(f"items:\n- name: {written}\n")

    assert document.model.items[0].name == written.strip("'")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("true", True),
        ("yes", True),
        ("on", True),
        ("No", False),
        ("off", False),
        ("'false'", False),
    ],
)
def test_truth_values_may_be_written_as_in_any_yaml(written, expected):
    assert (
        parse(f"items: [{{name: a, part: {{on: {written}}}}}]").model.items[0].part.on is expected
    )


def test_numbers():
    part = parse("items: [{name: a, part: {number: 12, share: 0.5}}]").model.items[0].part

    assert (part.number, part.share) == (12, 0.5)


def test_a_known_key_with_nothing_under_it_is_absent():
    """Such as a section in which every line is commented out."""
    with_empty = parse("items:\n- name: a\n  part:\n  words:\n")

    assert with_empty.model == parse("items: [{name: a}]").model


def test_each_value_knows_its_place():
    document = parse("# c\nitems:\n- name: a\n\n- part:\n    number: 1\n  name: b\n")

    assert document.line("items", 0) == 3
    assert document.line("items", 1, "part", "number") == 6
    assert document.place("items", 1) == (5, 3)
    assert document.place("items", 1, "part", "number") == (6, 5)
    assert document.place("items", 1, "part", "text") == (5, 3)  # the nearest thing around it
    assert (document.line(), document.place()) == (1, (1, 1))
    assert document.path == PATH


def test_anchors_and_merge_keys():
    """A key beats what is merged in, and of what is merged the earlier beats the later."""
    document = parse(
        "items:\n"
        "- &one {name: one, count: 3}\n"
        "- &two {name: two, part: {text: two}, count: 4}\n"
        "- <<: *one\n  name: three\n"
        "- <<: [*one, *two]\n"
        "- *one\n"
    )

    one, _, three, four, five = document.model.items
    assert (three.name, three.count) == ("three", 3)
    assert (four.name, four.count, four.part.text) == ("one", 3, "two")
    assert five == one


def test_validators_share_a_context_for_each_file():
    parse("items: [{name: a}]")  # not seen by the next file

    assert parse("items: [{name: a}, {name: b}]").model.items[1].name == "b"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("itms: []", "1:1: unknown key 'itms': did you mean 'items'?", id="near miss"),
        pytest.param("zzz: []", "1:1: unknown key 'zzz': expected one of items", id="no near one"),
        pytest.param("items:\n- nme: a\n  name: a", "2:3: unknown key 'nme': did you mean 'name'?", id="nested"),
        pytest.param(
            "items:\n- name: a\n  part:\n    zahl:\n",
            "4:5: part: unknown key 'zahl': expected one of text, number, share, on, kind",
            id="unknown key with nothing under it",
        ),
        pytest.param("- a", "1:1: expected a mapping, found a list", id="list at the top"),
        pytest.param("just text", "1:1: expected a mapping, found 'just text'", id="text at the top"),
        pytest.param("items: {}", "1:1: items: expected a list, found a mapping", id="no list"),
        pytest.param("items:\n- \n", "2:2: expected a mapping, found nothing", id="empty item"),
        pytest.param("items:\n- part: {}\n", "2:3: expected the key 'name', found none", id="missing key"),
        pytest.param("items:\n- name: [a]\n", "2:3: name: expected text, found a list", id="list for text"),
        pytest.param("items:\n- name: a\n  words: []", "3:3: words: expected at least 1 in the list, found an empty list", id="empty list"),
        pytest.param("items:\n- name: a\n  words: [a,\n   ~]", "4:4: words: expected text ('' for an empty one), found nothing", id="null in a list"),
        pytest.param("items:\n- name: a\n  fields: {x: }", "3:12: fields.x: expected text ('' for an empty one), found nothing", id="null in a mapping"),
        pytest.param("items:\n- name: a\n  fields:\n    toolong: x", "4:5: fields: expected at most 5 characters, found 'toolong'", id="key"),
        pytest.param("items:\n- name: a\n  part: x", "3:3: part: expected a mapping, found 'x'", id="text for a section"),
        pytest.param("items:\n- name: a\n  fields: x", "3:3: fields: expected a mapping, found 'x'", id="text for a mapping"),
        pytest.param("items:\n- name: a\n  part: {on: si}", "3:10: part.on: expected true or false, found 'si'", id="no truth value"),
        pytest.param("items:\n- name: a\n  part: {on: []}", "3:10: part.on: expected true or false, found an empty list", id="list for a truth value"),
        pytest.param("items:\n- name: a\n  part: {number: 1x}", "3:10: part.number: expected a whole number, found '1x'", id="no number"),
        pytest.param("items:\n- name: a\n  part: {share: x}", "3:10: part.share: expected a number, found 'x'", id="no fraction"),
        pytest.param("items:\n- name: a\n  part: {kind: c}", "3:10: part.kind: expected 'a' or 'b', found 'c'", id="no choice"),
        pytest.param("items:\n- name: a\n  count: 0", "3:3: count: expected greater than or equal to 1, found '0'", id="too small"),
        pytest.param("items:\n- name: bad", "2:3: name: expected anything but bad, found 'bad'", id="own validator"),
    ],
)  # fmt: skip
def test_each_mistake_has_its_place_and_says_what_was_expected(text, message):
    assert errors(text) == f"lists.yaml:{message}"


def test_what_is_no_yaml_is_refused():
    assert errors("items:\n- 'a\n") == (
        "lists.yaml:2: expected valid YAML: found unexpected end of stream"
    )


def test_all_mistakes_come_at_once_in_the_order_of_the_text():
    text = "items:\n- name: a\n  counts: 1\n- name: b\n  name: c\n- name: bad\n  part: {on: x, number: y}\n"

    assert errors(text).splitlines() == [
        "lists.yaml:3:3: unknown key 'counts': did you mean 'count'?",
        "lists.yaml:5:3: expected each key once, found 'name' again",
        "lists.yaml:6:3: name: expected anything but bad, found 'bad'",
        "lists.yaml:7:10: part.on: expected true or false, found 'x'",
        "lists.yaml:7:17: part.number: expected a whole number, found 'y'",
    ]


@pytest.mark.parametrize("line", ["k{}: v\n", "? [{}]\n: v\n"])
def test_the_number_of_errors_is_bounded(line):
    with pytest.raises(RuleErrors) as caught:
        parse("".join(line.format(i) for i in range(500)))

    assert len(caught.value.errors) == yamltree.LIMIT_ERRORS


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
def test_any_text_gives_a_model_or_errors_within_the_file(text):
    lines = max(1, len(text.splitlines()))
    try:
        document = parse(text)
    except RuleErrors as error:
        found = error.errors
    else:
        assert isinstance(document.model, Top)
        return
    assert found
    for one in found:
        assert one.path == PATH
        assert one.line is not None and 1 <= one.line <= lines
        assert one.column is None or 1 <= one.column <= behind(text, one.line)
        assert "\n" not in str(one)

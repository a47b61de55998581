"""YAML files to models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import AfterValidator, Field, ValidationInfo

from forebay import rulefile
from forebay.errors import ForebayError, RuleError, RuleErrors

PATH = Path("lists.yaml")


def not_bad(text: str, info: ValidationInfo) -> str:
    if text == "bad":
        raise ValueError("expected anything but bad, found 'bad'")
    info.context.setdefault("seen", []).append(text)
    return text


class Part(rulefile.Section):
    text: str = ""
    number: int = 0
    share: float = 0.0
    on: bool = False
    kind: Literal["a", "b"] = "a"


class Item(rulefile.Section):
    name: Annotated[str, AfterValidator(not_bad)]
    part: Part = Part()
    fields: dict[Annotated[str, Field(max_length=5)], str] = {}
    words: Annotated[list[str], Field(min_length=1)] | None = None
    count: Annotated[int, Field(ge=1)] = 1


class Top(rulefile.Section):
    items: list[Item] = []


def parse(text: str) -> rulefile.Document[Top]:
    return rulefile.parse(text, PATH, Top)


def errors(text: str) -> str:
    with pytest.raises(RuleErrors) as caught:
        parse(text)
    return str(caught.value)


@pytest.mark.parametrize("text", ["", "\n", "# only a comment\n", "items:\n", "---\n", "items: ~"])
def test_nothing_is_no_items(text):
    """A file in which all is commented out is a file without rules."""
    assert parse(text).model.items == []


@pytest.mark.parametrize(
    "written",
    ["no", "on", "Yes", "1.10", "0x1F", "1e3", "007", "true", "2001-01-01", "'~'", "=", "'<<'"],
)
def test_text_is_what_was_written(written):
    """None of YAML's guesses about types reaches a rule."""
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


def test_each_value_knows_its_line():
    document = parse("# c\nitems:\n- name: a\n\n- part:\n    number: 1\n  name: b\n")

    assert document.line("items", 0) == 3
    assert document.line("items", 1) == 5
    assert document.line("items", 1, "part", "number") == 6
    assert document.line("items", 1, "part", "text") == 5  # the nearest thing around it
    assert document.line() == 1
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
        pytest.param("itms: []", "1: unknown key 'itms': did you mean 'items'?", id="near miss"),
        pytest.param("zzz: []", "1: unknown key 'zzz': expected one of items", id="no near one"),
        pytest.param("items:\n- nme: a\n  name: a", "2: unknown key 'nme': did you mean 'name'?", id="nested"),
        pytest.param(
            "items:\n- name: a\n  part:\n    zahl:\n",
            "4: part: unknown key 'zahl': expected one of text, number, share, on, kind",
            id="unknown key with nothing under it",
        ),
        pytest.param("- a", "1: expected a mapping, found a list", id="list at the top"),
        pytest.param("just text", "1: expected a mapping, found 'just text'", id="text at the top"),
        pytest.param("items: {}", "1: items: expected a list, found a mapping", id="no list"),
        pytest.param("items:\n- \n", "2: expected a mapping, found nothing", id="empty item"),
        pytest.param("items:\n- part: {}\n", "2: expected the key 'name', found none", id="missing key"),
        pytest.param("items:\n- name: [a]\n", "2: name: expected text, found a list", id="list for text"),
        pytest.param("items:\n- name: a\n  words: []", "3: words: expected at least 1 in the list, found an empty list", id="empty list"),
        pytest.param("items:\n- name: a\n  words: [a,\n   ~]", "4: words: expected text ('' for an empty one), found nothing", id="null in a list"),
        pytest.param("items:\n- name: a\n  fields: {x: }", "3: fields.x: expected text ('' for an empty one), found nothing", id="null in a mapping"),
        pytest.param("items:\n- name: a\n  fields:\n    toolong: x", "4: fields: expected at most 5 characters, found 'toolong'", id="key"),
        pytest.param("items:\n- name: a\n  part: x", "3: part: expected a mapping, found 'x'", id="text for a section"),
        pytest.param("items:\n- name: a\n  fields: x", "3: fields: expected a mapping, found 'x'", id="text for a mapping"),
        pytest.param("items:\n- name: a\n  part: {on: si}", "3: part.on: expected true or false, found 'si'", id="no truth value"),
        pytest.param("items:\n- name: a\n  part: {on: []}", "3: part.on: expected true or false, found an empty list", id="list for a truth value"),
        pytest.param("items:\n- name: a\n  part: {number: 1x}", "3: part.number: expected a whole number, found '1x'", id="no number"),
        pytest.param("items:\n- name: a\n  part: {share: x}", "3: part.share: expected a number, found 'x'", id="no fraction"),
        pytest.param("items:\n- name: a\n  part: {kind: c}", "3: part.kind: expected 'a' or 'b', found 'c'", id="no choice"),
        pytest.param("items:\n- name: a\n  count: 0", "3: count: expected greater than or equal to 1, found '0'", id="too small"),
        pytest.param("items:\n- name: bad", "2: name: expected anything but bad, found 'bad'", id="own validator"),
        pytest.param("items:\n- name: a\n  name: b", "3: expected each key once, found 'name' again", id="key twice"),
        pytest.param("items:\n- name: a\n  [a]: b", "3: expected text as key, found a list or a mapping", id="list as key"),
        pytest.param("items:\n- name: !foo a", "2: expected a value without tag, found '!foo'", id="tag on text"),
        pytest.param("items:\n- !!omap\n  name: a", "2: expected a value without tag, found 'omap'", id="tag on a mapping"),
        pytest.param("items:\n- name: a\n  <<: x", "3: expected a mapping to merge, found something else", id="merged text"),
        pytest.param("items: &a\n- *a", "1: expected a finite value, found one that contains itself", id="endless"),
        pytest.param("items:\n- name: *.example.com", "2: expected valid YAML: found undefined alias '.example.com'; write a value that begins with * in quotes", id="bare star"),
        pytest.param("items:\n- name: *", "2: expected valid YAML: expected alphabetic or numeric character, but found '\\x00'; write a value that begins with * in quotes", id="lone star"),
        pytest.param("items:\n\t- a", "2: expected valid YAML: found character '\\t' that cannot start any token; indent with spaces", id="tab"),
        pytest.param("items: @a", "1: expected valid YAML: found character '@' that cannot start any token; write the value in quotes", id="at sign"),
        pytest.param("items:\n  a: b: c", "2: expected valid YAML: mapping values are not allowed here", id="colon"),
        pytest.param("--- {}\n--- {}\n", "2: expected valid YAML: expected a single document in the stream, but found another document", id="two documents"),
        pytest.param("items:\n- 'a\n", "2: expected valid YAML: found unexpected end of stream", id="open quote"),
        pytest.param("items:\n- a\x00", "2: expected valid YAML: the character '\\x00' is not allowed", id="NUL"),
        pytest.param('"\\UFFFFFFFF"', "1: expected valid YAML: chr() arg not in range(0x110000)", id="escape beyond Unicode"),
    ],
)  # fmt: skip
def test_each_mistake_has_its_line_and_says_what_was_expected(text, message):
    assert errors(text) == f"lists.yaml:{message}"


def test_all_mistakes_come_at_once_in_the_order_of_lines():
    text = "items:\n- name: a\n  counts: 1\n- name: b\n  name: c\n- name: bad\n  part: {on: x, number: y}\n"

    assert errors(text).splitlines() == [
        "lists.yaml:3: unknown key 'counts': did you mean 'count'?",
        "lists.yaml:5: expected each key once, found 'name' again",
        "lists.yaml:6: name: expected anything but bad, found 'bad'",
        "lists.yaml:7: part.number: expected a whole number, found 'y'",
        "lists.yaml:7: part.on: expected true or false, found 'x'",
    ]


class TestLimits:
    def test_an_alias_bomb_is_refused(self):
        """Nine levels of nine aliases would be 387 million values."""
        bottom = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n"
        levels = [f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 9)]

        found = errors(bottom + "".join(levels))

        assert found.endswith("expected at most 100,000 values, found more")

    def test_nesting_by_aliases_is_bounded(self):
        chain = "\n".join(["a0: &a0 [x]"] + [f"a{i}: &a{i} [*a{i - 1}]" for i in range(1, 40)])

        assert "expected at most 32 levels, found more" in errors(chain)

    @pytest.mark.parametrize("text", ["[" * 5000, "- " * 5000, "{a: " * 5000])
    def test_nesting_is_bounded(self, text):
        assert errors(text).startswith("lists.yaml:1: expected valid YAML: ")

    @pytest.mark.parametrize("line", ["k{}: v\n", "? [{}]\n: v\n"])
    def test_the_number_of_errors_is_bounded(self, line):
        with pytest.raises(RuleErrors) as caught:
            parse("".join(line.format(i) for i in range(500)))

        assert len(caught.value.errors) == rulefile.LIMIT_ERRORS


class TestRead:
    def test_a_byte_order_mark_is_no_text(self, tmp_path):
        file = tmp_path / "a.yaml"
        file.write_bytes(b"\xef\xbb\xbfitems: []\n")

        assert rulefile.load(file, Top).model == Top()

    @pytest.mark.parametrize(
        ("data", "message"),
        [
            (b"a: b\nc: \xff", ":2: expected UTF-8 text, found the byte 0xff"),
            ("a: b".encode("utf-16"), ":1: expected UTF-8 text, found the byte 0xff"),
            (b"#" * 1_000_001, ": expected at most 1,000,000 bytes, found more"),
        ],
    )
    def test_what_is_no_text_is_refused(self, tmp_path, data, message):
        file = tmp_path / "a.yaml"
        file.write_bytes(data)

        with pytest.raises(RuleError) as caught:
            rulefile.read(file)

        assert str(caught.value) == f"{file}{message}"

    def test_what_cannot_be_read_is_one_line(self, tmp_path):
        for path, reason in [
            (tmp_path / "none.yaml", "No such file or directory"),
            (tmp_path, "Is a directory"),
        ]:
            with pytest.raises(ForebayError) as caught:
                rulefile.read(path)

            assert str(caught.value) == f"cannot read {path}: {reason}"

    def test_a_name_that_no_file_can_have(self):
        with pytest.raises(ForebayError, match=r"^cannot read 'a\\x00b': "):
            rulefile.read(Path("a\0b"))


YAML_BITS = st.sampled_from(
    ["items", ":", " ", "\n", "- ", "name", "part", "'", '"', "{", "}", "[", "]", ",", "&a", "*a",
     "!", "!!", "|", ">", "%", "?", "#", "---", "...", "<<", "\t", "\\", "\r", "\x85", "\u2028", "~", "0", "é", "\ufeff", "%YAML 1.1", "%TAG ! x"]
)  # fmt: skip


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
        assert "\n" not in str(one)


@settings(deadline=None, max_examples=100)
@given(st.binary())
def test_any_bytes_are_text_or_one_error(tmp_path_factory, data):
    file = tmp_path_factory.getbasetemp() / "any.yaml"
    file.write_bytes(data)
    try:
        found = rulefile.read(file)
    except ForebayError as error:
        found = str(error)
        assert found.startswith(f"{file}:")
        assert "\n" not in found
    assert isinstance(found, str)

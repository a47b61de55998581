"""JSON pointers: RFC 6901."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.errors import RuleError
from forebay.rewrite.jsonpointer import (
    NoSuchPlaceError,
    decode,
    encode,
    merged,
    pointer,
    put,
    remove,
    value_of,
)

# The document of RFC 6901 §5.
EXAMPLE = """{"foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, "g|h": 4,
    "i\\\\j": 5, "k\\"l": 6, " ": 7, "m~n": 8}"""


class TestPointer:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("", ()),
            ("/", ("",)),
            ("/foo/0", ("foo", "0")),
            ("/a~1b", ("a/b",)),
            ("/m~0n", ("m~n",)),
            ("/~01", ("~1",)),
            ("//", ("", "")),
            ("/-", ("-",)),
            ("/é", ("é",)),
        ],
    )
    def test_steps(self, text, expected):
        assert pointer(text) == expected

    @pytest.mark.parametrize("text", ["foo", "#/foo", "/~", "/~2", "/a~", "$.foo", " /a"])
    def test_what_is_none_is_refused(self, text):
        with pytest.raises(RuleError) as caught:
            pointer(text)

        assert str(caught.value) == (
            f"expected a JSON pointer such as /user/name (RFC 6901), found {text!r}"
        )

    @given(st.lists(st.text(max_size=4), max_size=4))
    def test_any_steps_can_be_written(self, steps):
        text = "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)

        assert pointer(text) == tuple(steps)


class TestPlaces:
    @pytest.mark.parametrize(
        ("where", "was"),
        [
            ("/foo/0", "bar"), ("/", 0), ("/a~1b", 1), ("/c%d", 2), ("/e^f", 3),
            ("/g|h", 4), ("/i\\j", 5), ('/k"l', 6), ("/ ", 7), ("/m~0n", 8),
        ],
    )  # fmt: skip
    def test_the_examples_of_the_rfc(self, where, was):
        """§5."""
        before = json.loads(EXAMPLE)
        text = json.dumps(was)

        assert text in encode(decode(EXAMPLE))
        assert put(decode(EXAMPLE), pointer(where), was) == before
        assert put(decode(EXAMPLE), pointer(where), "new") != before
        assert text not in encode(remove(decode(EXAMPLE), pointer(where)))

    @pytest.mark.parametrize(
        ("document", "where", "expected"),
        [
            pytest.param({"a": 1}, "", 9, id="the whole"),
            pytest.param({"a": 1}, "/a", {"a": 9}, id="a member"),
            pytest.param({"a": 1}, "/b", {"a": 1, "b": 9}, id="a new member"),
            pytest.param({"a": {}}, "/a/b", {"a": {"b": 9}}, id="inside"),
            pytest.param([1, 2], "/1", [1, 9], id="an item"),
            pytest.param([1, 2], "/-", [1, 2, 9], id="behind the last"),
            pytest.param([], "/-", [9], id="into an empty list"),
            pytest.param([[1], [2]], "/1/0", [[1], [9]], id="an item of an item"),
            pytest.param({"0": 1}, "/0", {"0": 9}, id="a member that looks like an index"),
            pytest.param({"-": 1}, "/-", {"-": 9}, id="a member called -"),
        ],
    )
    def test_put(self, document, where, expected):
        assert put(document, pointer(where), 9) == expected

    @pytest.mark.parametrize(
        ("document", "where", "expected"),
        [
            pytest.param({"a": 1}, "", None, id="the whole"),
            pytest.param({"a": 1, "b": 2}, "/a", {"b": 2}, id="a member"),
            pytest.param([1, 2], "/0", [2], id="an item"),
            pytest.param({"a": [{"b": 1}]}, "/a/0/b", {"a": [{}]}, id="inside"),
        ],
    )
    def test_remove(self, document, where, expected):
        assert remove(document, pointer(where)) == expected

    @pytest.mark.parametrize(
        ("document", "where"),
        [
            ([1], "/1"), ([1], "/01"), ([1], "/x"), ([1], "/-1"), ([1], "/1e0"), ([1], "/\u0661"), ([1], "/" + "9" * 5000),
            (1, "/a"), ("text", "/0"), (None, "/a"), (True, "/a"), ({}, "/a/b"), ([], "/0/a"), ([[]], "/-/0"), ({"a": 1}, "/a/b"),
        ],
    )  # fmt: skip
    def test_where_there_is_no_place(self, document, where):
        with pytest.raises(NoSuchPlaceError):
            put(document, pointer(where), 9)
        with pytest.raises(NoSuchPlaceError):
            remove(document, pointer(where))

    @pytest.mark.parametrize(("document", "where"), [({}, "/a"), ([1], "/-"), ([], "/-")])
    def test_what_can_be_put_but_not_removed(self, document, where):
        with pytest.raises(NoSuchPlaceError):
            remove(document, pointer(where))


class TestText:
    @pytest.mark.parametrize(
        "text",
        ["1.10", "0.1", "1E+400", "-0.0", "123456789012345678901234567890", "0.30000000000000004",
         "18446744073709551616", "-9223372036854775809", "3.14159265358979323846264338327950288"],
    )  # fmt: skip
    def test_numbers_keep_their_digits(self, text):
        assert encode(decode(f"[{text}]")) == f"[{text}]"

    @pytest.mark.parametrize("text", ["1E400", "1e-400", "1e5", "1.50e2"])
    def test_numbers_with_an_exponent_keep_their_value(self, text):
        assert Decimal(encode(decode(text))) == Decimal(text)

    def test_it_is_compact_and_keeps_the_order_of_members(self):
        assert (
            encode(decode('{ "b": 1,\n "a": ["é", null, true] }')) == '{"b":1,"a":["é",null,true]}'
        )

    @pytest.mark.parametrize(
        "text",
        ["", "{", "[1,]", "NaN", "Infinity", "'a'", "01", "\ufeff1", '"\udc80"', '"\\ud800"', "1 2",
         "1e99999999999999999999", "0e-99999999999999999999", "9" * 5000],
    )  # fmt: skip
    def test_what_is_none_is_an_error(self, text):
        with pytest.raises(ValueError):
            decode(text)

    def test_text_nested_too_deeply_is_an_error(self):
        """And no RecursionError, which nobody expects."""
        with pytest.raises(ValueError, match="recursion"):
            decode("[" * 200_000 + "]" * 200_000)

    def test_so_is_a_value_that_became_too_deep(self):
        value: object = 1
        for _ in range(100_000):
            value = [value]

        with pytest.raises(ValueError, match="recursion"):
            encode(value)

    def test_half_a_character_cannot_be_encoded(self):
        with pytest.raises(ValueError, match="surrogates not allowed"):
            encode("\udc80")

    @given(st.text(max_size=30))
    def test_any_text_is_a_value(self, text):
        found = value_of(text)

        assert found == text or decode(text) == found

    @pytest.mark.parametrize(
        ("text", "expected"),
        [("5", 5), ("1.10", Decimal("1.10")), ("five", "five"), ('"5"', "5"), ("null", None),
         ("", ""), ('{"a": []}', {"a": []}), ("[" * 100_000, "[" * 100_000)],
    )  # fmt: skip
    def test_what_a_rule_says_is_json_or_else_text(self, text, expected):
        assert value_of(text) == expected


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(VALUES)
def test_any_document_comes_out_as_it_went_in(document):
    text = json.dumps(document)

    assert json.loads(encode(decode(text))) == document


@given(VALUES, st.lists(st.sampled_from(["", "a", "0", "1", "-"]), max_size=3).map(tuple))
def test_what_is_put_somewhere_can_be_removed_again(document, where):
    try:
        made = put(document, where, {"new": 1})
    except NoSuchPlaceError:
        return
    assert '{"new":1}' in encode(made)
    if where and where[-1] != "-":
        assert '{"new":1}' not in encode(remove(made, where))


@pytest.mark.parametrize(
    ("document", "patch", "expected"),
    [
        # RFC 7396, appendix A
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merge_patches(document, patch, expected):
    assert merged(document, patch) == expected

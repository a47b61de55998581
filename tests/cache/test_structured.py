"""Structured field values: RFC 9651 §4.2."""

from __future__ import annotations

import contextlib
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.cache.structured import (
    Date,
    DisplayString,
    InnerList,
    Item,
    StructuredFieldError,
    Token,
    parse_dictionary,
    parse_item,
    parse_list,
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(b"42", 42, id="integer"),
        pytest.param(b"  42  ", 42, id="spaces around"),
        pytest.param(b"-0", 0, id="minus zero"),
        pytest.param(b"-42", -42, id="negative"),
        pytest.param(b"0042", 42, id="leading zeros"),
        pytest.param(b"9" * 15, 10**15 - 1, id="longest integer"),
        pytest.param(b"4.5", Decimal("4.5"), id="decimal"),
        pytest.param(b"-0.125", Decimal("-0.125"), id="negative decimal"),
        pytest.param(b"9" * 12 + b".999", Decimal("999999999999.999"), id="longest decimal"),
        pytest.param(b'""', "", id="empty string"),
        pytest.param(rb'"a \"b\" \\"', 'a "b" \\', id="escapes"),
        pytest.param(b"*foo/bar:baz!#$%&'*+-.^_`|~", Token("*foo/bar:baz!#$%&'*+-.^_`|~"), id="t"),
        pytest.param(b"A", Token("A"), id="upper case"),
        pytest.param(b":aGVsbG8=:", b"hello", id="bytes"),
        pytest.param(b":aGVsbG8:", b"hello", id="bytes without padding"),
        pytest.param(b"::", b"", id="no bytes"),
        pytest.param(b":iZ==:", b"\x89", id="pad bits that are not zero"),
        pytest.param(b"?1", True, id="true"),
        pytest.param(b"?0", False, id="false"),
        pytest.param(b"@1659578233", Date(1659578233), id="date"),
        pytest.param(b"@-62135596800", Date(-62135596800), id="early date"),
        pytest.param(
            b'%"This is intended for display to %c3%bcsers."',
            DisplayString("This is intended for display to \u00fcsers."),
            id="display string",
        ),
        pytest.param(b'%"%22"', DisplayString('"'), id="quoted quote"),
    ],
)
def test_bare_items(value, expected):
    found = parse_item(value)

    assert found == Item(expected, {})
    assert type(found.value) is type(expected)


@pytest.mark.parametrize(
    "value",
    [
        b"", b" ", b"\t1", b"1\t", b"1 2", b"1,", b"--1", b"-", b"- 1", b"1.", b"1.2345", b".5",
        b"1e5", b"9" * 16, b"9" * 13 + b".1", b"-a", b"\xb2", b"\xd9\xa1", b"'a'",
        b'"a', b'a"', b'"a\\', b'"\\a"', b'"\xfc"', b'"\t"', b'"\x7f"', b'"a"b',
        b"a,b", b"a\xfc", b"/a", b"{}", b"a=b",
        b":", b":a", b":aGVsbG8=", b":a:", b":aGVsbG8*:", b":aG=Vs:", b":aGVsbG8 =:", b":=:", b":=:a",
        b"?", b"?2", b"?01", b"? 1", b"?T",
        b"@", b"@a", b"@1.5", b"@ 1", b"@1.", b"@" + b"9" * 16,
        b"%", b"%a", b'%"a', b'%"%"', b'%"%C3%BC"', b'%"%c3"', b'%"%zz"', b'%"\xfc"', b'%"\x00"',
        b"1;", b"1;A=1", b"1;a=", b"1;a =1", b"1 ;a", b"1;a=(1)", b"1;1", b"(1)", b"()",
    ],
)  # fmt: skip
def test_what_is_no_item(value):
    with pytest.raises(StructuredFieldError, match=r"expected .+ at [0-9]+, found"):
        parse_item(value)


def test_parameters_are_true_unless_they_say_otherwise_and_the_last_counts():
    assert parse_item(b"a;b;  c=?0;*d=:AA==:;b=2").parameters == {
        "b": 2,
        "c": False,
        "*d": b"\0",
    }


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"", ()),
        (b"  ", ()),
        (b"1", (Item(1, {}),)),
        (b"1\t ", (Item(1, {}),)),
        (b"1 \t, \t 2 ", (Item(1, {}), Item(2, {}))),
        (b"a;x=1,b", (Item(Token("a"), {"x": 1}), Item(Token("b"), {}))),
        (b"()", (InnerList((), {}),)),
        (
            b"( 1   2;q );a;b=c, 3",
            (InnerList((Item(1, {}), Item(2, {"q": True})), {"a": True, "b": "c"}), Item(3, {})),
        ),
    ],
)
def test_lists(value, expected):
    assert parse_list(value) == expected


@pytest.mark.parametrize(
    "value",
    [b",", b"1,", b"1, ", b",1", b"1,,2", b"1 2", b"(1", b"(1,2)", b'("a""b")', b"((1))", b")",
     b"(1\t2)", b"1;", b"\t1", b"\x00"],
)  # fmt: skip
def test_what_is_no_list(value):
    with pytest.raises(StructuredFieldError):
        parse_list(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"", {}),
        (b"a", {"a": Item(True, {})}),
        (b"a;x", {"a": Item(True, {"x": True})}),
        (b"a=?0", {"a": Item(False, {})}),
        (b"a=1,  b=2", {"a": Item(1, {}), "b": Item(2, {})}),
        (b"a=1,a=2", {"a": Item(2, {})}),
        (b"*a.b_c-d*=1", {"*a.b_c-d*": Item(1, {})}),
        (b"a=(1 2);q=3", {"a": InnerList((Item(1, {}), Item(2, {})), {"q": 3})}),
    ],
)
def test_dictionaries(value, expected):
    assert parse_dictionary(value) == expected


@pytest.mark.parametrize(
    "value", [b"A=1", b"1=1", b"a =1", b"a= 1", b"a=", b"a,", b"a,,b", b"a b", b"a;=1", b"a=1;B"]
)
def test_what_is_no_dictionary(value):
    with pytest.raises(StructuredFieldError):
        parse_dictionary(value)


alphabet = st.sampled_from([bytes([code]) for code in b'aA*01-. \t,;=()":?@%c3\\/_\xfc'])
near = st.lists(alphabet, max_size=14).map(b"".join)


@given(st.binary(max_size=40) | near)
def test_any_bytes_are_read_or_refused(value):
    for parse in (parse_item, parse_list, parse_dictionary):
        with contextlib.suppress(StructuredFieldError):
            assert parse(value) is not None


@given(st.binary(max_size=40) | near)
def test_another_parser_agrees(value):
    """Where it is installed; it reads dates and the pad bits as we do."""
    other = pytest.importorskip("http_sf")
    for name, parse in (
        ("item", parse_item),
        ("list", parse_list),
        ("dictionary", parse_dictionary),
    ):
        try:
            theirs = plain(other.parse(value, tltype=name))
        except other.StructuredFieldError:
            theirs = None
        try:
            ours = plain(parse(value))
        except StructuredFieldError:
            ours = None
        assert ours == theirs, name


def plain(value):
    """Return *value* in tuples and built-in types, whichever parser it is from."""
    match value:
        case Item():
            return plain(value.value), plain(value.parameters)
        case InnerList():
            return tuple(map(plain, value.items)), plain(value.parameters)
        case Date():
            return "date", value.seconds
        case dict():
            return {key: plain(each) for key, each in value.items()}
        case tuple() | list():
            return tuple(map(plain, value))
        case _ if hasattr(value, "timestamp"):
            return "date", int(value.timestamp())
    return value if isinstance(value, bool | bytes) else str(value)

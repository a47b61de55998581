"""What rules ask of a response's fields."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.blocklist.fieldmatch import parse_field
from forebay.errors import RuleError

FIELDS = (
    (b"Via", b"1.1 cdn"),
    (b"X-A", b" one "),
    (b"x-a", b"Two"),
    (b"X-Bytes", b"\xff"),
    (b"X-Empty", b""),
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("via", True),
        ("VIA", True),
        ("x-empty", True),
        ("x-none", False),
        ("via:1.1 cdn", True),
        ("via:1.1", False),
        ("via:1.1 CDN", False),
        ("x-a:one", True),
        ("x-a:Two", True),
        ("x-a:three", False),
        ("via:/cdn$/", True),
        ("via:/CDN/", False),
        ("via:/CDN/i", True),
        ("x-a:/^o/", True),
        ("x-a:/^x/", False),
        ("x-a:~three", True),
        ("x-a:~one", False),
        ("x-none:~one", False),
        ("via:~/cdn/", False),
        ("via:~/x/", True),
        ("x-bytes:/./", True),
        ("via:a:b", False),
    ],
)
def test_of_which_responses_it_holds(value, expected):
    assert parse_field(value).holds(FIELDS) is expected


@pytest.mark.parametrize(
    "value", ["", ":a", "a b", "via:", "via:~", "via:/(/", "é:a", "via:/(a+)+$/"]
)
def test_what_is_no_value(value):
    with pytest.raises(RuleError, match=r"^expected "):
        parse_field(value)


@given(st.text(max_size=30), st.lists(st.tuples(st.binary(max_size=5), st.binary(max_size=9))))
def test_any_value_and_any_fields(value, fields):
    """No exception but the one that says what is wrong."""
    try:
        found = parse_field(value)
    except RuleError:
        return
    assert found.holds(tuple(fields)) in (True, False)

"""Alt-Svc: RFC 7838."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.blocklist.altsvc import clean, without_h3


@pytest.mark.parametrize(
    "value",
    [
        b"clear",
        b'h2=":443"',
        b'h2="alt.example:443"; ma=3600; persist=1',
        b'h2=":443" ; ma=60 , http%2F1.1=":80"',
        pytest.param(b'h2="h3.example:443"', id="h3 is a host"),
        pytest.param(b'h2=":443"; note=", h3=\\":443\\""', id="h3 in a quoted string"),
        pytest.param(b'h2=":443"; note="a\\\\"', id="escaped backslash ends the string"),
        pytest.param(b'h30=":443"', id="longer name"),
        pytest.param(b'h2%33=":443"', id="another name"),
        pytest.param(b"h2=:443", id="malformed without h3"),
        pytest.param(b', h2=":443",', id="empty members"),
        b"",
    ],
)
def test_what_is_not_http3_stays_as_it_is(value):
    assert without_h3(value) == value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b'h3=":443"', None),
        (b'h3=":443"; ma=86400,h3-29=":443"; ma=86400', None),
        (b'h3-Q050=":443"', None),
        (b'quic=":443"; ma=2592000; v="46,43"', None),
        (b'h%33=":443"', None),
        (b'%68%33=":443"', None),
        (b'h3%2D29=":443"', None),
        (b'H3=":443"', None),
        (b'h3=":443", h2=":443"; ma=60', b'h2=":443"; ma=60'),
        (b'h2="a.example:1"  ;  x="a,b", h3=":443"', b'h2="a.example:1"  ;  x="a,b"'),
        (b'h2=":1",h3=":2";x="\\",h2=",,http%2F1.1=":3"', b'h2=":1", http%2F1.1=":3"'),
        pytest.param(b"h3=:443, h2=:443", None, id="unquoted authority"),
        pytest.param(b'h2=":443", h3 = ":443"', None, id="blanks around ="),
        pytest.param(b'h2=":443"; x="h3=', None, id="open string"),
        pytest.param(b'clear, h3=":443"', None, id="clear is alone"),
        pytest.param(b'h2=":443" QUIC', None, id="no comma"),
        pytest.param(b"h%33=:443", None, id="malformed and encoded"),
        pytest.param(b'h2="\x00",h3=":443"', None, id="NUL"),
    ],
)
def test_http3_goes(value, expected):
    assert without_h3(value) == expected


def test_all_alt_svc_fields_are_cleaned_and_no_other():
    fields = (
        (b"alt-svc", b'h3=":443"'),
        (b"X-Alt-Svc", b'h3=":443"'),
        (b"ALT-SVC", b'h3=":443",h2=":443"'),
        (b"Server", b"h3"),
    )

    assert clean(fields) == (
        (b"X-Alt-Svc", b'h3=":443"'),
        (b"ALT-SVC", b'h2=":443"'),
        (b"Server", b"h3"),
    )


@pytest.mark.parametrize("fields", [(), ((b"Alt-Svc", b"clear"),), ((b"x-h3", b"h3"),)])
def test_nothing_changed_is_none(fields):
    assert clean(fields) is None


PIECES = st.sampled_from(
    [
        *[b"h3", b"h3-29", b"quic", b"h2", b"%68", b"%33", b"clear", b"\xff", b"ma=1"],
        *[b"=", b'":443"', b'"', b"\\", b",", b";", b" ", b'h3=":1"', b'h2=":2"', b'x="a,b"'],
    ]
)
VALUES = st.lists(PIECES, max_size=20).map(b"".join) | st.binary(max_size=60)
STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
OVER_QUIC = re.compile(rb"h3(?:-.*)?|quic", re.IGNORECASE | re.DOTALL)


def protocols(value: bytes) -> list[bytes]:
    members = STRING.sub(b"", value).split(b",")
    return [unquote_to_bytes(m.partition(b"=")[0]).strip() for m in members if b"=" in m]


@given(VALUES)
def test_nothing_that_is_left_leads_to_http3_whatever_comes_in(value):
    left = without_h3(value)

    if left is not None:
        assert not any(OVER_QUIC.fullmatch(name) for name in protocols(left))
        assert without_h3(left) == left
        assert len(left) <= 2 * len(value)


@given(st.lists(st.tuples(st.sampled_from([b"Alt-Svc", b"alt-svc", b"a"]), VALUES)).map(tuple))
def test_cleaning_twice_changes_nothing_more(fields):
    cleaned = clean(fields)

    assert cleaned is None or clean(cleaned) is None


def test_a_long_value_is_read_in_one_pass():
    """Sixty thousand members; a quadratic reading would take minutes."""
    value = b",".join([b'h3=":443";ma="\\,"', b'h2=":1"'] * 30_000)

    assert without_h3(value) == b", ".join([b'h2=":1"'] * 30_000)

"""Cache-Control: RFC 9111 §5.2, §1.2.2, §4.2.1."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache.builders import head
from forebay.cache import directives
from forebay.cache.directives import MAX_SECONDS, cache_control, parse


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("max-age=3600", 3600, id="plain"),
        pytest.param("MAX-AGE=3600", 3600, id="upper case"),
        pytest.param("max-age=003600", 3600, id="leading zeros"),
        pytest.param("max-age=0", 0, id="zero"),
        pytest.param('extension="max-age=3600", max-age=1', 1, id="inside a string, before"),
        pytest.param('max-age=1, extension="max-age=3600"', 1, id="inside a string, after"),
        pytest.param('extension="a\\", max-age=3600", max-age=1', 1, id="escaped quote"),
        pytest.param("max-age=99999999999", MAX_SECONDS, id="overflow"),
        pytest.param("max-age=" + "9" * 5000, MAX_SECONDS, id="more digits than int() takes"),
        pytest.param("max-age=3600, max-age=3600", 3600, id="twice the same"),
        pytest.param("max-age=3600, max-age=1", 0, id="twice, not the same"),
        pytest.param('max-age="3600"', 3600, id="quoted"),
        pytest.param('max-age="36\\00"', 3600, id="quoted pair"),
        pytest.param('max-age="3600", max-age=3600', 3600, id="quoted and plain, the same"),
        pytest.param('max-age="3600", max-age=1', 0, id="quoted and plain, not the same"),
        pytest.param('extension="max-age=3600", max-age="1"', 1, id="quoted, and in a string"),
        pytest.param('max-age="3600', 0, id="quoted, not closed"),
        pytest.param('max-age="3600\\"', 0, id="quoted, its end escaped"),
        pytest.param('max-age=3600"', 0, id="quote at the end"),
        pytest.param('max-age="', 0, id="quote alone"),
        pytest.param('max-age=""', 0, id="quoted, empty"),
        pytest.param('max-age=" 3600"', 0, id="quoted, space"),
        pytest.param('max-age="3600.0"', 0, id="quoted, decimal"),
        pytest.param('max-age="-1"', 0, id="quoted, negative"),
        pytest.param('max-age="\\"3600\\""', 0, id="quoted twice"),
        pytest.param('max-age="3600"a', 0, id="quoted, more after"),
        pytest.param('max-age="' + "9" * 5000 + '"', MAX_SECONDS, id="quoted, many digits"),
        pytest.param("max-age='3600'", 0, id="single quotes"),
        pytest.param("max-age=-1", 0, id="negative"),
        pytest.param("max-age=3600.0", 0, id="decimal"),
        pytest.param("max-age=3600a", 0, id="alpha"),
        pytest.param("max-age=\xb2", 0, id="superscript"),
        pytest.param("max-age = 3600", 0, id="spaces"),
        pytest.param("max-age= 3600", 0, id="space after"),
        pytest.param("max-age", 0, id="no argument"),
        pytest.param("max-age=", 0, id="empty argument"),
        pytest.param("a=max-age=3600", 0, id="two equals"),
        pytest.param('a="b, max-age=3600', 0, id="string that is not closed"),
        pytest.param("max-age=3600; private", 0, id="semicolon"),
        pytest.param("s-maxage=9, xmax-age=9", None, id="absent"),
        pytest.param("", None, id="empty"),
    ],
)
def test_seconds_take_the_careful_reading(value, expected):
    assert parse(value.encode("latin-1")).seconds("max-age") == expected


@pytest.mark.parametrize("name", ["no-store", "private", "no-cache"])
@pytest.mark.parametrize(
    "spelling",
    [
        "{}",
        "max-age=300,  {}",
        "max-age=300,,\t{} ,",
        "{}=",
        "{}=x",
        '{}="set-cookie"',
        '"{}"',
        "max-age=300; {}",
        "max-age=300 {}",
        "\xa0{}",
        "{};",
        '"unclosed, {}',
        "{} = 1",
        "a=b={}",
    ],
)
def test_a_restriction_counts_in_any_spelling(name, spelling):
    """A shared cache that misses one leaks private data."""
    for cased in (name, name.upper(), name.title()):
        assert parse(spelling.format(cased).encode("latin-1")).has(name)


@pytest.mark.parametrize("value", ["x", 'extension="no-store"', "no-storex", "xno-store"])
def test_other_members_are_no_restriction(value):
    assert not parse(value.encode()).has("no-store")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("public", True),
        ("Public, max-age=1", True),
        ("public, public", True),
        ("public=1", False),
        ('public=""', False),
        ("public;", False),
        ("a", False),
    ],
)
def test_a_permission_counts_only_as_the_rfc_spells_it(value, expected):
    assert parse(value.encode()).grants("public") is expected


def test_lines_are_one_list():
    found = cache_control(head(cache_control=["max-age=5", "no-store"]))

    assert found.has("no-store") and found.seconds("max-age") == 5
    assert cache_control(head()) is directives.NONE


def test_a_long_value_is_read_like_a_short_one():
    """It is only not remembered."""
    value = b"x, " * 200 + b"max-age=5"

    assert parse(value).seconds("max-age") == 5


@given(st.binary(max_size=300) | st.text('max-ge=0123, "\\no-store;', max_size=80).map(str.encode))
def test_any_bytes_have_a_reading(value):
    """Bounded, without an exception, and a word in it is never overlooked."""
    found = parse(value)

    for name in found.arguments:
        span = found.seconds(name)
        assert span is not None and 0 <= span <= MAX_SECONDS
        assert found.has(name)


@given(
    st.lists(st.sampled_from(["public", "x=1", 'y="a, b"', "max-age=7", "s-maxage=9"]), max_size=6),
    st.sampled_from(["no-store", "No-Store", "NO-STORE=1", 'no-store="a"']),
    st.integers(0, 6),
    st.sampled_from([",", ", ", " ,\t", ",,"]),
)
def test_a_restriction_counts_at_any_place(members, restriction, place, comma):
    members.insert(place, restriction)

    assert parse(comma.join(members).encode()).has("no-store")

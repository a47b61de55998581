"""Secondary keys: RFC 9111 §4.1."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache.builders import head, key
from forebay.cache import vary
from forebay.cache.headers import Head

names_text = st.text("abcXYZ-, \t", max_size=30)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], ()),
        ([""], ()),
        (["Accept"], (b"accept",)),
        (["b, A", "a"], (b"a", b"b")),
        (["*"], None),
        (["X-A X-B"], None),
        (["X-A;q=1"], None),
        (['"X-A"'], None),
        (["*, *"], None),
        (["Accept, *"], None),
        (["Accept", ", *,"], None),
        ([", *"], None),
        (["foo*"], (b"foo*",)),
        ([", ".join(f"a{n}" for n in range(17))], None),
    ],
)
def test_names_of_a_response(lines, expected):
    """A star in any member of any line matches no request."""
    assert vary.names(head(vary=lines)) == expected


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        pytest.param({"foo": "1,2"}, {"foo": " 1, 2 "}, True, id="list white space"),
        pytest.param({"foo": ["1", "2"]}, {"foo": "1, 2"}, True, id="lines are joined"),
        pytest.param({"foo": "1"}, {"foo": "2"}, False, id="another value"),
        pytest.param({"foo": "1"}, {"foo": "1, 1"}, False, id="another count"),
        pytest.param({"foo": "a"}, {"foo": "A"}, False, id="case may matter"),
        pytest.param({}, {}, True, id="both absent"),
        pytest.param({}, {"foo": ""}, False, id="empty is not absent"),
        pytest.param({"foo": '"a,b"'}, {"foo": '"a, b"'}, False, id="inside a string"),
    ],
)
def test_requests_match_by_their_normalised_values(one, other, same):
    found = [vary.values((b"foo",), head(**fields)) for fields in (one, other)]

    assert (found[0] == found[1]) is same


def test_white_space_beside_a_comma_counts_where_there_is_no_list():
    """Two cookies that differ at all may belong to two people."""
    of = (b"cookie",)

    assert vary.values(of, head(cookie="a=1, 2")) != vary.values(of, head(cookie="a=1,2"))
    assert vary.values(of, head(cookie=["a", "b"])) != vary.values(of, head(cookie="a,b"))


def test_very_long_values_are_not_kept():
    assert vary.values((b"foo",), head(foo="x" * 20_000)) is None


def test_each_name_and_value_makes_a_key_of_its_own():
    said = [
        ((b"a", b"1"),),
        ((b"a", None),),
        ((b"a", b""),),
        ((b"b", b"1"),),
        ((b"a", b"1"), (b"b", None)),
    ]
    keys = {vary.variant_key(key(), each, 1.0) for each in said}

    assert len(keys) == len(said)
    assert vary.variant_key(key(2), said[0], 1.0) not in keys
    assert vary.variant_key(key(), said[0], 2.0) not in keys


def test_new_names_come_first_and_the_oldest_go():
    known = tuple((b"%d" % n,) for n in range(vary.MAX_NAME_SETS))

    assert vary.with_names(known, known[3]) == known
    assert vary.with_names(known, (b"new",)) == ((b"new",), *known[:-1])


@given(
    st.lists(names_text | st.binary(max_size=20).map(lambda raw: raw.decode("latin-1")), max_size=4)
)
def test_any_vary_is_sorted_and_within_bounds_or_matches_nothing(lines):
    found = vary.names(head(vary=lines))

    assert found is None or (list(found) == sorted(set(found)) and len(found) <= vary.MAX_NAMES)


@given(
    st.lists(st.sampled_from(["a", "b-c", '"x, y"', "d;q=0.1"]), min_size=1, max_size=5), st.data()
)
def test_white_space_and_lines_never_change_the_variant(members, data):
    gaps = data.draw(
        st.lists(st.sampled_from([",", ", ", " ,\t"]), min_size=len(members), max_size=len(members))
    )
    cut = data.draw(st.integers(0, len(members)))
    one = "".join(m + g for m, g in zip(members, gaps, strict=True))
    lines = [",".join(part) for part in (members[:cut], members[cut:]) if part]

    assert vary.values((b"foo",), Head([(b"Foo", one.encode())])) == vary.values(
        (b"foo",), head(foo=lines)
    )


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("en, de", "de, en", True),
        ("en, de", "eN,De", True),
        ("en;q=0.5, de", "de,  en ; q=0.5", True),
        ("de;q=1.0", "de", True),
        ("de;q=1.000", "de", True),
        ("de;q=0.1", "de", False),
        ("de", "de, en", False),
        ("de-AT", "de", False),
        (["en", "de"], "de, en", True),
        ("de, de", "de", True),
    ],
)
def test_languages_have_one_spelling(one, other, same):
    """Neither order nor case has a meaning (RFC 9110 §12.5.4)."""
    of = (b"accept-language",)
    equal = vary.values(of, head(accept_language=one)) == vary.values(
        of, head(accept_language=other)
    )

    assert equal is same


def test_the_spelling_does_not_depend_on_chance():
    """It is a part of keys on disk."""
    found = vary.values((b"accept-language",), head(accept_language="en, fr;q=0.5, De, el, cs"))

    assert found == ((b"accept-language", b"cs,de,el,en,fr;q=0.5"),)


def test_the_order_of_other_lists_counts():
    assert vary.values((b"foo",), head(foo="a, b")) != vary.values((b"foo",), head(foo="b, a"))

"""Conditional requests: RFC 9111 §4.3.2, RFC 9110 §13.1, §15.4.5."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache.builders import NOW, head
from forebay.cache.conditional import fields_of_304, is_conditional, is_not_modified

BEFORE = "Tue, 14 Nov 2023 21:13:20 GMT"
DATE = "Tue, 14 Nov 2023 22:13:20 GMT"
SAME_RFC850 = "Tuesday, 14-Nov-23 22:13:20 GMT"
SAME_ASCTIME = "Tue Nov 14 22:13:20 2023"
AFTER = "Tue, 14 Nov 2023 23:13:20 GMT"


def matches(request, stored, date_s=NOW):
    return is_not_modified(head(**request), head(**stored), date_s=date_s, now_s=NOW)


@pytest.mark.parametrize(
    ("value", "tag", "expected"),
    [
        ('"a"', '"a"', True),
        ('W/"a"', '"a"', True),
        ('"a"', 'W/"a"', True),
        ('W/"a"', 'W/"a"', True),
        ('"b"', '"a"', False),
        ('"A"', '"a"', False),
        ('"b", "a", "c"', '"a"', True),
        (', "b" ,, W/"a",', '"a"', True),
        (['"b"', '"a"'], '"a"', True),
        ('"b,a"', '"a"', False),
        ('"b,a"', '"b,a"', True),
        ('"a\\", "b"', '"a\\"', True),
        ('"a\\", "b"', '"b"', True),
        ('""', '""', True),
        ('"\xfc"', '"\xfc"', True),
        ("*", '"a"', True),
        (" * ", '"a"', True),
        ("*", "", True),
        ('*, "a"', '"a"', False),
        ("a", '"a"', False),
        ('x"a"', '"a"', False),
        ('w/"a"', 'W/"a"', False),
        ('"a" "b"', '"a"', False),
        ("", '"a"', False),
        ("a", "a", False),
    ],
)
def test_if_none_match(value, tag, expected):
    """Weakly compared; a field that breaks the grammar matches nothing."""
    assert matches({"if_none_match": value}, {"etag": tag} if tag else {}) is expected


@pytest.mark.parametrize(
    ("since", "modified", "expected"),
    [
        (DATE, DATE, True),
        (AFTER, DATE, True),
        (BEFORE, DATE, False),
        (SAME_RFC850, DATE, True),
        (DATE, SAME_ASCTIME, True),
        ("yesterday", DATE, False),
        ([AFTER, AFTER], DATE, False),
        (BEFORE, "x", False),
        (DATE, "x", True),
        (DATE, None, True),
        (BEFORE, None, False),
    ],
)
def test_if_modified_since(since, modified, expected):
    """Without Last-Modified the Date of what is stored counts."""
    stored = {} if modified is None else {"last_modified": modified}

    assert matches({"if_modified_since": since}, stored) is expected


@pytest.mark.parametrize(("tag", "expected"), [('"a"', True), ('"b"', False)])
def test_if_none_match_settles_it(tag, expected):
    """RFC 9110 §13.1.3."""
    since = BEFORE if expected else AFTER

    assert (
        matches(
            {"if_none_match": '"a"', "if_modified_since": since},
            {"etag": tag, "last_modified": DATE},
        )
        is expected
    )


@pytest.mark.parametrize(
    ("request_fields", "expected"),
    [({}, False), ({"if_none_match": ""}, True), ({"if_modified_since": "x"}, True)],
)
def test_what_is_conditional(request_fields, expected):
    assert is_conditional(head(**request_fields)) is expected


def test_a_304_has_what_guides_the_clients_cache_and_no_more():
    stored = {
        "cache_control": "max-age=1",
        "content_location": "/x",
        "content_type": "text/plain",
        "content_length": "5",
        "date": DATE,
        "expires": AFTER,
        "last_modified": BEFORE,
        "set_cookie": "a",
        "vary": "a",
    }
    names = {name.decode() for name, _ in fields_of_304(head(etag='"a"', **stored).fields)}

    assert names == {"Cache-Control", "Content-Location", "Date", "Etag", "Expires", "Vary"}
    assert (b"Last-Modified", BEFORE.encode()) in fields_of_304(head(**stored).fields)


@given(st.text(st.characters(max_codepoint=255), max_size=40))
def test_any_field_is_compared(value):
    assert matches({"if_none_match": value}, {"etag": '"\u0100"'.replace("\u0100", "q")}) in (
        True,
        False,
    )
    assert isinstance(matches({"if_modified_since": value}, {}), bool)


@given(st.lists(st.sampled_from(['"a"', 'W/"b"', '"c,d"', '""']), min_size=1, max_size=5))
def test_a_list_matches_each_of_its_members(tags):
    for tag in tags:
        assert matches({"if_none_match": " , ".join(tags)}, {"etag": tag})

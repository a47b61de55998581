"""Validation: RFC 9111 §4.3, §3.2."""

from __future__ import annotations

import pytest

from cache.builders import head
from forebay.cache import validation

DATE = "Tue, 14 Nov 2023 22:13:20 GMT"
OTHER_DATE = "Tue, 14 Nov 2023 22:13:21 GMT"


@pytest.mark.parametrize(
    ("value", "valid"),
    [
        ('"a"', True),
        ('W/"a"', True),
        ('""', True),
        ('"\xff"', True),
        ("a", False),
        ('w/"a"', False),
        ('"a"b"', False),
        ('"a b"', False),
        ('"a", "b"', False),
        (["x", "x"], False),
    ],
)
def test_only_a_well_formed_entity_tag_is_sent_back(value, valid):
    """Another one could mean anything to an origin."""
    assert (validation.entity_tag(head(etag=value)) is not None) is valid


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        ({"etag": 'W/"a"'}, [("If-None-Match", 'W/"a"')]),
        ({"last_modified": DATE}, [("If-Modified-Since", DATE)]),
        (
            {"etag": '"a"', "last_modified": DATE},
            [("If-None-Match", '"a"'), ("If-Modified-Since", DATE)],
        ),
        ({"etag": "a", "last_modified": "b"}, []),
    ],
)
def test_the_request_names_what_is_stored(stored, expected):
    fields = validation.conditional_fields(head(**stored))

    assert [(name.decode(), value.decode()) for name, value in fields] == expected
    assert validation.has_validator(head(**stored)) is bool(expected)


@pytest.mark.parametrize(
    ("news", "stored", "expected"),
    [
        pytest.param({"etag": '"a"'}, {"etag": '"a"'}, True, id="same strong tag"),
        pytest.param({"etag": '"b"'}, {"etag": '"a"'}, False, id="another tag"),
        pytest.param({"etag": '"a"'}, {"etag": 'W/"a"'}, False, id="strong needs strong"),
        pytest.param({"etag": 'W/"a"'}, {"etag": '"a"'}, True, id="weak does not"),
        pytest.param({"etag": 'W/"a"'}, {"etag": 'W/"a"'}, True, id="same weak tag"),
        pytest.param({"etag": 'W/"a"'}, {"etag": 'W/"b"'}, False, id="another weak tag"),
        pytest.param({"etag": '"a"'}, {"last_modified": DATE}, False, id="a tag we have not"),
        pytest.param({"last_modified": DATE}, {"last_modified": DATE}, True, id="same date"),
        pytest.param(
            {"last_modified": OTHER_DATE}, {"last_modified": DATE}, False, id="another date"
        ),
        pytest.param({}, {"etag": '"a"'}, True, id="no validator"),
        pytest.param({"etag": "a"}, {"etag": '"a"'}, True, id="unreadable tag is none"),
    ],
)
def test_which_response_a_304_is_about(news, stored, expected):
    """§4.3.4."""
    assert validation.selects(head(**news), head(**stored)) is expected


def test_a_304_replaces_fields_but_not_those_of_the_body():
    stored = head(
        etag='"a"',
        cache_control="max-age=1",
        content_length="5",
        content_encoding="gzip",
        x_old="1",
        x_two=["1", "2"],
    )
    news = head(
        etag='"a"',
        cache_control="max-age=60",
        content_length="0",
        content_encoding="br",
        content_range="bytes 0-1/2",
        transfer_encoding="chunked",
        connection="x-hop",
        x_hop="1",
        x_two="3",
        x_new="4",
    )

    assert validation.merge(stored.fields, news) == (
        (b"Content-Length", b"5"),
        (b"Content-Encoding", b"gzip"),
        (b"X-Old", b"1"),
        (b"Etag", b'"a"'),
        (b"Cache-Control", b"max-age=60"),
        (b"X-Two", b"3"),
        (b"X-New", b"4"),
    )


def test_age_and_date_are_those_of_the_304_or_none():
    """Else what was just validated would seem old."""
    stored = head(age="900", date=DATE, x="1")

    assert validation.merge(stored.fields, head()) == ((b"X", b"1"),)
    assert validation.merge(stored.fields, head(date=OTHER_DATE))[1:] == (
        (b"Date", OTHER_DATE.encode()),
    )


@pytest.mark.parametrize(
    ("news", "stored", "expected"),
    [
        pytest.param({}, {"etag": '"a"'}, True, id="no validator"),
        pytest.param({"etag": '"a"'}, {"etag": '"a"'}, True, id="same tag"),
        pytest.param({"etag": '"b"'}, {"etag": '"a"'}, False, id="another tag"),
        pytest.param({"etag": '"b"'}, {}, False, id="a tag we have not"),
        pytest.param({"last_modified": DATE}, {"last_modified": DATE}, True, id="same date"),
        pytest.param({"last_modified": OTHER_DATE}, {"last_modified": DATE}, False, id="another"),
        pytest.param(
            {"etag": '"a"', "last_modified": OTHER_DATE},
            {"etag": '"a"', "last_modified": DATE},
            False,
            id="one of two",
        ),
        pytest.param({}, {"last_modified": DATE}, True, id="a date only we have"),
        pytest.param({"content_length": "5"}, {}, True, id="same length"),
        pytest.param({"content_length": "6"}, {}, False, id="another length"),
        pytest.param({"content_length": ["5", "5"]}, {}, False, id="two lengths"),
    ],
)
def test_which_response_a_200_to_head_is_about(news, stored, expected):
    """§4.3.5."""
    assert validation.head_confirms(head(**news), head(**stored), 5) is expected

"""What a Content-Type field says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.mediatype import charset_name, codec_of, is_json, media_type


def test_media_types():
    assert media_type(" Application/JSON ; a=b") == "application/json"
    assert media_type("") == ""


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("application/json", True), ("application/ld+json", True), ("text/plain", False), ("", False)],
)
def test_json(kind, expected):
    assert is_json(kind) is expected


@pytest.mark.parametrize(
    ("content_type", "name"),
    [
        ("text/html", None),
        ("text/html; charset=utf-8", "utf-8"),
        ('text/html;a=b;Charset = "ISO-8859-1"', "ISO-8859-1"),
        ("text/html; charset=", None),
        ("charset=utf-8", None),
    ],
)
def test_charsets_as_they_are_named(content_type, name):
    assert charset_name(content_type) == name


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        (None, "utf-8"),
        ("UTF8", "utf-8"),
        ("latin-1", "iso8859-1"),
        ("no-such", "utf-8"),
        ("bz2", "utf-8"),
        ("rot13", "utf-8"),
        ("idna", "utf-8"),
        ("unicode-escape", "utf-8"),
    ],
)
def test_only_charsets_lead_to_a_codec(name, codec):
    assert codec_of(name) == codec


@given(st.text())
def test_any_text_is_taken(text):
    media_type(text)
    codec_of(charset_name(f"text/plain; charset={text}"))

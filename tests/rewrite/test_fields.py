"""Which fields a rule may write."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.errors import RuleError
from forebay.rewrite.fields import (
    REFUSED,
    control_in,
    field_name,
    field_value,
    removed_name,
    seen_name,
)


@pytest.mark.parametrize("text", ["X-Trace", "accept", "!#$%&'*+-.^_`|~", "X-*"])
def test_a_token_is_a_name(text):
    assert field_name(text) == text.encode()


@pytest.mark.parametrize(
    "text", ["", "X Y", "X:", ":authority", "X\r\nY", "é", "X\0", '"x"', "X\n"]
)
def test_anything_else_is_none(text):
    for read in (field_name, seen_name):
        with pytest.raises(RuleError) as caught:
            read(text)

        assert str(caught.value) == f"expected a field name such as X-Trace, found {text!r}"


@pytest.mark.parametrize(
    "name",
    ["Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive", "Proxy-Connection", "TE", "Trailer", "Upgrade", "Host"],
)  # fmt: skip
def test_framing_and_connection_fields_are_not_for_rules(name):
    """In whatever case, and neither to write nor to remove."""
    for text in (name, name.lower(), name.upper()):
        for read in (field_name, removed_name):
            with pytest.raises(
                RuleError, match=f"^expected a field that a rule may write, found {text}: "
            ):
                read(text)


def test_a_rule_may_look_at_any_field():
    """Such as Upgrade, to leave WebSockets alone."""
    assert [seen_name(name.decode()) for name in REFUSED] == list(REFUSED)


def test_reasons():
    for text, reason in [
        ("Content-Length", "it says where the message ends, which the proxy decides"),
        ("Upgrade", "it is about one connection, not about the message (RFC 9110 §7.6.1)"),
        ("Host", "it must agree with the URL; the action url changes both"),
    ]:
        with pytest.raises(RuleError) as caught:
            field_name(text)

        assert (
            str(caught.value) == f"expected a field that a rule may write, found {text}: {reason}"
        )


@pytest.mark.parametrize(
    ("text", "expected"),
    [("Via", (b"Via", False)), ("X-Debug-*", (b"X-Debug-", True)), ("T*", (b"T", True))],
)
def test_a_removal_takes_a_name_or_its_beginning(text, expected):
    assert removed_name(text) == expected


@pytest.mark.parametrize("text", ["*", "X-*-*", "**", "X *", "é*"])
def test_a_removal_takes_nothing_else(text):
    with pytest.raises(RuleError) as caught:
        removed_name(text)

    assert str(caught.value) == (
        f"expected a field name or its beginning such as X-Debug-*, found {text!r}"
    )


@pytest.mark.parametrize(
    ("text", "expected"), [("", b""), ("a b\tc", b"a b\tc"), ("é", b"\xe9"), ("\x80", b"\x80")]
)
def test_a_value_is_latin_1(text, expected):
    assert field_value(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a\r\nX: b", "expected a value of one line without control characters, found '\\r'"),
        ("a\n", "expected a value of one line without control characters, found '\\n'"),
        ("a\0", "expected a value of one line without control characters, found '\\x00'"),
        ("\x7f", "expected a value of one line without control characters, found '\\x7f'"),
        (" a", "expected a value without space around it, found ' a'"),
        ("a\t", "expected a value without space around it, found 'a\\t'"),
        ("1 €", "expected characters of ISO 8859-1, found '€': encode it as its reader expects"),
    ],
)
def test_a_value_that_cannot_be_sent_is_refused(text, message):
    with pytest.raises(RuleError) as caught:
        field_value(text)

    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None), ("a b\tc\x80é€\udc80", None), ("a\r\nb", "\r"), ("a\nb\r", "\n"), ("\0", "\0"),
        ("a\x1f", "\x1f"), ("\x7f", "\x7f"), ("\x0b", "\x0b"), ("\x08", "\x08"),
    ],
)  # fmt: skip
def test_which_character_could_end_a_line(text, expected):
    """All control characters but the tab (RFC 9110 §5.5)."""
    assert control_in(text) == expected


@given(st.text(max_size=12))
def test_any_text_is_safe_to_send_or_an_error(text):
    for read in (field_name, field_value):
        try:
            found = read(text)
        except RuleError:
            continue
        assert not set(found) & set(b"\r\n\0")
        assert read is field_value or found.lower() not in REFUSED

"""The edits that are made at a message's head."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.regexes import Regex
from forebay.rewrite.edits import (
    EditError,
    FieldEdit,
    FieldReplace,
    MethodEdit,
    Replacement,
    StatusEdit,
    Verb,
    covers,
    edit_fields,
    expanded,
)
from forebay.rewrite.exchange import Fields
from forebay.rewrite.fields import REFUSED
from forebay.rewrite.template import Template
from rewrite.builders import edited, exchange, fields, template, values

SAMPLE = ((b"A", b"1"), (b"b", b"2"), (b"a", b"3"), (b"C", b"4"))


def replacement(regex: str, text: str) -> Replacement:
    return Replacement(Regex.of(regex), template(text))


class TestExpanded:
    """No value leaves its line, wherever its characters come from."""

    @pytest.mark.parametrize("word", ["header.x", "url.query.x", "cookie.x"])
    @pytest.mark.parametrize(
        ("char", "shown"), [("\r", r"'\\r'"), ("\n", r"'\\n'"), ("\0", r"'\\x00'"), ("\x7f", r"'\\x7f'")]
    )  # fmt: skip
    def test_controls_do_not_come_in_by_placeholders(self, word, char, shown):
        seen = exchange(
            f"https://a.example/?x=1%{ord(char):02x}2",
            request=((b"X", f"1{char}2".encode()), (b"Cookie", f"x=1{char}2".encode())),
        )

        with pytest.raises(EditError, match=f"a value with the control character {shown}"):
            expanded(template(f"{{{word}}}"), values(seen))

    def test_nor_by_variables_of_the_environment(self):
        found = Template.of("{env.X}", {"X": "1\r\nEvil: 2"})

        with pytest.raises(EditError, match="control character"):
            expanded(found, values())

    @pytest.mark.parametrize("length", [65_536, 65_537])
    def test_length_has_a_limit(self, length):
        seen = values(exchange(request=((b"X", b"x" * length),)))

        if length == 65_536:
            assert len(expanded(template("{header.x}"), seen)) == length
        else:
            with pytest.raises(EditError, match="a value of more than 65,536 characters"):
                expanded(template("{header.x}"), seen)

    def test_a_tab_is_allowed(self):
        """RFC 9110 §5.5."""
        seen = values(exchange(request=((b"X", b"a\tb\xff"),)))

        assert expanded(template("{header.x}"), seen) == "a\tb\xff"


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        pytest.param(FieldEdit(Verb.REMOVE, b"A"), (SAMPLE[1], SAMPLE[3]), id="all lines, any case"),
        pytest.param(FieldEdit(Verb.REMOVE, b"x"), SAMPLE, id="remove what is not there"),
        pytest.param(FieldEdit(Verb.SET, b"A"), ((b"A", b"9"), SAMPLE[1], SAMPLE[3]), id="set in place"),
        pytest.param(FieldEdit(Verb.SET, b"X"), (*SAMPLE, (b"X", b"9")), id="set what is not there"),
        pytest.param(FieldEdit(Verb.DEFAULT, b"A"), SAMPLE, id="default yields"),
        pytest.param(FieldEdit(Verb.DEFAULT, b"X"), (*SAMPLE, (b"X", b"9")), id="default fills in"),
        pytest.param(FieldEdit(Verb.APPEND, b"A"), (*SAMPLE, (b"A", b"9")), id="append keeps"),
    ],
)  # fmt: skip
def test_edits_of_fields(edit, expected):
    assert edit_fields(SAMPLE, edit, b"9") == expected


def test_a_beginning_removes_all_that_begins_so_but_framing():
    found = tuple(
        (name, b"") for name in (b"te", b"Trailer", b"Transfer-Encoding", b"X-T", b"T-1", b"t")
    )

    left = edit_fields(found, FieldEdit(Verb.REMOVE, b"T", is_prefix=True), b"")

    assert [name for name, _ in left] == [b"te", b"Trailer", b"Transfer-Encoding", b"X-T"]


@pytest.mark.parametrize("verb", [Verb.SET, Verb.DEFAULT, Verb.APPEND])
def test_names_are_lower_case_in_http2(verb):
    """Upper case would make the message malformed (RFC 9113 §8.2.1)."""
    assert edit_fields((), FieldEdit(verb, b"X-Y"), b"Z", lower_case=True) == ((b"x-y", b"Z"),)


class TestFieldEdit:
    def test_the_value_is_expanded_and_trimmed(self):
        seen = exchange(request=((b"A", b" \t1 "),))

        found = edited(FieldEdit(Verb.SET, b"X", template("{header.a}")), seen)

        assert found.request[-1] == (b"X", b"1")

    def test_it_is_made_in_one_of_the_two_messages(self):
        seen = exchange(request=fields("A: 1"), status=200, response=fields("A: 2"))

        found = edited(FieldEdit(Verb.SET, b"A", template("9")), seen, of_response=True)

        assert (found.request, found.response) == (fields("A: 1"), fields("A: 9"))

    def test_what_is_so_already_stays_the_same_exchange(self):
        seen = exchange(request=fields("A: 1"))

        assert edited(FieldEdit(Verb.SET, b"A", template("1")), seen) is seen
        assert edited(FieldEdit(Verb.REMOVE, b"B"), seen) is seen

    def test_http2_names_are_lower_case(self):
        found = edited(FieldEdit(Verb.SET, b"X-Y", template("1")), exchange(lower_case=True))

        assert found.request == fields("x-y: 1")


NAMES = st.sampled_from([b"A", b"a", b"X-1", b"x-2", b"Host", b"TE", b"Cookie"])
FIELDS = st.lists(st.tuples(NAMES, st.binary(max_size=3)), max_size=8).map(tuple)
FIELD_EDITS = st.one_of(
    st.builds(FieldEdit, st.sampled_from(Verb), st.sampled_from([b"A", b"x-1", b"Cookie"])),
    st.builds(FieldEdit, st.just(Verb.REMOVE), st.sampled_from([b"x-", b"T", b"h"]), is_prefix=st.just(True)),
)  # fmt: skip


@given(FIELDS, FIELD_EDITS, st.binary(max_size=3), st.booleans())
def test_an_edit_of_one_field_leaves_all_others_byte_for_byte(found, edit, value, lower_case):
    """They keep their order, spelling and value; framing is never touched."""
    after = edit_fields(found, edit, value, lower_case=lower_case)

    def others(of: Fields) -> list[tuple[bytes, bytes]]:
        return [field for field in of if not covers(edit, field[0])]

    assert others(after) == others(found)
    own = [value for name, value in after if covers(edit, name)]
    was = [value for name, value in found if covers(edit, name)]
    match edit.verb:
        case Verb.REMOVE:
            assert own == []
        case Verb.SET:
            assert own == [value]
        case Verb.DEFAULT:
            assert own == (was or [value])
        case Verb.APPEND:
            assert own == [*was, value]
    for name, _ in found:
        if name.lower() in REFUSED:
            assert any(name == kept for kept, _ in after)


class TestReplacement:
    @pytest.mark.parametrize(
        ("regex", "text", "before", "after"),
        [
            pytest.param("a", "b", "banana", "bbnbnb", id="each place"),
            pytest.param("(a)(n)?", "[{re.1}{re.2}]", "bana", "b[an][a]", id="groups by number"),
            pytest.param("(?P<x>a+)", "<{re.x}>", "baab", "b<aa>b", id="groups by name"),
            pytest.param("^a", "b", "aaa", "baa", id="the beginning is that of the text"),
            pytest.param("a$", "b", "aaa", "aab", id="and so is the end"),
            pytest.param("x*", "-", "axb", "-a--b-", id="empty places"),
            pytest.param("$", "!", "", "!", id="an empty text"),
            pytest.param("b", "{method}", "abc", "aGETc", id="placeholders"),
        ],
    )
    def test_each_place_is_replaced(self, regex, text, before, after):
        assert replacement(regex, text).edit(before, values()) == after

    @given(
        st.sampled_from(["a", "a*", "b|", "^a?", "a$", "", "(a)(b)?"]), st.text("abc", max_size=6)
    )
    def test_places_are_those_of_python(self, regex, text):
        expected = re.sub(regex, "-", text)

        assert replacement(regex, "-").edit(text, values()) == expected

    def test_controls_do_not_come_in_by_groups(self):
        with pytest.raises(EditError, match="control character"):
            replacement("(.+)", "{re.1}{url.query.x}").edit(
                "a", values(exchange("https://a.example/?x=%0a"))
            )

    def test_many_long_replacements_are_too_long(self):
        seen = values(exchange(request=((b"X", b"x" * 60_000),)))

        assert len(replacement("a", "{header.x}").edit("ab", seen)) == 60_001
        with pytest.raises(EditError, match="more than 65,536 characters"):
            replacement("a", "{header.x}").edit("a" * 2000, seen)


class TestFieldReplace:
    def test_values_of_the_field_are_edited_in_all_lines(self):
        edit = FieldReplace(b"A", (replacement("1", "2"), replacement("2", "3")))

        found = edited(edit, exchange(request=fields("a: 1", "B: 1", "A: 21")))

        assert found.request == fields("a: 3", "B: 1", "A: 33")

    def test_the_response_has_its_own(self):
        seen = exchange(request=fields("A: 1"), status=200, response=fields("A: 1"))

        found = edited(FieldReplace(b"A", (replacement("1", "2"),)), seen, of_response=True)

        assert (found.request, found.response) == (fields("A: 1"), fields("A: 2"))

    def test_no_value_begins_or_ends_with_a_space(self):
        """In HTTP/2 that is malformed (RFC 9113 §8.2.1)."""
        seen = exchange(request=fields("A: x b x"))

        found = edited(FieldReplace(b"A", (replacement("x", ""),)), seen)

        assert found.request == ((b"A", b"b"),)

    @given(FIELDS)
    def test_without_a_match_all_bytes_stay(self, found):
        seen = exchange(request=found)

        assert edited(FieldReplace(b"A", (replacement("zzz", "-"),)), seen) == seen


def test_method_and_status_are_others():
    assert edited(MethodEdit("PUT"), exchange()).method == "PUT"
    assert edited(StatusEdit(404), exchange(status=200), of_response=True).status == 404


def test_what_is_too_long_for_a_regex_fails_the_rule():
    """Rather than leave what it should replace where it is, and say nothing."""
    edit = FieldReplace(b"X", (Replacement(Regex.of("a"), Template.of("b")),))

    with pytest.raises(EditError, match="more than the 2,048 characters of its regex"):
        edited(edit, exchange(request=((b"X", b"a" * 2049),)))


@pytest.mark.parametrize("method", ["HEAD", "CONNECT"])
def test_a_method_without_body_stays(method):
    """Or the client would take for its next answer what it does not wait for."""
    with pytest.raises(EditError, match=f"a {method} stays one"):
        edited(MethodEdit("GET"), exchange(method=method))


@pytest.mark.parametrize("status", [101, 204, 205, 206, 304])
def test_a_status_without_a_whole_body_stays(status):
    with pytest.raises(EditError, match=f"a {status} stays one"):
        edited(StatusEdit(200), exchange(status=status), of_response=True)


def test_the_values_of_a_field_are_not_searched_without_end():
    edit = FieldReplace(b"A", (Replacement(Regex.of("x"), template("y")),))

    few = edited(edit, exchange(request=((b"A", b"x" * 1000),) * 8))
    assert {value for _, value in few.request} == {b"y" * 1000}
    with pytest.raises(EditError, match="values of more than 8,192 characters"):
        edited(edit, exchange(request=((b"A", b"x" * 1000),) * 9))

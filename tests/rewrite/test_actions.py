"""Edits of header fields, and what is told of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.rewrite.actions import Change, Fields, covers, edit, rewrite
from forebay.rewrite.fields import REFUSED
from forebay.rewrite.match import Head, Matcher
from forebay.rewrite.patterns import Hosts
from forebay.rewrite.rule import Operation, Phase, Rule, Verb

HEAD = Head(("www.example.com",), "/", "GET")
SAMPLE = ((b"A", b"1"), (b"b", b"2"), (b"a", b"3"), (b"C", b"4"))


def rule(*operations: Operation, host: str = "*", stop: bool = False, name: str = "r") -> Rule:
    return Rule(name, "f.yaml", 1, Matcher(Hosts.of([host])), operations, stop=stop)


def changes(fields: Fields, *operations: Operation) -> tuple[Change, ...]:
    _, applied = rewrite([rule(*operations)], Phase.REQUEST, HEAD, fields)
    return applied[0].changes


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        pytest.param(Operation(Verb.REMOVE, b"A"), (SAMPLE[1], SAMPLE[3]), id="all lines, any case"),
        pytest.param(Operation(Verb.REMOVE, b"x"), SAMPLE, id="remove what is not there"),
        pytest.param(Operation(Verb.SET, b"A", b"9"), ((b"A", b"9"), SAMPLE[1], SAMPLE[3]), id="set in place"),
        pytest.param(Operation(Verb.SET, b"X", b"9"), (*SAMPLE, (b"X", b"9")), id="set what is not there"),
        pytest.param(Operation(Verb.DEFAULT, b"A", b"9"), SAMPLE, id="default yields"),
        pytest.param(Operation(Verb.DEFAULT, b"X", b"9"), (*SAMPLE, (b"X", b"9")), id="default fills in"),
        pytest.param(Operation(Verb.APPEND, b"A", b"9"), (*SAMPLE, (b"A", b"9")), id="append keeps"),
    ],
)  # fmt: skip
def test_operations(operation, expected):
    assert edit(SAMPLE, operation) == expected


def test_a_beginning_removes_all_that_begins_so_but_framing():
    fields = tuple(
        (name, b"") for name in (b"te", b"Trailer", b"Transfer-Encoding", b"X-T", b"T-1", b"t")
    )

    left = edit(fields, Operation(Verb.REMOVE, b"T", is_prefix=True))

    assert [name for name, _ in left] == [b"te", b"Trailer", b"Transfer-Encoding", b"X-T"]


@pytest.mark.parametrize("verb", [Verb.SET, Verb.DEFAULT, Verb.APPEND])
def test_names_are_lower_case_in_http2(verb):
    """Upper case would make the message malformed (RFC 9113 §8.2.1)."""
    assert edit((), Operation(verb, b"X-Y", b"Z"), lower_case=True) == ((b"x-y", b"Z"),)


class TestRewrite:
    def test_each_rule_sees_what_those_before_it_left(self):
        fields, applied = rewrite(
            [
                rule(Operation(Verb.SET, b"X", b"1"), name="one"),
                rule(Operation(Verb.SET, b"X", b"no"), host="other.example", name="two"),
                rule(
                    Operation(Verb.DEFAULT, b"X", b"no"),
                    Operation(Verb.APPEND, b"X", b"2"),
                    name="three",
                ),
            ],
            Phase.REQUEST,
            HEAD,
            (),
        )

        assert fields == ((b"X", b"1"), (b"X", b"2"))
        assert [(one.rule.id, one.changes) for one in applied] == [
            ("one", (Change("X", None, "1"),)),
            ("three", (Change("X", "1", "1, 2"),)),
        ]

    def test_stop_ends_it_when_the_rule_matched(self):
        rules = [
            rule(host="other.example", stop=True, name="not me"),
            rule(Operation(Verb.SET, b"X", b"1"), name="one"),
            rule(stop=True, name="last"),
            rule(Operation(Verb.SET, b"X", b"2"), name="never"),
        ]

        fields, applied = rewrite(rules, Phase.REQUEST, HEAD, ())

        assert fields == ((b"X", b"1"),)
        assert [one.rule.id for one in applied] == ["one", "last"]

    def test_only_the_edits_of_the_phase_are_made(self):
        both = Rule(
            "r",
            "f",
            1,
            Matcher(),
            (Operation(Verb.SET, b"Q", b""),),
            (Operation(Verb.SET, b"R", b""),),
        )

        assert rewrite([both], Phase.RESPONSE, HEAD, ())[0] == ((b"R", b""),)


class TestChanges:
    def test_a_field_edited_twice_is_one_change(self):
        assert changes(
            SAMPLE, Operation(Verb.REMOVE, b"A"), Operation(Verb.APPEND, b"a", b"9")
        ) == (Change("A", "1, 3", "9"),)

    def test_what_stays_is_no_change(self):
        assert (
            changes(((b"a", b"1"),), Operation(Verb.SET, b"A", b"1"), Operation(Verb.REMOVE, b"x"))
            == ()
        )

    def test_each_field_of_a_beginning_is_told(self):
        fields = ((b"X-A", b"1"), (b"b", b"2"), (b"x-c", b"3"), (b"x-a", b"4"))

        assert changes(fields, Operation(Verb.REMOVE, b"X-", is_prefix=True)) == (
            Change("X-A", "1, 4", None),
            Change("x-c", "3", None),
        )

    @pytest.mark.parametrize(
        "name", ["Authorization", "Cookie", "Set-Cookie", "proxy-authorization"]
    )
    def test_secrets_are_masked(self, name):
        field = name.encode()

        assert changes(((field, b"s3cret"),), Operation(Verb.SET, field, b"other")) == (
            Change(name, "REDACTED", "REDACTED"),
        )
        assert changes((), Operation(Verb.APPEND, field, b"s3cret")) == (
            Change(name, None, "REDACTED"),
        )

    def test_long_values_are_cut(self):
        (change,) = changes(((b"x", b"a" * 10_000),), Operation(Verb.REMOVE, b"x"))

        assert change.before == "a" * 200 + "…"


NAMES = st.sampled_from([b"A", b"a", b"X-1", b"x-2", b"Host", b"TE", b"Cookie"])
FIELDS = st.lists(st.tuples(NAMES, st.binary(max_size=3)), max_size=8).map(tuple)
OPERATIONS = st.one_of(
    st.builds(Operation, st.sampled_from(Verb), st.sampled_from([b"A", b"x-1", b"Cookie"]), st.binary(max_size=3)),
    st.builds(Operation, st.just(Verb.REMOVE), st.sampled_from([b"x-", b"T", b"h"]), is_prefix=st.just(True)),
)  # fmt: skip


@given(FIELDS, OPERATIONS, st.booleans())
def test_an_edit_touches_nothing_but_its_fields(fields, operation, lower_case):
    """Others keep their order, spelling and value; framing is never touched."""
    edited = edit(fields, operation, lower_case=lower_case)

    def others(of: Fields) -> list[tuple[bytes, bytes]]:
        return [field for field in of if not covers(operation, field[0])]

    assert others(edited) == others(fields)
    own = [value for name, value in edited if covers(operation, name)]
    was = [value for name, value in fields if covers(operation, name)]
    match operation.verb:
        case Verb.REMOVE:
            assert own == []
        case Verb.SET:
            assert own == [operation.value]
        case Verb.DEFAULT:
            assert own == (was or [operation.value])
        case Verb.APPEND:
            assert own == [*was, operation.value]
    for name, _ in fields:
        if name.lower() in REFUSED:
            assert any(name == kept for kept, _ in edited)


@given(FIELDS, st.lists(OPERATIONS, max_size=4))
def test_what_is_told_is_what_differs(fields, operations):
    edited, applied = rewrite([rule(*operations)], Phase.REQUEST, HEAD, fields)

    def values(of: Fields, key: bytes) -> list[bytes]:
        return [value for name, value in of if name.lower() == key]

    differing = {
        name.lower() for name, _ in (*fields, *edited)
        if values(fields, name.lower()) != values(edited, name.lower())
    }  # fmt: skip
    assert {change.field.lower().encode() for change in applied[0].changes} == differing

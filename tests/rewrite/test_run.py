"""One message through the rules, and what is told of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.regexes import Regex
from forebay.rewrite.answer import Answer
from forebay.rewrite.body import Task
from forebay.rewrite.bodyedits import BodyEdits
from forebay.rewrite.edits import (
    Edit,
    FieldEdit,
    FieldReplace,
    MethodEdit,
    Replacement,
    StatusEdit,
    Verb,
)
from forebay.rewrite.exchange import Fields
from forebay.rewrite.match import Matcher, Named
from forebay.rewrite.partedits import CookieEdit, CspEdit, QueryEdit, SetCookieEdit
from forebay.rewrite.patterns import Glob, path_pattern
from forebay.rewrite.rule import Edits, Mode, Phase
from forebay.rewrite.run import NOWHERE, Change, Result
from forebay.rewrite.template import Template
from forebay.rewrite.urledit import UrlEdit
from rewrite.builders import exchange, fields, made_of, matcher, rule, template

SAMPLE = fields("A: 1", "b: 2", "a: 3", "C: 4")
ENV = {"KEY": "s3cret"}
BAD = FieldEdit(Verb.SET, b"X", template("{url.query.bad}"))
WANTED = (Named("x", (Glob.of("1"),)),)
BAD_URL = "https://www.example.com/?bad=%0d%0aEvil:1"


def put(value: str, verb: Verb = Verb.SET, name: bytes = b"X") -> FieldEdit:
    return FieldEdit(verb, name, template(value))


def ids(result: Result) -> list[str]:
    return [one.rule.id for one in result.applied]


def changes(before: Fields, *edits: Edit) -> tuple[Change, ...]:
    (applied,) = made_of(exchange(request=before), rule(*edits)).applied
    return applied.changes


class TestOrder:
    def test_each_rule_sees_what_those_before_it_left(self):
        result = made_of(
            exchange(),
            rule(put("1"), id="one"),
            rule(put("no"), host="other.example", id="two"),
            rule(put("no", Verb.DEFAULT), put("{header.x}2", Verb.APPEND), id="three"),
        )

        assert result.exchange.request == fields("X: 1", "X: 12")
        assert [(one.rule.id, one.changes) for one in result.applied] == [
            ("one", (Change("X", None, "1"),)),
            ("three", (Change("X", "1", "1, 12"),)),
        ]

    def test_placeholders_of_a_rule_stand_for_what_it_has_found(self):
        """Its own edits have no order that the reader of its file could see."""
        swap = (put("{header.b}", name=b"A"), put("{header.a}", name=b"B"))

        result = made_of(exchange(request=fields("A: 1", "B: 2")), rule(*swap))

        assert result.exchange.request == fields("A: 2", "B: 1")

    def test_stop_ends_it_when_the_rule_matched(self):
        result = made_of(
            exchange(),
            rule(host="other.example", stop=True, id="not me"),
            rule(put("1"), id="one"),
            rule(stop=True, id="last"),
            rule(put("2"), id="never"),
        )

        assert result.exchange.request == fields("X: 1")
        assert ids(result) == ["one", "last"]

    def test_only_the_edits_of_the_phase_are_made(self):
        both = rule(request=Edits((put("q"),)), response=Edits((put("r"), StatusEdit(404))))

        result = made_of(exchange(status=200), both, phase=Phase.RESPONSE)

        assert result.exchange.request == ()
        assert result.exchange.response == fields("X: r")
        assert result.applied[0].changes == (
            Change("status", "200", "404"),
            Change("X", None, "r"),
        )

    @pytest.mark.parametrize("rules", [(), (rule(put("1"), host="other.example"),)])
    def test_no_rule_leaves_it_as_it_is(self, rules):
        seen = exchange()

        assert made_of(seen, *rules) == Result(seen)

    def test_a_rule_that_changes_nothing_is_told_too(self):
        result = made_of(exchange(request=fields("X: 1")), rule(put("1")))

        assert ids(result) == ["r"]
        assert result.applied[0].changes == ()


class TestUrls:
    def test_later_rules_match_where_it_goes_now(self):
        result = made_of(
            exchange("https://a.example/x"),
            rule(put("1"), host="b.example", id="earlier"),
            rule(UrlEdit(template("https://b.example/y")), host="a.example", id="moves"),
            rule(put("2"), host="a.example", id="old host"),
            rule(put("3"), path="/x", id="old path"),
            rule(put("4"), host="b.example", path="/y", id="new"),
        )

        assert ids(result) == ["moves", "new"]
        assert result.exchange.url == "https://b.example/y"
        assert result.exchange.request == fields("X: 4")
        assert result.applied[0].changes == (
            Change("url", "https://a.example/x", "https://b.example/y"),
        )

    def test_later_rules_match_the_new_path(self):
        result = made_of(
            exchange("https://a.example/x"),
            rule(UrlEdit(template("/y/z")), id="moves"),
            rule(put("1"), path="/x", id="old"),
            rule(put("2"), path="/y/*", id="new"),
        )

        assert ids(result) == ["moves", "new"]

    @pytest.mark.parametrize(
        ("edit", "wanted"),
        [
            pytest.param(MethodEdit("PUT"), {"methods": frozenset({"PUT"})}, id="method"),
            pytest.param(put("1"), {"request_fields": WANTED}, id="field"),
        ],
    )
    def test_later_rules_match_the_new_method_and_fields(self, edit, wanted):
        result = made_of(
            exchange(),
            rule(put("2", name=b"Y"), matcher=matcher(**wanted), id="earlier"),
            rule(edit, id="changes"),
            rule(put("2", name=b"Y"), matcher=matcher(**wanted), id="later"),
        )

        assert ids(result) == ["changes", "later"]

    def test_rules_that_send_each_other_round_are_each_taken_once(self):
        result = made_of(
            exchange("https://a.example/"),
            rule(UrlEdit(template("https://b.example/")), host="a.example", id="there"),
            rule(UrlEdit(template("https://a.example/")), host="b.example", id="back"),
        )

        assert ids(result) == ["there", "back"]
        assert result.exchange.url == "https://a.example/"

    def test_another_query_is_a_change_of_the_url(self):
        result = made_of(
            exchange("https://a.example/?a=1"), rule(QueryEdit(sets=(("a", template("2")),)))
        )

        assert result.applied[0].changes == (
            Change("url", "https://a.example/?a=1", "https://a.example/?a=2"),
        )

    def test_groups_are_those_of_the_path_the_rule_matched(self):
        found = rule(
            UrlEdit(template("/new/{re.1}")),
            put("{re.id}"),
            matcher=Matcher(paths=(path_pattern("regex:^/old/(?P<id>.+)"),)),
        )

        result = made_of(exchange("https://a.example/old/7"), found)

        assert result.exchange.target == "/new/7"
        assert result.exchange.request == fields("X: 7")


class TestShadow:
    def test_it_is_told_and_changes_nothing(self):
        seen = exchange("https://a.example/")

        result = made_of(
            seen,
            rule(
                UrlEdit(template("https://b.example/")),
                put("1"),
                mode=Mode.SHADOW,
                stop=True,
                id="shadow",
            ),
            rule(put("2", Verb.DEFAULT), host="a.example", id="later"),
        )

        assert ids(result) == ["shadow", "later"]
        assert result.applied[0].changes == (
            Change("url", "https://a.example/", "https://b.example/"),
            Change("X", None, "1"),
        )
        assert result.exchange.url == seen.url
        assert result.exchange.request == fields("X: 2")

    def test_it_answers_nothing_and_ends_nothing(self):
        answer = Answer(418)
        shadow = rule(request=Edits(answer=answer), mode=Mode.SHADOW, id="shadow")

        result = made_of(exchange(), shadow, rule(put("1"), id="later"))

        assert result.answer is None
        assert result.applied[0].answer == (answer, {})
        assert ids(result) == ["shadow", "later"]

    def test_its_edits_of_the_body_are_tasks_as_well(self):
        """What they would do is found out there."""
        edits = BodyEdits(())
        shadow = rule(request=Edits(body=edits), mode=Mode.SHADOW)

        assert made_of(exchange(), shadow).tasks == (Task(shadow, edits, {}),)


class TestAnswers:
    def test_an_answer_ends_it(self):
        answer = Answer(204)
        answering = rule(
            request=Edits((put("1"),), answer=answer),
            matcher=Matcher(paths=(path_pattern("regex:^/(.)"),)),
            id="answers",
        )

        result = made_of(exchange("https://a.example/x"), answering, rule(put("2"), id="never"))

        assert result.answer == (answer, {"1": "x"})
        assert ids(result) == ["answers"]
        assert result.applied[0].answer == result.answer
        assert result.exchange.request == fields("X: 1")

    def test_bodies_are_tasks_in_order(self):
        one, two = BodyEdits((), 1), BodyEdits((), 2)

        result = made_of(
            exchange(), rule(request=Edits(body=one)), rule(put("1")), rule(request=Edits(body=two))
        )

        assert [task.edits for task in result.tasks] == [one, two]
        assert len(result.applied) == 3


class TestFailure:
    def test_an_edit_that_cannot_be_made_is_left_out_alone(self):
        """Or a client could ward off what the rule takes away."""
        failing = rule(put("1", name=b"A"), BAD, put("2", name=b"B"), BAD, id="bad", stop=True)

        result = made_of(exchange(BAD_URL), failing, rule(put("3"), id="never"))

        assert ids(result) == ["bad"]
        why = r"a value with the control character '\r'"
        assert result.applied[0].failed == f"{why}; {why}"
        assert [change.field for change in result.applied[0].changes] == ["A", "B"]
        assert result.exchange.request == fields("A: 1", "B: 2")

    def test_its_answer_and_its_tasks_stay(self):
        edits, answer = BodyEdits(()), Answer()
        failing = rule(request=Edits((BAD,), edits, answer))

        result = made_of(exchange(BAD_URL), failing)

        assert result.answer == (answer, {})
        assert [task.edits for task in result.tasks] == [edits]

    def test_a_request_that_cannot_be_sent_elsewhere_is_sent_nowhere(self):
        moving = rule(UrlEdit(template("https://b.example/{url.query.bad}")), id="moves")

        result = made_of(exchange(BAD_URL), moving, rule(put("3"), id="never"))

        assert result.answer == (NOWHERE, {})
        assert ids(result) == ["moves"] and result.applied[0].failed

    def test_in_shadow_mode_it_goes_on(self):
        moving = rule(UrlEdit(template("https://b.example/{url.query.bad}")), mode=Mode.SHADOW)

        assert made_of(exchange(BAD_URL), moving).answer is None

    @pytest.mark.parametrize(
        "edit",
        [
            BAD,
            CookieEdit(sets=(("a", template("{url.query.bad}")),)),
            SetCookieEdit(sets=(("a", template("{url.query.bad}")),)),
            UrlEdit(template("https://a.example/{url.query.bad}")),
        ],
    )
    def test_nothing_of_it_reaches_the_head(self, edit):
        seen = exchange(BAD_URL)

        assert made_of(seen, rule(edit)).exchange == seen


class TestChanges:
    def test_a_field_edited_twice_is_one_change(self):
        assert changes(SAMPLE, FieldEdit(Verb.REMOVE, b"A"), put("9", Verb.APPEND, b"a")) == (
            Change("a", "1, 3", "9"),
        )

    def test_what_stays_is_no_change(self):
        edits = (put("1", name=b"A"), FieldEdit(Verb.REMOVE, b"x"))

        assert changes(fields("a: 1"), *edits) == ()

    def test_lines_in_another_order_are_a_change(self):
        edits = (FieldEdit(Verb.REMOVE, b"A"), put("3", Verb.APPEND, b"a"), put("1", Verb.APPEND, b"a"))  # fmt: skip

        assert changes(SAMPLE, *edits) == (Change("a", "1, 3", "3, 1"),)

    def test_each_field_of_a_beginning_is_told(self):
        before = fields("X-A: 1", "b: 2", "x-c: 3", "x-a: 4")

        assert changes(before, FieldEdit(Verb.REMOVE, b"X-", is_prefix=True)) == (
            Change("X-A", "1, 4", None),
            Change("x-c", "3", None),
        )

    def test_the_method_is_told(self):
        assert changes((), MethodEdit("PUT")) == (Change("method", "GET", "PUT"),)

    def test_many_fields_take_little_time(self):
        """It takes a minute when each is looked for among the others."""
        before = tuple((b"X-%d" % i, b"1") for i in range(10_000))

        assert len(changes(before, FieldEdit(Verb.REMOVE, b"X-", is_prefix=True))) == 10_000


class TestSecrets:
    @pytest.mark.parametrize(
        "name", ["Authorization", "proxy-authorization", "X-Api-Key", "X-Auth"]
    )
    def test_credentials_are_masked(self, name):
        field = name.encode()

        assert changes(((field, b"s3cret"),), put("other", name=field)) == (
            Change(name, "REDACTED", "REDACTED"),
        )
        assert changes((), put("s3cret", Verb.APPEND, field)) == (Change(name, None, "REDACTED"),)

    @pytest.mark.parametrize(
        ("line", "shown"),
        [
            pytest.param("a=s3cret; b=s3cret=", "a=REDACTED; b=REDACTED", id="values"),
            pytest.param("s3cret", "REDACTED", id="a value without a name"),
            pytest.param('a="s3cret;s3cret"', "a=REDACTED; REDACTED", id="a value with ; in quotes"),
            pytest.param("a=", "a=REDACTED", id="an empty value"),
            pytest.param(";; ;a=s3cret;", "a=REDACTED", id="empty pairs"),
        ],
    )  # fmt: skip
    def test_cookies_are_told_without_their_values(self, line, shown):
        assert changes(fields(f"Cookie: {line}"), FieldEdit(Verb.REMOVE, b"Cookie")) == (
            Change("Cookie", shown, None),
        )

    @pytest.mark.parametrize(
        ("line", "shown"),
        [
            pytest.param("a=s3cret; Path=/; secure", "a=REDACTED; Path=/; secure", id="attributes"),
            pytest.param("s3cret; Path=/", "REDACTED; Path=/", id="a value without a name"),
            pytest.param("path=s3cret", "path=REDACTED", id="a cookie called like an attribute"),
            pytest.param('a="s3cret; s3cret"', "a=REDACTED; REDACTED", id="a value with ; in quotes"),
            pytest.param("a=1; x=s3cret", "a=REDACTED; x=REDACTED", id="no attribute"),
        ],
    )  # fmt: skip
    def test_set_cookies_are_told_with_their_attributes(self, line, shown):
        seen = exchange(status=200, response=fields(f"Set-Cookie: {line}"))
        removed = rule(FieldEdit(Verb.REMOVE, b"Set-Cookie"), phase=Phase.RESPONSE)

        (applied,) = made_of(seen, removed, phase=Phase.RESPONSE).applied

        assert applied.changes == (Change("Set-Cookie", shown, None),)

    def test_long_values_are_cut(self):
        (change,) = changes(fields(f"x: {'a' * 10_000}"), FieldEdit(Verb.REMOVE, b"x"))
        (kept,) = changes(fields(f"x: {'a' * 200}"), FieldEdit(Verb.REMOVE, b"x"))

        assert change.before == "a" * 200 + "…"
        assert kept.before == "a" * 200


NAMES = st.sampled_from([b"A", b"a", b"X-1", b"x-2", b"Host", b"TE", b"Via"])
FIELDS = st.lists(st.tuples(NAMES, st.binary(max_size=3)), max_size=8).map(tuple)
EDITS = st.one_of(
    st.builds(FieldEdit, st.sampled_from(Verb), st.sampled_from([b"A", b"x-1", b"Via"]), st.sampled_from(["", "1"]).map(template)),
    st.builds(FieldEdit, st.just(Verb.REMOVE), st.sampled_from([b"x-", b"T", b"h"]), is_prefix=st.just(True)),
)  # fmt: skip


@given(FIELDS, st.lists(EDITS, max_size=4))
def test_what_is_told_is_what_differs(found, edits):
    result = made_of(exchange(request=found), rule(*edits))
    after = result.exchange.request

    def lines(of: Fields, key: bytes) -> list[bytes]:
        return [value for name, value in of if name.lower() == key]

    differing = {
        name.lower()
        for name, _ in (*found, *after)
        if lines(found, name.lower()) != lines(after, name.lower())
    }
    assert {one.field.lower().encode() for one in result.applied[0].changes} == differing


VALUES = st.text(st.characters(codec="latin-1", exclude_characters="\r\n\0"), max_size=20)


@given(VALUES)
def test_no_value_of_a_cookie_is_told(value):
    secret = f"s3cret{value}"
    found = tuple((name, f"a={secret}".encode("latin-1")) for name in (b"Cookie", b"Set-Cookie"))

    for change in changes(found, *(FieldEdit(Verb.REMOVE, name) for name, _ in found)):
        assert "s3cret" not in str(change)


class TestMadeOfSecrets:
    """What is told of changes goes to the log."""

    @pytest.mark.parametrize(
        "edit",
        [
            FieldEdit(Verb.SET, b"X", Template.of("{env.KEY}", ENV)),
            put("Bearer {cookie.sid}"),
            put("{header.authorization}", Verb.APPEND),
            put("{url.query.access_token}"),
            FieldReplace(b"X", (Replacement(Regex.of("old"), Template.of("{env.KEY}", ENV)),)),
            UrlEdit(template("https://b.example/{cookie.sid}")),
            QueryEdit(sets=(("x", template("{cookie.sid}")),)),
            QueryEdit(replaces=(("q", (Replacement(Regex.of("old"), Template.of("{env.KEY}", ENV)),)),)),
            CspEdit(sets=(("script-src", Template.of("{env.KEY}", ENV)),)),
        ],
    )  # fmt: skip
    @pytest.mark.parametrize("phase", Phase)
    def test_what_is_made_of_secrets_is_masked(self, edit, phase):
        seen = exchange(
            "https://a.example/?access_token=s3cret&q=old",
            request=fields("Cookie: sid=s3cret", "Authorization: s3cret", "X: old"),
            status=200,
            response=fields("X: old"),
        )

        result = made_of(seen, rule(edit, phase=phase), phase=phase)

        if result.exchange != seen:
            (change,) = result.applied[0].changes
            assert "s3cret" in str(result.exchange)
            assert "s3cret" not in str(change)

    @pytest.mark.parametrize(
        ("edit", "expected"),
        [
            (put("https://a.example/?token=s3cret"), "https://a.example/?token=REDACTED"),
            (put("Basic dTpw"), "Basic REDACTED"),
            (put("x" * 300), "x" * 200 + "…"),
            (put(f"{'x' * 190} access_token=s3cret"), f"{'x' * 190} access_to…"),
        ],
    )
    def test_so_is_what_looks_like_one(self, edit, expected):
        (change,) = changes((), edit)

        assert change.after == expected

    def test_urls_come_without_theirs(self):
        seen = exchange("http://a.example/?token=t")
        (applied,) = made_of(seen, rule(UrlEdit(template("http://b.example{url.target}")))).applied

        (change,) = applied.changes
        assert change.before == "http://a.example/?token=REDACTED"
        assert change.after == "http://b.example/?token=REDACTED"

    def test_so_is_what_later_rules_find(self):
        seen = exchange("https://a.example/?x=1", request=fields("Cookie: sid=s3cret"))
        rules = [
            rule(put("{cookie.sid}"), QueryEdit(sets=(("k", template("{cookie.sid}")),)), id="a"),
            rule(put("more", Verb.APPEND), QueryEdit(sets=(("l", template("1")),)), id="b"),
        ]

        result = made_of(seen, *rules)

        assert "s3cret" in str(result.exchange.request)
        assert "s3cret" not in str([one.changes for one in result.applied])

    def test_so_is_why_an_edit_cannot_be_made(self):
        seen = exchange(request=fields("Cookie: sid=s3cret@x"))

        (applied,) = made_of(seen, rule(UrlEdit(template("https://{cookie.sid}/")))).applied

        assert applied.failed == "a value made of secrets, which cannot be said"

    def test_one_parameter_that_cannot_be_set_leaves_the_others(self):
        edit = QueryEdit(sets=(("safe", template("1")), ("x", template("{url.query.bad}"))))

        assert "safe=1" in made_of(exchange(BAD_URL), rule(edit)).exchange.target

"""Rules tried on an exchange that is written down."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from forebay.rewrite.exchange import values
from forebay.rewrite.parse import parse
from forebay.rewrite.rule import Mode, Phase
from forebay.rewrite.run import NOWHERE
from forebay.rewrite.trial import (
    Expected,
    acting,
    differences,
    exchange_for,
    fields_of,
    no_flow,
    trial,
)

URL = "https://www.example.com/a?b=1"


def rules(text: str):
    return parse(f"rules: [{text}]", Path("f.yaml"))


def answered(status: int = 200, body: str = "", **headers: str):
    return status, fields_of({name.replace("_", "-"): v for name, v in headers.items()}), body


class TestExchange:
    @pytest.mark.parametrize(
        ("url", "host", "field"),
        [
            pytest.param("https://WWW.example.com/", "www.example.com", b"www.example.com"),
            pytest.param("http://a.example:81/", "a.example", b"a.example:81", id="port"),
            pytest.param("http://[::1]:81/x", "::1", b"[::1]:81", id="address"),
            pytest.param("http://b\u00fccher.example/", "xn--bcher-kva.example",
                         b"xn--bcher-kva.example", id="IDN"),
        ],
    )  # fmt: skip
    def test_it_goes_where_the_url_says(self, url, host, field):
        found = exchange_for(url)

        assert (found.host, found.hosts) == (host, (host,))
        assert found.request == ((b"Host", field),)

    def test_a_host_field_of_its_own_stays(self):
        assert exchange_for(URL, headers={"host": "x"}).request == ((b"host", b"x"),)

    def test_client_and_user_come_along(self):
        found = exchange_for(URL, client="10.0.0.1", user="anna", method="POST")

        assert (found.client, found.user, found.method) == ("10.0.0.1", "anna", "POST")

    @pytest.mark.parametrize("url", ["", "/a", "ftp://a/", "https://", "https://a:0/", "http://[x"])
    def test_what_is_no_url_is_refused(self, url):
        with pytest.raises(ValueError, match="expected an absolute URL, found"):
            exchange_for(url)


class TestTrial:
    def test_both_messages_are_edited_and_who_did_it_is_told(self):
        found = trial(
            rules("{id: a, request: {set: {A: 1}}}, {id: b, response: {set: {B: 2}}}"),
            exchange_for(URL),
            answered=answered(B="1"),
        )

        assert values(found.request.fields, b"a") == [b"1"]
        assert found.response.fields == ((b"B", b"2"),)
        assert [(phase, one.rule.id) for phase, one in found.applied] == [
            (Phase.REQUEST, "a"),
            (Phase.RESPONSE, "b"),
        ]

    def test_without_a_response_there_is_none(self):
        found = trial(rules("{response: {set: {B: 2}}}"), exchange_for(URL))

        assert (found.response, found.applied) == (None, ())

    def test_bodies_are_edited_with_what_the_path_says(self):
        found = trial(
            rules(
                '{match: {path: "regex:^/(.)"}, request: {body: {replace: {x: "{re.1}"}}}, '
                'response: {body: {regex: {"[0-9]": "{status}"}}}}'
            ),
            exchange_for(URL, method="POST"),
            sent="x!",
            answered=answered(201, "n\u00ba 7", ETag='"1"'),
        )

        assert found.request.body == "a!"
        assert found.response.body == "n\u00ba 201"
        assert values(found.response.fields, b"etag") == [b'W/"1"']

    def test_bodies_are_text_whatever_their_coding(self):
        found = trial(
            rules("{response: {body: {replace: {a: b}}}}"),
            exchange_for(URL),
            answered=answered(200, "a", Content_Encoding="gzip"),
        )

        assert (found.response.body, found.response.fields) == ("b", ())
        assert found.skipped == ()

    def test_a_body_that_nothing_is_done_to_keeps_its_fields(self):
        found = trial(
            rules("{response: {body: {replace: {z: b}}}}"),
            exchange_for(URL),
            answered=answered(200, "a", Content_Encoding="gzip"),
        )

        assert found.response.fields == ((b"Content-Encoding", b"gzip"),)

    def test_what_cannot_be_done_to_a_body_is_told(self):
        found = trial(
            rules("{response: {body: {replace: {a: b}}}}"),
            exchange_for(URL),
            answered=answered(206, "a"),
        )

        assert found.response.body == "a"
        assert [why for _, why in found.skipped] == ["a part of a body (206)"]

    def test_an_answer_stands_for_the_origin(self):
        found = trial(
            rules(
                '{match: {path: "regex:^/(.)"}, request: {answer: {status: 418, '
                'headers: {X: "{re.1}"}, body: "{url.query.b} {uuid}"}}}, '
                "{response: {set: {Y: 1}}}"
            ),
            exchange_for(URL),
            answered=answered(200, "origin"),
        )

        assert found.exchange.status == 418
        assert found.response.fields == ((b"X", b"a"), (b"Y", b"1"))
        assert found.response.body == "1 00000000-0000-4000-8000-000000000000"

    def test_an_answer_may_have_no_body(self):
        assert trial(rules("{request: {redirect: /x}}"), exchange_for(URL)).response.body == ""

    def test_an_answer_that_cannot_be_made_is_another(self):
        """As in traffic: what comes out of a placeholder could break out of its line."""
        found = trial(
            rules('{request: {redirect: "https://b.example/{url.query.b}"}}'),
            exchange_for("https://a.example/?b=x%0Ay"),
        )

        assert found.exchange.status == 502
        (_, applied) = found.applied[0]
        assert applied.failed == "a value with the control character '\\n'"
        assert applied.answer == (NOWHERE, {})

    def test_a_rule_in_shadow_mode_acts_when_it_is_the_one_that_is_tried(self):
        one, other = rules(
            "{mode: shadow, request: {set: {A: 1}}}, {mode: shadow, request: {set: {B: 1}}}"
        )

        found = trial(acting((one, other), one), exchange_for(URL))

        assert [name for name, _ in found.request.fields] == [b"Host", b"A"]
        assert found.has_applied(replace(one, mode=Mode.ACT))
        assert found.has_applied(other)
        assert not found.has_applied(one)

    def test_there_is_no_flow_unless_somebody_makes_one(self):
        assert no_flow(exchange_for(URL), None) is None


class TestDifferences:
    FOUND = trial(
        rules("{request: {url: 'https://b.example/x', method: POST}}"),
        exchange_for(URL, headers={"A": "1"}),
        answered=answered(503, "text", X="1, 2"),
    )

    @pytest.mark.parametrize(
        ("phase", "expected", "said"),
        [
            pytest.param(Phase.REQUEST, {}, [], id="nothing is expected"),
            pytest.param(
                Phase.REQUEST,
                {"url": "https://b.example/x", "method": "POST", "headers": {"a": "1", "B": None}},
                [],
                id="all as expected",
            ),
            pytest.param(
                Phase.RESPONSE,
                {"status": "503", "body": "text", "headers": {"X": "1, 2"}},
                [],
                id="a response as expected",
            ),
            pytest.param(
                Phase.REQUEST,
                {"url": "https://c/", "method": "GET"},
                [
                    "request url: expected 'https://c/', found 'https://b.example/x'",
                    "request method: expected 'GET', found 'POST'",
                ],
                id="URL and method",
            ),
            pytest.param(
                Phase.RESPONSE,
                {"status": "200", "body": ""},
                [
                    "response status: expected '200', found '503'",
                    "response body: expected '', found 'text'",
                ],
                id="status and body",
            ),
            pytest.param(
                Phase.REQUEST,
                {"headers": {"A": "2", "B": "3"}},
                [
                    "request A: expected '2', found '1'",
                    "request B: expected '3', found no such field",
                ],
                id="another value, and none",
            ),
            pytest.param(
                Phase.RESPONSE,
                {"headers": {"x": None, "\u20ac": None}},
                ["response x: expected no such field, found '1, 2'"],
                id="a field too many, and a name that none has",
            ),
        ],
    )
    def test_are_said_in_words(self, phase, expected, said):
        assert differences(self.FOUND, phase, Expected(**expected)) == said

    def test_a_response_can_be_missing(self):
        found = trial((), exchange_for(URL))

        assert differences(found, Phase.RESPONSE, Expected()) == ["expected a response, found none"]

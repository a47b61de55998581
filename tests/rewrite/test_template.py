"""Values with placeholders."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.errors import RuleError
from forebay.rewrite.template import Template
from rewrite.builders import UUID, exchange, fields, template, values

SEEN = exchange(
    "https://www.example.com:8443/a/b?x=1+2&y=%26&x=3",
    method="PUT",
    request=fields("X-One: 1", "x-one: 2", "Cookie: a=5; b=6", "Bytes: é"),
    status=404,
    response=fields("Server: s"),
    client="192.0.2.1",
    user="jo",
)


class TestExpand:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("{url}", "https://www.example.com:8443/a/b?x=1+2&y=%26&x=3"),
            ("{url.scheme}", "https"),
            ("{url.host}", "www.example.com"),
            ("{url.port}", "8443"),
            ("{url.authority}", "www.example.com:8443"),
            ("{url.path}", "/a/b"),
            ("{url.query}", "x=1+2&y=%26&x=3"),
            ("{url.target}", "/a/b?x=1+2&y=%26&x=3"),
            pytest.param("{url.query.x}", "1 2", id="the first parameter, decoded"),
            pytest.param("{url.query.y}", "&", id="a parameter that holds what separates"),
            ("{method}", "PUT"),
            pytest.param("{header.X-ONE}", "1", id="the first field, in any case"),
            pytest.param("{header.bytes}", "é", id="bytes of a field"),
            ("{cookie.b}", "6"),
            ("{status}", "404"),
            ("{response.header.server}", "s"),
            ("{client.ip}", "192.0.2.1"),
            ("{user}", "jo"),
            ("{uuid}", UUID),
            ("{now}", "2023-11-14T22:13:20Z"),
            ("{now.unix}", "1700000000"),
            ("{now.http}", "Tue, 14 Nov 2023 22:13:20 GMT"),
            ("{re.1}", "one"),
            ("{re.name}", "n"),
            pytest.param("<{method}{status}>", "<PUT404>", id="text around it"),
        ],
    )
    def test_a_placeholder_stands_for_what_is_there(self, text, expected):
        seen = values(SEEN, groups={"1": "one", "name": "n"})

        assert template(text).expand(seen) == expected

    @pytest.mark.parametrize(
        "word",
        [
            "url.query",
            "url.query.q",
            "header.x",
            "cookie.x",
            "status",
            "response.header.x",
            "client.ip",
            "user",
            "re.1",
        ],
    )
    def test_what_is_absent_is_empty(self, word):
        assert template(f"[{{{word}}}]").expand(values()) == "[]"


class TestBraces:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            pytest.param("", "", id="nothing"),
            pytest.param("a", "a", id="no brace"),
            pytest.param("{{url}}", "{url}", id="the word itself"),
            pytest.param("{{no.such}}", "{no.such}", id="any word"),
            pytest.param("{{re.1}} {{x}}", "{re.1} {x}", id="two"),
            pytest.param('{"a": {}}', '{"a": {}}', id="JSON"),
            pytest.param("{1} { url} {}", "{1} { url} {}", id="no words"),
            pytest.param("{{{url}}}", "{{url}}", id="three braces"),
        ],
    )
    def test_other_braces_stand_for_themselves(self, text, expected):
        found = template(text)

        assert found.constant == expected
        assert found.literal == expected
        assert found.expand(values()) == expected

    def test_a_lonely_brace_before_a_placeholder_stays(self):
        assert template("{{method}").expand(values()) == "{GET"


class TestEnvironment:
    def test_a_variable_is_part_of_the_text(self):
        found = Template.of("a{env.TOKEN}b{env.NONE}", {"TOKEN": "{url}", "NONE": ""})

        assert found.constant == "a{url}b"
        assert found.text == "a{env.TOKEN}b{env.NONE}"

    def test_one_that_is_not_given_is_refused(self):
        with pytest.raises(RuleError, match=r"named in the option rewrite_env, found \{env.HOME\}"):
            Template.of("{env.HOME}", {"TOKEN": "x"})


class TestGroups:
    def test_those_of_its_own_regex_must_be_there(self):
        assert Template.of("{re.1}{re.x}", None, {"1": "", "x": ""}).uses_groups
        with pytest.raises(RuleError, match=r"a group of its regex \(1, x\), found \{re.2\}"):
            Template.of("{re.2}", None, {"1": "", "x": ""})
        with pytest.raises(RuleError, match=r"\(it has none\), found \{re.1\}"):
            Template.of("{re.1}", None, {})

    @pytest.mark.parametrize("text", ["", "{{re.1}}", "{url.path}", "re.1"])
    def test_a_template_without_them_uses_none(self, text):
        assert not template(text).uses_groups


class TestRefused:
    @pytest.mark.parametrize(
        "word",
        [
            "x",
            "URL",
            "url.",
            "url.user",
            "url.query.",
            "header",
            "header.",
            "cookie.",
            "re.",
            "env.",
            "response.x",
            "response.header.",
            "now.local",
            "client",
            "uuid.1",
        ],
    )
    def test_an_unknown_word_is_told_with_a_way_out(self, word):
        with pytest.raises(RuleError) as caught:
            template(f"a{{{word}}}")

        assert f"found {{{word}}}; for the text itself write {{{{{word}}}}}" in str(caught.value)

    def test_a_long_word_is_cut(self):
        with pytest.raises(RuleError, match=r"found \{x{40}\}; "):
            template(f"{{{'x' * 5000}}}")


PIECES = st.sampled_from(
    ["{", "}", "{{", "}}", "url", ".host", "header.", "query.", "env.X", "re.1", "x", " ", "é"]
)
TEXTS = st.one_of(st.text(), st.lists(PIECES, max_size=8).map("".join))


@given(TEXTS)
def test_any_text_is_a_template_or_a_rule_error(text):
    try:
        found = template(text)
    except RuleError as error:
        message = str(error)
    else:
        message = found.expand(values(SEEN))[:0]
    assert "\n" not in message


@given(TEXTS)
def test_a_constant_says_its_text_with_single_braces(text):
    try:
        found = template(text)
    except RuleError:
        return
    if found.constant is not None:
        words = re.compile(r"\{\{([A-Za-z][A-Za-z0-9_.-]*)\}\}")
        assert found.expand(values()) == words.sub(r"{\1}", text)


def test_templates_are_equal_when_their_texts_are():
    assert template("{url}") == template("{url}")
    assert template("{url}") != template("{uuid}")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain {method} {url}", False),
        ("{header.x-id} {response.header.server}", False),
        ("{url.query.page}", False),
        ("Bearer {env.TOKEN}", True),
        ("{cookie.theme}", True),
        ("{header.Authorization}", True),
        ("{header.x-api-key}", True),
        ("{response.header.set-cookie}", True),
        ("{url.query.access_token}", True),
        ("{{env.TOKEN}}", False),
    ],
)
def test_what_says_a_secret_is_known(text, expected):
    assert Template.of(text, {"TOKEN": "x"}).tells_secrets is expected


def test_pieces_come_with_the_words_that_say_them():
    made = Template.of("a{method}{{url}}{env.X}{url.host}", {"X": "x"})
    pieces = list(made.pieces(values(exchange())))
    assert pieces == [
        (None, "a"),
        ("method", "GET"),
        (None, "{url}x"),
        ("url.host", "www.example.com"),
    ]

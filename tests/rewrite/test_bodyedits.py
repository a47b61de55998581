"""Edits of a body's text."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.regexes import Regex
from forebay.rewrite.bodyedits import (
    BodyEdits,
    HtmlInsert,
    JsonEdit,
    LiteralReplace,
    RegexReplace,
    WholeText,
)
from forebay.rewrite.edits import EditError
from forebay.rewrite.jsonpointer import pointer
from forebay.rewrite.template import Template
from rewrite.builders import exchange, fields, template, values

VALUES = values(exchange("https://www.example.com/a"), groups={"1": "of the path"})


def regex(text: str, to: str) -> RegexReplace:
    """Return the edit as a rule has it: its template knows the groups of its regex."""
    compiled = re.compile(text)
    groups = dict.fromkeys([*map(str, range(1, compiled.groups + 1)), *compiled.groupindex], "")
    return RegexReplace(Regex.of(text), Template.of(to, groups=groups))


def json_edit(remove: tuple[str, ...] = (), **sets: str) -> JsonEdit:
    """Return the edit; a name such as ``a__b`` stands for ``/a/b``."""
    places = {"/" + name.replace("__", "/"): template(text) for name, text in sets.items()}
    return JsonEdit(
        tuple(map(pointer, remove)), tuple((pointer(where), to) for where, to in places.items())
    )


@pytest.mark.parametrize(
    ("edit", "before", "after"),
    [
        pytest.param(WholeText(template("{url.host} {re.1}")), "x", "www.example.com of the path", id="whole text"),
        pytest.param(WholeText(template("")), "x", "", id="no text at all"),
        pytest.param(LiteralReplace("a", template("{url.path}")), "a.a", "/a./a", id="literal, each place"),
        pytest.param(LiteralReplace("A", template("x")), "a.a", "a.a", id="literal that is not there"),
        pytest.param(LiteralReplace(".", template("x")), "a.a", "axa", id="a literal is no regex"),
        pytest.param(LiteralReplace("a", template("aa")), "aa", "aaaa", id="what it put there is not searched"),
        pytest.param(regex(r"v(\d)", "w{re.1}"), "v1 v2 v", "w1 w2 v", id="regex with a group"),
        pytest.param(regex(r"(?P<n>\d)(x)?", "<{re.n}{re.2}>"), "1x2", "<1x><2>", id="groups by name, and absent"),
        pytest.param(regex(r"^a", "b"), "aa", "ba", id="a beginning is there once"),
        pytest.param(regex(r"(?m)^a", "b"), "a\na", "b\nb", id="beginnings of lines"),
        pytest.param(regex(r"(?<=a)b", "c"), "abb", "acb", id="what is behind is seen"),
        pytest.param(regex(r"x", r"\1{{url}}"), "x", r"\1{url}", id="a template is no replacement of re"),
        pytest.param(regex(r"nowhere", "c"), "abb", "abb", id="regex that is nowhere"),
        pytest.param(regex("", "-"), "ab", "-a-b-", id="a match of nothing"),
        pytest.param(regex("", "-"), "", "-", id="a match of nothing in nothing"),
        pytest.param(HtmlInsert("head", template("<i>{url.host}</i>")), "<head></HEAD ></head>", "<head><i>www.example.com</i></HEAD ></head>", id="first head"),
        pytest.param(HtmlInsert("body", template("!")), "</body></Body\n>", "</body>!</Body\n>", id="last body"),
        pytest.param(json_edit(a="5", b="five", c__0='"5"'), '{"a": 1, "c": [1.10]}', '{"a":5,"c":["5"],"b":"five"}', id="JSON set"),
        pytest.param(json_edit(("/a", "/c/0")), '{"a": 1, "c": [1.10, 2.20]}', '{"c":[2.20]}', id="JSON removed"),
        pytest.param(json_edit(("/a", "/a", "/x/y"), a="{method}", x__y="1"), '{"a": 1}', '{"a":"GET"}', id="removed first, and what is not there is passed over"),
        pytest.param(JsonEdit((), ((pointer(""), template("[]")),)), "{}", "[]", id="JSON as a whole"),
        pytest.param(JsonEdit((pointer(""),)), "{}", "null", id="nothing of it"),
    ],
)  # fmt: skip
def test_what_an_edit_makes(edit, before, after):
    assert edit.apply(before, VALUES) == after


@pytest.mark.parametrize(
    ("edit", "text", "message"),
    [
        pytest.param(regex("b", "c"), "a" * 2049, "more than the 2,048 characters of its regex", id="long for a regex"),
        pytest.param(json_edit(("/a",)), "<p>", "no JSON: JSON is malformed: invalid character (byte 0)", id="no JSON"),
        pytest.param(json_edit(("/a",)), "[" * 20_000, "no JSON: maximum recursion depth exceeded while deserializing an object", id="deep JSON"),
        pytest.param(json_edit(("/a", "/b"), c__d="1"), "{}", "none of its places is there", id="no place"),
        pytest.param(json_edit(), "{}", "none of its places is there", id="no edit"),
        pytest.param(json_edit(a='"\udc80'), "{}", "what JSON cannot say: 'utf-8' codec can't encode character '\\udc80' in position 1: surrogates not allowed", id="half a character"),
        pytest.param(HtmlInsert("head", template("!")), "<head>", "no </head>", id="no head"),
        pytest.param(HtmlInsert("body", template("!")), "</bodyx>", "no </body>", id="no body"),
    ],
)  # fmt: skip
def test_an_edit_that_cannot_be_made_says_why(edit, text, message):
    with pytest.raises(EditError) as caught:
        edit.apply(text, VALUES)

    assert str(caught.value) == message


@pytest.mark.parametrize(
    "edit",
    [LiteralReplace("a", template("{header.x}")), RegexReplace(Regex.of("a"), template("{header.x}"))],
)  # fmt: skip
def test_what_would_be_too_long_is_not_made(edit):
    """How often and how long it is may be said by who sends the body."""
    seen = values(exchange(request=fields("X: " + "b" * 60_000)))

    assert len(edit.apply("a" * 10, seen)) == 600_000
    with pytest.raises(EditError, match=r"^more than 32,000,000 characters, once it is done$"):
        edit.apply("a" * 2000, seen)


def test_json_that_became_too_deep_is_an_edit_that_cannot_be_made():
    """Both alone are not: a RecursionError would be nobody's."""
    deep = "[" * 8000 + "]" * 8000
    inside = JsonEdit((), ((("0",) * 7999 + ("-",), template(deep)),))

    with pytest.raises(EditError, match=r"^what JSON cannot say: maximum recursion depth exceeded"):
        inside.apply(deep, VALUES)


def test_the_limit_of_a_rule_is_a_megabyte_unless_it_says_another():
    assert BodyEdits(()).limit_bytes == 1_000_000


@given(
    st.text("ab1 \n", max_size=12),
    st.sampled_from(["a", "a+", "b?1", "[ab]*", r"\b", "$", "^", "(?m)^", "a(b)?", "\n|b"]),
)
def test_a_regex_replaces_where_python_would(text, pattern):
    """Save that an empty match is never followed by one at the same place."""
    assert regex(pattern, "<>").apply(text, VALUES) == re.sub(pattern, "<>", text)


@given(
    st.dictionaries(st.sampled_from("abc"), st.integers()),
    st.lists(st.sampled_from("abc")),
    st.dictionaries(st.sampled_from("abc"), st.integers()),
)
def test_json_says_what_was_set_and_not_what_was_removed(document, removed, sets):
    edit = json_edit(
        tuple(f"/{name}" for name in removed), **{name: str(to) for name, to in sets.items()}
    )
    try:
        found = json.loads(edit.apply(json.dumps(document), VALUES))
    except EditError:
        assert not sets and not set(removed) & set(document)
        return
    assert found == {k: v for k, v in document.items() if k not in removed} | sets

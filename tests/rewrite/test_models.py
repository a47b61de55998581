"""The small things that a rewrite file may say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.errors import RuleError
from forebay.rewrite.models import (
    AnswerSection,
    BodySection,
    MatchSection,
    RedirectSection,
    RequestSection,
    ResponseSection,
    RewriteFile,
    TestRequest,
    cookie_value,
    group_name,
    parameter_pattern,
    size_bytes,
)
from forebay.rewrite.patterns import Glob


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", 1),
        ("500k", 500_000),
        ("2m", 2_000_000),
        ("16m", 16_000_000),
        ("16000000", 16_000_000),
        ("0001k", 1000),
    ],
)
def test_sizes(text, expected):
    assert size_bytes(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "0", "0k", "k", "m", "-1", "1.5m", "2 m", "2M", "2g", "2kb", "17m", "16000001", "٢m", "²", "9" * 5000],
)  # fmt: skip
def test_what_is_no_size_is_refused(text):
    with pytest.raises(RuleError, match=r"^expected a size such as 500k or 2m, up to 16m, found '"):
        size_bytes(text)


@given(st.text("0123456789km", max_size=14))
def test_any_text_is_a_size_or_an_error(text):
    try:
        found = size_bytes(text)
    except RuleError:
        return
    assert 0 < found <= 16_000_000


@pytest.mark.parametrize("text", ["a", "dev-only", "Team_2", "a" * 40])
def test_groups(text):
    assert group_name(text) == text


@pytest.mark.parametrize("text", ["", "2a", "-a", "a b", "a,b", "é", "a\n", "a" * 41])
def test_what_is_no_group_is_refused(text):
    with pytest.raises(RuleError, match=r"^expected the name of a group such as dev-only, found '"):
        group_name(text)


def test_parameters():
    assert parameter_pattern("utm_*") == Glob.of("utm_*")
    with pytest.raises(
        RuleError, match=r"^expected the name of a query parameter such as utm_\*, found ''$"
    ):
        parameter_pattern("")


def test_the_value_of_a_cookie_ends_at_a_semicolon():
    assert cookie_value("a=b, c") == "a=b, c"
    with pytest.raises(
        RuleError, match=r"^expected the value of one cookie, without ;, found 'a; b=c'$"
    ):
        cookie_value("a; b=c")


def test_a_file_that_says_nothing_is_on_and_empty():
    found = RewriteFile.model_validate({})

    assert (found.group, found.enabled, found.rules) == (None, True, [])


@pytest.mark.parametrize(
    ("model", "short", "long"),
    [
        (RedirectSection, "/a", {"to": "/a", "status": "302"}),
        (TestRequest, "https://a.example/", {"url": "https://a.example/", "method": "GET"}),
    ],
)
def test_one_text_may_stand_for_a_section(model, short, long):
    assert model.model_validate(short) == model.model_validate(long)


def test_the_key_json_is_that_of_the_file():
    """The attribute has another name, as pydantic's own models have a method of this one."""
    assert BodySection.model_validate({"json": {"remove": "/a"}}).json_.remove == ["/a"]
    with pytest.raises(ValueError, match="json_"):
        BodySection.model_validate({"json_": {"remove": "/a"}})


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, False),
        ({"host": "a.example", "request_header": {"A": "b"}, "filter": "~q"}, False),
        ({"status": "200"}, True),
        ({"response_header": {"A": "b"}}, True),
    ],
)
def test_what_needs_a_response(given, expected):
    assert MatchSection.model_validate(given).needs_response is expected


@pytest.mark.parametrize(
    ("model", "given"),
    [
        (AnswerSection, {"status": "204"}),
        (AnswerSection, {"status": "304", "headers": {"ETag": '"a"'}}),
        (AnswerSection, {"body": ""}),
        (AnswerSection, {"folder": "a", "below": "/a/", "missing": "pass"}),
        (RequestSection, {"redirect": "/a", "set": {"A": "b"}}),
        (RequestSection, {"answer": {}}),
        (ResponseSection, {"set_cookie": {"attributes": {"*": {"secure": "", "Domain": None}}}}),
        (ResponseSection, {"csp": {"append": {"IMG-SRC": "https://a.example"}}}),
        (MatchSection, {"request_header": {"Upgrade": "websocket", "Host": "*"}}),
    ],
)
def test_what_may_be_said(model, given):
    assert model.model_validate(given).model_fields_set == set(given)

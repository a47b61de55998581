"""The page of a refusal."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.blocklist.answer import page, proxy_status
from forebay.blocklist.rule import Cited
from forebay.blocklist.verdict import Action, Verdict

NOW = 1_700_000_000.9


def verdict(rule="||ads.example^", name="ads", path="/home/me/ads.txt", reason="listed") -> Verdict:
    return Verdict(Action.BLOCK, reason, "ads.example", Cited(rule, name, path, 7))


def text_of(given: Verdict, host: str = "ads.example") -> str:
    return page(given, host=host, now_s=NOW)[0].decode()


@pytest.mark.parametrize(
    "expected",
    [
        *["<dt>Host</dt><dd><bdi>ads.example</bdi></dd>", "<bdi>||ads.example^</bdi>"],
        *["<dt>List</dt><dd><bdi>ads</bdi></dd>", "<bdi>ads.txt:7</bdi>", "<p>listed</p>"],
        "<bdi>2023-11-14 22:13:20 UTC</bdi>",
    ],
)
def test_it_names_rule_list_line_host_and_time(expected):
    assert expected in text_of(verdict())


def test_the_folder_of_a_list_is_nobodys_business():
    body, headers = page(verdict(), host="ads.example", now_s=NOW)

    assert b"/home" not in body + b"".join(value for _, value in headers)


def test_without_a_rule_the_reason_says_it_all():
    text = text_of(Verdict(Action.BLOCK, "Forebay has no usable blocklist"))

    assert "<p>Forebay has no usable blocklist</p>" in text
    assert "Rule" not in text


def test_the_header_fields_keep_it_private_and_inert():
    _, headers = page(verdict(), host="ads.example", now_s=NOW)
    fields = dict(headers)

    assert fields[b"Content-Type"] == b"text/html; charset=utf-8"
    assert fields[b"Cache-Control"] == b"no-store"
    assert fields[b"Content-Security-Policy"].startswith(
        b"default-src 'none'; style-src 'unsafe-inline'; "
    )
    assert fields[b"X-Content-Type-Options"] == b"nosniff"
    assert b"Content-Length" not in fields


def test_nothing_is_loaded_from_elsewhere():
    text = text_of(verdict())

    assert not re.search(r"https?:|src=|href=|url\(|@import|<script", text)


@pytest.mark.parametrize(
    "evil",
    [
        "<script>alert(1)</script>",
        "\"'><img src=x>",
        "\u202egpj.exe",
        "\x1b[31m",
        "\udcff",
        "{host}",
    ],
)
def test_what_strangers_wrote_is_shown_and_not_run(evil):
    text = text_of(verdict(rule=evil, name=evil, path=f"/x/{evil}", reason=evil), host=evil)

    assert "<script" not in text
    assert "<img" not in text
    assert not set(text) & set("\u202e\x1b\udcff")


# RFC 9651 §3.3.3 and RFC 9209: one token with parameters.
FIELD = re.compile(
    rb'forebay; error=http_request_denied; details="(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*"'
).fullmatch


@pytest.mark.parametrize(
    ("given", "details"),
    [
        (verdict(), b"blocked by ||ads.example^ (ads.txt:7): listed"),
        (verdict(reason='say "no"'), rb"blocked by ||ads.example^ (ads.txt:7): say \"no\""),
        (verdict(rule="bücher\r\n"), rb"blocked by b\\xfccher\\r\\n (ads.txt:7): listed"),
    ],
)
def test_the_proxy_status_says_which_rule(given, details):
    assert proxy_status(given) == b'forebay; error=http_request_denied; details="' + details + b'"'


@given(st.text(max_size=300))
def test_the_proxy_status_is_a_structured_field_whatever_a_list_holds(text):
    value = proxy_status(verdict(rule=text, path=f"/{text}", reason=text))

    assert FIELD(value)
    assert len(value) < 2_500


@given(st.text(max_size=300))
def test_the_page_is_utf8_and_bounded_whatever_a_list_holds(text):
    body, _ = page(verdict(text, text, text, text), host=text, now_s=NOW)

    assert len(body) < 20_000
    assert body.decode().count("<script") == 0

"""What a blocked request gets, by its type."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.blocklist.answer import Answer, Asked, answer, proxy_status
from forebay.blocklist.rule import Cited
from forebay.blocklist.stubs import stub
from forebay.blocklist.verdict import Action, Verdict

NOW = 1_700_000_000.9


def verdict(rule="||ads.example^", name="ads", path="/home/me/ads.txt", reason="listed") -> Verdict:
    return Verdict(Action.BLOCK, reason, "ads.example", Cited(rule, name, path, 7))


def asked(kind="document", **given) -> Asked:
    return Asked(**({"host": "ads.example", "method": "GET", "type": kind, "origin": None} | given))


def answered(kind="document", redirect=None, **given) -> Answer:
    return answer(verdict(), asked(kind, **given), now_s=NOW, redirect=redirect)


def fields(given: Answer) -> dict[bytes, bytes]:
    assert len(dict(given.headers)) == len(given.headers)
    return dict(given.headers)


def text_of(given: Verdict, host: str = "ads.example") -> str:
    return answer(given, asked(host=host), now_s=NOW).body.decode()


PAGE = b"text/html; charset=utf-8"
TEXT = b"text/plain; charset=utf-8"


@pytest.mark.parametrize(
    ("kind", "status", "content_type", "starts"),
    [
        ("document", 403, PAGE, b"<!doctype html>"),
        ("subdocument", 403, PAGE, b"<!doctype html>"),
        ("other", 403, PAGE, b"<!doctype html>"),
        ("no such word", 403, PAGE, b"<!doctype html>"),
        ("image", 200, b"image/gif", b"GIF89a"),
        ("script", 200, b"text/javascript; charset=utf-8", b""),
        ("stylesheet", 200, b"text/css; charset=utf-8", b""),
        ("font", 403, None, b""),
        ("media", 403, None, b""),
        ("object", 403, None, b""),
        ("xmlhttprequest", 403, TEXT, b"Blocked by Forebay: listed\n"),
        ("ping", 403, TEXT, b"Blocked by Forebay: "),
        ("websocket", 403, TEXT, b"Blocked by Forebay: "),
    ],
)
def test_each_type_gets_what_its_client_copes_with(kind, status, content_type, starts):
    given = answered(kind)

    assert given.status == status
    assert fields(given).get(b"Content-Type") == content_type
    assert given.body.startswith(starts)
    assert starts or not given.body


KINDS = [
    *["document", "subdocument", "stylesheet", "script", "image", "font", "media", "object"],
    *["xmlhttprequest", "ping", "websocket", "other"],
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "given",
    [
        {},
        {"redirect": "noop.js"},
        {"method": "OPTIONS", "origin": "https://a.example", "requested_method": "PUT"},
    ],
    ids=str,
)
def test_every_answer_is_kept_by_nobody_and_says_who_gave_it(kind, given):
    """The sender frames it, so the length is not here."""
    got = fields(answered(kind, **given))

    assert got[b"Cache-Control"] == b"no-store"
    assert got[b"X-Content-Type-Options"] == b"nosniff"
    assert got[b"Proxy-Status"] == proxy_status(verdict())
    assert b"Content-Length" not in got


class TestPage:
    def test_no_site_frames_the_page_of_a_document(self):
        assert b"frame-ancestors 'none'" in fields(answered())[b"Content-Security-Policy"]

    @pytest.mark.parametrize("kind", ["subdocument", "other"])
    def test_a_frame_shows_the_page_even_in_an_isolated_site(self, kind):
        """COEP asks both of a frame's document."""
        got = fields(answered(kind))

        assert b"frame-ancestors" not in got[b"Content-Security-Policy"]
        assert got[b"Cross-Origin-Embedder-Policy"] == b"require-corp"
        assert got[b"Cross-Origin-Resource-Policy"] == b"cross-origin"

    @pytest.mark.parametrize("kind", ["document", "subdocument", "other"])
    def test_nothing_on_it_runs_and_it_has_an_origin_of_its_own(self, kind):
        policy = fields(answered(kind))[b"Content-Security-Policy"].split(b"; ")

        assert {b"default-src 'none'", b"form-action 'none'", b"sandbox"} <= set(policy)

    @pytest.mark.parametrize("kind", ["document", "subdocument"])
    def test_scripts_of_other_origins_cannot_read_it(self, kind):
        got = fields(answered(kind, origin="https://a.example"))

        assert b"Access-Control-Allow-Origin" not in got

    def test_it_says_how_to_allow_the_host(self):
        text = text_of(verdict())

        assert (
            "Allow it with <code>@@||ads.example^</code> "
            "in <code>~/.forebay/rules/blocklists/own.txt</code>"
        ) in text

    def test_a_long_host_is_whole_in_the_hint(self):
        host = ".".join(["a" * 62] * 4)

        assert f"@@||{host}^<" in text_of(verdict(), host=host)

    @pytest.mark.parametrize("host", ["a b", "*", "<b>", "a.example$important", "", "a\n||b^"])
    def test_what_is_no_host_name_is_nothing_to_paste_into_a_list(self, host):
        assert "@@" not in text_of(verdict(), host=host)

    def test_the_group_is_named_if_there_is_one(self):
        cited = Cited("||ads.example^", "ads", "/x/ads.txt", 7, "<ads>")

        assert "Group" not in text_of(verdict())
        assert "<dt>Group</dt><dd><bdi>&lt;ads&gt;</bdi></dd>" in text_of(
            Verdict(Action.BLOCK, "listed", "ads.example", cited)
        )


EMBEDDED = [kind for kind in KINDS if kind not in ("document", "subdocument")]


class TestCors:
    @pytest.mark.parametrize("kind", EMBEDDED)
    @pytest.mark.parametrize(
        "origin",
        [
            *["https://a.example", "http://a.example:8080", "null", "http://[2001:db8::1]:80"],
            *["chrome-extension://abc", "https://xn--bcher-kva.example", "http://a_b.example"],
        ],
    )
    def test_the_asking_origin_may_read_with_credentials(self, kind, origin):
        got = fields(answered(kind, origin=origin))

        assert got[b"Access-Control-Allow-Origin"] == origin.encode()
        assert got[b"Access-Control-Allow-Credentials"] == b"true"
        assert got[b"Vary"] == b"Origin"
        assert got[b"Cross-Origin-Resource-Policy"] == b"cross-origin"

    @pytest.mark.parametrize("kind", EMBEDDED)
    @pytest.mark.parametrize(
        "origin",
        [
            *[None, "", "*", "https://a.example/", "https://a.example\r\nX: y", "a.example"],
            *[
                "https://a.example https://b.example",
                "https://a.example\n",
                "https://\u00e4.example",
            ],
            *[
                "HTTPS://a.example",
                "https://a.example:",
                "https://me@a.example",
                "NULL",
                "https://",
            ],
        ],
    )
    def test_any_other_value_is_not_repeated(self, kind, origin):
        got = fields(answered(kind, origin=origin))

        assert got[b"Access-Control-Allow-Origin"] == b"*"
        assert b"Access-Control-Allow-Credentials" not in got
        assert got[b"Vary"] == b"Origin"


def preflight(**given) -> Answer:
    facts = {"method": "OPTIONS", "origin": "https://a.example", "requested_method": "PUT"}
    return answered("xmlhttprequest", **(facts | given))


class TestPreflight:
    def test_the_request_may_come_so_that_it_gets_the_reason(self):
        given = preflight(requested_headers="x-one,content-type, x-two")
        got = fields(given)

        assert (given.status, given.body) == (204, b"")
        assert got[b"Access-Control-Allow-Origin"] == b"https://a.example"
        assert got[b"Access-Control-Allow-Credentials"] == b"true"
        assert got[b"Access-Control-Allow-Methods"] == b"PUT"
        assert got[b"Access-Control-Allow-Headers"] == b"x-one,content-type, x-two"
        assert got[b"Access-Control-Max-Age"] == b"0"
        assert got[b"Vary"].startswith(b"Origin, ")
        assert b"Content-Type" not in got

    @pytest.mark.parametrize("evil", ["", "a b", "a\r\nb", "a,,b", "\u00e4", ",", "a,", "a\n"])
    def test_what_is_no_name_is_not_repeated(self, evil):
        got = fields(preflight(requested_method=evil, requested_headers=evil))

        assert b"Access-Control-Allow-Methods" not in got
        assert b"Access-Control-Allow-Headers" not in got

    @pytest.mark.parametrize(
        "given", [{"requested_method": None}, {"origin": None}, {"method": "GET"}], ids=str
    )
    def test_any_other_options_request_gets_the_refusal(self, given):
        assert preflight(**given).status == 403

    def test_it_is_the_same_for_a_request_that_a_stub_will_answer(self):
        assert preflight(redirect="noop.json") == preflight()


class TestRedirect:
    @pytest.mark.parametrize("kind", KINDS)
    def test_the_stub_is_the_answer_whatever_the_type(self, kind):
        given = answered(kind, redirect="noop.json:5", origin="https://a.example")
        got = fields(given)

        assert (given.status, given.body) == (200, b"{}")
        assert got[b"Content-Type"] == b"application/json"
        assert got[b"Access-Control-Allow-Origin"] == b"https://a.example"

    @pytest.mark.parametrize("kind", KINDS)
    def test_an_unknown_stub_is_none(self, kind):
        assert answered(kind, redirect="no-such.js") == answered(kind)


def test_the_image_is_the_stub():
    assert answered("image").body == stub("1x1.gif").body


@given(
    st.sampled_from(KINDS),
    st.sampled_from(["GET", "OPTIONS"]),
    *[st.none() | st.text(max_size=40)] * 4,
    st.text(max_size=40),
)
def test_every_field_is_one_clean_line_whatever_is_asked(
    kind, method, origin, wanted_method, wanted_names, redirect, text
):
    facts = Asked(text, method, kind, origin, wanted_method, wanted_names)

    given = answer(verdict(text, text, text, text), facts, now_s=NOW, redirect=redirect)

    assert given.status in (200, 204, 403)
    assert len(given.body) < 20_000
    for name, value in given.headers:
        assert re.fullmatch(rb"[A-Za-z-]+", name)
        assert re.fullmatch(rb"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?", value)


def test_a_long_list_of_names_is_read_in_one_pass():
    """A quadratic reading of this would take minutes."""
    names = "a, " * 100_000

    got = fields(preflight(requested_headers=names))

    assert b"Access-Control-Allow-Headers" not in got


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
    for kind in KINDS:
        given = answered(kind)

        assert b"/home" not in given.body + b"".join(value for _, value in given.headers)


def test_without_a_rule_the_reason_says_it_all():
    text = text_of(Verdict(Action.BLOCK, "Forebay has no usable blocklist"))

    assert "<p>Forebay has no usable blocklist</p>" in text
    assert "Rule" not in text


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
    body = text_of(verdict(text, text, text, text), host=text).encode()

    assert len(body) < 20_000
    assert body.decode().count("<script") == 0

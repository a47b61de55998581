"""Answers in place of the origin."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.errors import RuleError
from forebay.rewrite.answer import (
    BODILESS,
    Answer,
    answer_status,
    body_status,
    content_type_of,
    parts_below,
    redirect,
    redirect_status,
)
from rewrite.builders import template


class TestStatus:
    @pytest.mark.parametrize("text", ["200", "404", "599"])
    def test_one_of_a_final_response(self, text):
        assert answer_status(text) == body_status(text) == int(text)

    @pytest.mark.parametrize(
        "text",
        ["", "100", "199", "600", "1000", "02000", "05999", "0200", "20", "2xx", "-200", "+200", "200 ", "٢٠٠", "²00", "20" * 3000],
    )  # fmt: skip
    @pytest.mark.parametrize("read", [answer_status, body_status, redirect_status])
    def test_anything_else_is_refused(self, text, read):
        with pytest.raises(RuleError, match=r"^expected a status from 200 to 599, found '"):
            read(text)

    @pytest.mark.parametrize("status", sorted(BODILESS))
    def test_one_without_body_is_no_status_to_change_to(self, status):
        """What follows would be read as the next response (RFC 9112 §6.3)."""
        assert answer_status(str(status)) == status
        with pytest.raises(
            RuleError, match=f"^expected a status of responses with a body, found {status}$"
        ):
            body_status(str(status))

    @pytest.mark.parametrize("text", ["301", "302", "303", "307", "308"])
    def test_redirects(self, text):
        assert redirect_status(text) == int(text)

    @pytest.mark.parametrize("text", ["200", "300", "304", "305", "404"])
    def test_what_is_no_redirect_is_refused(self, text):
        with pytest.raises(RuleError, match=f"^expected 301, 302, 303, 307 or 308, found {text}$"):
            redirect_status(text)

    @given(st.text(max_size=5))
    def test_any_text_is_a_status_or_an_error(self, text):
        try:
            found = answer_status(text)
        except RuleError:
            return
        assert 200 <= found <= 599 and str(found) == text


class TestPartsBelow:
    @pytest.mark.parametrize(
        ("path", "below", "expected"),
        [
            ("/a.css", "/", ("a.css",)),
            ("/", "/", ("index.html",)),
            ("/static/css/a.css", "/static/", ("css", "a.css")),
            ("/static/css/", "/static/", ("css", "index.html")),
            ("/static/", "/static/", ("index.html",)),
            ("/a%20b+c", "/", ("a b+c",)),
            ("/%C3%A9", "/", ("é",)),
            ("/%ff", "/", ("\udcff",)),
            ("/a%2Fb", "/", ("a", "b")),
            ("/a..b/c...d", "/", ("a..b", "c...d")),
            ("/a;b=c", "/", ("a;b=c",)),
        ],
    )
    def test_where_a_file_lies(self, path, below, expected):
        assert parts_below(path, below) == expected

    @pytest.mark.parametrize(
        "path",
        ["/static", "/other/a", "/Static/a", "*", "", "static/a",
         "/static/..", "/static/../a", "/static/a/../b", "/static/.", "/static/./a", "/static/...", "/static/.git/config", "/static/a/.env",
         "/static/%2e%2e/a", "/static/%2E%2e%2fa", "/static/..%2fa", "/static/..%5ca", "/static/%2e./a", "/static/%2egit/config",
         "/static/..\\a", "/static/a\\b", "/static/a%5cb", "/static/C:/a", "/static/c%3a/a", "/static/a:stream",
         "/static//a", "/static//etc/passwd", "/static/%2fetc/passwd", "/static/a//b", "/static/a%2f%2fb", "/static//",
         "/static/a%00.html", "/static/\0"],
    )  # fmt: skip
    def test_what_could_lead_elsewhere_is_none(self, path):
        assert parts_below(path, "/static/") is None

    def test_a_path_is_decoded_once(self):
        assert parts_below("/%252e%252e/a", "/") == ("%2e%2e", "a")

    @given(
        st.lists(
            st.sampled_from(["/", ".", "..", "%2e", "%2f", "%5c", "\\", ":", "%00", "a", "%25", "%"]),
            max_size=9,
        ).map("".join)
    )  # fmt: skip
    def test_no_part_is_dangerous(self, rest):
        for part in parts_below("/x/" + rest, "/x/") or ():
            assert part and not part.startswith(".")
            assert not set(part) & set("/\\:\0")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.html", "text/html; charset=utf-8"),
        ("a.b.HTML", "text/html; charset=utf-8"),
        ("a.json", "application/json; charset=utf-8"),
        ("a.jsx", "application/javascript; charset=utf-8"),
        ("a.png", "image/png"),
        ("a.xyz", "application/octet-stream"),
        ("html", "application/octet-stream"),
        ("a.", "application/octet-stream"),
    ],
)
def test_the_ending_says_what_a_file_is(name, expected):
    known = {
        "html": "text/html",
        "json": "application/json",
        "jsx": "application/javascript",
        "png": "image/png",
    }

    assert content_type_of(name, known) == expected


def test_a_redirect_is_not_stored():
    """Once the rule is gone, so is what it did."""
    to = template("https://{url.host}/")

    assert redirect(to) == Answer(302, ((b"Cache-Control", template("no-store")),), location=to)
    assert redirect(to, 308).status == 308
    assert not redirect(to).is_file


def test_which_answers_are_files():
    assert Answer(file="/a").is_file and Answer(folder="/a").is_file
    assert not Answer(body=template("")).is_file

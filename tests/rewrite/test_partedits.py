"""One parameter, cookie or directive among many."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.regexes import Regex
from forebay.rewrite.edits import (
    EditError,
    FieldEdit,
    Replacement,
    Verb,
)
from forebay.rewrite.exchange import Fields
from forebay.rewrite.partedits import CookieEdit, CspEdit, QueryEdit, SetCookieEdit, parts_of
from forebay.rewrite.patterns import Glob
from rewrite.builders import edited, exchange, fields, template


def replacement(regex: str, text: str) -> Replacement:
    return Replacement(Regex.of(regex), template(text))


class TestQueryEdit:
    @pytest.mark.parametrize(
        ("edit", "target", "expected"),
        [
            pytest.param(QueryEdit((Glob.of("utm_*"),)), "/?utm_a=1&b=%2f&utm_b", "/?b=%2f", id="removed"),
            pytest.param(QueryEdit((Glob("a"),)), "/x?a=1", "/x", id="the last one, and the ? with it"),
            pytest.param(QueryEdit((Glob("a"),)), "/x?", "/x?", id="nothing to remove"),
            pytest.param(QueryEdit(replaces=(("a", (replacement("x", "y z"),)),)), "/?a=x&b=x", "/?a=y%20z&b=x", id="replaced"),
            pytest.param(QueryEdit(sets=(("a", template("{url.path}")),)), "/x?a=1&b", "/x?a=/x&b", id="set"),
            pytest.param(QueryEdit(sets=(("a", template("1")),)), "/x", "/x?a=1", id="set where there is no query"),
            pytest.param(QueryEdit(defaults=(("a", template("1")),)), "/x?a", "/x?a", id="a default yields"),
            pytest.param(QueryEdit(defaults=(("a", template("1")),)), "/x?", "/x?a=1", id="a default fills in"),
            pytest.param(QueryEdit(sets=(("a", template("1\n2")),)), "/x", "/x?a=1%0A2", id="a text of several lines"),
            pytest.param(QueryEdit(sets=(("a", template("1")),)), "*", "*", id="OPTIONS * has no query"),
            pytest.param(
                QueryEdit((Glob("a"),), (("b", (replacement("1", "2"),)),), (("a", template("3")),), (("b", template("4")),)),
                "/?a=1&b=1", "/?b=2&a=3", id="in this order",
            ),
        ],
    )  # fmt: skip
    def test_parameters(self, edit, target, expected):
        assert edited(edit, exchange(target=target)).target == expected

    @given(st.text("a=&+%2f?#x", max_size=8).map("/p?".__add__))
    def test_without_a_match_nothing_changes(self, target):
        seen = exchange(target=target)
        edit = QueryEdit((Glob("none"),), (("a", (replacement("zzz", "-"),)),))

        assert edited(edit, seen) is seen

    def test_controls_do_not_come_in_by_placeholders(self):
        edit = QueryEdit(sets=(("a", template("{url.query.x}")),))

        with pytest.raises(EditError, match="control character"):
            edited(edit, exchange("https://a.example/?x=%0d%0a"))


class TestCookieEdit:
    @pytest.mark.parametrize(
        ("edit", "expected"),
        [
            pytest.param(CookieEdit((Glob.of("_*"),)), "a=1; b=2", id="removed"),
            pytest.param(CookieEdit(replaces=(("a", (replacement("1", "3"),)),)), "a=3; _x=1; b=2", id="replaced"),
            pytest.param(CookieEdit(sets=(("a", template("{method}")),)), "a=GET; _x=1; b=2", id="set"),
            pytest.param(CookieEdit(defaults=(("a", template("9")),)), "a=1; _x=1; b=2", id="a default yields"),
            pytest.param(CookieEdit(defaults=(("c", template("9")),)), "a=1; _x=1; b=2; c=9", id="a default fills in"),
            pytest.param(
                CookieEdit(sets=(("a", template("9")),), defaults=(("a", template("9")),)),
                "a=9; _x=1; b=2", id="set, though the same is its default",
            ),
        ],
    )  # fmt: skip
    def test_cookies(self, edit, expected):
        found = edited(edit, exchange(request=fields("Cookie: a=1; _x=1; b=2")))

        assert found.request == fields(f"Cookie: {expected}")

    @pytest.mark.parametrize("verb", ["sets", "defaults"])
    def test_the_new_name_is_lower_case_in_http2(self, verb):
        found = edited(CookieEdit(**{verb: (("a", template("1")),)}), exchange(lower_case=True))

        assert found.request == fields("cookie: a=1")

    @pytest.mark.parametrize(
        "edit",
        [
            CookieEdit(sets=(("a", template("{url.query.x}")),)),
            CookieEdit(defaults=(("a", template("{url.query.x}")),)),
            CookieEdit(replaces=(("a", (replacement("1", "{url.query.x}"),)),)),
        ],
    )
    @pytest.mark.parametrize(
        ("query", "message"),
        [("x=1;b=2", "a cookie a with a ; in its value"), ("x=%0a", "control character")],
    )
    def test_no_value_ends_its_cookie(self, edit, query, message):
        seen = exchange(f"https://a.example/?{query}", request=fields("Cookie: a=1"))

        with pytest.raises(EditError, match=message):
            edited(edit, seen)


class TestSetCookieEdit:
    def test_cookies_are_removed_set_and_given_attributes(self):
        edit = SetCookieEdit(
            (Glob("a"),),
            (("b", template("{method}; Path=/")),),
            ((Glob.of("*"), {"Secure": "", "HttpOnly": None}),),
        )
        seen = exchange(status=200, response=fields("Set-Cookie: a=1", "Set-Cookie: c=1; HttpOnly"))

        found = edited(edit, seen, of_response=True)

        assert found.response == fields(
            "Set-Cookie: c=1; Secure", "Set-Cookie: b=GET; Path=/; Secure"
        )

    def test_no_placeholder_adds_attributes(self):
        edit = SetCookieEdit(sets=(("a", template("{url.query.x}; Path=/")),))

        with pytest.raises(EditError, match="a cookie a with a ; from a placeholder"):
            edited(edit, exchange("https://a.example/?x=1;Domain=example"), of_response=True)

    def test_the_new_name_is_lower_case_in_http2(self):
        edit = SetCookieEdit(sets=(("a", template("1")),))

        found = edited(edit, exchange(lower_case=True), of_response=True)

        assert found.response == fields("set-cookie: a=1")


class TestCspEdit:
    @pytest.mark.parametrize(
        ("edit", "before", "expected"),
        [
            pytest.param(CspEdit(remove=("a",)), ["a 1; b 2"], ["b 2"], id="removed"),
            pytest.param(CspEdit(sets=(("a", template("{url.host}")),)), ["a 1"], ["a www.example.com"], id="set"),
            pytest.param(CspEdit(sets=(("a", template("1")),)), [], ["a 1"], id="set where there is none"),
            pytest.param(CspEdit(appends=(("img-src", template("x")),)), ["img-src 'self'"], ["img-src 'self' x"], id="appended"),
            pytest.param(CspEdit(appends=(("img-src", template("x")),)), [], [], id="nothing to append to"),
            pytest.param(CspEdit(("a",), (("a", template("2")),), (("a", template("3")),)), ["a 1"], ["a 2 3"], id="in this order"),
        ],
    )  # fmt: skip
    def test_directives(self, edit, before, expected):
        def policies(lines: list[str]) -> Fields:
            return fields(*(f"Content-Security-Policy: {line}" for line in lines))

        found = edited(edit, exchange(status=200, response=policies(before)), of_response=True)

        assert found.response == policies(expected)

    @pytest.mark.parametrize("query", ["x=a;b", "x=a,b"])
    @pytest.mark.parametrize("verb", ["sets", "appends"])
    def test_no_value_ends_its_directive(self, verb, query):
        edit = CspEdit(**{verb: (("img-src", template("{url.query.x}")),)})

        with pytest.raises(EditError, match="CSP sources with ; or ,"):
            edited(edit, exchange(f"https://a.example/?{query}"), of_response=True)


PATTERN, VALUE = Glob.of("_ga*"), template("1")
SWAP = (Replacement(Regex.of("x"), template("y")),)


@pytest.mark.parametrize(
    ("edit", "count"),
    [
        (QueryEdit((PATTERN,), (("q", SWAP),), (("a", VALUE), ("b", VALUE)), (("c", VALUE),)), 5),
        (CookieEdit((PATTERN,), (("q", SWAP),), (("a", VALUE), ("b", VALUE)), (("c", VALUE),)), 5),
        (SetCookieEdit((PATTERN,), (("a", VALUE),), ((PATTERN, {"Secure": None}),)), 3),
        (CspEdit(("report-uri",), (("img-src", VALUE),), (("font-src", VALUE),)), 3),
        (FieldEdit(Verb.REMOVE, b"A"), 1),
        (QueryEdit(), 0),
    ],
)
def test_the_parts_of_an_edit_make_what_it_makes(edit, count):
    seen = exchange(
        "https://a.example/?_ga=1&q=xx&a=0",
        request=fields("Cookie: _ga=1; q=xx; a=0"),
        status=200,
        response=fields("Set-Cookie: _ga=1", "Set-Cookie: b=1; Secure", "Content-Security-Policy: img-src x; report-uri y"),
    )  # fmt: skip
    parts = parts_of(edit)

    for of_response in (False, True):
        one = seen
        for part in parts:
            one = edited(part, one, of_response=of_response)
        assert one == edited(edit, seen, of_response=of_response)
    assert len(parts) == count


def test_only_the_values_that_are_replaced_are_counted():
    edit = QueryEdit(replaces=(("q", SWAP),))

    found = edited(edit, exchange(f"https://a.example/?q=x&z={'p' * 20_000}"))

    assert found.query.startswith("q=y&z=p")

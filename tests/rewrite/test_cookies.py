"""One cookie among many (RFC 6265)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.errors import RuleError
from forebay.rewrite import cookies
from forebay.rewrite.exchange import Fields, values
from forebay.rewrite.patterns import Glob
from rewrite.builders import fields

SENT = fields("A: 1", "Cookie: a=1; _ga=x", "B: 2", "cookie: b=2; a=3")


class TestNames:
    def test_a_cookie_is_named_by_a_token(self):
        assert cookies.cookie_name("__Host-id") == "__Host-id"
        assert cookies.cookie_pattern("_ga*").matches("_gat")

    @pytest.mark.parametrize("text", ["", "a b", "a=b", "a;b", "é", "a\n"])
    def test_anything_else_is_refused(self, text):
        with pytest.raises(RuleError, match="expected the name of a cookie such as session, found"):
            cookies.cookie_name(text)
        with pytest.raises(RuleError, match=r"expected the name of a cookie such as _ga\*, found"):
            cookies.cookie_pattern(text)

    @pytest.mark.parametrize(
        ("text", "expected"),
        [("samesite", "SameSite"), ("HTTPONLY", "HttpOnly"), ("max-age", "Max-Age")],
    )
    def test_attributes_are_written_as_usual(self, text, expected):
        assert cookies.attribute(text) == expected
        assert cookies.is_attribute(text)

    def test_an_unknown_attribute_is_refused(self):
        with pytest.raises(RuleError, match=r"an attribute such as Domain, .*, found 'Same-Site'"):
            cookies.attribute("Same-Site")
        assert not cookies.is_attribute("Same-Site")

    def test_flags_have_no_value(self):
        assert cookies.is_flag("secure") and cookies.is_flag("HttpOnly")
        assert not cookies.is_flag("Path")


class TestCookie:
    @pytest.mark.parametrize(
        ("name", "expected"),
        [("a", "1"), ("b", "2"), ("x", None), ("A", None)],
    )
    def test_value_is_that_of_the_first(self, name, expected):
        assert cookies.value(SENT, name) == expected

    @pytest.mark.parametrize(
        ("line", "expected"),
        [("a", ""), ("a=", ""), (" a = 1 ;b", "1"), ("a=1=2", "1=2"), ('a="1"', '"1"')],
    )
    def test_value_is_what_follows_the_name(self, line, expected):
        assert cookies.value(fields(f"Cookie: {line}"), "a") == expected

    @pytest.mark.parametrize(
        ("pattern", "expected"),
        [
            pytest.param("a", ("A: 1", "Cookie: _ga=x; b=2", "B: 2"), id="in all lines"),
            pytest.param("_*", ("A: 1", "Cookie: a=1; b=2; a=3", "B: 2"), id="by pattern"),
            pytest.param("*", ("A: 1", "B: 2"), id="all, and the field with them"),
        ],
    )
    def test_remove(self, pattern, expected):
        assert cookies.remove(SENT, Glob.of(pattern)) == fields(*expected)

    def test_nothing_to_remove_leaves_the_lines_as_they_are(self):
        assert cookies.remove(SENT, Glob("x")) is SENT
        assert cookies.remove((), Glob("x")) == ()

    def test_put_takes_the_place_of_the_first(self):
        assert cookies.put(SENT, "a", "9") == fields("A: 1", "Cookie: a=9; _ga=x; b=2", "B: 2")

    def test_put_comes_last_where_there_is_none(self):
        assert cookies.put(SENT, "x", "9")[1] == (b"Cookie", b"a=1; _ga=x; b=2; a=3; x=9")
        assert cookies.put((), "x", "9") == fields("Cookie: x=9")
        assert cookies.put((), "x", "9", lower_case=True) == fields("cookie: x=9")

    def test_a_default_yields(self):
        assert cookies.put(SENT, "a", "9", only_if_absent=True) is SENT
        assert cookies.put((), "a", "9", only_if_absent=True) == fields("Cookie: a=9")

    def test_change_edits_each_of_the_name(self):
        def edit(value: str) -> str:
            return value + "!"

        assert cookies.change(SENT, "a", edit)[1] == (b"Cookie", b"a=1!; _ga=x; b=2; a=3!")

    @pytest.mark.parametrize("line", ["a", " a = 1;b=2", "x=1"])
    def test_change_that_changes_nothing_leaves_the_line_as_it_is(self, line):
        sent = ((b"Cookie", line.encode()),)

        assert cookies.change(sent, "a", lambda value: value) is sent

    def test_bytes_of_other_cookies_stay_beside_text_that_is_not_of_iso_8859_1(self):
        sent = ((b"Cookie", b"a=\xe9; b=1"),)

        assert cookies.put(sent, "b", "€") == ((b"Cookie", b"a=\xe9; b=\xe2\x82\xac"),)
        assert cookies.change(sent, "b", lambda _: "€") == ((b"Cookie", b"a=\xe9; b=\xe2\x82\xac"),)

    def test_many_cookies_of_one_name_take_little_time(self):
        """It takes seconds when each is looked for among the others."""
        assert cookies.put(((b"Cookie", b"a;" * 50_000),), "a", "1") == fields("Cookie: a=1")


SET = fields("A: 1", "Set-Cookie: a=1; Secure; path=/", "set-cookie: b=2;Path=/x")


class TestSetCookie:
    @pytest.mark.parametrize(
        ("line", "expected"), [("a=1; Path=/", "a"), (" a =1", "a"), ("=1", ""), ("", "")]
    )
    def test_the_name_is_before_the_first_equals(self, line, expected):
        assert cookies.set_cookie_name(line.encode()) == expected

    def test_remove(self):
        assert cookies.remove_set(SET, Glob("a")) == (SET[0], SET[2])
        assert cookies.remove_set(SET, Glob.of("*")) == SET[:1]
        assert cookies.remove_set(SET, Glob("x")) == SET

    @pytest.mark.parametrize(("lower_case", "key"), [(False, "Set-Cookie"), (True, "set-cookie")])
    def test_put_replaces_the_whole_line(self, lower_case, key):
        put = cookies.put_set(SET, "a", "9; Path=/y", lower_case=lower_case)

        assert put == (SET[0], SET[2], *fields(f"{key}: a=9; Path=/y"))

    @pytest.mark.parametrize(
        ("line", "attributes", "expected"),
        [
            pytest.param("a=1; secure", {"Secure": None}, "a=1", id="removed, in any case"),
            pytest.param("a=1;Path=/", {"Path": "/x"}, "a=1; Path=/x", id="set"),
            pytest.param("a=1; path=/; PATH=/y", {"Path": "/x"}, "a=1; Path=/x", id="once"),
            pytest.param("a=1", {"Secure": ""}, "a=1; Secure", id="a flag"),
            pytest.param("a=1", {"secure": "x"}, "a=1; secure", id="a flag with a value"),
            pytest.param("a=1;x;;Path=/", {"Secure": None}, "a=1;x;;Path=/", id="nothing to do"),
            pytest.param("a=1; Path=/x", {"Path": "/x"}, "a=1; Path=/x", id="all is so already"),
            pytest.param("; Secure", {"Secure": None}, "", id="no cookie"),
            pytest.param("", {"Secure": ""}, "; Secure", id="nothing"),
        ],
    )
    def test_attributes(self, line, attributes, expected):
        found = cookies.change_attributes(
            ((b"Set-Cookie", line.encode()),), Glob.of("*"), attributes
        )

        assert found == ((b"Set-Cookie", expected.encode()),)

    def test_attributes_are_those_of_the_cookies_that_are_meant(self):
        assert cookies.change_attributes(SET, Glob("a"), {"Secure": None})[1:] == (
            (b"Set-Cookie", b"a=1; path=/"),
            SET[2],
        )


NAMES = st.sampled_from(["a", "b", "_ga"])
VALUES = st.text(st.characters(codec="latin-1", exclude_characters="; \t"), max_size=4)
PAIR = st.one_of(NAMES, st.tuples(NAMES, VALUES).map("=".join))
LINES = st.lists(
    st.lists(PAIR, max_size=4).flatmap(
        lambda pairs: st.sampled_from(["; ", ";", " ;; "]).map(lambda gap: gap.join(pairs))
    ),
    max_size=3,
)


def requests(lines: list[str]) -> Fields:
    others = ((b"A", b"1"), (b"B", b"2"))
    return (others[0], *((b"Cookie", line.encode("latin-1")) for line in lines), others[1])


@given(LINES, NAMES, st.text(max_size=3))
def test_an_edit_of_one_cookie_leaves_all_others_byte_for_byte(lines, name, value):
    sent = requests(lines)

    def others(of: Fields) -> list[bytes]:
        pairs = [pair.strip(b" \t") for line in values(of, b"cookie") for pair in line.split(b";")]
        return [pair for pair in pairs if pair and pair.partition(b"=")[0].strip() != name.encode()]

    value = value.replace(";", "")
    for edited in (
        cookies.put(sent, name, value),
        cookies.put(sent, name, value, only_if_absent=True),
        cookies.change(sent, name, lambda _: value),
        cookies.remove(sent, Glob(name)),
    ):
        assert others(edited) == others(sent)
        assert [f for f in edited if f[0] != b"Cookie"] == [f for f in sent if f[0] != b"Cookie"]


@given(LINES, st.dictionaries(st.sampled_from(["Path", "Secure", "Domain"]), st.sampled_from([None, "x"])))  # fmt: skip
def test_attributes_set_twice_are_as_set_once(lines, attributes):
    before = tuple((b"Set-Cookie", line.encode("latin-1")) for line in lines)
    once = cookies.change_attributes(before, Glob.of("*"), attributes)

    assert cookies.change_attributes(once, Glob.of("*"), attributes) == once
    assert [cookies.set_cookie_name(line) for _, line in once] == [
        cookies.set_cookie_name(line) for _, line in before
    ]

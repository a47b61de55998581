"""The edits that are made at a message's head."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.errors import RuleError
from forebay.regexes import Regex
from forebay.rewrite.edits import (
    CookieEdit,
    CspEdit,
    EditError,
    FieldEdit,
    FieldReplace,
    MethodEdit,
    QueryEdit,
    Replacement,
    SetCookieEdit,
    StatusEdit,
    UrlEdit,
    Verb,
    check_url,
    covers,
    edit_fields,
    expanded,
    split_url,
)
from forebay.rewrite.exchange import Fields
from forebay.rewrite.fields import REFUSED
from forebay.rewrite.patterns import Glob
from forebay.rewrite.template import Template
from rewrite.builders import edited, exchange, fields, template, values

SAMPLE = ((b"A", b"1"), (b"b", b"2"), (b"a", b"3"), (b"C", b"4"))


def replacement(regex: str, text: str) -> Replacement:
    return Replacement(Regex.of(regex), template(text))


class TestExpanded:
    """No value leaves its line, wherever its characters come from."""

    @pytest.mark.parametrize("word", ["header.x", "url.query.x", "cookie.x"])
    @pytest.mark.parametrize(
        ("char", "shown"), [("\r", r"'\\r'"), ("\n", r"'\\n'"), ("\0", r"'\\x00'"), ("\x7f", r"'\\x7f'")]
    )  # fmt: skip
    def test_controls_do_not_come_in_by_placeholders(self, word, char, shown):
        seen = exchange(
            f"https://a.example/?x=1%{ord(char):02x}2",
            request=((b"X", f"1{char}2".encode()), (b"Cookie", f"x=1{char}2".encode())),
        )

        with pytest.raises(EditError, match=f"a value with the control character {shown}"):
            expanded(template(f"{{{word}}}"), values(seen))

    def test_nor_by_variables_of_the_environment(self):
        found = Template.of("{env.X}", {"X": "1\r\nEvil: 2"})

        with pytest.raises(EditError, match="control character"):
            expanded(found, values())

    @pytest.mark.parametrize("length", [65_536, 65_537])
    def test_length_has_a_limit(self, length):
        seen = values(exchange(request=((b"X", b"x" * length),)))

        if length == 65_536:
            assert len(expanded(template("{header.x}"), seen)) == length
        else:
            with pytest.raises(EditError, match="a value of more than 65,536 characters"):
                expanded(template("{header.x}"), seen)

    def test_a_tab_is_allowed(self):
        """RFC 9110 §5.5."""
        seen = values(exchange(request=((b"X", b"a\tb\xff"),)))

        assert expanded(template("{header.x}"), seen) == "a\tb\xff"


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        pytest.param(FieldEdit(Verb.REMOVE, b"A"), (SAMPLE[1], SAMPLE[3]), id="all lines, any case"),
        pytest.param(FieldEdit(Verb.REMOVE, b"x"), SAMPLE, id="remove what is not there"),
        pytest.param(FieldEdit(Verb.SET, b"A"), ((b"A", b"9"), SAMPLE[1], SAMPLE[3]), id="set in place"),
        pytest.param(FieldEdit(Verb.SET, b"X"), (*SAMPLE, (b"X", b"9")), id="set what is not there"),
        pytest.param(FieldEdit(Verb.DEFAULT, b"A"), SAMPLE, id="default yields"),
        pytest.param(FieldEdit(Verb.DEFAULT, b"X"), (*SAMPLE, (b"X", b"9")), id="default fills in"),
        pytest.param(FieldEdit(Verb.APPEND, b"A"), (*SAMPLE, (b"A", b"9")), id="append keeps"),
    ],
)  # fmt: skip
def test_edits_of_fields(edit, expected):
    assert edit_fields(SAMPLE, edit, b"9") == expected


def test_a_beginning_removes_all_that_begins_so_but_framing():
    found = tuple(
        (name, b"") for name in (b"te", b"Trailer", b"Transfer-Encoding", b"X-T", b"T-1", b"t")
    )

    left = edit_fields(found, FieldEdit(Verb.REMOVE, b"T", is_prefix=True), b"")

    assert [name for name, _ in left] == [b"te", b"Trailer", b"Transfer-Encoding", b"X-T"]


@pytest.mark.parametrize("verb", [Verb.SET, Verb.DEFAULT, Verb.APPEND])
def test_names_are_lower_case_in_http2(verb):
    """Upper case would make the message malformed (RFC 9113 §8.2.1)."""
    assert edit_fields((), FieldEdit(verb, b"X-Y"), b"Z", lower_case=True) == ((b"x-y", b"Z"),)


class TestFieldEdit:
    def test_the_value_is_expanded_and_trimmed(self):
        seen = exchange(request=((b"A", b" \t1 "),))

        found = edited(FieldEdit(Verb.SET, b"X", template("{header.a}")), seen)

        assert found.request[-1] == (b"X", b"1")

    def test_it_is_made_in_one_of_the_two_messages(self):
        seen = exchange(request=fields("A: 1"), status=200, response=fields("A: 2"))

        found = edited(FieldEdit(Verb.SET, b"A", template("9")), seen, of_response=True)

        assert (found.request, found.response) == (fields("A: 1"), fields("A: 9"))

    def test_what_is_so_already_stays_the_same_exchange(self):
        seen = exchange(request=fields("A: 1"))

        assert edited(FieldEdit(Verb.SET, b"A", template("1")), seen) is seen
        assert edited(FieldEdit(Verb.REMOVE, b"B"), seen) is seen

    def test_http2_names_are_lower_case(self):
        found = edited(FieldEdit(Verb.SET, b"X-Y", template("1")), exchange(lower_case=True))

        assert found.request == fields("x-y: 1")


NAMES = st.sampled_from([b"A", b"a", b"X-1", b"x-2", b"Host", b"TE", b"Cookie"])
FIELDS = st.lists(st.tuples(NAMES, st.binary(max_size=3)), max_size=8).map(tuple)
FIELD_EDITS = st.one_of(
    st.builds(FieldEdit, st.sampled_from(Verb), st.sampled_from([b"A", b"x-1", b"Cookie"])),
    st.builds(FieldEdit, st.just(Verb.REMOVE), st.sampled_from([b"x-", b"T", b"h"]), is_prefix=st.just(True)),
)  # fmt: skip


@given(FIELDS, FIELD_EDITS, st.binary(max_size=3), st.booleans())
def test_an_edit_of_one_field_leaves_all_others_byte_for_byte(found, edit, value, lower_case):
    """They keep their order, spelling and value; framing is never touched."""
    after = edit_fields(found, edit, value, lower_case=lower_case)

    def others(of: Fields) -> list[tuple[bytes, bytes]]:
        return [field for field in of if not covers(edit, field[0])]

    assert others(after) == others(found)
    own = [value for name, value in after if covers(edit, name)]
    was = [value for name, value in found if covers(edit, name)]
    match edit.verb:
        case Verb.REMOVE:
            assert own == []
        case Verb.SET:
            assert own == [value]
        case Verb.DEFAULT:
            assert own == (was or [value])
        case Verb.APPEND:
            assert own == [*was, value]
    for name, _ in found:
        if name.lower() in REFUSED:
            assert any(name == kept for kept, _ in after)


class TestReplacement:
    @pytest.mark.parametrize(
        ("regex", "text", "before", "after"),
        [
            pytest.param("a", "b", "banana", "bbnbnb", id="each place"),
            pytest.param("(a)(n)?", "[{re.1}{re.2}]", "bana", "b[an][a]", id="groups by number"),
            pytest.param("(?P<x>a+)", "<{re.x}>", "baab", "b<aa>b", id="groups by name"),
            pytest.param("^a", "b", "aaa", "baa", id="the beginning is that of the text"),
            pytest.param("a$", "b", "aaa", "aab", id="and so is the end"),
            pytest.param("x*", "-", "axb", "-a--b-", id="empty places"),
            pytest.param("$", "!", "", "!", id="an empty text"),
            pytest.param("b", "{method}", "abc", "aGETc", id="placeholders"),
        ],
    )
    def test_each_place_is_replaced(self, regex, text, before, after):
        assert replacement(regex, text).edit(before, values()) == after

    @given(
        st.sampled_from(["a", "a*", "b|", "^a?", "a$", "", "(a)(b)?"]), st.text("abc", max_size=6)
    )
    def test_places_are_those_of_python(self, regex, text):
        expected = re.sub(regex, "-", text)

        assert replacement(regex, "-").edit(text, values()) == expected

    def test_controls_do_not_come_in_by_groups(self):
        with pytest.raises(EditError, match="control character"):
            replacement("(.+)", "{re.1}{url.query.x}").edit(
                "a", values(exchange("https://a.example/?x=%0a"))
            )

    def test_many_long_replacements_are_too_long(self):
        seen = values(exchange(request=((b"X", b"x" * 60_000),)))

        assert len(replacement("a", "{header.x}").edit("ab", seen)) == 60_001
        with pytest.raises(EditError, match="more than 65,536 characters"):
            replacement("a", "{header.x}").edit("a" * 2000, seen)


class TestFieldReplace:
    def test_values_of_the_field_are_edited_in_all_lines(self):
        edit = FieldReplace(b"A", (replacement("1", "2"), replacement("2", "3")))

        found = edited(edit, exchange(request=fields("a: 1", "B: 1", "A: 21")))

        assert found.request == fields("a: 3", "B: 1", "A: 33")

    def test_the_response_has_its_own(self):
        seen = exchange(request=fields("A: 1"), status=200, response=fields("A: 1"))

        found = edited(FieldReplace(b"A", (replacement("1", "2"),)), seen, of_response=True)

        assert (found.request, found.response) == (fields("A: 1"), fields("A: 2"))

    def test_no_value_begins_or_ends_with_a_space(self):
        """In HTTP/2 that is malformed (RFC 9113 §8.2.1)."""
        seen = exchange(request=fields("A: x b x"))

        found = edited(FieldReplace(b"A", (replacement("x", ""),)), seen)

        assert found.request == ((b"A", b"b"),)

    @given(FIELDS)
    def test_without_a_match_all_bytes_stay(self, found):
        seen = exchange(request=found)

        assert edited(FieldReplace(b"A", (replacement("zzz", "-"),)), seen) == seen


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


def test_method_and_status_are_others():
    assert edited(MethodEdit("PUT"), exchange()).method == "PUT"
    assert edited(StatusEdit(404), exchange(status=200), of_response=True).status == 404


class TestUrlEdit:
    @pytest.mark.parametrize(
        ("url", "expected"),
        [
            pytest.param("https://b.example/y", "https://b.example/y", id="absolute"),
            pytest.param("http://b.example:8080", "http://b.example:8080/", id="port, no path"),
            pytest.param("https://b.example?z", "https://b.example/?z", id="no path, but a query"),
            pytest.param("https://b.example/?", "https://b.example/?", id="an empty query"),
            pytest.param("{url.scheme}://b.example{url.target}", "https://b.example/x?y=1", id="placeholders"),
            pytest.param("/new{url.path}", "https://a.example/new/x", id="a path on the same host"),
            pytest.param("/a b#c", "https://a.example/a%20b", id="a path that cannot be sent so"),
            pytest.param('https://b.example/é%20"#c', 'https://b.example/%C3%A9%20"', id="nor this"),
            pytest.param("HTTPS://B.Example./", "https://b.example/", id="spelt otherwise"),
            pytest.param("https://bücher.example/", "https://xn--bcher-kva.example/", id="a name of Unicode"),
            pytest.param("https://[2001:DB8::0:1]:8443/y", "https://[2001:db8::1]:8443/y", id="IPv6"),
            pytest.param("https://[::1]", "https://[::1]/", id="IPv6 without path"),
            pytest.param("http://0x7f.1/", "http://127.0.0.1/", id="IPv4, spelt otherwise"),
            pytest.param("https://b.example:65535/", "https://b.example:65535/", id="the last port"),
            pytest.param("https://b.example:/", "https://b.example/", id="an empty port"),
        ],
    )  # fmt: skip
    def test_it_goes_there(self, url, expected):
        assert edited(UrlEdit(template(url)), exchange("https://a.example/x?y=1")).url == expected

    @pytest.mark.parametrize(
        ("url", "message"),
        [
            pytest.param("https://me@b.example/", "no http or https URL", id="user"),
            pytest.param("https://me:pw@b.example/", "no http or https URL", id="password"),
            pytest.param("https://@b.example/", "no http or https URL", id="empty user"),
            pytest.param("https:///x", "no http or https URL", id="no host"),
            pytest.param("https://:443/", "no http or https URL", id="only a port"),
            pytest.param("https://", "no http or https URL", id="nothing"),
            pytest.param("//b.example/", "no http or https URL", id="no scheme"),
            pytest.param("", "no http or https URL", id="empty"),
            pytest.param("b.example", "no http or https URL", id="only a host"),
            pytest.param("javascript:alert(1)", "no http or https URL", id="javascript"),
            pytest.param("javascript://b.example/%0aalert(1)", "no http or https URL", id="javascript with a host"),
            pytest.param("file:///etc/passwd", "no http or https URL", id="file"),
            pytest.param("https://b.example:0/", "could be connected to", id="port 0"),
            pytest.param("https://b.example:99999/", "cannot be read: Port out of range", id="port 99999"),
            pytest.param("https://b.example:x/", "cannot be read", id="a word for a port"),
            pytest.param("https://[::1/", "cannot be read", id="half a bracket"),
            pytest.param("https://[b.example]/", "cannot be read", id="a name in brackets"),
            pytest.param("https://::1/", "cannot be read", id="IPv6 without brackets"),
            pytest.param("https://b example/", "could be connected to", id="a space"),
            pytest.param("https://b.example\\@evil.example/", "no http or https URL", id="a backslash and @"),
            pytest.param("https://b.example\\x/", "could be connected to", id="a backslash"),
            pytest.param("https://b..example/", "could be connected to", id="an empty label"),
            pytest.param("https:/\t/b.example/?u=http://c.example", "with a tab", id="a tab"),
            pytest.param("https://b.exa℀mple/", "cannot be read", id="a character that becomes a slash"),
        ],
    )  # fmt: skip
    def test_what_could_not_be_connected_to_is_an_error(self, url, message):
        edit = UrlEdit(template("{re.1}"))

        with pytest.raises(EditError, match=message):
            edit.apply(exchange(), values(groups={"1": url}), of_response=False)

    def test_hosts_are_those_it_goes_to(self):
        seen = exchange("https://192.0.2.1/", hosts=("192.0.2.1", "a.example"))

        there = edited(UrlEdit(template("https://B.example/")), seen)
        same = edited(UrlEdit(template("http://192.0.2.1/y")), seen)

        assert (there.host, there.hosts) == ("b.example", ("b.example",))
        assert same.hosts == seen.hosts

    @given(st.text())
    def test_any_text_is_an_url_or_an_edit_error(self, text):
        try:
            scheme, host, port, target = split_url(text)
        except EditError:
            return
        assert scheme in ("http", "https")
        assert host and 0 < port < 65536
        assert re.fullmatch(r"/[\x21-\x7e]*", target) and "#" not in target

    @given(st.text("/?#@:[]\\ .%\tabé", max_size=12))
    def test_no_text_smuggles_another_host_in(self, text):
        """As a browser reads it, the host is what stands between // and the next / ? # or \\."""
        try:
            _, host, _, target = split_url(f"https://a.example{text}")
        except EditError:
            return
        if text[:1] in ("/", "?", "#", ""):
            assert host == "a.example"
        assert re.fullmatch(r"/[\x21-\x7e]*", target)


class TestCheckUrl:
    @pytest.mark.parametrize(
        "text", ["/x", "http://a.example", "https://{url.host}/", "{url.scheme}://a.example"]
    )
    def test_what_could_become_an_url_may_be_written(self, text):
        assert check_url(text) == text

    @pytest.mark.parametrize("text", ["", "x", "//a.example/", "javascript:x", " /x", "ftp://a/"])
    def test_anything_else_is_refused(self, text):
        with pytest.raises(RuleError, match="expected a URL, or a path that begins with /, found"):
            check_url(text)


def test_what_is_too_long_for_a_regex_fails_the_rule():
    """Rather than leave what it should replace where it is, and say nothing."""
    edit = FieldReplace(b"X", (Replacement(Regex.of("a"), Template.of("b")),))

    with pytest.raises(EditError, match="more than the 2,048 characters of its regex"):
        edited(edit, exchange(request=((b"X", b"a" * 2049),)))


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("https://a.example/x", True),
        ("https://{url.host}/", True),
        ("/x", True),
        ("//a.example/", False),
        ("https://u@a.example/", False),
        ("https://a.example:0/", False),
        ("https:///x", False),
        ("ftp://a.example/", False),
    ],
)
def test_a_url_that_could_never_be_one_is_a_mistake(text, fits):
    if fits:
        assert check_url(text) == text
    else:
        with pytest.raises(RuleError, match="expected a URL"):
            check_url(text)

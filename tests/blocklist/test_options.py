"""What follows the ``$``."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.blocklist import resource
from forebay.blocklist.options import (
    KNOWN,
    NONE,
    Domains,
    Options,
    UnsupportedRuleError,
    parse_options,
)
from forebay.blocklist.request import Request
from forebay.blocklist.resource import ALL, ANY_PARTY, BIT_OF, FIRST, THIRD, TYPES, UNKNOWN, USUAL
from forebay.errors import RuleError


def fits(text: str, url: str = "http://cdn.shop.example/", **given_) -> bool:
    """Whether the options alone let a rule be about the request."""
    options = parse_options(text)
    request = Request.of(url, **given_)
    return bool(options.mask(USUAL) & request.bit) and options.hold(request)


class TestTypes:
    @pytest.mark.parametrize(
        ("text", "types"),
        [
            ("script", {"script"}),
            ("script,image", {"script", "image"}),
            ("SCRIPT", {"script"}),
            ("~script", USUAL - {"script"}),
            ("~script,~image", USUAL - {"script", "image"}),
            ("script,image,~image", {"script"}),
            ("xhr", {"xmlhttprequest"}),
            ("frame,css,doc,beacon", {"subdocument", "stylesheet", "document", "ping"}),
            ("object-subrequest", {"object"}),
            ("all", ALL),
            ("all,~document", ALL - {"document"}),
            ("mp4", {"media"}),
            ("popup,script", {"script"}),
            ("~popup", None),
            ("third-party", None),
            ("_", None),
            ("___,script,_", {"script"}),
        ],
    )
    def test_which_are_meant(self, text, types):
        assert parse_options(text).types == types

    @pytest.mark.parametrize("type_", TYPES)
    def test_each_has_its_own(self, type_):
        assert [other for other in TYPES if fits(type_, type=other)] == [type_]
        assert {other for other in TYPES if fits("~" + type_, type=other)} == USUAL - {type_}

    def test_none_left_is_a_mistake(self):
        with pytest.raises(RuleError, match="expected a type, found each of them negated"):
            parse_options("script,~script")

    @pytest.mark.parametrize(
        "kind", ["popup", "popunder", "webrtc", "inline-script", "inline-font"]
    )
    def test_one_that_is_never_seen_is_no_rule_for_all(self, kind):
        with pytest.raises(UnsupportedRuleError) as caught:
            parse_options(kind)

        assert caught.value.kind == kind


class TestParty:
    @pytest.mark.parametrize(
        ("text", "parties"),
        [
            ("third-party", THIRD),
            ("3p", THIRD),
            ("~third-party", FIRST),
            ("first-party", FIRST),
            ("1p", FIRST),
            ("~first-party", THIRD),
            ("~1p,3p", THIRD),
            ("script", ANY_PARTY),
        ],
    )
    def test_which_are_meant(self, text, parties):
        assert parse_options(text).parties == parties

    @pytest.mark.parametrize(
        "text",
        ["3p", "1p", "~3p", "~1p", "strict3p", "strict1p", "domain=shop.example", "domain=example"],
    )
    @pytest.mark.parametrize("source", [None, "about:blank", ""])
    def test_a_page_that_is_not_known_is_none_of_them(self, text, source):
        assert not fits(text, source=source)

    @pytest.mark.parametrize(
        ("text", "source", "expected"),
        [
            ("strict3p", "http://www.shop.example/", True),
            ("strict-third-party", "http://cdn.shop.example/", False),
            ("strict1p", "http://cdn.shop.example/", True),
            ("strict-first-party", "http://www.shop.example/", False),
            ("3p", "http://www.shop.example/", False),
            ("1p", "http://www.shop.example/", True),
        ],
    )
    def test_strictly_each_host_is_another(self, text, source, expected):
        assert fits(text, source=source) is expected


class TestDomain:
    @pytest.mark.parametrize(
        ("text", "host", "expected"),
        [
            ("domain=a.example", "a.example", True),
            ("domain=a.example", "x.a.example", True),
            ("domain=a.example", "xa.example", False),
            ("domain=a.example", "example", False),
            ("from=A.Example.", "a.example", True),
            ("domain=bücher.example", "xn--bcher-kva.example", True),
            ("domain=a.example|b.example", "b.example", True),
            ("domain=~a.example", "a.example", False),
            ("domain=~a.example", "b.example", True),
            ("domain=~a.example|~b.example", "x.b.example", False),
            ("domain=a.example|~x.a.example", "a.example", True),
            ("domain=a.example|~x.a.example", "y.x.a.example", False),
            ("domain=a.example|~x.a.example", "b.example", False),
            ("domain=~a.example|x.a.example", "x.a.example", True),
            ("domain=~a.example|x.a.example", "a.example", False),
            ("domain=~a.example|x.a.example", "b.example", False),
            ("domain=shop.*", "shop.com", True),
            ("domain=shop.*", "www.shop.co.uk", True),
            ("domain=shop.*", "shop.evil.com", False),
            ("domain=shop.*|~shop.com", "shop.com", False),
            ("domain=shop.*|~shop.com", "shop.de", True),
            ("domain=shop.*|~www.shop.*", "www.shop.de", False),
            ("domain=com", "a.com", True),
            ("domain=192.0.2.7", "192.0.2.7", True),
            ("domain=2.7", "192.0.2.7", False),
        ],
    )
    def test_the_most_specific_one_decides(self, text, host, expected):
        assert fits(text, source=f"https://{host}/x") is expected

    def test_a_page_that_is_not_known_is_not_excluded(self):
        assert fits("domain=~a.example")

    @pytest.mark.parametrize(
        ("text", "host", "expected"),
        [
            ("to=a.example", "x.a.example", True),
            ("to=a.example", "b.example", False),
            ("to=~a.example", "b.example", True),
            ("to=~a.example", "a.example", False),
            ("to=a.example|~x.a.example", "x.a.example", False),
            ("to=shop.*", "shop.co.uk", True),
            ("denyallow=a.example", "x.a.example", False),
            ("denyallow=a.example", "b.example", True),
            ("denyallow=a.example|b.example", "b.example", False),
            ("denyallow=shop.*", "www.shop.de", False),
        ],
    )
    def test_hosts_of_requests(self, text, host, expected):
        assert fits(text, f"http://{host}/") is expected

    def test_twenty_thousand_are_many_and_no_problem(self):
        text = "domain=" + "|".join(f"a{i}.example" for i in range(20_000))

        assert fits(text, source="http://x.a19999.example/")
        assert not fits(text, source="http://a20000.example/")


class TestMethod:
    @pytest.mark.parametrize(
        ("text", "method", "expected"),
        [
            ("method=post", "POST", True),
            ("method=POST", "post", True),
            ("method=post", "GET", False),
            ("method=post|put", "PUT", True),
            ("method=~get", "POST", True),
            ("method=~get", "GET", False),
            ("method=~get|~head", "HEAD", False),
        ],
    )
    def test_which_are_meant(self, text, method, expected):
        assert fits(text, method=method) is expected


class TestAnswer:
    @pytest.mark.parametrize(
        ("text", "redirect", "only"),
        [
            ("redirect=noop.js", "noop.js", False),
            ("redirect=noop.js:100", "noop.js:100", False),
            ("redirect-rule=1x1.gif", "1x1.gif", True),
            ("redirect=abp-resource:blank-mp3", "abp-resource:blank-mp3", False),
            ("rewrite=abp-resource:blank-js", "blank-js", False),
            ("mp4", "noop-1s.mp4", False),
            ("empty", None, False),
            ("redirect=empty", None, False),
            ("redirect=Empty:10", None, False),
            ("redirect-rule=empty", None, True),
            ("script", None, False),
        ],
    )
    def test_what_is_answered(self, text, redirect, only):
        options = parse_options(text)

        assert (options.redirect, options.redirect_only) == (redirect, only)


@pytest.mark.parametrize(
    ("text", "name"), [("match-case", "match_case"), ("important", "important"), ("badfilter",) * 2]
)
def test_marks(text, name):
    assert parse_options(text) == Options(**{name: True})
    with pytest.raises(UnsupportedRuleError):
        parse_options("~" + text)


def test_spaces_around_an_option_are_nothing():
    assert parse_options(" script ,image") == parse_options("script,image")


class TestUnsupported:
    @pytest.mark.parametrize("kind", sorted(KNOWN))
    @pytest.mark.parametrize("shape", ["{}", "{}=x", "~{}", "script,{}", "{}=a,b=c,domain=d.e"])
    def test_what_a_proxy_cannot_do_is_counted_by_kind(self, kind, shape):
        with pytest.raises(UnsupportedRuleError) as caught:
            parse_options(shape.format(kind))

        assert caught.value.kind == kind

    @pytest.mark.parametrize(
        ("text", "kind"),
        [
            ("newoption", "unknown option"),
            ("newoption=1", "unknown option"),
            ("script=1", "unknown option"),
            ("domain", "unknown option"),
            ("~all", "unknown option"),
            ("~domain=a.example", "unknown option"),
            ("rewrite=https://a.example/", "unknown option"),
            ("script image", "unknown option"),
            ("domain=/a,b=c/", "regex domain"),
        ],
    )
    def test_what_is_not_known_is_not_left_out(self, text, kind):
        with pytest.raises(UnsupportedRuleError) as caught:
            parse_options(text)

        assert caught.value.kind == kind


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("domain=", "expected domains after domain=, found ''"),
        ("domain=a.example|", "expected domains after domain=, found ''"),
        ("domain=~", "expected domains after domain=, found ''"),
        ("domain=*", "expected domains after domain=, found '*'"),
        ("domain=.*", "expected domains after domain=, found '.*'"),
        ("domain=*.a.example", "expected domains after domain=, found '*.a.example'"),
        ("from=a b", "expected domains after from=, found 'a b'"),
        ("to=", "expected domains after to=, found ''"),
        ("denyallow=", "expected domains after denyallow=, found ''"),
        ("denyallow=~a.example", "expected domains without ~ after denyallow="),
        ("method=", "expected methods after method=, found ''"),
        ("method=get|", "expected methods after method=, found 'get|'"),
        ("redirect=", "expected a value after redirect=, found none"),
        ("rewrite=abp-resource:", "expected a value after rewrite=, found none"),
        ("domain=a.example,domain=b.example", "expected one option of this kind, found another"),
        ("domain=a.example,from=b.example", "expected one option of this kind, found another"),
        ("3p,1p", "expected one option of this kind, found another: '1p'"),
        ("strict3p,strict1p", "expected one option of this kind, found another"),
        ("redirect=noop.js,mp4", "expected one option of this kind, found another"),
    ],
)
def test_a_value_that_means_nothing_is_a_mistake(text, message):
    with pytest.raises(RuleError, match=re.escape(message)) as caught:
        parse_options(text)

    assert not isinstance(caught.value, UnsupportedRuleError)


@pytest.mark.parametrize(
    ("text", "narrow"),
    [
        ("ping,third-party", True),
        ("script", True),
        ("domain=a.example", True),
        ("to=a.example", True),
        ("method=post", True),
        ("third-party", False),
        ("all", False),
        ("~script", False),
        ("domain=~a.example", False),
        ("denyallow=a.example", False),
        ("method=~get", False),
        ("important", False),
    ],
)
def test_which_options_say_enough_by_themselves(text, narrow):
    assert parse_options(text).narrow is narrow


PARTS = st.sampled_from(
    [
        *TYPES, *("~" + type_ for type_ in TYPES), "all", "3p", "1p", "~3p", "~1p", "strict1p", "strict3p",
        "domain=a.example", "domain=~a.example", "domain=shop.*|~b.shop.*", "to=a.example", "to=~a.example",
        "denyallow=a.example", "method=get", "method=~get", "match-case", "important", "_",
    ]
)  # fmt: skip
HOSTS = st.sampled_from(["a.example", "x.a.example", "b.example", "shop.com", "b.shop.com"])
REQUESTS = st.builds(
    lambda host, source, **more: Request.of(
        f"http://{host}/", source=source and f"http://{source}/", **more
    ),
    HOSTS,
    st.none() | HOSTS,
    type=st.sampled_from(TYPES),
    method=st.sampled_from(["GET", "POST"]),
    same_site=st.sampled_from([None, True, False]),
)


def hits(options: Options, request: Request) -> bool:
    return bool(options.mask(USUAL) & request.bit) and options.hold(request)


@given(st.lists(PARTS, max_size=4), PARTS, REQUESTS)
def test_one_more_option_never_makes_a_rule_wider(parts, more, request_):
    """Types apart, which add up: of these a negated one takes away."""
    if more.removeprefix("~") in {*TYPES, "all"} and not more.startswith("~"):
        return
    try:
        before = parse_options(",".join(parts)) if parts else NONE
        after = parse_options(",".join([*parts, more]))
    except RuleError:
        return
    assert hits(before, request_) or not hits(after, request_)
    assert after.conditional or after.hold(request_)


@given(st.lists(PARTS, min_size=1, max_size=5), st.randoms(use_true_random=False), REQUESTS)
def test_the_order_of_options_does_not_count(parts, random, request_):
    def parsed(some):
        try:
            return parse_options(",".join(some))
        except RuleError:
            return None

    shuffled = parts[:]
    random.shuffle(shuffled)

    one, other = parsed(parts), parsed(shuffled)

    assert (one is None) == (other is None)
    assert one is None or one == other


@given(st.text(max_size=40) | st.text("~domain=script,|._/*a", max_size=40))
def test_any_text_is_options_or_an_error(text):
    try:
        options = parse_options(text)
    except RuleError:
        return
    assert options.types is None or options.types <= ALL
    assert options.parties in (THIRD, FIRST, ANY_PARTY)


class TestDomains:
    def test_those_that_are_meant(self):
        assert Domains({"a": True, "b": False, "c": True}, otherwise=False).meant == ("a", "c")

    @pytest.mark.parametrize("otherwise", [True, False])
    def test_what_none_covers(self, otherwise):
        assert Domains({"a": True}, otherwise).cover(("b", "c")) is otherwise


def test_the_mask_is_of_usual_types_where_none_is_named():
    assert NONE.mask(USUAL) == resource.bits(USUAL, ANY_PARTY)
    assert not NONE.mask(USUAL) & BIT_OF["document", UNKNOWN]
    assert NONE.mask(ALL) == resource.ANYTHING

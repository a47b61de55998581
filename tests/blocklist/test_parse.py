"""Lines of lists."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.blocklist.options import KNOWN
from forebay.blocklist.parse import LONGEST_LINE, UnsupportedRuleError, parse_line
from forebay.blocklist.rule import Effect, HostRule, NetworkRule, Scope
from forebay.errors import RuleError
from forebay.names import canonical


def subtree(host: str, effect: Effect = Effect.BLOCK) -> HostRule:
    return HostRule((host,), Scope.SUBTREE, effect)


class TestHosts:
    @pytest.mark.parametrize(
        ("line", "host"),
        [
            ("ads.example", "ads.example"),
            ("  ADS.Example.\r\n", "ads.example"),
            ("ads.example # why", "ads.example"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("1und1.example", "1und1.example"),
            ("a.1b", "a.1b"),
            ("192.0.2.7", "192.0.2.7"),
            ("2001:DB8::7", "2001:db8::7"),
            ("||ads.example^", "ads.example"),
            ("||_a.b-c.example^", "_a.b-c.example"),
            ("||ADS.example^ # why", "ads.example"),
            ("||ads.example.^", "ads.example"),
            ("||ads.example^*", "ads.example"),
            ("||com^", "com"),
            ("||a^", "a"),
            ("||192.0.2.7^", "192.0.2.7"),
            ("||127.1^", "127.0.0.1"),
            ("||[::1]^", "::1"),
            ("||::1^", "::1"),
            ("||localhost^", "localhost"),
        ],
    )
    def test_a_domain_blocks_itself_and_what_lies_below(self, line, host):
        assert parse_line(line) == subtree(host)

    @pytest.mark.parametrize(
        ("line", "hosts"),
        [
            ("0.0.0.0 ads.example", ("ads.example",)),
            ("127.0.0.1\tads.example  # why", ("ads.example",)),
            (":: ads.example", ("ads.example",)),
            ("::1 Ads.example other.example", ("ads.example", "other.example")),
            ("0 ads.example", ("ads.example",)),
            ("0.0.0.0 intranet", ("intranet",)),
            ("0.0.0.0 _a.example", ("_a.example",)),
            ("0.0.0.0 192.0.2.7", ("192.0.2.7",)),
            ("127.0.0.1 localhost ads.example", ("ads.example",)),
            ("0.0.0.0 " + "a" * 63 + ".example", ("a" * 63 + ".example",)),
        ],
    )
    def test_a_hosts_line_blocks_exactly_its_hosts(self, line, hosts):
        assert parse_line(line) == HostRule(hosts, Scope.HOST, Effect.BLOCK)

    @pytest.mark.parametrize("line", ["@@||ok.example^", "@@||OK.example^ # why"])
    def test_an_exception_covers_the_subtree(self, line):
        assert parse_line(line) == subtree("ok.example", Effect.EXCEPT)


@pytest.mark.parametrize(
    "line",
    [
        *["", "  \t", "! ads.example", "# ads.example", "#", "## Title", "### x ###", "#ads"],
        *["[Adblock Plus 2.0]", "[Adblock]", "# see http://x.example/", "!||ads.example^"],
        *["127.0.0.1 localhost", "::1 ip6-localhost ip6-loopback", "fe80::1%lo0 localhost"],
        *["255.255.255.255 broadcasthost", "ff02::1 ip6-allnodes", "0.0.0.0 0.0.0.0"],
        *["0.0.0.0 localhost.localdomain", "localhost", "localhost.localdomain", "LOCALHOST"],
    ],
)
def test_a_line_that_says_nothing_is_no_rule(line):
    assert parse_line(line) is None


class TestPatterns:
    @pytest.mark.parametrize(
        ("line", "host", "literal"),
        [
            ("/banner/ad", None, "/banner/ad"),
            ("&ad_box=", None, "&ad_box="),
            ("-didomi.js", None, "-didomi.js"),
            ("_adobe_analytics.js", None, "_adobe_analytics.js"),
            (".ads.example", None, ".ads.example"),
            ("|https://ads.example/", None, "https://ads.example/"),
            ("http://ads.example/", None, "http://ads.example/"),
            ("ads.example:80", None, "ads.example:80"),
            ("*.ads.example", None, ".ads.example"),
            ("||ads.example", None, "ads.example"),
            ("||ads.example/x^", "ads.example", "/x"),
            ("||ads.example:80^", "ads.example", ":80"),
            ("||ads.example^$script", "ads.example", ""),
            ("/ads[0-9]/", None, "ads"),
            ("/ads[0-9]$/", None, "ads"),
            ("/ads.1$/$script", None, "ads"),
            ("/ads/x$y.js", None, "/ads/x$y.js"),
            ("||ads.example/a$b.js$script", "ads.example", "/a$b.js"),
            ("@@ads.example/x", None, "ads.example/x"),
            ("/ads/x # why", None, "/ads/x"),
        ],
    )
    def test_what_must_be_in_the_url(self, line, host, literal):
        found = parse_line(line)

        assert isinstance(found, NetworkRule)
        assert (found.host, found.literal) == (host, literal)
        assert found.effect is (Effect.EXCEPT if line.startswith("@@") else Effect.BLOCK)

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("||ads.example^$script,3p", "||ads.example^$3p,script,badfilter"),
            ("/ads/x", "/ads/x$badfilter"),
            ("/ads/x$IMAGE", "/ads/x$image,badfilter"),
        ],
    )
    def test_lines_that_say_the_same_have_one_key(self, one, other):
        assert parse_line(one).key == parse_line(other).key

    @pytest.mark.parametrize(
        ("one", "other"),
        [("/ads/x", "/ads/y"), ("/ads/x$script", "/ads/x"), ("/ads/x$3p", "/ads/x$1p")],
    )
    def test_others_have_another(self, one, other):
        assert parse_line(one).key != parse_line(other).key


class TestUnsupported:
    """Counted apart by kind, and never taken as a wider rule."""

    @pytest.mark.parametrize(
        ("line", "kind"),
        [
            ("adserver", "bare word"),
            ("ads.example##.banner", "cosmetic"),
            ("ads.example#@#.banner", "cosmetic"),
            ("ads.example#?#div:has(x)", "cosmetic"),
            ("ads.example#$#body {}", "cosmetic"),
            ("ads.example#%#//scriptlet('x')", "cosmetic"),
            ("ads.example##+js(x)", "cosmetic"),
            ("##.banner", "cosmetic"),
            ("###banner", "cosmetic"),
            ("# see http://x.example/##y", "cosmetic"),
            ("192.168.1.2 nas.example", "hosts entry with another address"),
            ("||ads.example^$domain=/a.b$/", "regex value"),
            ("||ads.example^$domain=/a/", "regex domain"),
            ("@@/ads/x$redirect-rule=noop.js", "redirect-rule exception"),
            ("||ads.example^$popup", "popup"),
            ("@@||ads.example^$generichide", "generichide"),
            ("||ads.example^$newoption", "unknown option"),
            ("||ads.example^$script,newoption", "unknown option"),
            ("||ads.example^$replace=/a$/", "regex value"),
            ("||ads.example/a$b", "unknown option"),
        ],
    )
    def test_what_other_filters_know(self, line, kind):
        with pytest.raises(UnsupportedRuleError) as caught:
            parse_line(line)

        assert caught.value.kind == kind

    @pytest.mark.parametrize("kind", sorted(KNOWN))
    @pytest.mark.parametrize(
        "shape", ["||ads.example^${}", "@@||ads.example^${}=x", "*$script,{}=x"]
    )
    def test_every_option_that_a_proxy_cannot_follow(self, shape, kind):
        with pytest.raises(UnsupportedRuleError) as caught:
            parse_line(shape.format(kind))

        assert caught.value.kind == kind


class TestEverything:
    @pytest.mark.parametrize(
        "line",
        [
            *["*", "**", "^", "|", "||", "|||", ".", "||*^", "||*/", "*.*", "*/*", "^*^*^"],
            *["||^", "@@||^", "@@||^$", "@@", "@@*", "|*|", "*$", "||^$third-party", "*$all"],
            *["|https://", "|http:", "https://*", "s://", "://", "*://*/*", "|ws://", "wss:^"],
            *["*http", "ht*p", "tps:", "*ttp", "h*t*t*p", "|h", "*$~script", "*$important"],
            *["ab$match-case", "/a", "||x$3p", "*$domain=~a.example", "*$to=~a.example"],
            *["*$method=~get", "*$denyallow=a.example", "||*$denyallow=a.example"],
            *["@@*$document", "@@$document", "@@||^$document", "@@*$doc,script", "@@|https://$doc"],
        ],
    )
    def test_a_pattern_for_everything_is_refused(self, line):
        with pytest.raises(RuleError, match="found a rule for everything: "):
            parse_line(line)

    @pytest.mark.parametrize(
        "line",
        [
            *["/.*/", "/.+/", "/./", "/(?:)/", "/a*/", "/^/", "/$/", "/^http/", r"/^https?:\/\//"],
            *["/[a-z]/", r"/\w/", r"/\./", r"/^wss?:/", "/.*/$third-party", "@@/./$document"],
        ],
    )
    def test_a_regex_for_everything_is_refused(self, line):
        with pytest.raises(RuleError, match="expected a regex, found a rule for everything: "):
            parse_line(line)

    @pytest.mark.parametrize(
        "line",
        [
            *["$ping,third-party", "*$script,domain=a.example", "$domain=a.example", "*$script"],
            *["|https://$domain=a.example", "*$to=a.example", "*$method=post", "/.*/$websocket"],
            *["@@*$document,domain=a.example", "@@*$script", "@@||x.example^$document"],
            *[
                "/ad",
                "||ads",
                "|https://ads",
                "*ads*",
                "^ads^",
                "/ads/",
                r"/^https?:\/\/ads\./",
                "||a^$3p",
            ],
            *["||a.example^$third-party", "||a.example/$third-party", "||example^$all"],
        ],
    )
    def test_narrow_ones_are_kept(self, line):
        assert isinstance(parse_line(line), NetworkRule)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("||a..b^", "expected a host after ||, found 'a..b'"),
        ("||.ads.example^", "expected a host after ||, found '.ads.example'"),
        ("||ads.example^$domain=", "expected domains after domain=, found ''"),
        ("a..example", "expected a host, found 'a..example'"),
        ("||.^", "expected a host after ||, found '.'"),
        ("ads\ufffd.example", r"expected a host, found 'ads\ufffd.example'"),
        ("ads\x00.example", r"expected a host, found 'ads\x00.example'"),
        ("a" * 64 + ".example", "expected a host"),
        (".".join(["a" * 60] * 5), "expected a host"),
        ("0.0.0.0 " + ".".join(["a" * 60] * 5), "expected a host"),
        ("127.0.0.1", "expected hosts after the address '127.0.0.1', found none"),
        ("0.0.0.0 # ads.example", "expected hosts after the address"),
        ("0.0.0.0 ads.example a..b", "expected a host, found 'a..b'"),
        ("ads example", "expected a pattern without spaces, found 'ads example'"),
        ("/ads/ $script", "expected a pattern without spaces, found '/ads/ '"),
        ("/(/", "expected a regex, found '('"),
        ("/ads*" + "a*" * 100, "expected at most 64 * and ^ in a pattern"),
        ("/" + "a" * 1001 + "/", "expected a regex of at most 1000 characters"),
        ("x" * (LONGEST_LINE + 1), f"expected at most {LONGEST_LINE} characters, found"),
        ("x" * 200_000, f"expected at most {LONGEST_LINE} characters, found 200000"),
    ],
)
def test_a_mistake_is_malformed(line, message):
    with pytest.raises(RuleError, match=re.escape(message)) as caught:
        parse_line(line)

    assert not isinstance(caught.value, UnsupportedRuleError)
    assert len(str(caught.value)) < 400


ANY_LINE = (
    st.text(max_size=60)
    | st.text("ads.example|@^*#$ !0:1/[]%ä\n", max_size=40)
    | st.text("ad/[](){}?*+\\|.^$=", max_size=20).map("/{}/".format)
    | st.builds(
        "{}{}${}".format,
        st.sampled_from(["", "@@", "||ads.example^", "@@||", "*", "/a/", "|"]),
        st.text("ad./^*|", max_size=6),
        st.text("~domain=script,|._/*a3p$", max_size=20)
        | st.sampled_from(["script", "domain=a.b", "document", "3p", "badfilter", "all"]),
    )
)


def parsed(line: str) -> HostRule | NetworkRule | RuleError | None:
    try:
        return parse_line(line)
    except RuleError as error:
        return error


@given(ANY_LINE | ANY_LINE.map("||{}^".format) | ANY_LINE.map("0.0.0.0 {}".format))
def test_any_text_gives_a_bounded_rule_or_a_rule_error(line):
    """Every host is canonical and names something; errors are one short line."""
    match parsed(line):
        case RuleError() as error:
            assert len(str(error).splitlines()) == 1
            assert len(str(error)) < 800
        case HostRule(hosts):
            assert hosts
            assert all(canonical(host) == host for host in hosts)
            assert not set("".join(hosts)) & set("*/^| #%")
            assert not {"", "."} & set(hosts)
        case NetworkRule(host=host, literal=literal, mask=mask):
            assert host is None or canonical(host) == host != ""
            assert literal == literal.lower()
            assert mask
        case other:
            assert other is None


def test_a_host_as_dns_filters_write_it():
    assert parse_line("||ads.example^|") == parse_line("||ads.example^")


class TestModifying:
    """Rules that block nothing, but change something."""

    @pytest.mark.parametrize(
        ("line", "kind", "value"),
        [
            ("$removeparam=utm_source", "removeparam", "utm_source"),
            ("*$removeparam=/^utm_[a-z]{1,3}=/i,third-party", "removeparam", "/^utm_[a-z]{1,3}=/i"),
            ("||a.example/p$q^$removeparam=/x$/", "removeparam", "/x$/"),
            ("/^http:.*$/$removeparam=/x$/", "removeparam", "/x$/"),
            ("||a.example^$removeparam", "removeparam", ""),
            ("||a.example^$script,queryprune=a", "removeparam", "a"),
            ("$csp=img-src 'self' a.example; frame-src *,domain=b.example", "csp",
             "img-src 'self' a.example; frame-src *"),
            ("@@||a.example/x/$csp,subdocument", "csp", ""),
            ("||a.example^$permissions=usb=()|midi=()", "permissions", "usb=()|midi=()"),
            ("||a.example^$header=x-a:b$c,image", "header", "x-a:b$c"),
            ("*$header=via:/1\\.1 cdn$/i", "header", "via:/1\\.1 cdn$/i"),
        ],
    )  # fmt: skip
    def test_what_they_say(self, line, kind, value):
        found = parse_line(line)

        assert isinstance(found, NetworkRule)
        assert found.options.modifier is not None
        assert (found.options.modifier.kind.value, found.options.modifier.value) == (kind, value)

    @pytest.mark.parametrize(
        "line",
        ["$removeparam", "*$removeparam=~q", "||*$removeparam", "@@*$removeparam", "$header=via",
         "@@$csp", "|http$removeparam=*", "*$header=via:~x"],
    )  # fmt: skip
    def test_one_for_everything_is_a_mistake(self, line):
        with pytest.raises(RuleError, match="found a rule for everything"):
            parse_line(line)

    @pytest.mark.parametrize("name", ["csp", "permissions", "header"])
    def test_one_without_a_value_is_an_exception_only(self, name):
        with pytest.raises(RuleError, match=f"expected a value after {name}=, found none"):
            parse_line(f"||a.example^${name}")

        assert parse_line(f"@@||a.example^${name}") is not None

    @pytest.mark.parametrize(
        "line",
        [
            "||a.example^$csp=img-src *,removeparam=a",
            "||a.example^$removeparam=a,removeparam=b",
            "||a.example^$removeparam=a,redirect=noop.js",
            "||a.example^$~removeparam",
        ],
    )
    def test_two_things_in_one_line_are_a_mistake(self, line):
        with pytest.raises(RuleError):
            parse_line(line)

    def test_a_pattern_may_look_like_an_option(self):
        """It stands before the ``$``."""
        found = parse_line("/x,header=1$script")

        assert isinstance(found, NetworkRule)
        assert (found.literal, found.options.modifier) == ("/x,header=1", None)

    def test_a_letter_is_enough_where_a_value_says_more(self):
        """Unlike for blocks, a pattern may be of one letter, or none."""
        assert parse_line("?a=$removeparam=a") is not None

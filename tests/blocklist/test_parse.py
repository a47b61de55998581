"""Lines of lists."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.blocklist.parse import LONGEST_LINE, UnsupportedRuleError, parse_line
from forebay.blocklist.rule import Effect, Rule, Scope
from forebay.errors import RuleError
from forebay.names import canonical


def subtree(host: str, effect: Effect = Effect.BLOCK) -> Rule:
    return Rule((host,), Scope.SUBTREE, effect)


@pytest.mark.parametrize(
    ("line", "host"),
    [
        ("ads.example", "ads.example"),
        ("  ADS.Example.\r\n", "ads.example"),
        ("ads.example # why", "ads.example"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("_a.b-c.example", "_a.b-c.example"),
        ("1und1.example", "1und1.example"),
        ("a.1b", "a.1b"),
        ("192.0.2.7", "192.0.2.7"),
        ("2001:DB8::7", "2001:db8::7"),
        ("||ads.example^", "ads.example"),
        ("||ADS.example^ # why", "ads.example"),
        ("||com^", "com"),
        ("||192.0.2.7^", "192.0.2.7"),
        ("||127.1^", "127.0.0.1"),
        ("||[::1]^", "::1"),
    ],
)
def test_a_domain_blocks_itself_and_what_lies_below(line, host):
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
        ("0.0.0.0 192.0.2.7", ("192.0.2.7",)),
        ("127.0.0.1 localhost ads.example", ("ads.example",)),
        ("0.0.0.0 " + "a" * 63 + ".example", ("a" * 63 + ".example",)),
    ],
)
def test_a_hosts_line_blocks_exactly_its_hosts(line, hosts):
    assert parse_line(line) == Rule(hosts, Scope.HOST, Effect.BLOCK)


@pytest.mark.parametrize("line", ["@@||ok.example^", "@@||OK.example^ # why"])
def test_an_exception_covers_the_subtree(line):
    assert parse_line(line) == subtree("ok.example", Effect.EXCEPT)


@pytest.mark.parametrize(
    "line",
    [
        *["", "  \t", "! ads.example", "# ads.example", "#", "## Title", "### x ###", "#ads"],
        *["[Adblock Plus 2.0]", "[Adblock]", "# see http://x.example/##y"],
        *["127.0.0.1 localhost", "::1 ip6-localhost ip6-loopback", "fe80::1%lo0 localhost"],
        *["255.255.255.255 broadcasthost", "ff02::1 ip6-allnodes", "0.0.0.0 0.0.0.0"],
        *["0.0.0.0 localhost.localdomain", "localhost", "localhost.localdomain", "LOCALHOST"],
    ],
)
def test_a_line_that_says_nothing_is_no_rule(line):
    assert parse_line(line) is None


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("||ads.example^$script", "expected ||host^ and no more, found '||ads.example^$script'"),
        ("||ads.example", "expected ||host^ and no more, found '||ads.example'"),
        ("||ads.example/x^", "expected ||host^ and no more"),
        ("||*.ads.example^", "expected ||host^ and no more"),
        ("||ads.example^|", "expected ||host^ and no more"),
        ("@@ads.example", "expected ||host^ and no more"),
        ("@@||ads.example^$document", "expected ||host^ and no more"),
        ("||ads.example:80^", "expected a host without port, found 'ads.example:80'"),
        ("ads.example:80", "expected a host without port"),
        ("*.ads.example", "expected a host rule, found a pattern: '*.ads.example'"),
        ("/ads[0-9]/", "found a pattern"),
        ("|https://ads.example/", "found a pattern"),
        ("http://ads.example/", "found a pattern"),
        ("&ad_box=", "found a pattern"),
        ("adserver", "expected a domain or ||adserver^, found 'adserver'"),
        ("ads.example##.banner", "found a cosmetic one"),
        ("ads.example#@#.banner", "found a cosmetic one"),
        ("ads.example#?#div:has(x)", "found a cosmetic one"),
        ("ads.example#$#body {}", "found a cosmetic one"),
        ("##.banner", "found a cosmetic one"),
        ("###banner", "found a cosmetic one"),
        ("192.168.1.2 nas.example", "expected the address 0.0.0.0, 127.0.0.1, :: or ::1, found"),
        ("/ads/ $script", "expected a host rule, found '/ads/' and more"),
    ],
)
def test_what_other_filters_know_is_unsupported(line, message):
    """Counted apart, and never taken as a wider rule."""
    with pytest.raises(UnsupportedRuleError, match=re.escape(message)):
        parse_line(line)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("||^", "expected a host, found a rule for everything: '||^'"),
        ("@@||^", "found a rule for everything"),
        ("||.^", "found a rule for everything"),
        ("||*^", "found a rule for everything"),
        ("||", "found a rule for everything"),
        ("@@", "found a rule for everything"),
        ("*", "found a rule for everything"),
        (".", "found a rule for everything"),
        ("||ads.^", "expected a host, found 'ads.'"),
        ("||a..b^", "expected a host, found 'a..b'"),
        ("||.ads.example^", "expected a host, found '.ads.example'"),
        ("||1.2.3.4.5^", "expected a host, found '1.2.3.4.5'"),
        ("a..example", "expected a host, found 'a..example'"),
        ("%61ds.example", "expected a host, found '%61ds.example'"),
        ("%31.2.3.4", "expected a host"),
        ("ads\ufffd.example", r"expected a host, found 'ads\ufffd.example'"),
        ("ads\x00.example", r"expected a host, found 'ads\x00.example'"),
        ("a" * 64 + ".example", "expected a host"),
        (".".join(["a" * 60] * 5), "expected a host"),
        ("0.0.0.0 " + ".".join(["a" * 60] * 5), "expected a host"),
        ("127.0.0.1", "expected hosts after the address '127.0.0.1', found none"),
        ("0.0.0.0 # ads.example", "expected hosts after the address"),
        ("0.0.0.0 ads.example a..b", "expected a host, found 'a..b'"),
        ("ads example", "expected one domain, or an address and hosts, found 'ads'"),
        ("x" * (LONGEST_LINE + 1), "expected at most 8192 characters, found 8193"),
    ],
)
def test_a_mistake_is_malformed(line, message):
    with pytest.raises(RuleError, match=re.escape(message)) as caught:
        parse_line(line)

    assert not isinstance(caught.value, UnsupportedRuleError)


ANY_LINE = st.text(max_size=60) | st.text("ads.example|@^*#$ !0:1/[]%ä\n", max_size=40)


def parsed(line: str) -> Rule | RuleError | None:
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
        case Rule(hosts):
            assert hosts
            assert all(canonical(host) == host for host in hosts)
            assert not set("".join(hosts)) & set("*/^| #%")
            assert not {"", "."} & set(hosts)

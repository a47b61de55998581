"""Host names: one form for all spellings."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from forebay.addresses import ipv4
from forebay.names import LONGEST, authority, canonical, every_name, is_address, split_authority


class TestCanonical:
    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            ("ads.example", "ads.example"),
            ("ADS.Example", "ads.example"),
            ("ads.example.", "ads.example"),
            ("ads.example...", "ads.example"),
            (" ads.example\t", "ads.example"),
            ("localhost.", "localhost"),
            ("_dmarc.a-b.example", "_dmarc.a-b.example"),
            pytest.param("bücher.example", "xn--bcher-kva.example", id="U-label"),
            pytest.param("XN--BCHER-KVA.example", "xn--bcher-kva.example", id="A-label"),
            pytest.param("BU\u0308CHER.example", "xn--bcher-kva.example", id="decomposed"),
            pytest.param("straße.example", "xn--strae-oqa.example", id="no transitional mapping"),
            pytest.param("i❤.ws", "xn--i-7iq.ws", id="emoji, as in IDNA 2003"),
            pytest.param("\uff41\uff44\uff53\uff0eexample", "ads.example", id="fullwidth"),
            pytest.param("ads。example。", "ads.example", id="ideographic full stop"),
            pytest.param("ad\u00ads.example", "ads.example", id="soft hyphen"),
            pytest.param("%61ds%2Eexample", "ads.example", id="percent-encoded"),
            pytest.param(
                "b%C3%BCcher.example", "xn--bcher-kva.example", id="percent-encoded UTF-8"
            ),
            ("", ""),
            (".", ""),
            ("[ads.example]", "ads.example"),
        ],
    )
    def test_spellings_of_a_name_agree(self, given, expected):
        assert canonical(given) == expected

    @pytest.mark.parametrize(
        "given",
        [
            *["127.0.0.1", "127.1", "127.0.1", "0x7f.1", "0X7F000001", "0177.0.0.1", "2130706433"],
            *[
                "017700000001",
                "127.0.0.1.",
                "[::ffff:127.0.0.1]",
                "::FFFF:7f00:1",
                "\uff11\uff12\uff17.\uff10.\uff10.1",
            ],
            *[
                "%31%32%37.1",
                "127。0。0。1",
                "[0:0:0:0:0:ffff:7f00:0001]",
                "%5b::ffff:127.0.0.1%5d",
            ],
        ],
    )
    def test_spellings_of_an_ipv4_address_agree(self, given):
        assert canonical(given) == "127.0.0.1"

    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            ("[::1]", "::1"),
            ("0:0:0:0:0:0:0:1", "::1"),
            ("[2001:DB8::00A]", "2001:db8::a"),
            ("fe80::1%eth0", "fe80::1"),
            ("[fe80::1%25eth0]", "fe80::1"),
        ],
    )
    def test_spellings_of_an_ipv6_address_agree(self, given, expected):
        assert canonical(given) == expected

    @pytest.mark.parametrize(
        "given",
        [
            *["256.1.1.1", "1.2.3.4.5", "1.2.3.256", "08.1", "0x.1", "4294967296", "1..2"],
            *["fe80::g", "a b", "a..b", "%zz.example", "%25%36%31.example"],
            *[
                "%ff.example",
                f"{'ä' * 64}.example",
                "\u200e\u2066",
                "\uff0541.example",
                "ads\ufffd.example",
            ],
        ],
    )
    def test_what_is_no_name_keeps_its_lower_cased_text(self, given):
        assert canonical(given.upper()) == given.upper().lower()

    def test_undecodable_bytes_leave_no_lone_surrogate(self):
        """Nothing that holds one can be written to a flow file."""
        assert canonical("ads\udcff.EXAMPLE") == r"ads\udcff.example"
        assert canonical("\udcff" * 300) == (r"\udcff" * 300)[-LONGEST:]

    def test_of_an_endless_name_the_end_is_kept(self):
        """Rules on a subtree look at the end."""
        name = canonical("X." * LONGEST + "ads.EXAMPLE")

        assert len(name) == LONGEST
        assert name.endswith("x.ads.example")

    def test_a_name_too_long_once_encoded_keeps_its_text(self):
        name = "ä." * 500

        assert canonical(name) == name

    @given(st.text(max_size=60) | st.text("aÄß.%0129xX:[]-\udcff\uff05\u3002", max_size=30))
    @example("Ⅎ%25")
    @example("%255b::1")
    @example("İ.example")
    def test_it_is_idempotent_and_never_raises(self, text):
        once = canonical(text)

        assert canonical(once) == once
        once.encode("utf-8")

    @given(st.text("0123456789abxX.", min_size=1, max_size=12))
    def test_nothing_that_is_an_ipv4_address_passes_for_a_name(self, text):
        """And no name for an address."""
        address = ipv4(text.lower().rstrip("."))
        name = canonical(text)

        assert is_address(name) is (address is not None)
        assert address in (name, None)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("1.2.3.4", True), ("::1", True), ("1.2", False), ("ads.example", False), ("a:b", False)],
)
def test_only_a_canonical_address_is_one(name, expected):
    assert is_address(name) is expected


class TestSplitAuthority:
    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            ("ads.example", ("ads.example", None)),
            ("Ads.example:8080", ("Ads.example", 8080)),
            ("ads.example:", ("ads.example", None)),
            ("ads.example:041305", ("ads.example", 41305)),
            ("ads.example:0", ("ads.example", 0)),
            ("ads.example:65536", ("ads.example", None)),
            ("ads.example:٣", ("ads.example", None)),
            ("ads.example:80:80", ("ads.example", None)),
            ("ads.example:" + "9" * 5000, ("ads.example", None)),
            ("user:pass@ads.example:80", ("ads.example", 80)),
            ("ads.example/x@y", ("ads.example", None)),
            ("ads.example\\@y", ("ads.example", None)),
            ("[::1]", ("::1", None)),
            ("[::1]:443", ("::1", 443)),
            ("[::1]443", ("::1", None)),
            ("[::1", ("::1", None)),
            ("::1", ("::1", None)),
            ("fe80::1%eth0", ("fe80::1%eth0", None)),
            ("", ("", None)),
        ],
    )
    def test_brackets_port_and_user_are_taken_off(self, given, expected):
        assert split_authority(given) == expected

    @given(st.text(max_size=40) | st.text("a:@[]1/.%", max_size=20))
    def test_any_text_gives_a_port_in_range_or_none(self, text):
        host, port = split_authority(text)

        assert len(host) <= len(text)
        assert port is None or 0 <= port <= 65535


class TestEveryName:
    def test_each_is_there_once_in_the_order_of_the_parameters(self):
        names = every_name(
            target="T.example",
            host_fields=["h.example:80", "t.example.", "h2.example"],
            authority="user@a.example:443",
            sni="S.example",
            connect="127.1",
        )

        assert names == (
            *("t.example", "h.example", "h2.example"),
            *("a.example", "s.example", "127.0.0.1"),
        )

    @pytest.mark.parametrize(
        "value", ["a.example, b.example:80", "a.example,,b.example", "a.example\r\n b.example"]
    )
    def test_joined_host_fields_are_taken_apart(self, value):
        """mitmproxy joins several by commas and keeps folded lines."""
        names = every_name(target="", host_fields=[value], authority="", sni=None, connect=None)

        assert names == ("a.example", "b.example")

    @pytest.mark.parametrize(
        ("value", "first"),
        [
            ("a," * LONGEST + "b.example", "a"),
            (", a.example;" + "b" * LONGEST, "a.example"),
            ("a.example:" + "0" * LONGEST + "80", "a.example"),
        ],
    )
    def test_an_endless_host_field_is_its_end_and_its_first_name(self, value, first):
        names = every_name(target="", host_fields=[value], authority="", sni=None, connect=None)

        assert names == (value[-LONGEST:], first)

    def test_an_endless_name_is_its_end_and_what_is_before_junk(self):
        value = "a.example\0" + "b" * LONGEST
        names = every_name(target=value, host_fields=[], authority="", sni=None, connect=None)

        assert names == (value[-LONGEST:], "a.example")
        assert every_name(
            target="b" * 2 * LONGEST, host_fields=[], authority="", sni=None, connect=None
        ) == ("b" * LONGEST,)

    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            *[(f"a.example{c}x", (f"a.example{c}x", "a.example")) for c in ";\0\"'<>^`{|}\\,\x7f"],
            ("a.example\tx", ("a.example\tx", "a.example")),
            ("A.Example.;x", ("a.example.;x", "a.example")),
            ("a.example%00.b.example", ("a.example\0.b.example", "a.example")),
            ("a.example%2500.b", ("a.example%2500.b", "a.example")),
            ("a.example%2fb", ("a.example/b", "a.example")),
            ("a.example%3a80", ("a.example:80", "a.example")),
            ("127.1%00", ("127.1\0", "127.0.0.1")),
            ("::1;x", ("::1;x", "::1")),
            pytest.param(
                "a.example>\u0338", ("a.xn--example-2z0d", "a.example"), id="taken in by a mapping"
            ),
            pytest.param("a.example\uff1bx", ("a.example;x", "a.example"), id="made by a mapping"),
            ("a.example%5cb", ("a.example\\b", "a.example")),
            (";a.example", (";a.example",)),
            pytest.param("a\udcff.example", (r"a\udcff.example",), id="undecodable"),
        ],
    )
    def test_a_name_counts_as_what_is_before_junk_too(self, given, expected):
        names = every_name(target=given, host_fields=[], authority="", sni=None, connect=None)

        assert names == expected

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ("a.example;b:80", ("a.example;b", "a.example")),
            ('a.example"@b.example', ("b.example", "a.example")),
            ("a.example:80;@b.example", ("b.example", "a.example")),
            ("u@a.example\\@b.example", ("a.example",)),
            ("[::1]\0:80", ("::1",)),
        ],
    )
    def test_in_a_field_junk_comes_before_user_information(self, value, expected):
        names = every_name(target="", host_fields=[value], authority="", sni=None, connect=None)

        assert names == expected

    @pytest.mark.parametrize(
        ("given", "first"),
        [
            *[("0.0.0.0", "0.0.0.0"), ("0", "0.0.0.0"), ("0x0.0", "0.0.0.0")],
            *[("[::ffff:0.0.0.0]", "0.0.0.0"), ("0.0.0.0;x", "0.0.0.0;x")],
            *[("::", "::"), ("[::]", "::"), ("0:0::0", "::")],
        ],
    )
    def test_the_unspecified_address_counts_as_loopback(self, given, first):
        """A connection to it ends at the machine itself."""
        names = every_name(target=given, host_fields=[], authority="", sni=None, connect=None)

        assert names[0] == first
        assert {"127.0.0.1", "localhost"} < set(names)
        assert ("::1" in names) is (first == "::")
        assert canonical(given) == first

    @given(
        st.sampled_from(["ads.example", "LOCALHOST", "127.1", "bücher.example"]),
        st.sampled_from([*map(chr, range(32)), *"\x7f;\"'<>^`{|}\\"]),
        st.text(max_size=30)
        | st.text("a@:/%;[]\u0338\udcff", max_size=20)
        | st.just("x" * LONGEST),
        st.sampled_from(["target", "host_fields", "authority", "sni", "connect"]),
    )
    @example("ads.example", ">", "\u0338", "target")
    def test_whatever_follows_junk_the_name_before_it_is_there(self, name, junk, rest, place):
        fields = {"target": "", "host_fields": [], "authority": "", "sni": None, "connect": None}
        value = name + junk + rest
        fields[place] = [value] if place == "host_fields" else value

        assert canonical(name) in every_name(**fields)

    def test_no_name_is_an_empty_tuple(self):
        assert every_name(target="", host_fields=[""], authority="", sni="", connect="") == ()

    @given(st.text(max_size=30), st.lists(st.text(max_size=30), max_size=3), st.text(max_size=30))
    def test_any_text_gives_canonical_names(self, target, fields, rest):
        names = every_name(
            target=target, host_fields=fields, authority=rest, sni=rest, connect=rest
        )

        assert "" not in names
        assert all(canonical(name) == name for name in names)


@pytest.mark.parametrize(
    ("scheme", "host", "port", "expected"),
    [
        ("http", "h", 80, "h"),
        ("https", "h", 80, "h:80"),
        ("https", "::1", 443, "[::1]"),
        ("http", "::1", 8080, "[::1]:8080"),
        (None, "h", 443, "h:443"),
    ],
)
def test_authority(scheme, host, port, expected):
    assert authority(scheme, host, port) == expected

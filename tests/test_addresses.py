"""IP addresses: one form for all spellings."""

from __future__ import annotations

import ipaddress
import socket
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.addresses import ipv4, ipv6, loopback


class TestIPv4:
    @pytest.mark.parametrize(
        "given",
        [
            *["127.0.0.1", "127.1", "127.0.1", "0x7f.1", "0x7f000001"],
            *["0177.0.0.1", "2130706433", "017700000001"],
        ],
    )
    def test_spellings_agree(self, given):
        assert ipv4(given) == "127.0.0.1"

    @pytest.mark.parametrize(
        "given",
        [
            *["256.1.1.1", "1.2.3.4.5", "1.2.3.256", "08.1", "0x.1", "4294967296", "1..2"],
            *["", ".", "127.0.0.1.", "a.1", "-1", "\uff11.1", "::1", "9" * 5000],
        ],
    )
    def test_what_is_no_address_is_none(self, given):
        assert ipv4(given) is None

    @given(
        st.integers(0, 2**32 - 1),
        st.integers(1, 4),
        st.lists(st.sampled_from(["{}", "0{:o}", "0x{:x}", "0X{:X}"]), min_size=4, max_size=4),
    )
    def test_all_forms_of_inet_aton_agree_with_it(self, address, parts, forms):
        """One to four numbers, each decimal, octal or hexadecimal."""
        numbers = [address >> (24 - 8 * index) & 255 for index in range(parts - 1)]
        numbers.append(address & ((1 << (8 * (5 - parts))) - 1))
        text = ".".join(form.format(n) for form, n in zip(forms, numbers, strict=False))

        assert ipv4(text.lower()) == socket.inet_ntoa(socket.inet_aton(text))
        assert ipv4(text.lower()) == socket.inet_ntoa(address.to_bytes(4, "big"))

    @given(st.text("0123456789abx.", min_size=1, max_size=20))
    def test_no_address_is_made_of_what_inet_aton_refuses(self, text):
        """Names such as 1.2.3.4.5 stay names."""
        found = ipv4(text)

        if found is not None:
            assert socket.inet_aton(text) == socket.inet_aton(found)


class TestIPv6:
    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            ("::1", "::1"),
            ("0:0:0:0:0:0:0:1", "::1"),
            ("2001:DB8::00A", "2001:db8::a"),
            ("::ffff:127.0.0.1", "127.0.0.1"),
            ("::FFFF:7f00:1", "127.0.0.1"),
            ("0:0:0:0:0:ffff:7f00:0001", "127.0.0.1"),
        ],
    )
    def test_spellings_agree(self, given, expected):
        assert ipv6(given) == expected

    @pytest.mark.parametrize(
        "given", ["fe80::g", "a:b", "::1::", "[::1]", "ads.example:80", "127.0.0.1", ""]
    )
    def test_what_is_no_address_is_none(self, given):
        assert ipv6(given) is None

    @given(st.integers(0, 2**128 - 1))
    def test_the_long_form_of_each_address_is_the_same_address(self, number):
        address = ipaddress.IPv6Address(number)

        assert ipv6(address.exploded.upper()) == ipv6(str(address))


class TestLoopback:
    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            ("0.0.0.0", ("127.0.0.1", "localhost")),
            ("::", ("::1", "127.0.0.1", "localhost")),
            ("127.0.0.2", ("127.0.0.1",)),
            ("127.255.255.254", ("127.0.0.1",)),
        ],
    )
    def test_what_reaches_the_machine_itself_has_the_usual_names(self, given, expected):
        assert loopback(given) == expected

    @pytest.mark.parametrize(
        "given",
        [
            *["127.0.0.1", "::1", "localhost", "", "0.0.0.1", "128.0.0.1", "192.0.2.1"],
            *["127.example", "127.0.0.1.example", "127.1"],
            pytest.param("::7f00:1", id="IPv4-compatible"),
            pytest.param("64:ff9b::7f00:1", id="NAT64"),
            pytest.param("2002:7f00:1::", id="6to4"),
        ],
    )
    def test_what_does_not_or_is_usual_has_no_others(self, given):
        assert loopback(given) == ()

    @pytest.mark.skipif(sys.platform != "linux", reason="others have one loopback address")
    @pytest.mark.parametrize("address", ["0.0.0.0", "127.0.0.2", "127.255.255.254"])
    def test_they_are_reached_where_this_says(self, address):
        """A server on all addresses answers on each of them."""
        with socket.create_server(("0.0.0.0", 0)) as server:
            port = server.getsockname()[1]
            with socket.create_connection((address, port), timeout=20) as client:
                found = client.getpeername()[0]

        assert found == address or found in loopback(address)


@given(st.text(max_size=40) | st.text("0123456789abcdefx.:%", max_size=30))
def test_any_text_gives_an_address_that_stays_as_it_is_or_none(text):
    for found in (ipv4(text), ipv6(text)):
        assert found is None or found in (ipv4(found), ipv6(found))

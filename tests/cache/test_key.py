"""Keys: RFC 9111 §2, and what must not share one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache.builders import head
from forebay.cache.headers import Head
from forebay.cache.key import (
    KEY_BYTES,
    Target,
    bypass_reason,
    digest,
    primary_key,
    untrusted_reason,
)


def target(method=b"GET", scheme=b"http", host="a.example", port=80, path=b"/"):
    return Target(method, scheme, host, port, path)


def reason(given_target=None, given_head=None, *, authority="", sni=None, has_body=False):
    return bypass_reason(
        given_target or target(),
        given_head or head(host="a.example"),
        authority=authority,
        sni=sni,
        has_body=has_body,
    )


class TestPrimaryKey:
    @pytest.mark.parametrize(
        "other",
        [
            target(scheme=b"https"),
            target(host="b.example"),
            target(port=8080),
            target(path=b"/?"),
            target(path=b"//"),
            target(path=b"/%2e"),
            target(path=b"/;a"),
            target(host="a.example80", port=0),
        ],
    )
    def test_another_resource_has_another_key(self, other):
        """The path counts byte by byte: an origin may tell any two apart."""
        assert primary_key(other) != primary_key(target())

    @pytest.mark.parametrize("host", ["A.EXAMPLE", "a.example."])
    def test_spellings_of_a_host_share_a_key(self, host):
        assert primary_key(target(host=host)) == primary_key(target())

    def test_head_shares_the_key_of_get(self):
        assert primary_key(target(method=b"HEAD")) == primary_key(target())

    def test_a_path_of_any_bytes_and_a_host_of_any_text_have_keys(self):
        odd = target(host="\udcff\u00fc", path=b"\xff\x00")

        assert len(primary_key(odd)) == KEY_BYTES

    def test_an_address_with_colons_and_its_port_are_told_apart(self):
        assert primary_key(target(host="::1", port=80)) != primary_key(target(host="::", port=180))


@given(st.lists(st.none() | st.binary(max_size=5)), st.lists(st.none() | st.binary(max_size=5)))
def test_only_equal_parts_have_equal_digests(one, other):
    assert (digest(one) == digest(other)) == (one == other)


class TestBypass:
    @pytest.mark.parametrize(
        ("given_target", "given_head", "expected"),
        [
            pytest.param(target(), head(host="a.example"), None, id="GET"),
            pytest.param(target(method=b"HEAD"), head(host="a.example"), None, id="HEAD"),
            pytest.param(target(), head(), None, id="no Host"),
            pytest.param(target(), head(host="A.Example:80"), None, id="Host with its port"),
            pytest.param(target(port=81), head(host="a.example:81"), None, id="another port"),
            pytest.param(target(), head(host="a.example", content_length="0"), None, id="length 0"),
            pytest.param(target(host="::1"), head(host="[::1]"), None, id="IPv6"),
            pytest.param(target(method=b"get"), head(), "method", id="get is not GET"),
            pytest.param(target(method=b"POST"), head(), "method", id="POST"),
            pytest.param(target(), head(host=["a.example"] * 2), "several Host fields", id="two"),
            pytest.param(target(), head(content_length="1"), "request with a body", id="fat GET"),
            pytest.param(
                target(), head(transfer_encoding="chunked"), "request with a body", id="chunked GET"
            ),
            pytest.param(target(), head(range="bytes=0-1"), None, id="range"),
            pytest.param(target(), head(upgrade="websocket"), "upgrade", id="websocket"),
            pytest.param(target(), head(if_none_match="*"), None, id="own INM"),
            pytest.param(target(), head(if_modified_since="x"), None, id="own IMS"),
            pytest.param(target(), head(if_match="*"), "precondition", id="own IM"),
            pytest.param(target(), head(if_unmodified_since="x"), "precondition", id="IUS"),
            pytest.param(target(path=b"*"), head(), "no path", id="asterisk"),
            pytest.param(target(), head(x="a\r\n b"), "control character in a field", id="CRLF"),
            pytest.param(target(), head(x="a\0"), "control character in a field", id="NUL"),
        ],
    )
    def test_what_must_not_touch_the_store(self, given_target, given_head, expected):
        assert reason(given_target, given_head) == expected

    @pytest.mark.parametrize(
        "host",
        [
            "b.example",
            "a.example:81",
            "a.example:99999",
            "a.example:000080",
            "a.example, b.example",
            "u@a.example",
            "a.example/x",
            "a%2eexample",
            "a.example:",
            "",
            "\xff",
            "[a.example]",
        ],
    )
    def test_a_host_field_that_names_another_host(self, host):
        """Or says the same in a way that an origin may echo."""
        assert reason(given_head=Head([(b"Host", host.encode("latin-1"))])) == "names disagree"

    def test_a_default_port_may_go_unsaid_no_other(self):
        assert reason(target(port=8080), head(host="a.example")) == "names disagree"
        assert reason(target(scheme=b"https", port=443), head(host="a.example")) is None

    @pytest.mark.parametrize(
        ("authority", "sni", "expected"),
        [
            ("a.example", "a.example", None),
            ("a.example:80", "A.example", None),
            ("b.example", None, "names disagree"),
            ("", "b.example", "names disagree"),
            ("", "a" * 300, "names disagree"),
        ],
    )
    def test_every_name_has_to_agree(self, authority, sni, expected):
        """CONNECT, TLS and the request may each name another host."""
        assert reason(authority=authority, sni=sni) == expected

    def test_a_body_without_any_announcement(self):
        """HTTP/2 needs none."""
        assert reason(has_body=True) == "request with a body"


@pytest.mark.parametrize(
    ("host", "said", "expected"),
    [
        ("a.example", "A.Example", None),
        ("a.example", "a.example.", "names disagree"),
        ("127.0.0.1", "127.0.0.1", None),
        ("127.0.0.1", "127.1", "names disagree"),
        ("127.0.0.1", "[::ffff:127.0.0.1]", "names disagree"),
        ("::1", "[::1]", None),
    ],
)
def test_an_odd_spelling_of_the_host_is_not_shared(host, said, expected):
    """An origin may answer it otherwise, for all who use the usual one."""
    asked = bypass_reason(
        target(host=host), head(host=said), authority="", sni=None, has_body=False
    )

    assert asked == expected


@pytest.mark.parametrize("name", ["X-HTTP-Method-Override", "X-Forwarded-Host", "X-Original-URL"])
def test_what_overrides_the_key_is_not_shared(name):
    """The origin may obey it in place of the request line or the Host field."""
    given_head = Head([(b"Host", b"a.example"), (name.encode(), b"DELETE")])

    asked = bypass_reason(target(), given_head, authority="", sni=None, has_body=False)

    assert asked == "override of method, host or path"


def test_what_is_added_to_a_key_makes_another():
    keys = {
        primary_key(target()),
        primary_key(target(), (b"x-device", b"phone")),
        primary_key(target(), (b"x-device", None)),
        primary_key(target(), (b"x-device", b"")),
    }

    assert len(keys) == 4


def test_a_request_of_any_method_may_be_told_from_one_with_names_that_disagree():
    post = target(method=b"POST")

    assert untrusted_reason(post, head(host="a.example"), authority="", sni=None) is None
    assert (
        untrusted_reason(post, head(host="b.example"), authority="", sni=None) == "names disagree"
    )

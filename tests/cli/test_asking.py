"""The request that a check is about."""

from __future__ import annotations

import argparse
import contextlib

import pytest
from hypothesis import given as every
from hypothesis import strategies as st

from forebay import outcome
from forebay.cli import proxyoptions
from forebay.cli.asking import add_arguments, field, flow_for
from forebay.errors import ForebayError


def asked(url: str, *arguments: str):
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    proxyoptions.add_arguments(parser)
    given = parser.parse_args([*arguments, "http://a.example/", "--confdir", "/no/such"])
    given.url = url
    proxyoptions.fill(given)
    return flow_for(given)


@pytest.mark.parametrize(
    ("url", "scheme", "host", "port", "path", "named"),
    [
        ("http://a.example", "http", "a.example", 80, "/", "a.example"),
        (" HTTPS://A.Example:8443?q#top ", "https", "a.example", 8443, "/?q", "a.example:8443"),
        ("http://u:p@a.example:80/x", "http", "a.example", 80, "/x", "a.example"),
        ("http://a.example./", "http", "a.example.", 80, "/", "a.example."),
        ("http://bücher.example/ü x", "http", "xn--bcher-kva.example", 80, "/%C3%BC%20x", None),
        ("http://[::1]:81/", "http", "::1", 81, "/", "[::1]:81"),
        ("http://0x7f.1/", "http", "0x7f.1", 80, "/", "0x7f.1"),
        ("http://a.example/\n\x07%0a", "http", "a.example", 80, "/%0A%07%0a", "a.example"),
        ("http://a.example/\udcff", "http", "a.example", 80, "/%FF", "a.example"),
        ("wss://a.example/s", "https", "a.example", 443, "/s", "a.example"),
    ],
)
def test_it_is_what_a_client_sends(url, scheme, host, port, path, named):
    request = asked(url).request

    assert (request.scheme, request.host, request.port, request.path) == (scheme, host, port, path)
    assert request.headers["host"] == (named or host)


@pytest.mark.parametrize(
    ("url", "sni", "address"),
    [
        ("http://a.example/", None, None),
        ("https://a.example/", "a.example", ("a.example", 443)),
        ("https://127.0.0.1/", None, ("127.0.0.1", 443)),
    ],
)
def test_https_comes_in_a_tunnel(url, sni, address):
    """With the name of TLS and of CONNECT, which plain requests lack."""
    flow = asked(url)

    assert flow.request.data.authority == b""  # mitmproxy drops it, of HTTP/1
    assert flow.client_conn.sni == sni
    assert flow.server_conn.address == address


@pytest.mark.parametrize(
    ("url", "lines", "said"),
    [
        ("http://u:p@a.example/", [], "Basic dTpw"),
        ("http://u@a.example/", [], "Basic dTo="),
        ("http://u:a%40b@a.example/", [], "Basic dTphQGI="),
        ("http://u:p@a.example/", ["--request-header", "Authorization: x"], "x"),
        ("http://\udcff:@a.example/", [], "Basic /zo="),
        ("http://:@a.example/", [], None),
        ("http://a.example/@", [], None),
    ],
)
def test_a_login_in_the_url_is_sent_as_clients_do(url, lines, said):
    assert asked(url, *lines).request.headers.get("authorization") == said


def test_handshakes_have_their_fields():
    headers = asked("ws://a.example/").request.headers

    assert (headers["upgrade"], headers["sec-websocket-version"]) == ("websocket", "13")


def test_fields_are_as_given_without_those_for_this_hop():
    given = ("--request-header", "X-Hop: 1", "--request-header", "Connection: X-Hop")
    fields = asked("http://a.example/", *given, "--request-header", "Host:b.example").request
    assert fields.headers.fields == ((b"Host", b"b.example"),)


@pytest.mark.parametrize(
    ("lines", "done"),
    [
        (["X-Forebay-Bypass: cache"], ["cache"]),
        (["X-Forebay-Bypass: cache", "Origin: null"], []),
        (["X-Forebay-Bypass: cache", "Origin: null", "Connection: Origin"], []),
        (["X-Forebay-Bypass: cache", "Connection: X-Forebay-Bypass"], ["cache"]),
    ],
)
def test_the_bypass_is_judged_before_fields_for_this_hop_go(lines, done):
    """As the proxy does, lest a client hides from it what speaks against one."""
    given = [part for line in lines for part in ("--request-header", line)]
    flow = asked("http://a.example/", *given)

    assert outcome.of(flow)["bypass"]["done"] == done
    assert "x-forebay-bypass" not in flow.request.headers


def test_client_and_user_are_known():
    assert asked("http://a.example/", "--client", "::1").client_conn.peername[0] == "::1"
    assert asked("http://a.example/", "--user", "anna").metadata["proxyauth"] == ("anna", "")
    with pytest.raises(SystemExit):
        asked("http://a.example/", "--client", "localhost")


@every(st.text(max_size=60).map("http://".__add__) | st.text(max_size=60))
def test_no_url_makes_it_fail_otherwise(url):
    """Whatever it holds."""
    with contextlib.suppress(ForebayError):
        flow = asked(url)
        assert flow.request.path.startswith("/")
        assert flow.request.path.isascii() and flow.request.host.isascii()


def test_a_huge_url_is_none_too_many():
    assert len(asked("http://a.example/" + "a" * 5_000_000).request.path) == 5_000_001
    with pytest.raises(ForebayError, match="with a host"):
        asked("http://" + "a." * 1_000_000 + "example/")


@pytest.mark.parametrize(
    ("text", "pair"),
    [
        ("A:", (b"A", b"")),
        ("A: b\tc ", (b"A", b"b\tc")),
        ("A: ü", (b"A", "ü".encode())),
    ],
)
def test_fields_are_read(text, pair):
    assert field(text) == pair


@pytest.mark.parametrize("text", ["A", "A b: c", ": x", "A: b\nC: d", "A: \x00"])
def test_what_is_no_field_is_refused(text):
    with pytest.raises(argparse.ArgumentTypeError, match="expected 'Name: value'"):
        field(text)

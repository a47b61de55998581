"""The first segment of a connection."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy import exceptions
from mitmproxy.addons import next_layer
from mitmproxy.proxy import events, layer
from mitmproxy.proxy.layers import HttpLayer, TCPLayer, modes
from mitmproxy.proxy.layers.http import HTTPMode
from mitmproxy.proxy.mode_specs import ProxyMode

from forebay.proxycore import segments
from forebay.proxycore.patch import CoreMismatchError
from forebay.proxycore.sansio import Driver, client_context

REQUEST = b"GET /ad.js HTTP/1.1\r\nHost: ads.example\r\n\r\n"
HELLO = b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00"


@pytest.mark.parametrize(
    ("data", "more"),
    [
        (b"G", True),
        (b"GET", True),
        (b"PROPFIND", True),
        (b"GET ", True),
        (b"GET /", True),
        (b"GET / HTTP/1.1\r", True),
        (b"GET / HTTP/1.1\r\n", False),
        (b"\r\n", True),
        (b"\r\nGET /", True),
        (b"\r\nGET / HTTP/1.1\r\n", False),
        (b"M-SEARCH", True),
        (b"M-SEARCH * HTTP/1", True),
        (b"0032git-upload-pack /x", True),
        (b"0032git-upload-pack /x\0host=h.example\0", False),
        (b"GET /\0", True),
        (b"get /\0", True),
        (b"GET\t", True),
        (b"GET\t/\tHTTP/1.1\r\n", False),
        (b"M-SEARCH * HTTP/1.1\r", True),
        (b"M-SEARCH * HTTP/1.1\r\n", False),
        (b"\x16", True),
        (b"\x16\x03", True),
        (b"\x16\x03\x01", False),
        (b"\x16\x04", False),
        (b"\x00\x01", False),
        (b"SSH-2.0-x\r\n", False),
        (b"EHLO\r\n", False),
        (b"x" * 33, False),
        (b"\r\n" * 20, False),
        (b"1x " + b"y" * 20000, False),
        (b" ", True),
        (b"\t\x0b\x0c", True),
        (b" " * 33, False),
        (b" GET /", True),
        (b"\r\n GET / HTTP/1.1", True),
        (b" GET / HTTP/1.1\r\n", False),
        (b'"GE', True),
        (b'"GET" /', True),
        (b"GE(T", True),
        (b"\xef", True),
        (b"\xef\xbb\xbf", True),
        (b"\xef\xbb\xbfGE", True),
        (b"\0", True),
        (b"\0G", True),
        (b"\0GET /", True),
        (b"GET\xa0/", True),
        (b"GET\r/x\rHTTP", True),
        (b"PROPFIND\r/\x01", True),
        (b"GET / HTTP/1.1\r\r", True),
        (b"GET / HTTP/1.1\r\r\n", False),
        (b"\0\0G", False),
        (b"\xee\xee\xee\xee", False),
        (b"\x13BitTorrent protocol\0", False),
        (b"0 \x02\x01\x01\x60\x1b\x02\x01\x03\x04\x09cn=reader\x80\x0bsecretwords", False),
        (b"0 \x1b", False),
        (b"<?xml version='1.0'?><stream:stream to='chat.example'>", False),
        (b'{"id": 1, "method": "ping"}', False),
        (b"\x0bMSH|^~\\&|LAB ONE|X\rPID|1\x1c\r", False),
    ],
)
def test_what_may_yet_become_tls_or_http_is_waited_for(data, more):
    assert segments.needs_more(data) is more


@given(st.binary(max_size=64))
def test_any_bytes_get_an_answer(data):
    """And what is a whole request line is not waited for."""
    more, request = segments.needs_more(data), segments.is_request(data)

    assert not (more and request)


def layers_chosen(opts, *pieces, guarded):
    """Feed pieces to a tunnel as mitmproxy would; return the classes of layers chosen."""
    chosen = []
    builtin = next_layer.NextLayer()
    builtin.configure({"ignore_hosts", "tcp_hosts"})

    def decide(hook):
        if hook.name != "next_layer":
            return
        (nextlayer,) = hook.args()
        try:
            if guarded:
                segments.next_layer(nextlayer)
            builtin.next_layer(nextlayer)
        except exceptions.AddonHalt:
            return
        if nextlayer.layer is not None:
            chosen.append(type(nextlayer.layer))

    context = client_context(opts)
    driver = Driver(HttpLayer(context, HTTPMode.regular), decide)
    driver.feed(events.Start())
    driver.data(context.client, b"CONNECT 192.0.2.9:80 HTTP/1.1\r\n\r\n")
    for piece in pieces:
        driver.data(context.client, piece)
    return chosen, driver.hooks.count("requestheaders")


SPLITS = [
    pytest.param((b"GE", REQUEST[2:]), id="two bytes"),
    pytest.param((b"GET", REQUEST[3:]), id="no space yet"),
    pytest.param((b"GET /ad", REQUEST[7:]), id="no end of line yet"),
    pytest.param((b"\r\n" + REQUEST,), id="an empty line first"),
    pytest.param((b"\r", b"\n", REQUEST), id="an empty line in pieces"),
    pytest.param((REQUEST.replace(b"GET", b"M-X"),), id="a method that is not letters"),
    pytest.param((REQUEST.replace(b"GET", b"SSH"),), id="a method that looks like SSH"),
    pytest.param((REQUEST.replace(b" ", b"\t"),), id="tabs for spaces"),
    pytest.param((b" " + REQUEST,), id="a space first"),
    pytest.param((b"\t\x0b\x0c" + REQUEST,), id="white space first"),
    pytest.param((b"\r\n ", b"\t", REQUEST), id="white space in pieces"),
    pytest.param((b" G", REQUEST[1:]), id="a space and a letter"),
    pytest.param((REQUEST.replace(b"GET", b'"GET"'),), id="quotes"),
    pytest.param((b'"G', REQUEST.replace(b"GET", b'ET"')), id="quotes in pieces"),
    pytest.param((REQUEST.replace(b"GET", b"G(T)"),), id="brackets"),
    pytest.param((b"G(", REQUEST.replace(b"GET", b"T)")), id="brackets in pieces"),
    pytest.param((b"\0" + REQUEST,), id="NUL"),
    pytest.param((b"\0", REQUEST), id="NUL in pieces"),
    pytest.param((b"\xef\xbb\xbf" + REQUEST,), id="a byte order mark"),
    pytest.param((b"\xef", b"\xbb", b"\xbfG", REQUEST[1:]), id="a byte order mark in pieces"),
    pytest.param((b"\xc3\xa9" + REQUEST,), id="a letter that is not ASCII"),
    pytest.param((REQUEST.replace(b"GET ", b"GET\r").replace(b" HTTP", b"\rHTTP"),), id="CR"),
]


@pytest.mark.parametrize("pieces", SPLITS)
def test_the_core_makes_a_raw_tunnel_of_it(opts, pieces):
    """The gap: no request is seen, so none is filtered."""
    assert layers_chosen(opts, *pieces, guarded=False) == ([TCPLayer], 0)


@pytest.mark.parametrize("pieces", SPLITS)
def test_the_request_is_seen(opts, pieces):
    """Closed."""
    assert layers_chosen(opts, *pieces, guarded=True) == ([HttpLayer], 1)


@pytest.mark.parametrize("cut", range(1, len(REQUEST)))
def test_every_split_of_a_request_is_a_request(opts, cut):
    """Whatever the first segment holds."""
    assert layers_chosen(opts, REQUEST[:cut], REQUEST[cut:], guarded=True) == ([HttpLayer], 1)


def test_a_request_byte_by_byte_is_a_request(opts):
    """As a slow client may send it."""
    pieces = [REQUEST[i : i + 1] for i in range(len(REQUEST))]

    assert layers_chosen(opts, *pieces, guarded=True) == ([HttpLayer], 1)


def test_a_split_client_hello_is_not_tunnelled(opts):
    """The gap and the guard: without it the origin's own certificate reaches the client."""
    split = (HELLO[:2], HELLO[2:])

    without, _ = layers_chosen(opts, *split, guarded=False)
    with_guard, _ = layers_chosen(opts, *split, guarded=True)

    assert without == [TCPLayer]
    assert TCPLayer not in with_guard


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param((b"GET /" + b"a" * 16_500, b" HTTP/1.1\r\nHost: h\r\n\r\n"), id="a long line"),
        pytest.param((b"\r\n" * 20, REQUEST), id="many empty lines"),
        pytest.param((b"X-GET / HTTP/1.1 \r\nHost: h\r\n\r\n",), id="a space at its end"),
        pytest.param((b"X-GET / http/1.1\r\nHost: h\r\n\r\n",), id="a version in small letters"),
        pytest.param((b" " * 40, REQUEST), id="much white space"),
        pytest.param((b"\tGET /ad.js\r\n",), id="white space before HTTP/0.9"),
        pytest.param((b"GET\t/ad.js\r\n",), id="white space in HTTP/0.9"),
        pytest.param((b"G-T / HTTP/01.1\r\nHost: h\r\n\r\n",), id="an odd version"),
        pytest.param((b"GET\xa0/\xa0HTTP/1.1\r\nHost: h\r\n\r\n",), id="no-break spaces"),
        pytest.param((b"GET\x85/ HTTP/1.1\r\nHost: h\r\n\r\n",), id="a next line"),
    ],
)
def test_what_we_do_not_wait_for_is_no_tunnel_either(opts, pieces):
    """It is left to the core's reader, which answers or refuses it."""
    chosen, _ = layers_chosen(opts, *pieces, guarded=True)

    assert chosen == [HttpLayer]


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-x\r\n",
        b"\x00\x01\x02\x03",
        b"1 nonsense\r\n",
        b"0032git-upload-pack /x\0host=h.example\0",
        b"\x05\x01\x00",
        b" \x00\x01\n HTTP/1.1\n",
        b"<policy/>\0",
        b"\x10 HTTP/ \n",
        b"*1\r\n$4\r\nPING\r\n",
    ],
)
def test_other_protocols_are_still_tunnelled(opts, data):
    """They are not HTTP, whatever the guard thinks."""
    assert layers_chosen(opts, data, guarded=True) == ([TCPLayer], 0)


@pytest.mark.parametrize("pieces", SPLITS)
@pytest.mark.parametrize("option", ["ignore_hosts", "tcp_hosts"])
def test_an_excluded_host_stays_excluded(opts, pieces, option):
    """What is odd about the request is no reason to intercept it."""
    setattr(opts, option, [r"192\.0\.2\.9"])

    chosen, requests = layers_chosen(opts, *pieces, guarded=True)

    assert (chosen, requests) == ([TCPLayer], 0)


def chosen_in_mode(opts, mode, *pieces):
    """Feed pieces to a proxy in a mode without CONNECT; return the class of layer chosen."""
    context = client_context(opts)
    context.client.proxy_mode = ProxyMode.parse(mode)
    tops = {"socks5": modes.Socks5Proxy, "transparent": modes.TransparentProxy}
    builtin = next_layer.NextLayer()
    builtin.configure({"ignore_hosts", "tcp_hosts"})
    chosen = []

    def decide(hook):
        if hook.name != "next_layer":
            return
        (nextlayer,) = hook.args()
        with contextlib.suppress(exceptions.AddonHalt):
            segments.next_layer(nextlayer)
            builtin.next_layer(nextlayer)
        if nextlayer.layer is not None:
            chosen.append(type(nextlayer.layer))

    if mode == "transparent":
        context.server.address = ("192.0.2.9", 80)
    driver = Driver(tops.get(mode.partition(":")[0], modes.ReverseProxy)(context), decide)
    driver.feed(events.Start())
    if mode == "socks5":
        driver.data(context.client, b"\x05\x01\x00")
        driver.data(context.client, b"\x05\x01\x00\x01\xc0\x00\x02\x09\x00\x50")
    for piece in pieces:
        driver.data(context.client, piece)
    return chosen


@pytest.mark.parametrize("mode", ["socks5", "transparent"])
@pytest.mark.parametrize("pieces", SPLITS)
def test_a_request_is_seen_without_connect(opts, mode, pieces):
    """There is no layer but that of the mode then."""
    assert chosen_in_mode(opts, mode, *pieces) == [HttpLayer]


@pytest.mark.parametrize("mode", ["socks5", "transparent"])
def test_other_protocols_are_tunnelled_without_connect(opts, mode):
    assert chosen_in_mode(opts, mode, b"\x00\x01\x02\x03") == [TCPLayer]


def test_a_reverse_proxy_speaks_what_its_mode_says(opts):
    """Be the request odd or not."""
    odd = b" " + REQUEST

    assert chosen_in_mode(opts, "reverse:http://192.0.2.9", odd) == [HttpLayer]
    assert chosen_in_mode(opts, "reverse:tcp://192.0.2.9:80", odd) == [TCPLayer]
    assert chosen_in_mode(opts, "reverse:tcp://192.0.2.9:80", REQUEST) == [TCPLayer]


def test_a_decision_of_another_addon_stands(opts):
    """And so does one about UDP, or after a server's greeting, or on no data."""
    context = client_context(opts)
    decided = layer.NextLayer(context)
    decided.layer = TCPLayer(context)
    decided.events.append(events.DataReceived(context.client, b"G"))
    segments.next_layer(decided)

    greeted = layer.NextLayer(context)
    greeted.events.append(events.DataReceived(context.server, b"220 hi\r\n"))
    greeted.events.append(events.DataReceived(context.client, b"G"))
    segments.next_layer(greeted)

    segments.next_layer(layer.NextLayer(context))

    assert greeted.layer is None


def test_self_test_passes_and_notices_a_core_that_asks_once(opts, monkeypatch):
    segments.self_test(opts)

    monkeypatch.setattr(layer.NextLayer, "_ask", lambda self: iter(()))
    with pytest.raises(CoreMismatchError, match="expected to be asked twice"):
        segments.self_test(opts)

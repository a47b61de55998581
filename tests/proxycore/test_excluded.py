"""What mitmproxy passes through unread."""

from __future__ import annotations

import pytest
from mitmproxy import exceptions
from mitmproxy.addons import next_layer as core
from mitmproxy.connection import Client, Server
from mitmproxy.proxy import events, layer
from mitmproxy.proxy.layers import TCPLayer, UDPLayer

from forebay.proxycore import excluded
from forebay.proxycore.patch import CoreMismatchError
from forebay.proxycore.sansio import client_context
from forebay.proxycore.tunnels import hello_for

HELLO = hello_for(b"good.example")
REQUEST = b"GET / HTTP/1.1\r\nHost: good.example\r\n\r\n"


def asked(opts, data, *, address=("192.0.2.9", 443), client_says=True):
    """A question about the next layer, in which one side has spoken."""
    context = client_context(opts)
    context.server = Server(address=address)
    TCPLayer(context)  # that of the proxy mode
    question = layer.NextLayer(context)
    side: Client | Server = context.client if client_says else context.server
    question.events += [events.Start(), events.DataReceived(side, data)]
    return question


@pytest.mark.parametrize(
    ("options", "data", "raw"),
    [
        ({}, HELLO, False),
        ({}, REQUEST, False),
        ({"ignore_hosts": [r"^192\.0\.2\.9:443$"]}, HELLO, True),
        ({"ignore_hosts": [r"^192\.0\.2\.9:443$"]}, b"G", True),
        ({"ignore_hosts": ["GOOD"]}, HELLO, True),
        ({"ignore_hosts": ["good"]}, REQUEST, True),
        ({"ignore_hosts": ["other"]}, HELLO, False),
        ({"allow_hosts": ["good"]}, HELLO, False),
        ({"allow_hosts": ["other"]}, HELLO, True),
        ({"tcp_hosts": [r"192\.0"]}, REQUEST, True),
        ({"tcp_hosts": [r"192\.0"]}, HELLO, False),
        ({"tcp_hosts": ["other"]}, REQUEST, False),
        ({}, b"\x16\x03\x04" + HELLO[3:], True),
    ],
)
def test_it_is_what_mitmproxy_does(opts, options, data, raw):
    """The core's own addon is asked the same."""
    opts.update(**options)
    addon = core.NextLayer()
    addon.configure(set(options))
    question = asked(opts, data)

    found = excluded.passes_through(question)
    addon.next_layer(question)

    assert found is raw
    assert isinstance(question.layer, TCPLayer) is raw or data == b"G"


def test_a_message_that_may_yet_name_the_host_is_waited_for(opts):
    """Up to a limit."""
    opts.ignore_hosts = ["good"]
    long = b"GET / HTTP/1.1\r\nX: "

    for data in (HELLO[:-1], REQUEST[:20], long + bytes(1000)):
        with pytest.raises(exceptions.AddonHalt):
            excluded.passes_through(asked(opts, data))

    assert excluded.passes_through(asked(opts, long + bytes(excluded.LIMIT_BYTES))) is True


def test_udp_is_left_alone(opts):
    """It has no first message that could be split."""
    opts.ignore_hosts = ["."]
    question = asked(opts, bytes(20))
    question.context.client.transport_protocol = "udp"

    assert excluded.passes_through(question) is False

    core.NextLayer().next_layer(question)
    assert isinstance(question.layer, UDPLayer)


def test_a_server_that_speaks_first_changes_nothing(opts):
    opts.ignore_hosts = ["192"]

    assert excluded.passes_through(asked(opts, b"220 hi", client_says=False)) is True


def test_an_unknown_core_is_noticed(monkeypatch):
    excluded.check_core()

    monkeypatch.delattr(core.NextLayer, "_ignore_connection")
    with pytest.raises(CoreMismatchError, match=r"expected NextLayer\._ignore_connection"):
        excluded.check_core()

"""Servers that speak first."""

from __future__ import annotations

import pytest
from mitmproxy.proxy import events, layer
from mitmproxy.proxy.layers import TCPLayer, modes
from mitmproxy.proxy.layers.http import HttpLayer, HTTPMode
from mitmproxy.proxy.mode_specs import ProxyMode

from forebay.errors import ForebayError
from forebay.proxycore import serverfirst
from forebay.proxycore.patch import CoreMismatchError
from forebay.proxycore.sansio import Driver, client_context

GREETING = b"220 mail.example ESMTP\r\n"


@pytest.fixture(name="patched")
def _patched():
    serverfirst.PATCH.install()
    serverfirst.set_ports(frozenset({25}))
    yield
    serverfirst.set_ports(frozenset())
    serverfirst.PATCH.uninstall()


def as_tcp(hook):
    """Decide as mitmproxy's addon does on a greeting."""
    if hook.name == "next_layer":
        (nextlayer,) = hook.args()
        nextlayer.layer = TCPLayer(nextlayer.context, ignore=True)


def test_the_core_waits_for_the_client(opts):
    """The gap: no connection, so no greeting."""
    serverfirst.set_ports(frozenset({25}))

    assert serverfirst.connections_after_connect(opts, 25) == 0
    with pytest.raises(CoreMismatchError, match=r"expected connections \[1, 0\], found \[0, 0\]"):
        serverfirst.self_test(opts)

    serverfirst.set_ports(frozenset())


@pytest.mark.usefixtures("patched")
def test_a_listed_port_is_connected_at_once(opts):
    """Closed; other ports stay lazy."""
    assert serverfirst.connections_after_connect(opts, 25) == 1
    assert serverfirst.connections_after_connect(opts, 443) == 0
    serverfirst.self_test(opts)


@pytest.mark.usefixtures("patched")
@pytest.mark.parametrize("strategy", ["lazy", "eager"])
def test_switched_off_it_changes_nothing(opts, strategy):
    """No ports, or a strategy that connects at once anyway."""
    if strategy == "lazy":
        serverfirst.set_ports(frozenset())
    opts.connection_strategy = strategy

    serverfirst.self_test(opts)

    assert serverfirst.connections_after_connect(opts, 25) == (strategy == "eager")


@pytest.mark.usefixtures("patched")
def test_the_greeting_reaches_a_connect_client(opts):
    """Through the tunnel, before the client has said a word."""
    context = client_context(opts)
    driver = Driver(HttpLayer(context, HTTPMode.regular), as_tcp)
    driver.feed(events.Start())

    driver.data(context.client, b"CONNECT 192.0.2.9:25 HTTP/1.1\r\n\r\n")
    driver.data(driver.opened[0], GREETING)

    assert driver.sent[context.client].endswith(GREETING)


@pytest.mark.usefixtures("patched")
def test_the_greeting_reaches_a_socks_client(opts):
    """SOCKS5 without authentication (RFC 1928)."""
    context = client_context(opts)
    driver = Driver(modes.Socks5Proxy(context), as_tcp)
    driver.feed(events.Start())

    driver.data(context.client, b"\x05\x01\x00")
    driver.data(context.client, b"\x05\x01\x00\x01\xc0\x00\x02\x09\x00\x19")
    driver.data(driver.opened[0], GREETING)

    assert driver.sent[context.client].endswith(GREETING)


@pytest.mark.usefixtures("patched")
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_greeting_reaches_a_client_behind_another_proxy(opts, scheme):
    """Upstream mode: a tunnel is made through the next proxy at once."""
    context = client_context(opts)
    context.client.proxy_mode = ProxyMode.parse(f"upstream:{scheme}://192.0.2.8:3128")
    driver = Driver(HttpLayer(context, HTTPMode.upstream), as_tcp)
    driver.feed(events.Start())

    driver.data(context.client, b"CONNECT 192.0.2.9:25 HTTP/1.1\r\n\r\n")

    assert [c.address for c in driver.opened] == [("192.0.2.8", 3128)]
    if scheme == "http":
        driver.data(driver.opened[0], b"HTTP/1.1 200 OK\r\n\r\n")
        driver.data(driver.opened[0], GREETING)
        assert driver.sent[context.client].endswith(GREETING)


@pytest.mark.usefixtures("patched")
@pytest.mark.parametrize(
    ("mode", "made"), [("reverse:tcp://192.0.2.9:9000", 1), ("reverse:http://192.0.2.9:9000", 0)]
)
def test_a_reverse_proxy_for_raw_tcp_connects_at_once(opts, mode, made):
    """Whatever its port: there is no HTTP to be answered without the server."""
    context = client_context(opts)
    context.client.proxy_mode = ProxyMode.parse(mode)
    driver = Driver(modes.ReverseProxy(context))

    driver.feed(events.Start())

    assert len(driver.opened) == made


class Unreachable(Driver):
    """A network in which nothing can be connected."""

    def _completions(self, command):
        from mitmproxy.proxy import commands

        if isinstance(command, commands.OpenConnection):
            return [events.OpenConnectionCompleted(command, "refused")]
        return super()._completions(command)


@pytest.mark.usefixtures("patched")
def test_a_dead_server_is_a_502_to_connect(opts):
    """As with the core's eager strategy."""
    context = client_context(opts)
    driver = Unreachable(HttpLayer(context, HTTPMode.regular))
    driver.feed(events.Start())

    driver.data(context.client, b"CONNECT 192.0.2.9:25 HTTP/1.1\r\n\r\n")

    assert driver.sent[context.client].startswith(b"HTTP/1.1 502")
    assert "http_connect_error" in driver.hooks


@pytest.mark.usefixtures("patched")
def test_a_dead_server_is_a_socks_error(opts):
    """Reply 4, host unreachable (RFC 1928 §6)."""
    context = client_context(opts)
    driver = Unreachable(modes.Socks5Proxy(context))
    driver.feed(events.Start())

    driver.data(context.client, b"\x05\x01\x00")
    driver.data(context.client, b"\x05\x01\x00\x01\xc0\x00\x02\x09\x00\x19")
    driver.data(context.client, b"ignored")

    assert driver.sent[context.client][2:4] == b"\x05\x04"


@pytest.mark.usefixtures("patched")
def test_a_dead_upstream_proxy_closes_the_client(opts):
    """The CONNECT was accepted already; what follows is ignored."""
    context = client_context(opts)
    context.client.proxy_mode = ProxyMode.parse("upstream:http://192.0.2.8:3128")
    driver = Unreachable(HttpLayer(context, HTTPMode.upstream))
    driver.feed(events.Start())

    driver.data(context.client, b"CONNECT 192.0.2.9:25 HTTP/1.1\r\n\r\n")
    driver.data(context.client, b"ignored")

    assert context.client in driver.closed


@pytest.mark.parametrize("text", ["", " , "])
def test_no_ports_is_an_empty_set(text):
    assert serverfirst.parse_ports(text) == frozenset()


@pytest.mark.parametrize("member", ["0", "65536", "-1", "ssh", "2 2", "٢٢"])
def test_what_is_no_port_is_said(member):
    with pytest.raises(ForebayError, match="expected ports from 1 to 65535, found"):
        serverfirst.parse_ports(f"25,{member}")


def test_the_default_is_valid():
    assert {21, 22, 25, 110, 143, 587, 3306} <= serverfirst.parse_ports(serverfirst.DEFAULT_PORTS)


def test_next_layer_is_unaffected_elsewhere(opts):
    """The core's class is used as it is when nothing is patched."""
    assert layer.NextLayer(client_context(opts)).layer is None

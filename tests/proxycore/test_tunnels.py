"""Tunnels that nobody looks into."""

from __future__ import annotations

import pytest
from mitmproxy import exceptions
from mitmproxy.addons import next_layer as core
from mitmproxy.proxy import events, layer
from mitmproxy.proxy.layers import HttpLayer, TCPLayer, modes
from mitmproxy.proxy.layers.http import HTTPMode
from mitmproxy.proxy.mode_specs import ProxyMode

from forebay.proxycore import excluded, segments, tunnels
from forebay.proxycore.patch import CoreMismatchError
from forebay.proxycore.sansio import Driver, client_context
from forebay.proxycore.tunnels import hello_for

REFUSED = hello_for(b"ads.example")
GOOD = hello_for(b"good.example")
REQUEST = b"GET / HTTP/1.1\r\nHost: ads.example\r\n\r\n"
CONNECT = b"CONNECT 192.0.2.9:443 HTTP/1.1\r\n\r\n"
SOCKS_CONNECT = b"\x05\x01\x00\x01\xc0\x00\x02\x09\x01\xbb"


def refuses(found):
    """Refuse one name, and what cannot be read."""
    if found.unreadable:
        return found.unreadable
    return "listed" if "ads.example" in found.names else None


class Proxy:
    """A proxy mode with the core's addon behind ours."""

    def __init__(self, opts, mode="regular", *, refuses=refuses, judged=True, before=b"") -> None:
        self.refuses, self.judged = refuses, judged
        self.flows = []
        self.core = core.NextLayer()
        self.context = client_context(opts)
        self.context.client.proxy_mode = ProxyMode.parse(mode)
        if mode == "regular":
            top = HttpLayer(self.context, HTTPMode.regular)
        elif mode.startswith("upstream"):
            top = HttpLayer(self.context, HTTPMode.upstream)
        elif mode == "socks5":
            top = modes.Socks5Proxy(self.context)
        elif mode == "transparent":
            self.context.server.address = ("192.0.2.9", 443)
            top = modes.TransparentProxy(self.context)
        else:
            top = modes.ReverseProxy(self.context)
        self.driver = Driver(top, self.decide)
        self.driver.feed(events.Start())
        if mode == "regular" or mode.startswith("upstream"):
            self.driver.data(self.context.client, CONNECT + before)
        elif mode == "socks5":
            self.driver.data(self.context.client, b"\x05\x01\x00")
            self.driver.data(self.context.client, SOCKS_CONNECT + before)

    def decide(self, hook) -> None:
        if hook.name != "next_layer":
            return
        (nextlayer,) = hook.args()
        try:
            segments.next_layer(nextlayer)
            if self.judged:
                self.flows.append(tunnels.judge(nextlayer, self.refuses))
            self.core.next_layer(nextlayer)
        except exceptions.AddonHalt:
            return

    def says(self, *pieces):
        """Let the client send pieces; return what was sent to servers."""
        for piece in pieces:
            if self.context.client not in self.driver.closed:
                self.driver.data(self.context.client, piece)
        return b"".join(self.driver.sent[server] for server in self.driver.opened)

    @property
    def closed(self):
        """Whether both sides are closed."""
        return {self.context.client, *self.driver.opened} <= set(self.driver.closed)


@pytest.fixture(name="ignoring", params=["lazy", "eager"])
def _ignoring(request, opts):
    opts.update(ignore_hosts=[r"^192\.0\.2\.9:"], connection_strategy=request.param)
    return opts


MODES = ["regular", "socks5", "transparent", "reverse:tcp://192.0.2.9:443"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("payload", [REFUSED, REQUEST, b"\r\n" + REQUEST])
@pytest.mark.parametrize("size", [1, 2, 9999])
def test_a_refused_name_reaches_no_server(ignoring, mode, payload, size):
    """In segments of any size; in eager the connection that was made is closed."""
    proxy = Proxy(ignoring, mode)

    sent = proxy.says(*(payload[at : at + size] for at in range(0, len(payload), size)))

    assert sent == b""
    assert proxy.closed
    assert len(proxy.driver.opened) == (ignoring.connection_strategy == "eager")
    assert proxy.driver.hooks[-2:] == ["tcp_start", "tcp_error"]
    assert proxy.flows[-1].error.msg == "Connection killed: listed"
    assert not proxy.flows[-1].live


@pytest.mark.parametrize("mode", ["regular", "socks5"])
def test_a_client_that_does_not_wait_for_the_tunnel_is_judged(ignoring, mode):
    """Its first message comes in one segment with the request for the tunnel."""
    proxy = Proxy(ignoring, mode, before=REFUSED)

    assert proxy.says() == b""
    assert proxy.closed


def test_without_a_judge_it_does(ignoring):
    """The gap: not one hook tells what is asked for."""
    proxy = Proxy(ignoring, judged=False)

    assert proxy.says(REFUSED) == REFUSED
    assert not {"tls_clienthello", "tcp_start", "requestheaders"} & set(proxy.driver.hooks)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("payload", [GOOD, b"SSH-2.0-x\r\n", b"\x00\x01"])
@pytest.mark.parametrize("size", [1, 9999])
def test_other_names_and_protocols_pass(ignoring, mode, payload, size):
    """Byte for byte, and as mitmproxy passes them: without a flow."""
    proxy = Proxy(ignoring, mode)

    sent = proxy.says(*(payload[at : at + size] for at in range(0, len(payload), size)))

    assert sent == payload
    assert "tcp_start" not in proxy.driver.hooks


def test_what_a_refused_client_goes_on_to_send_goes_nowhere(ignoring):
    proxy = Proxy(ignoring)

    assert proxy.says(REFUSED) == b""
    proxy.context.client.state = proxy.context.client.state.OPEN
    proxy.driver.data(proxy.context.client, b"more")
    proxy.driver.peer_closes(proxy.context.client)

    assert not any(proxy.driver.sent[server] for server in proxy.driver.opened)


def test_a_tunnel_through_another_proxy_is_closed_too(ignoring):
    """Upstream mode: the next proxy hears of the CONNECT at most."""
    proxy = Proxy(ignoring, "upstream:http://192.0.2.8:3128")

    sent = proxy.says(REFUSED)

    assert REFUSED not in sent
    assert proxy.closed


@pytest.mark.parametrize(
    "data", [REFUSED[:5] + b"\x02" + REFUSED[6:], b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]
)
@pytest.mark.parametrize("strict", [True, False])
def test_the_caller_may_refuse_what_cannot_be_read(ignoring, data, strict):
    """Or let it pass: a handshake message that is no ClientHello, HTTP/2 without TLS."""
    proxy = Proxy(ignoring, refuses=lambda found: found.unreadable if strict else None)

    sent = proxy.says(data)

    assert sent == (b"" if strict else data)
    assert proxy.closed is strict


def test_intercepted_connections_are_not_judged_here(opts):
    """Their requests are, with a page for an answer."""
    asked = []
    proxy = Proxy(opts, refuses=asked.append)

    proxy.says(REQUEST)

    assert "requestheaders" in proxy.driver.hooks
    assert asked == []


def test_a_record_of_an_unknown_version_is_judged(opts):
    """No ``ignore_hosts`` at all: mitmproxy takes it for raw TCP, a server for TLS."""
    proxy = Proxy(opts)

    assert proxy.says(b"\x16\x03\x04" + REFUSED[3:]) == b""
    assert proxy.closed


def test_a_server_that_speaks_first_is_not_waited_for(ignoring):
    """The client may wait for it."""
    asked = []
    proxy = Proxy(ignoring, refuses=asked.append)
    question = layer.NextLayer(proxy.context)
    question.events.append(events.DataReceived(proxy.context.server, b"220 hi\r\n"))

    assert tunnels.judge(question, refuses) is None
    assert asked == []


def test_a_decision_of_another_addon_stands(ignoring):
    proxy = Proxy(ignoring)
    question = layer.NextLayer(proxy.context)
    question.events.append(events.DataReceived(proxy.context.client, REFUSED))
    question.layer = chosen = TCPLayer(proxy.context)

    assert tunnels.judge(question, refuses) is None
    assert question.layer is chosen


@pytest.mark.parametrize("strategy", ["lazy", "eager"])
def test_self_test_passes_and_notices_a_core_that_does_not_ask_us(opts, monkeypatch, strategy):
    opts.connection_strategy = strategy
    tunnels.self_test(opts)

    monkeypatch.setattr(excluded, "passes_through", lambda nextlayer: False)
    with pytest.raises(CoreMismatchError, match="expected a tunnel that is closed, found"):
        tunnels.self_test(opts)
    assert opts.ignore_hosts == []

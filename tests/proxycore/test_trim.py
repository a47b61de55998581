"""Messages that nobody looks at."""

from __future__ import annotations

import pytest
from mitmproxy import tcp, udp, websocket
from mitmproxy.test import tflow
from wsproto.frame_protocol import Opcode

from forebay.proxycore.trim import trim


def websocket_flow(count):
    flow = tflow.twebsocketflow()
    flow.websocket.messages = [
        websocket.WebSocketMessage(Opcode.BINARY, True, b"x" * 1000) for _ in range(count)
    ]
    return flow, lambda: flow.websocket.messages


def tcp_flow(count):
    flow = tflow.ttcpflow()
    flow.messages = [tcp.TCPMessage(True, b"x" * 1000) for _ in range(count)]
    return flow, lambda: flow.messages


def udp_flow(count):
    flow = tflow.tudpflow()
    flow.messages = [udp.UDPMessage(True, b"x" * 1000) for _ in range(count)]
    return flow, lambda: flow.messages


KINDS = [websocket_flow, tcp_flow, udp_flow]


@pytest.mark.usefixtures("all_options")
@pytest.mark.parametrize("kind", KINDS)
def test_all_but_the_last_are_forgotten(kind):
    """100 messages of 1 kB are kept by the core; 1 is left here."""
    flow, messages = kind(100)
    assert sum(len(m.content) for m in messages()) == 100_000

    trim(flow)

    assert sum(len(m.content) for m in messages()) == 1000


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_forgotten_where_somebody_looks(all_options, kind):
    """``-w`` here; who else looks is ``audience``'s affair."""
    all_options.set_quietly("save_stream_file", "flows")
    flow, messages = kind(100)

    trim(flow)

    assert len(messages()) == 100


@pytest.mark.usefixtures("all_options")
def test_a_flow_that_is_no_websocket_has_none():
    flow = tflow.tflow(resp=True)

    trim(flow)

    assert flow.websocket is None

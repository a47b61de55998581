"""The proxy as its own client."""

from __future__ import annotations

import pytest
from mitmproxy.proxy import server_hooks
from mitmproxy.test import tflow

from forebay.proxycore import selfloop

LISTENING = [("127.0.0.1", 8080), ("::1", 8080)]


def hook_data(address, sockname=None):
    data = server_hooks.ServerConnectionHookData(tflow.tserver_conn(), tflow.tclient_conn())
    data.server.address = address
    data.server.sockname = sockname
    data.server.error = None
    return data


@pytest.mark.parametrize(
    ("address", "refused"),
    [
        (("0.0.0.0", 8080), True),
        (("127.0.0.1", 8080), True),
        (("127.1", 8080), True),
        (("0x7f.1", 8080), True),
        (("2130706433", 8080), True),
        (("127.8.9.10", 8080), True),
        (("::ffff:127.0.0.1", 8080), True),
        (("127.0.0.1", 8081), False),
        (("192.0.2.1", 8080), False),
        (("2001:db8::1", 8080), False),
        (("example.com", 8080), False),
    ],
)
def test_our_own_address_is_refused_in_every_spelling(address, refused):
    """A name is not looked up here: the second fence knows it on arrival."""
    data = hook_data(address)

    selfloop.SelfLoop().server_connect(data, LISTENING)

    assert (data.server.error is not None) is refused


def test_an_error_that_is_there_stays():
    """Another addon has refused already."""
    data = hook_data(("127.0.0.1", 8080))
    data.server.error = "blocked"

    selfloop.SelfLoop().server_connect(data, LISTENING)

    assert data.server.error == "blocked"


def test_a_client_that_is_our_own_connection_is_known():
    """As long as the connection lives, whatever the spelling of its address."""
    loop = selfloop.SelfLoop()
    client = tflow.tclient_conn()
    client.peername = ("::ffff:127.0.0.1", 40000, 0, 0)
    client.sockname = ("127.0.0.1", 8080)
    data = hook_data(("name.example", 8080), sockname=("127.0.0.1", 40000))
    data.server.peername = ("127.0.0.1", 8080)

    assert not loop.is_own(client)
    loop.server_connected(data)
    assert loop.is_own(client)
    loop.server_disconnected(data)
    assert not loop.is_own(client)


def test_a_client_with_the_port_of_another_connection_is_not_ours():
    """The system gives one local port to connections with different peers."""
    loop = selfloop.SelfLoop()
    client = tflow.tclient_conn()
    client.peername, client.sockname = ("127.0.0.1", 40000), ("127.0.0.1", 8080)
    data = hook_data(("origin.example", 443), sockname=("127.0.0.1", 40000))
    data.server.peername = ("127.0.0.1", 443)

    loop.server_connected(data)

    assert not loop.is_own(client)


def test_connections_without_an_address_are_no_matter():
    loop = selfloop.SelfLoop()
    data = hook_data(None)

    loop.server_connect(data, LISTENING)
    loop.server_connected(data)
    loop.server_disconnected(data)

    assert data.server.error is None


def test_the_answer_says_what_happened():
    """And is never stored."""
    answer = selfloop.loop_detected()

    assert answer.status_code == 508
    assert answer.headers["cache-control"] == "no-store"

"""Interim responses of either kind of origin, for either kind of client."""

from __future__ import annotations

import re

import h2.config
import h2.connection
import h2.events
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy import http
from mitmproxy.connection import Server
from mitmproxy.proxy import events
from mitmproxy.proxy.layers.http import (
    HttpLayer,
    HTTPMode,
    ReceiveHttp,
    RequestHeaders,
    ResponseHeaders,
)
from mitmproxy.proxy.layers.http._http2 import Http2Client, Http2Server
from mitmproxy.test import tutils

from forebay.proxycore import interim
from forebay.proxycore.patch import CoreMismatchError
from forebay.proxycore.sansio import Driver, client_context

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"


@pytest.fixture(name="patched")
def _patched():
    interim.PATCH.install()
    yield
    interim.PATCH.uninstall()


def test_the_core_takes_an_interim_response_for_the_answer(opts):
    """The gap: the client waits for the other one for ever."""
    with pytest.raises(CoreMismatchError, match=r"found \[b'103'\]"):
        interim.self_test(opts)


@pytest.mark.usefixtures("patched")
def test_the_self_test_passes(opts):
    interim.self_test(opts)


def asked(opts, version=b"HTTP/1.1", more=b""):
    context = client_context(opts)
    driver = Driver(HttpLayer(context, HTTPMode.regular))
    driver.feed(events.Start())
    driver.data(
        context.client,
        b"GET http://192.0.2.9/ %s\r\nHost: 192.0.2.9\r\n%s\r\n" % (version, more),
    )
    return context, driver


def statuses(sent):
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d+)", sent)]


@pytest.mark.usefixtures("patched")
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_segments_do_not_matter(opts, size):
    """One hook each for the final response."""
    context, driver = asked(opts)
    stream = HINTS + b"HTTP/1.1 102 Processing\r\n\r\n" + HINTS + OK

    for begin in range(0, len(stream), size):
        driver.data(driver.opened[0], stream[begin : begin + size])

    assert statuses(driver.sent[context.client]) == [103, 102, 103, 200]
    assert driver.hooks == ["requestheaders", "request", "responseheaders", "response"]
    assert not driver.top.streams


@pytest.mark.usefixtures("patched")
def test_the_connections_serve_the_next_request(opts):
    context, driver = asked(opts)

    driver.data(driver.opened[0], HINTS + OK)
    driver.data(context.client, b"GET http://192.0.2.9/ HTTP/1.1\r\nHost: 192.0.2.9\r\n\r\n")
    driver.data(driver.opened[0], OK)

    assert statuses(driver.sent[context.client]) == [103, 200, 200]
    assert len(driver.opened) == 1


@pytest.mark.usefixtures("patched")
def test_an_http10_client_gets_none(opts):
    """RFC 9110 §15.2."""
    context, driver = asked(opts, b"HTTP/1.0")

    driver.data(driver.opened[0], HINTS + OK)

    assert statuses(driver.sent[context.client]) == [200]


@pytest.mark.usefixtures("patched")
def test_an_upgrade_is_no_interim_response(opts):
    """101 is the last response of its connection."""
    context, driver = asked(opts, more=b"Connection: upgrade\r\nUpgrade: raw\r\n")

    driver.data(
        driver.opened[0],
        HINTS + b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: raw\r\n\r\nraw!",
    )

    assert statuses(driver.sent[context.client]) == [103, 101]
    assert driver.sent[context.client].endswith(b"raw!")


@pytest.mark.usefixtures("patched")
@pytest.mark.parametrize(
    ("stream", "passed"),
    [
        (HINTS * 21, 20),
        (HINTS * 5000, 20),
        (b"HTTP/1.1 103 a\r\nx: " + b"y" * interim.LIMIT_BYTES + b"\r\n\r\n" + OK, 0),
        (b"HTTP/1.1 103 a\r\nx: " + b"y" * interim.LIMIT_BYTES, 0),
    ],
    ids=["many", "thousands", "large", "endless"],
)
def test_they_are_bounded(opts, stream, passed):
    """Beyond the bound the exchange fails, once."""
    context, driver = asked(opts)

    driver.data(driver.opened[0], stream)

    assert statuses(driver.sent[context.client]) == [103] * passed + [502]
    assert driver.hooks == ["requestheaders", "request", "error"]
    assert driver.opened[0] in driver.closed


@pytest.mark.usefixtures("patched")
def test_a_final_head_may_be_larger(opts):
    """The bound is for interim ones."""
    context, driver = asked(opts)
    driver.data(driver.opened[0], b"HTTP/1.1 200 a\r\nx: " + b"y" * interim.LIMIT_BYTES)
    driver.data(driver.opened[0], b"\r\nContent-Length: 0\r\n\r\n")

    assert statuses(driver.sent[context.client]) == [200]


@pytest.mark.usefixtures("patched")
def test_a_client_that_left_meanwhile(opts):
    context, driver = asked(opts)
    driver.data(driver.opened[0], HINTS)
    driver.peer_closes(context.client)
    driver.data(driver.opened[0], HINTS + OK)

    assert driver.hooks[-1] == "error"
    assert statuses(driver.sent[context.client]) == [103]


@pytest.mark.usefixtures("patched")
def test_an_error_after_the_invitation_is_answered(opts):
    """The core takes its own 100 for an answer, and closes without one."""
    context = client_context(opts)
    driver = Driver(HttpLayer(context, HTTPMode.regular))
    driver.feed(events.Start())
    driver.data(
        context.client,
        b"PUT http://192.0.2.9/ HTTP/1.1\r\nHost: 192.0.2.9\r\nContent-Length: 1\r\n"
        b"Expect: 100-continue\r\n\r\n",
    )
    driver.data(context.client, b"x")
    driver.peer_closes(driver.opened[0])

    assert statuses(driver.sent[context.client]) == [100, 502]


def test_what_is_passed_on():
    """Neither framing nor what is for one hop, nor what rules for responses decide about."""
    response = http.Response(
        b"HTTP/1.1",
        103,
        b"x",
        http.Headers(
            [
                (b"Link", b"</a>"),
                (b"Content-Length", b"5"),
                (b"Transfer-Encoding", b"chunked"),
                (b"Connection", b"x-hop, close"),
                (b"X-Hop", b"1"),
                (b"Set-Cookie", b"a=1"),
                (b"Alt-Svc", b'h3=":443"'),
                (b"bad name", b"1"),
                (b"folded", b"a\r\n b"),
                (b"X-Custom", b"1"),
            ]
        ),
        None,
        None,
        0,
        None,
    )

    assert interim.passed_on(response).headers.fields == ((b"Link", b"</a>"), (b"X-Custom", b"1"))
    assert len(response.headers.fields) == 10


@given(st.lists(st.tuples(st.binary(), st.binary())))
def test_whatever_the_fields_are(fields):
    """What is left can be sent over HTTP/1 and HTTP/2."""
    response = http.Response(b"HTTP/1.1", 103, b"", http.Headers(fields), None, None, 0, None)

    for name, value in interim.passed_on(response).headers.fields:
        assert name
        assert not {*b"\r\n\0"} & {*name, *value}


def test_an_http2_client_gets_a_head(opts):
    """As a HEADERS frame that does not end the stream."""
    server = Http2Server(client_context(opts))
    browser = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
    browser.initiate_connection()
    browser.send_headers(
        1,
        [(":method", "GET"), (":scheme", "https"), (":path", "/"), (":authority", "a")],
        end_stream=True,
    )
    sent = b"".join(
        command.data
        for event in (
            events.Start(),
            events.DataReceived(server.conn, browser.data_to_send()),
            interim.InterimHeaders(1, http.Response.make(103, headers={"Link": "</a>"})),
            ResponseHeaders(1, http.Response.make(200)),
        )
        for command in server.handle_event(event)
        if not isinstance(command, ReceiveHttp)
    )

    kinds = [type(event) for event in browser.receive_data(sent)]
    wanted = [h2.events.InformationalResponseReceived, h2.events.ResponseReceived]
    assert [kind for kind in kinds if kind in wanted] == wanted


class Origin2:
    """An HTTP/2 origin as seen from the proxy."""

    def __init__(self, opts):
        context = client_context(opts)
        context.server = Server(address=("192.0.2.9", 443))
        self.client = Http2Client(context)
        self.origin = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        self.origin.initiate_connection()
        self._send(events.Start())
        self._send(RequestHeaders(7, tutils.treq(authority="a"), end_stream=True))

    def _send(self, event):
        for command in self.client.handle_event(event):
            if hasattr(command, "data"):
                self.origin.receive_data(command.data)

    def received(self):
        data = events.DataReceived(self.client.conn, self.origin.data_to_send())
        return [
            command.event
            for command in self.client.handle_event(data)
            if isinstance(command, ReceiveHttp)
        ]


@pytest.mark.usefixtures("patched")
def test_an_http2_origin_has_them_too(opts):
    """The core swallows them."""
    pair = Origin2(opts)
    pair.origin.send_headers(1, [(":status", "103"), ("link", "</a>")])
    pair.origin.send_headers(1, [(":status", "101")])
    pair.origin.send_headers(1, [(":status", "200")])

    first, second = pair.received()

    assert isinstance(first, interim.InterimHeaders)
    assert (first.stream_id, first.response.status_code) == (7, 103)
    assert (type(second), second.response.status_code) == (ResponseHeaders, 200)


@pytest.mark.usefixtures("patched")
def test_an_http2_origin_whose_head_cannot_be_read(opts):
    """Ends the connection, as with a final head."""
    pair = Origin2(opts)
    event = h2.events.InformationalResponseReceived(stream_id=1)
    event.headers = [(b":status", b"103"), (b":odd", b"1")]

    commands = list(pair.client.handle_h2_event(event))

    assert any(isinstance(command, ReceiveHttp) for command in commands)
    assert pair.received() == []

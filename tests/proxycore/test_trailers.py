"""Trailers where one side is HTTP/1."""

from __future__ import annotations

import h11
import pytest
from h11._receivebuffer import ReceiveBuffer
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy import http
from mitmproxy.proxy import events
from mitmproxy.proxy.layers.http import HttpLayer, HTTPMode

from forebay.proxycore import trailers
from forebay.proxycore.patch import CoreMismatchError
from forebay.proxycore.sansio import Driver, client_context

PUT = b"PUT http://192.0.2.9/ HTTP/1.1\r\nHost: 192.0.2.9\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
BODY = b"2\r\nab\r\n0\r\nX-Sum: 1\r\nOther: 2\r\n\r\n"


@pytest.fixture(name="patched")
def _patched():
    trailers.PATCH.install()
    yield
    trailers.PATCH.uninstall()


def test_the_core_fails_on_trailers(opts):
    """The gap: a traceback and no answer."""
    with pytest.raises(NotImplementedError):
        trailers.after_trailers(opts)

    with pytest.raises(CoreMismatchError, match="NotImplementedError"):
        trailers.self_test(opts)


@pytest.mark.usefixtures("patched")
def test_the_self_test_passes(opts):
    trailers.self_test(opts)


def driven(opts, on_hook=None):
    context = client_context(opts)
    driver = Driver(HttpLayer(context, HTTPMode.regular), on_hook)
    driver.feed(events.Start())
    return context.client, driver


def streaming(hook):
    if hook.name in ("requestheaders", "responseheaders"):
        (flow,) = hook.args()
        (flow.response or flow.request).stream = True


@pytest.mark.usefixtures("patched")
@pytest.mark.parametrize("on_hook", [None, streaming])
@pytest.mark.parametrize("size", [1, 5, 1000])
def test_both_sides_go_on(opts, on_hook, size):
    """However the bytes are cut, and twice on the same connections."""
    client, driver = driven(opts, on_hook)
    request, response = PUT + CHUNKED + BODY, b"HTTP/1.1 200 OK\r\n" + CHUNKED + BODY

    for _ in range(2):
        for begin in range(0, len(request), size):
            driver.data(client, request[begin : begin + size])
        for begin in range(0, len(response), size):
            driver.data(driver.opened[0], response[begin : begin + size])

    (origin,) = driver.opened
    assert driver.hooks.count("response") == 2
    for side in (client, origin):
        assert driver.sent[side].count(b"\r\n0\r\n\r\n") == 2
        assert b"X-Sum" not in driver.sent[side]
    assert not driver.closed


ENDLESS = b"0\r\n" + b"x: y\r\n" * (trailers.LIMIT_BYTES // 6 + 1)
LINE = b"1;" + b"x" * trailers.LIMIT_BYTES


@pytest.mark.usefixtures("patched")
@pytest.mark.parametrize("endless", [ENDLESS, LINE], ids=["trailers", "chunk line"])
@pytest.mark.parametrize("side", ["request", "response"])
def test_they_are_bounded(opts, side, endless):
    """The exchange fails, once, and the connection it came over is closed."""
    client, driver = driven(opts)
    if side == "request":
        driver.data(client, PUT + CHUNKED + endless)
        assert client in driver.closed
    else:
        driver.data(client, PUT + b"\r\n")
        driver.data(driver.opened[0], b"HTTP/1.1 200 OK\r\n" + CHUNKED + endless)
        assert driver.opened[0] in driver.closed
        assert driver.sent[client].startswith(b"HTTP/1.1 502")

    assert driver.hooks.count("error") == 1
    assert "response" not in driver.hooks


@pytest.mark.usefixtures("patched")
def test_trailers_of_a_script_or_of_http2_are_not_sent_over_http1(opts):
    """The core fails with AssertionError."""

    def add(hook):
        if hook.name in ("request", "response"):
            (flow,) = hook.args()
            (flow.response or flow.request).trailers = http.Headers([(b"x-sum", b"1")])

    client, driver = driven(opts, add)
    driver.data(client, PUT + CHUNKED + BODY)
    driver.data(driver.opened[0], b"HTTP/1.1 200 OK\r\n" + CHUNKED + BODY)

    assert driver.sent[driver.opened[0]].endswith(b"ab\r\n0\r\n\r\n")
    assert driver.sent[client].endswith(b"ab\r\n0\r\n\r\n")


@given(st.binary(), st.lists(st.integers(1, 50)))
def test_whatever_comes(data, cuts):
    """No other exceptions than before, and what is after the message stays."""
    reader, buffer = trailers.DiscardingReader(), ReceiveBuffer()
    stream = b"3\r\nabc\r\n0\r\n" + data + b"\r\n\r\nNEXT"
    read = b""
    for cut in [*cuts, len(stream)]:
        buffer += stream[:cut]
        stream = stream[cut:]
        try:
            while (event := reader(buffer)) is not None:
                if isinstance(event, h11.EndOfMessage):
                    assert event.headers == h11.EndOfMessage().headers
                    assert read == b"abc"
                    assert (bytes(buffer) + stream).endswith(b"NEXT")
                    return
                read += event.data
        except h11.ProtocolError:
            return
    raise AssertionError("no end")

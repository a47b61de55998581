"""An answer in the place of a response whose head has come."""

from __future__ import annotations

import pytest
from mitmproxy import http
from mitmproxy.proxy import events
from mitmproxy.proxy.layers.http import HttpLayer, HTTPMode

from forebay.proxycore import cutting
from forebay.proxycore.patch import CoreMismatchError
from forebay.proxycore.sansio import Driver, client_context

GET = b"GET http://192.0.2.9/ HTTP/1.1\r\nHost: 192.0.2.9\r\n\r\n"


@pytest.fixture(name="patched")
def _patched():
    cutting.PATCH.install()
    yield
    cutting.PATCH.uninstall()


def test_the_core_waits_for_the_body(opts):
    """The gap: the answer is not sent, and what was to be dropped is."""
    sent, closed = cutting.answered(opts)

    assert sent.endswith(b"secret")
    assert closed == 0
    with pytest.raises(CoreMismatchError, match="expected the answer at once"):
        cutting.self_test(opts)


@pytest.mark.usefixtures("patched")
def test_the_self_test_passes(opts):
    cutting.self_test(opts)


def driven(opts):
    """Return a driver that cuts each response off."""
    context = client_context(opts)
    answers = []

    def on_hook(hook):
        if hook.name == "requestheaders":
            (flow,) = hook.args()
            flow.request.stream = True
        elif hook.name == "responseheaders":
            (flow,) = hook.args()
            flow.response = http.Response.make(403, b"no")
            flow.response.stream = lambda data: []
            cutting.cut(flow.response)
            answers.append(flow.response)

    driver = Driver(HttpLayer(context, HTTPMode.regular), on_hook)
    driver.feed(events.Start())
    return context.client, driver, answers


@pytest.mark.usefixtures("patched")
@pytest.mark.parametrize("rest", [b"", b"all of it", b"all of it and more"])
def test_the_client_goes_on_at_once(opts, rest):
    """Over another connection, however much of the body has come with the head."""
    client, driver, answers = driven(opts)

    driver.data(client, GET)
    driver.data(driver.opened[0], b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n" + rest)
    driver.peer_closes(driver.opened[0])
    driver.data(client, GET)
    driver.data(driver.opened[1], b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")

    assert driver.sent[client].count(b"HTTP/1.1 403") == 2
    assert b"all" not in driver.sent[client]
    assert all(map(cutting.is_cut, answers))
    assert driver.hooks.count("response") == 2
    assert "error" not in driver.hooks


@pytest.mark.usefixtures("patched")
def test_nothing_is_cut_off_while_the_client_sends(opts):
    """Its request would go nowhere; what comes is dropped by whoever streams it."""
    client, driver, answers = driven(opts)

    driver.data(
        client, b"POST http://192.0.2.9/ HTTP/1.1\r\nHost: 192.0.2.9\r\nContent-Length: 2\r\n\r\nx"
    )
    driver.data(driver.opened[0], b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret")
    driver.data(client, b"y")

    assert driver.closed == []
    assert not cutting.is_cut(answers[0])
    assert driver.sent[driver.opened[0]].endswith(b"xy")
    assert b"secret" not in driver.sent[client]

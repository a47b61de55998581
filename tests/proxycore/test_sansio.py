"""Driving layers without a network."""

from __future__ import annotations

from mitmproxy.proxy import events
from mitmproxy.proxy.layers.http import HttpLayer, HTTPMode

from forebay.proxycore.sansio import Driver, client_context


def test_a_request_passes_through_the_real_layers(opts):
    """Hooks run, one connection opens, and the answer reaches the client."""
    context = client_context(opts)
    driver = Driver(HttpLayer(context, HTTPMode.regular))

    driver.feed(events.Start())
    driver.data(context.client, b"GET http://192.0.2.9/a HTTP/1.1\r\nHost: 192.0.2.9\r\n\r\n")
    driver.data(driver.opened[0], b"HTTP/1.1 204 No Content\r\n\r\n")
    driver.peer_closes(context.client)

    assert driver.hooks == ["requestheaders", "request", "responseheaders", "response"]
    assert driver.sent[driver.opened[0]].startswith(b"GET /a HTTP/1.1\r\n")
    assert driver.sent[context.client].startswith(b"HTTP/1.1 204 ")
    assert context.client in driver.closed

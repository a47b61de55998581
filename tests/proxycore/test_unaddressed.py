"""Requests that name no host."""

from __future__ import annotations

import pytest
from mitmproxy import http
from mitmproxy.proxy import events
from mitmproxy.proxy.layers.http import HttpLayer, HTTPMode

from forebay.proxycore import unaddressed
from forebay.proxycore.patch import CoreMismatchError
from forebay.proxycore.sansio import Driver, client_context


@pytest.fixture(name="patched")
def _patched():
    unaddressed.PATCH.install()
    yield
    unaddressed.PATCH.uninstall()


def test_the_core_runs_no_hook(opts):
    """The gap: such a request is in no log."""
    assert unaddressed.hooks_without_host(opts) == []

    with pytest.raises(CoreMismatchError):
        unaddressed.self_test(opts)


@pytest.mark.usefixtures("patched")
def test_the_error_hook_runs_once(opts):
    """Closed."""
    assert unaddressed.hooks_without_host(opts) == ["error"]
    unaddressed.self_test(opts)


@pytest.mark.usefixtures("patched")
def test_a_refused_connect_has_its_own_hook(opts):
    """And no error beside it."""

    def refuse(hook):
        if hook.name == "http_connect":
            (flow,) = hook.args()
            flow.response = http.Response.make(403)

    context = client_context(opts)
    driver = Driver(HttpLayer(context, HTTPMode.regular), refuse)
    driver.feed(events.Start())

    driver.data(context.client, b"CONNECT 192.0.2.9:443 HTTP/1.1\r\n\r\n")

    assert driver.hooks == ["http_connect", "http_connect_error"]


@pytest.mark.usefixtures("patched")
def test_a_request_refused_as_invalid_is_not_reported_twice(opts):
    """Its error hook runs in the core (two lengths: a smuggling attempt)."""
    context = client_context(opts)
    driver = Driver(HttpLayer(context, HTTPMode.regular))
    driver.feed(events.Start())

    driver.data(
        context.client,
        b"GET http://192.0.2.9/ HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n",
    )

    assert driver.hooks.count("error") == 1

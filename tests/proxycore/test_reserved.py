"""Connections that are kept for some requests."""

from __future__ import annotations

import pytest
from mitmproxy.proxy import events
from mitmproxy.proxy.layers.http import GetHttpConnection, HttpLayer, HTTPMode
from mitmproxy.proxy.mode_specs import ProxyMode

from forebay.proxycore import reserved, retry
from forebay.proxycore.patch import CoreMismatchError
from forebay.proxycore.sansio import Driver, client_context


@pytest.fixture(name="patched")
def _patched():
    reserved.PATCH.install()
    yield
    reserved.PATCH.uninstall()


def test_the_core_gives_a_connection_to_everybody(opts):
    assert not reserved.available()
    with pytest.raises(CoreMismatchError, match=r"found \[0, 0, 0, 0\]"):
        reserved.self_test(opts)


@pytest.mark.usefixtures("patched")
def test_the_self_test_passes(opts):
    assert reserved.available()
    reserved.self_test(opts)


@pytest.mark.usefixtures("patched")
@pytest.mark.parametrize(
    ("admitted", "expected"),
    [
        ((True, True, False), [0, 0, 1]),
        ((False, True, False), [0, 0, 0]),
        ((False, False), [0, 0]),
    ],
)
def test_what_is_opened_for_others_may_be_used_by_all(opts, admitted, expected):
    """But what was opened for an admitted request is for such requests."""
    assert reserved.connections_of(opts, *admitted) == expected


@pytest.mark.usefixtures("patched")
@pytest.mark.parametrize(
    ("mode", "http_mode", "dialled"),
    [
        ("regular", HTTPMode.regular, ("192.0.2.9", 80)),
        ("upstream:http://192.0.2.1:3128", HTTPMode.upstream, ("192.0.2.1", 3128)),
    ],
)
def test_what_is_dialled_for_an_admitted_request_tells_its_names(opts, mode, http_mode, dialled):
    """Be it the server, or the next proxy."""
    context = client_context(opts)
    context.client.proxy_mode = ProxyMode.parse(mode)

    def on_hook(hook):
        if hook.name == "requestheaders":
            (flow,) = hook.args()
            if flow.request.path == "/1":
                reserved.admit(flow, frozenset({"192.0.2.9"}))

    driver = Driver(HttpLayer(context, http_mode), on_hook)
    driver.feed(events.Start())
    for path in (b"/1", b"/2"):
        driver.data(context.client, b"GET http://192.0.2.9" + path + b" HTTP/1.1\r\n\r\n")
        driver.data(driver.opened[-1], b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    first, second = driver.opened
    assert first.address == dialled
    assert reserved.names_of(first) == {"192.0.2.9"}
    assert reserved.names_of(second) is None


@pytest.mark.usefixtures("patched")
def test_a_fresh_connection_in_place_of_a_stale_one_is_reserved_too(opts):
    retry.PATCH.install()
    context = client_context(opts)

    def on_hook(hook):
        if hook.name == "requestheaders":
            reserved.admit(hook.args()[0], frozenset({"192.0.2.9"}))

    try:
        driver = Driver(HttpLayer(context, HTTPMode.regular), on_hook)
        driver.feed(events.Start())
        get = b"GET http://192.0.2.9/ HTTP/1.1\r\n\r\n"
        driver.data(context.client, get)
        driver.data(driver.opened[0], b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        driver.data(context.client, get)
        driver.peer_closes(driver.opened[0])
    finally:
        retry.PATCH.uninstall()

    assert [reserved.names_of(each) for each in driver.opened] == [{"192.0.2.9"}] * 2


@pytest.mark.usefixtures("patched")
def test_a_core_that_does_otherwise_is_told(opts, monkeypatch):
    monkeypatch.setattr(GetHttpConnection, "connection_spec_matches", lambda *_: False)

    with pytest.raises(CoreMismatchError, match=r"found \[0, 1, 2, 3\]"):
        reserved.self_test(opts)

"""Answers of no use, and the request sent once more."""

from __future__ import annotations

import pytest
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.layers.http import HttpLayer, HTTPMode

from forebay.proxycore import again
from forebay.proxycore.patch import CoreMismatchError
from forebay.proxycore.sansio import Driver, client_context

GET = b"GET http://192.0.2.9/ HTTP/1.1\r\nHost: 192.0.2.9\r\n\r\n"


@pytest.fixture(name="patched")
def _patched():
    again.PATCH.install()
    yield
    again.PATCH.uninstall()


def test_the_core_passes_every_answer_on(opts):
    with pytest.raises(CoreMismatchError, match=r"found b'HTTP/1\.1 416"):
        again.self_test(opts)


@pytest.mark.usefixtures("patched")
def test_the_self_test_passes(opts):
    again.self_test(opts)


class Lonely(Driver):
    """Only the first connection opens."""

    def _completions(self, command):
        if isinstance(command, commands.OpenConnection) and self.opened:
            return [events.OpenConnectionCompleted(command, "refused")]
        return super()._completions(command)


def driven(opts, *, kind=Driver, fits=lambda response: response.status_code == 200):
    context = client_context(opts)

    def on_hook(hook):
        if hook.name == "request":
            (flow,) = hook.args()
            again.unless(flow, fits, lambda request: request.headers.add("Again", "1"))

    driver = kind(HttpLayer(context, HTTPMode.regular), on_hook)
    driver.feed(events.Start())
    driver.data(context.client, GET)
    return context.client, driver


@pytest.mark.usefixtures("patched")
def test_no_hook_runs_for_what_is_thrown_away(opts):
    """However long it is, and the client's connection serves the next request."""
    client, driver = driven(opts)
    driver.data(driver.opened[0], b"HTTP/1.1 206 Part\r\nTransfer-Encoding: chunked\r\n\r\n")
    driver.data(driver.opened[0], b"3\r\nabc\r\n" * 100)
    assert driver.hooks.count("responseheaders") == 0
    driver.data(driver.opened[0], b"0\r\n\r\n")
    driver.data(driver.opened[1], b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    assert driver.hooks.count("responseheaders") == driver.hooks.count("response") == 1
    assert bytes(driver.sent[client]).endswith(b"ok")
    assert b"Again: 1" in driver.sent[driver.opened[1]]


@pytest.mark.usefixtures("patched")
def test_it_is_asked_once_more_only(opts):
    client, driver = driven(opts, fits=lambda response: False)
    for connection in (0, 1):
        driver.data(driver.opened[connection], b"HTTP/1.1 416 No\r\nContent-Length: 0\r\n\r\n")

    assert len(driver.opened) == 2
    assert driver.sent[client].startswith(b"HTTP/1.1 416")


@pytest.mark.usefixtures("patched")
def test_what_fits_is_passed_on(opts):
    client, driver = driven(opts)
    driver.data(driver.opened[0], b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    assert len(driver.opened) == 1
    assert driver.sent[client].endswith(b"ok")


@pytest.mark.usefixtures("patched")
@pytest.mark.parametrize("is_cut", [False, True])
def test_a_failure_is_told_as_any_other(opts, is_cut):
    """Of the second connection, or of the answer that is thrown away."""
    client, driver = driven(opts, kind=Lonely)
    driver.data(driver.opened[0], b"HTTP/1.1 416 No\r\nContent-Length: 3\r\n\r\n")
    if is_cut:
        driver.peer_closes(driver.opened[0])
    else:
        driver.data(driver.opened[0], b"abc")

    assert driver.sent[client].startswith(b"HTTP/1.1 502")
    assert driver.hooks[-1] == "error"

"""The upload of a request that is answered at its head."""

from __future__ import annotations

import pytest
from mitmproxy import http
from mitmproxy.proxy import events
from mitmproxy.proxy.layers.http import HttpLayer, HTTPMode

from forebay.proxycore import upload
from forebay.proxycore.patch import CoreMismatchError
from forebay.proxycore.sansio import Driver, client_context

POST = b"POST http://192.0.2.9/ HTTP/1.1\r\nHost: 192.0.2.9\r\nContent-Length: %d\r\n%s\r\n"


@pytest.fixture(name="patched")
def _patched():
    upload.PATCH.install()
    yield
    upload.PATCH.uninstall()


def test_the_core_keeps_the_whole_upload_and_answers_after_it(opts):
    """The gap: nothing is sent before the last byte, and what came before it lies in memory."""
    assert upload.answered_before_the_body(opts) == (False, 1)

    with pytest.raises(CoreMismatchError, match="found answered=False, 1 bytes kept"):
        upload.self_test(opts)


@pytest.mark.usefixtures("patched")
def test_the_answer_comes_first_and_nothing_is_kept(opts):
    """Closed."""
    assert upload.answered_before_the_body(opts) == (True, 0)
    upload.self_test(opts)


def refusing(hook):
    if hook.name == "requestheaders":
        (flow,) = hook.args()
        flow.response = http.Response.make(403, b"no")


@pytest.mark.usefixtures("patched")
def test_the_connection_serves_the_next_request(opts):
    """Once the refused body has gone by (RFC 9112 §9.3)."""
    context = client_context(opts)
    driver = Driver(HttpLayer(context, HTTPMode.regular), refusing)
    driver.feed(events.Start())

    driver.data(context.client, POST % (10, b""))
    driver.data(context.client, b"0123456789")
    driver.data(context.client, POST % (0, b""))

    assert driver.sent[context.client].count(b"HTTP/1.1 403") == 2
    assert driver.hooks.count("response") == 2
    assert not driver.opened
    assert not driver.top.streams


@pytest.mark.usefixtures("patched")
def test_a_client_that_leaves_amid_the_upload_is_not_counted_twice(opts):
    """The response hook has run: no error hook follows."""
    context = client_context(opts)
    driver = Driver(HttpLayer(context, HTTPMode.regular), refusing)
    driver.feed(events.Start())

    driver.data(context.client, POST % (10, b""))
    driver.data(context.client, b"0123")
    driver.peer_closes(context.client)

    assert driver.hooks == ["requestheaders", "request", "responseheaders", "response"]
    assert not driver.top.streams


def answering_and_streaming(hook):
    if hook.name == "requestheaders":
        (flow,) = hook.args()
        flow.request.stream = True
        flow.response = http.Response.make(403, b"no")


def test_the_core_fails_on_an_answer_to_a_streamed_request(opts):
    """The gap: NotImplementedError, a traceback and no answer."""
    context = client_context(opts)
    driver = Driver(HttpLayer(context, HTTPMode.regular), answering_and_streaming)
    driver.feed(events.Start())

    with pytest.raises(NotImplementedError):
        driver.data(context.client, POST % (10, b""))

    assert not driver.sent[context.client]


@pytest.mark.usefixtures("patched")
def test_an_answer_to_a_streamed_request_is_sent(opts):
    """Closed, whichever script set the answer."""
    context = client_context(opts)
    driver = Driver(HttpLayer(context, HTTPMode.regular), answering_and_streaming)
    driver.feed(events.Start())

    driver.data(context.client, POST % (10, b""))

    assert driver.sent[context.client].startswith(b"HTTP/1.1 403")


@pytest.mark.usefixtures("patched")
@pytest.mark.parametrize("kill_in", ["request", "responseheaders", "response"])
def test_a_flow_killed_meanwhile_gets_no_answer(opts, kill_in):
    """A later addon may kill it in any of the three hooks."""

    def handle(hook):
        refusing(hook)
        if hook.name == kill_in:
            (flow,) = hook.args()
            flow.kill()

    context = client_context(opts)
    driver = Driver(HttpLayer(context, HTTPMode.regular), handle)
    driver.feed(events.Start())

    driver.data(context.client, POST % (10, b""))

    assert b"403" not in driver.sent[context.client]
    assert context.client in driver.closed


@pytest.mark.usefixtures("patched")
def test_an_allowed_upload_is_as_before(opts):
    """Nothing answered: the request goes to the origin whole."""
    context = client_context(opts)
    driver = Driver(HttpLayer(context, HTTPMode.regular))
    driver.feed(events.Start())

    driver.data(context.client, POST % (4, b"") + b"body")

    assert driver.sent[driver.opened[0]].endswith(b"\r\n\r\nbody")

"""A reused connection that turns out to be closed."""

from __future__ import annotations

import pytest
from mitmproxy.proxy import events
from mitmproxy.proxy.layers.http import HttpLayer, HTTPMode

from forebay.proxycore import retry
from forebay.proxycore.patch import CoreMismatchError
from forebay.proxycore.sansio import Driver, client_context

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture(name="patched")
def _patched():
    retry.PATCH.install()
    yield
    retry.PATCH.uninstall()


def get(method=b"GET", body=b""):
    return b"%s http://192.0.2.9/ HTTP/1.1\r\nHost: 192.0.2.9\r\nContent-Length: %d\r\n\r\n%s" % (
        method,
        len(body),
        body,
    )


def one_served(opts, on_hook=None):
    """A proxy whose connection to the origin has served one request."""
    context = client_context(opts)
    driver = Driver(HttpLayer(context, HTTPMode.regular), on_hook)
    driver.feed(events.Start())
    driver.data(context.client, get())
    driver.data(driver.opened[0], OK)
    return context, driver


def test_the_core_answers_502(opts):
    """The gap."""
    assert retry.statuses_over_a_stale_connection(opts) == [b"200", b"502"]

    with pytest.raises(CoreMismatchError, match="expected two answers 200"):
        retry.self_test(opts)


@pytest.mark.usefixtures("patched")
def test_the_request_is_sent_once_more(opts):
    """Closed."""
    assert retry.statuses_over_a_stale_connection(opts) == [b"200", b"200"]
    retry.self_test(opts)


@pytest.mark.usefixtures("patched")
@pytest.mark.parametrize(
    ("method", "connections"),
    [
        (b"GET", 2),
        (b"HEAD", 2),
        (b"PUT", 2),
        (b"DELETE", 2),
        (b"OPTIONS", 2),
        (b"POST", 1),
        (b"get", 1),
    ],
)
def test_only_idempotent_methods_are_repeated(opts, method, connections):
    """RFC 9110 §9.2.2; methods are case-sensitive."""
    context, driver = one_served(opts)

    driver.data(context.client, get(method))
    driver.peer_closes(driver.opened[0])

    assert len(driver.opened) == connections


@pytest.mark.usefixtures("patched")
def test_the_body_is_sent_again_whole(opts):
    """It is still in memory, since it was not streamed."""
    context, driver = one_served(opts)

    driver.data(context.client, get(b"PUT", b"payload"))
    driver.peer_closes(driver.opened[0])

    assert driver.sent[driver.opened[1]].endswith(b"\r\n\r\npayload")


@pytest.mark.usefixtures("patched")
def test_a_stream_that_was_set_for_nothing_does_not_matter(opts):
    """HTTP/2 requests without body have one set, since their head does not tell."""

    def stream(hook):
        if hook.name == "requestheaders":
            (flow,) = hook.args()
            flow.request.stream = True

    context, driver = one_served(opts, stream)

    driver.data(context.client, get())
    driver.peer_closes(driver.opened[0])

    assert len(driver.opened) == 2


@pytest.mark.usefixtures("patched")
def test_a_streamed_body_is_not_repeated(opts):
    """It is gone."""

    def stream(hook):
        if hook.name == "requestheaders":
            (flow,) = hook.args()
            flow.request.stream = True

    context, driver = one_served(opts, stream)

    driver.data(context.client, get(b"PUT", b"payload"))
    driver.peer_closes(driver.opened[0])

    assert len(driver.opened) == 1


@pytest.mark.usefixtures("patched")
def test_a_fresh_connection_that_closes_is_an_error(opts):
    """Only a connection that has served a request may have been closed for idleness."""
    context = client_context(opts)
    driver = Driver(HttpLayer(context, HTTPMode.regular))
    driver.feed(events.Start())

    driver.data(context.client, get())
    driver.peer_closes(driver.opened[0])

    assert len(driver.opened) == 1
    assert driver.sent[context.client].startswith(b"HTTP/1.1 502")


@pytest.mark.usefixtures("patched")
def test_a_response_that_has_begun_is_not_repeated(opts):
    """A byte of the head proves that the origin took the request."""
    context, driver = one_served(opts)

    driver.data(context.client, get())
    driver.data(driver.opened[0], b"HTTP/1.1 2")
    driver.peer_closes(driver.opened[0])

    assert len(driver.opened) == 1


@pytest.mark.usefixtures("patched")
def test_it_is_tried_only_once(opts):
    """The second failure is told to the client, in one error hook."""
    context, driver = one_served(opts)

    driver.data(context.client, get())
    driver.peer_closes(driver.opened[0])
    driver.peer_closes(driver.opened[1])

    assert len(driver.opened) == 2
    assert driver.sent[context.client].count(b"HTTP/1.1 502") == 1
    assert driver.hooks.count("error") == 1


@pytest.mark.usefixtures("patched")
def test_the_fresh_connection_counts_as_used(opts):
    """It may be stale at the next request, which is then repeated in its turn."""
    context, driver = one_served(opts)
    driver.data(context.client, get())
    driver.peer_closes(driver.opened[0])
    driver.data(driver.opened[1], OK)

    driver.data(context.client, get())
    driver.peer_closes(driver.opened[1])

    assert len(driver.opened) == 3

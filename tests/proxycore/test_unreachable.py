"""Answers that are given in the ``error`` hook."""

from __future__ import annotations

import pytest
from mitmproxy import http
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.layers.http import HttpLayer, HTTPMode
from mitmproxy.test import tflow

from forebay.proxycore import bodies, retry, source, unreachable
from forebay.proxycore.patch import CoreMismatchError
from forebay.proxycore.sansio import Driver, client_context

GET = b"GET http://192.0.2.9/ HTTP/1.1\r\nHost: 192.0.2.9\r\n\r\n"
ASKED = ["requestheaders", "request"]
ANSWERED = ["error", "responseheaders", "response"]


@pytest.fixture(name="patched")
def _patched():
    unreachable.PATCH.install()
    yield
    unreachable.PATCH.uninstall()


def test_the_core_sends_502(opts):
    """The gap: it does not look at the response."""
    with pytest.raises(CoreMismatchError, match="found b'502'"):
        unreachable.self_test(opts)


@pytest.mark.usefixtures("patched")
def test_the_self_test_passes(opts):
    unreachable.self_test(opts)


def test_outside_of_the_hook_there_is_nothing_to_answer():
    flow = tflow.tflow()

    assert not unreachable.answer(flow, http.Response.make(200))
    assert not unreachable.is_answered(flow)
    assert flow.response is None


class Stale:
    """An addon that answers in ``error``; what it saw there, and what it was told."""

    def __init__(self, then=None):
        self.said = []
        self.errors = []
        self.then = then or {}

    def __call__(self, hook):
        (flow,) = hook.args()
        if hook.name == "error":
            self.errors.append(flow.error.msg)
            answer = http.Response.make(200, b"stale")
            self.said.append((unreachable.answer(flow, answer), unreachable.is_answered(flow)))
        if hook.name in self.then:
            self.then[hook.name](flow)


class RefusingDriver(Driver):
    """Every connection is refused."""

    def _completions(self, command):
        if isinstance(command, commands.OpenConnection):
            return [events.OpenConnectionCompleted(command, "refused")]
        return super()._completions(command)


def driven(opts, on_hook, kind=Driver):
    context = client_context(opts)
    driver = kind(HttpLayer(context, HTTPMode.regular), on_hook)
    driver.feed(events.Start())
    return context.client, driver


@pytest.mark.usefixtures("patched")
def test_a_refused_connection_is_answered(opts):
    """And the client's connection serves the next request."""
    stale = Stale()
    client, driver = driven(opts, stale, RefusingDriver)

    driver.data(client, GET)
    driver.data(client, GET)

    assert driver.sent[client].count(b"HTTP/1.1 200 OK") == 2
    assert driver.hooks == [*ASKED, *ANSWERED] * 2
    assert stale.said == [(True, True)] * 2
    assert not driver.top.streams
    assert not driver.closed


@pytest.mark.usefixtures("patched")
@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nCont",
        b"GARBAGE\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na",
        b"HTTP/1.1 200 OK\r\nbad name: 1\r\nContent-Length: 1\r\n\r\na",
    ],
)
def test_an_origin_that_breaks_off_is_answered_for(opts, sent):
    """Nothing of its own response was sent, and nothing of it stays."""
    stale = Stale()
    client, driver = driven(opts, stale)

    driver.data(client, GET)
    if sent:
        driver.data(driver.opened[0], sent)
    driver.peer_closes(driver.opened[0])

    assert driver.sent[client].startswith(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n")
    assert driver.sent[client].endswith(b"\r\n\r\nstale")
    assert driver.hooks[-3:] == ANSWERED
    assert stale.said == [(True, True)]
    assert not driver.top.streams


@pytest.mark.usefixtures("patched")
@pytest.mark.parametrize("hook", ["error", "responseheaders", "response"])
def test_the_end_of_the_connection_may_be_told_twice(opts, hook):
    """By its bytes, and by its end while the answer is being made."""

    def close(_):
        driver.feed(events.ConnectionClosed(driver.opened[0]))

    client, driver = driven(opts, Stale({hook: close}))

    driver.data(client, GET)
    driver.data(driver.opened[0], b"GARBAGE\r\n\r\n")

    assert driver.sent[client].count(b"HTTP/1.1") == 1
    assert driver.hooks == [*ASKED, *ANSWERED]
    assert client not in driver.closed


@pytest.mark.usefixtures("patched")
def test_what_was_begun_is_not_answered_anew(opts):
    """The client has the first bytes of another response."""

    def stream(hook):
        if hook.name == "responseheaders":
            (flow,) = hook.args()
            flow.response.stream = True
        stale(hook)

    stale = Stale()
    client, driver = driven(opts, stream)

    driver.data(client, GET)
    driver.data(driver.opened[0], b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort")
    driver.peer_closes(driver.opened[0])

    assert driver.sent[client].endswith(b"short")
    assert stale.said == [(False, False)]
    assert client in driver.closed


@pytest.mark.usefixtures("patched")
def test_a_client_that_left_gets_no_answer(opts):
    stale = Stale()
    client, driver = driven(opts, stale)

    driver.data(client, GET)
    driver.peer_closes(client)

    assert stale.said == [(False, False)]
    assert not driver.sent[client]


@pytest.mark.usefixtures("patched")
@pytest.mark.parametrize("hook", ["error", "responseheaders"])
def test_a_client_that_leaves_meanwhile(opts, hook):
    """The hook ``error`` runs once more, with no answer pending."""

    def leave(_):
        if driver.hooks.count(hook) == 1:
            driver.peer_closes(client)

    stale = Stale({hook: leave})
    client, driver = driven(opts, stale)

    driver.data(client, GET)
    driver.peer_closes(driver.opened[0])

    between = [] if hook == "error" else ["responseheaders"]
    assert driver.hooks == [*ASKED, "error", *between, "error"]
    assert stale.errors == ["server closed connection", "Client disconnected."]
    assert stale.said == [(True, True), (False, False)]
    assert not driver.sent[client]


@pytest.mark.usefixtures("patched")
def test_a_flow_that_is_killed_then(opts):
    """By an addon behind: nothing is sent, and those who waited are told."""
    stale = Stale({"error": lambda flow: flow.killable and flow.kill()})
    client, driver = driven(opts, stale)

    driver.data(client, GET)
    driver.peer_closes(driver.opened[0])

    assert not driver.sent[client]
    assert driver.hooks == [*ASKED, "error", "error"]
    assert stale.said == [(True, True), (False, False)]


@pytest.mark.usefixtures("patched")
@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200 OK\r\nbad name: 1\r\n\r\n"])
def test_nobody_answers(opts, sent):
    """502 as before."""
    client, driver = driven(opts, None)

    driver.data(client, GET)
    driver.data(driver.opened[0], sent)
    driver.peer_closes(driver.opened[0])

    assert driver.sent[client].startswith(b"HTTP/1.1 502")
    assert driver.hooks == [*ASKED, "error"]


POST = b"POST http://192.0.2.9/ HTTP/1.1\r\nHost: 192.0.2.9\r\nContent-Length: 4\r\n\r\n"


def streaming(stale):
    def handle(hook):
        if hook.name == "requestheaders":
            (flow,) = hook.args()
            flow.request.stream = True
        stale(hook)

    return handle


@pytest.mark.usefixtures("patched")
@pytest.mark.parametrize("kind", [Driver, RefusingDriver])
def test_the_rest_of_an_upload_is_thrown_away(opts, kind):
    """The next request begins after it."""
    client, driver = driven(opts, streaming(Stale()), kind)

    driver.data(client, POST)
    if driver.opened:
        driver.data(client, b"bo")
        driver.peer_closes(driver.opened[0])
    assert driver.sent[client].endswith(b"stale")
    driver.data(client, b"dy" if driver.opened else b"body")
    driver.data(client, GET)
    if driver.opened:
        driver.peer_closes(driver.opened[1])

    assert driver.sent[client].count(b"stale") == 2
    assert driver.hooks.count("error") == driver.hooks.count("response") == 2
    assert not driver.top.streams


@pytest.mark.usefixtures("patched")
def test_consumers_get_the_answer(opts):
    """Although the body that broke off was ended for all."""

    class Consumer:
        fed, ended = b"", False

        def feed(self, data):
            self.fed += data

        def end(self):
            self.ended = True

        abort = end

    consumer = Consumer()

    def act(hook):
        (flow,) = hook.args()
        stale(hook)
        match hook.name:
            case "error":
                bodies.break_off(flow)
            case "responseheaders":
                bodies.consume_response(flow, consumer)
            case "response":
                bodies.finish_response(flow)

    stale = Stale()
    client, driver = driven(opts, act)
    driver.data(client, GET)
    driver.peer_closes(driver.opened[0])

    assert (consumer.fed, consumer.ended) == (b"stale", True)


@pytest.mark.parametrize("patches", [(unreachable, retry), (retry, unreachable)])
def test_a_stale_connection_is_tried_again_first(opts, patches):
    """In whichever order the two guards are put in place."""
    for module in patches:
        module.PATCH.install()
    try:
        assert retry.statuses_over_a_stale_connection(opts) == [b"200", b"200"]
        unreachable.self_test(opts)
        retry.self_test(opts)
    finally:
        for module in reversed(patches):
            module.PATCH.uninstall()


@pytest.mark.usefixtures("patched")
def test_a_large_answer_is_sent_piece_by_piece(opts):
    """A source may be attached to the answer."""
    body = b"0123456789" * (source.PIECE_BYTES // 4)

    async def read(offset, limit):
        return body[offset : offset + limit]

    def act(hook):
        if isinstance(hook, source.NextPiece):
            with pytest.raises(StopIteration):
                hook.piece.read().send(None)
        elif hook.name == "error":
            (flow,) = hook.args()
            assert unreachable.answer(flow, http.Response.make(200))
            source.attach(flow, len(body), read)

    source.PATCH.install()
    try:
        client, driver = driven(opts, act)
        driver.data(client, GET)
        driver.peer_closes(driver.opened[0])
    finally:
        source.PATCH.uninstall()

    assert driver.sent[client].endswith(b"\r\n\r\n" + body)
    assert driver.hooks[-1] == "response"

"""Bodies of unknown length that are kept whole up to a limit."""

from __future__ import annotations

import pytest
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.layers.http import HttpLayer, HTTPMode

from forebay.proxycore import holding
from forebay.proxycore.body import Body
from forebay.proxycore.patch import CoreMismatchError
from forebay.proxycore.sansio import Driver, client_context

CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
POST = b"POST http://192.0.2.9/ HTTP/1.1\r\nHost: 192.0.2.9\r\n" + CHUNKED
HEAD = b"HTTP/1.1 200 OK\r\n" + CHUNKED
END = b"0\r\n\r\n"


@pytest.fixture(name="patched")
def _patched():
    holding.PATCH.install()
    yield
    holding.PATCH.uninstall()


def test_the_core_keeps_all(opts):
    """The gap: what is kept whole has no bound."""
    kept, _ = holding.bytes_kept(opts, 2, 4)

    assert kept == 4
    with pytest.raises(CoreMismatchError, match="found 2 and 4"):
        holding.self_test(opts)


@pytest.mark.usefixtures("patched")
def test_the_self_test_passes(opts):
    holding.self_test(opts)


def driven(opts, limit_bytes):
    """Return a driver that holds both bodies, and what happened to them."""
    context = client_context(opts)
    told = []

    def on_hook(hook):
        if hook.name in ("requestheaders", "responseheaders"):
            (flow,) = hook.args()
            message = flow.response or flow.request
            holding.hold(message, limit_bytes, Body(), lambda: told.append(hook.name))
        elif hook.name in ("request", "response"):
            (flow,) = hook.args()
            message = flow.response or flow.request
            told.append((hook.name, message.raw_content))
            if message.raw_content is not None:
                message.content = message.raw_content.upper()

    driver = Driver(HttpLayer(context, HTTPMode.regular), on_hook)
    driver.feed(events.Start())
    return context.client, driver, told


@pytest.mark.usefixtures("patched")
def test_a_short_one_can_be_edited_whole(opts):
    """Both ways; the head has waited for it."""
    client, driver, told = driven(opts, 4)

    driver.data(client, POST + b"2\r\nab\r\n2\r\ncd\r\n" + END)
    (origin,) = driver.opened
    driver.data(origin, HEAD + b"2\r\nef\r\n")
    before = bytes(driver.sent[client])
    driver.data(origin, b"2\r\ngh\r\n" + END)

    assert told == [("request", b"abcd"), ("response", b"efgh")]
    assert b"ABCD" in driver.sent[origin]
    assert before == b""
    assert b"EFGH" in driver.sent[client]


@pytest.mark.usefixtures("patched")
def test_a_long_one_goes_on_as_it_comes(opts):
    """Nothing of it is lost, and nothing is kept."""
    client, driver, told = driven(opts, 3)

    driver.data(client, POST + b"2\r\nab\r\n2\r\ncd\r\n")
    (origin,) = driver.opened
    first = bytes(driver.sent[origin])
    driver.data(client, b"1\r\ne\r\n" + END)
    driver.data(origin, HEAD + b"2\r\nfg\r\n2\r\nhi\r\n")
    answered = bytes(driver.sent[client])
    driver.data(origin, END)

    assert first.endswith(b"\r\n\r\n4\r\nabcd\r\n")
    assert answered.endswith(b"\r\n\r\n4\r\nfghi\r\n")
    assert driver.sent[origin].endswith(b"1\r\ne\r\n" + END)
    assert driver.sent[client].endswith(END)
    assert told == ["requestheaders", ("request", None), "responseheaders", ("response", None)]


class Refusing(Driver):
    """No server can be connected to."""

    def _completions(self, command):
        if isinstance(command, commands.OpenConnection):
            return [events.OpenConnectionCompleted(command, "refused")]
        return super()._completions(command)


@pytest.mark.usefixtures("patched")
def test_a_server_that_cannot_be_reached_ends_it(opts):
    """The stream begins with a connection, which may fail."""
    context = client_context(opts)

    def on_hook(hook):
        if hook.name == "requestheaders":
            (flow,) = hook.args()
            holding.hold(flow.request, 1, Body(), lambda: None)

    driver = Refusing(HttpLayer(context, HTTPMode.regular), on_hook)
    driver.feed(events.Start())

    driver.data(context.client, POST + b"2\r\nab\r\n")

    assert bytes(driver.sent[context.client]).startswith(b"HTTP/1.1 502")
    assert driver.hooks[-1] == "error"


@pytest.mark.usefixtures("patched")
@pytest.mark.parametrize("kills", [True, False])
def test_whoever_wants_it_whole_is_told_that_another_streams_it(opts, kills):
    """And may break it off, before its head has left."""
    context = client_context(opts)
    told = []

    def on_hook(hook):
        if hook.name == "responseheaders":
            (flow,) = hook.args()
            outgrown = flow.kill if kills else lambda: told.append("passed")
            holding.hold(flow.response, 9, Body(), outgrown)
            flow.response.stream = True

    driver = Driver(HttpLayer(context, HTTPMode.regular), on_hook)
    driver.feed(events.Start())
    driver.data(context.client, b"GET http://192.0.2.9/ HTTP/1.1\r\nHost: 192.0.2.9\r\n\r\n")
    driver.data(driver.opened[0], HEAD + b"1\r\na\r\n" + END)

    assert told == ([] if kills else ["passed"])
    assert driver.sent[context.client].startswith(b"HTTP/1.1 200") is not kills
    assert driver.hooks[-1] == ("error" if kills else "response")

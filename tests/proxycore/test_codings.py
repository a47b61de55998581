"""Responses in transfer codings that the core does not know."""

from __future__ import annotations

import pytest
from mitmproxy.proxy import events
from mitmproxy.proxy.layers.http import HttpLayer, HTTPMode

from forebay.proxycore import codings
from forebay.proxycore.patch import CoreMismatchError
from forebay.proxycore.sansio import Driver, client_context


@pytest.fixture(name="patched")
def _patched():
    codings.PATCH.install()
    yield
    codings.PATCH.uninstall()


def test_the_core_refuses_them(opts):
    assert codings.answer_in(opts, b"x-new").startswith(b"HTTP/1.1 502")
    with pytest.raises(CoreMismatchError, match="expected x-new passed"):
        codings.self_test(opts)


@pytest.mark.usefixtures("patched")
def test_the_self_test_passes(opts):
    codings.self_test(opts)


@pytest.mark.usefixtures("patched")
@pytest.mark.parametrize(
    ("coding", "passes"),
    [
        (b"a", True),
        (b"X-Zstd", True),
        (b"gzip", True),
        (b"xchunked", False),
        (b"Chunked-2", False),
        (b"chunked, x-new", False),
        (b"x-new, chunked", False),
        (b"two, codings", False),
        (b"x;q=1", False),
        (b"caf\xe9", False),
        (b"\x0bchunked", False),
        (b"a" * 41, False),
    ],
)
def test_one_plain_name_passes(opts, coding, passes):
    """What might be taken for ``chunked`` by anybody does not."""
    answer = codings.answer_in(opts, coding)

    assert answer.startswith(b"HTTP/1.1 200" if passes else b"HTTP/1.1 502")
    assert answer.endswith(b"\r\n\r\nbody") is passes


@pytest.mark.usefixtures("patched")
@pytest.mark.parametrize("length", [b"", b"Content-Length: 4\r\n"])
def test_requests_are_refused_all_the_same(opts, length):
    context = client_context(opts)
    driver = Driver(HttpLayer(context, HTTPMode.regular))
    driver.feed(events.Start())

    driver.data(
        context.client,
        b"POST http://192.0.2.9/ HTTP/1.1\r\nHost: 192.0.2.9\r\nTransfer-Encoding: x-new\r\n"
        + length
        + b"\r\nbody",
    )

    assert driver.sent[context.client].startswith(b"HTTP/1.1 400")
    assert not driver.opened

"""Counting what is passed on unread."""

from __future__ import annotations

import gc

import pytest
from mitmproxy import connection
from mitmproxy.proxy import events
from mitmproxy.proxy.layers import TCPLayer

from forebay.proxycore import passed
from forebay.proxycore.patch import CoreMismatchError
from forebay.proxycore.sansio import Driver, client_context


@pytest.fixture(name="patched")
def _patched():
    passed.PATCH.install()
    yield
    passed.PATCH.uninstall()


def test_the_core_counts_nothing(opts):
    assert passed.of(client_context(opts).client) is None
    with pytest.raises(CoreMismatchError, match="found None"):
        passed.self_test(opts)


@pytest.mark.usefixtures("patched")
def test_the_self_test_passes(opts):
    passed.self_test(opts)


@pytest.mark.usefixtures("patched")
def test_each_client_has_its_own_count_from_zero(opts):
    first, second = client_context(opts), client_context(opts)
    first.server = connection.Server(address=("192.0.2.9", 443))
    driver = Driver(TCPLayer(first, ignore=True))
    driver.feed(events.Start())
    driver.data(first.client, b"a")
    driver.data(first.client, b"bc")

    assert passed.of(first.client) == passed.Traffic(2, 0, 3, 0)
    assert passed.of(second.client) == passed.Traffic()


@pytest.mark.usefixtures("patched")
def test_what_hooks_tell_of_is_not_counted(opts):
    """The flow has its messages."""
    context = client_context(opts)
    context.server = connection.Server(address=("192.0.2.9", 443))
    driver = Driver(TCPLayer(context))
    driver.feed(events.Start())
    driver.data(context.client, b"a")

    assert passed.of(context.client) == passed.Traffic()


@pytest.mark.usefixtures("patched")
def test_nothing_is_kept_of_a_client_that_is_gone(opts):
    passed.self_test(opts)
    gc.collect()

    assert len(passed._passed) == 0


def test_what_was_counted_is_told_when_the_patch_is_gone(opts):
    """The log records what is under way when the proxy ends, after us."""
    passed.PATCH.install()
    context = client_context(opts)
    context.server = connection.Server(address=("192.0.2.9", 443))
    driver = Driver(TCPLayer(context, ignore=True))
    driver.feed(events.Start())
    driver.data(context.client, b"abc")
    passed.PATCH.uninstall()

    assert passed.of(context.client) == passed.Traffic(1, 0, 3, 0)

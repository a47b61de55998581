"""Connections that are kept for some requests."""

from __future__ import annotations

import pytest
from mitmproxy.proxy.layers.http import GetHttpConnection

from forebay.proxycore import reserved
from forebay.proxycore.patch import CoreMismatchError


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
def test_a_core_that_does_otherwise_is_told(opts, monkeypatch):
    monkeypatch.setattr(GetHttpConnection, "connection_spec_matches", lambda *_: False)

    with pytest.raises(CoreMismatchError, match=r"found \[0, 1, 2, 3\]"):
        reserved.self_test(opts)

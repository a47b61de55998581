"""What is remembered of clients."""

from __future__ import annotations

import gc

import pytest

from forebay.blocklist.clients import Known, Remembered


class Client:
    """Somebody who can be referred to weakly."""


def test_each_has_its_own():
    clients, one, other = Known(), Client(), Client()
    clients[one].user = "anna"

    assert clients[one].user == "anna"
    assert clients[other] == Remembered()


@pytest.mark.parametrize(
    "forget", [lambda all_, one: all_.forget(one), lambda all_, _: all_.clear()]
)
def test_forgetting(forget):
    clients, one = Known(), Client()
    clients[one].permitted = frozenset({"a.example"})

    forget(clients, one)
    forget(clients, one)

    assert clients[one].permitted == frozenset()


def test_a_client_that_is_gone_is_forgotten():
    clients, one = Known(), Client()
    clients[one].user = "anna"

    del one
    gc.collect()

    assert len(clients._known) == 0


def test_what_was_allowed_is_bounded():
    known = Remembered()
    for number in range(10_000):
        known.allow([f"{number}.example", "a.example"])

    assert len(known.allowed) < 300
    assert {"9999.example", "a.example"} <= known.allowed

"""The start line."""

from __future__ import annotations

import logging

import pytest

from forebay import announce


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.0.2.1", False),
        ("proxy.example", False),
    ],
)
def test_loopback(host, expected):
    assert announce.is_loopback(host) is expected


class Addon:
    """Stands for one of ours, of which only the summary matters here."""

    def __init__(self, name):
        self.name = name

    def summary(self):
        return self.name.rpartition(".")[2] + " on"


class Server:
    """Stands for mitmproxy's server, of which only the addresses matter here."""

    name = "proxyserver"

    def __init__(self, *addresses):
        self.addresses = addresses

    def listen_addrs(self):
        return self.addresses


@pytest.mark.parametrize(
    ("addresses", "warned"),
    [
        ([("127.0.0.1", 8080), ("::1", 8080, 0, 0)], False),
        ([("127.0.0.1", 8080), ("0.0.0.0", 8080)], True),
    ],
)
def test_one_line_and_a_warning_when_others_can_reach_it(caplog, addresses, warned):
    from mitmproxy.test import taddons

    with (
        taddons.context(Server(*addresses), *map(Addon, announce.SUMMARISED)),
        caplog.at_level(logging.INFO),
    ):
        announce.Announce().running()

    info = [r.message for r in caplog.records if r.levelno == logging.INFO]
    warnings = [r.message for r in caplog.records if r.levelno == logging.WARNING]
    assert info == [
        "Forebay 0.1.0: blocklist on, rewrite on, recording on, cache on, trafficlog on"
    ]
    assert bool(warnings) is warned
    assert all("0.0.0.0:8080" in line or "*:8080" in line for line in warnings)

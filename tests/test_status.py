"""What a proxy says of itself."""

from __future__ import annotations

import asyncio
import json
import mmap
import os
import sys

import pytest
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.test import taddons

from forebay import settings, status


class Tells:
    """An addon that tells what it is made with."""

    def __init__(self, name, told, summary=None):
        self.name, self._told = name, told
        if summary is not None:
            self.summary = lambda: summary

    def load(self, loader):
        settings.declare(loader)

    def status(self):
        if isinstance(self._told, Exception):
            raise self._told
        return dict(self._told)


def collected(*addons, now_s=1000.0, started_at_s=900.0):
    async def run():
        with taddons.context(*addons) as tctx:
            status.begin(tctx.master, started_at_s)
            status.begin(tctx.master, now_s)  # a script was touched
            return status.collected(now_s)

    return asyncio.run(run())


def test_of_the_proxy_itself(tmp_path):
    found = collected(Proxyserver(), Tells("forebay.x", {}))["proxy"]

    assert (found["pid"], found["uptime_s"], found["started_at_s"]) == (os.getpid(), 100.0, 900.0)
    assert found["counting_since_at_s"] == 1000.0
    assert (found["clients"], found["servers"], found["listening"]) == (0, 0, [])
    assert found["turbo"] is False
    assert found["home"].endswith(".forebay")


def test_addons_come_in_the_order_of_the_start_line_then_by_name():
    addons = [
        Tells("forebay.zebra", {"a": 1}),
        Tells("forebay.cache", {"entries": 3}, "cache 1 GB"),
        Tells("forebay.apple", {"a": 2}, ""),
        Tells("forebay.blocklist", {"rules": 2}, "blocklist 2 rules"),
        Tells("forebay.trafficlog", {}, "log off"),
    ]

    found = collected(*addons)

    assert list(found.items())[2:] == [
        ("blocklist", {"summary": "2 rules", "rules": 2}),
        ("cache", {"summary": "1 GB", "entries": 3}),
        ("trafficlog", {"summary": "off"}),
        ("apple", {"summary": "off", "a": 2}),
        ("zebra", {"summary": "off", "a": 1}),
    ]


def test_addons_of_others_are_not_asked():
    """What their method of this name does is not known."""
    assert list(collected(Tells("theirs", {"a": 1}))) == ["problems", "proxy"]


def test_problems_are_gathered():
    found = collected(
        Tells("forebay.cache", {"problems": ["a", "b"], "x": 1}),
        Tells("forebay.trafficlog", {"problems": []}),
    )

    assert found["problems"] == ["cache: a", "cache: b"]
    assert found["cache"] == {"summary": "off", "x": 1}


def test_one_that_cannot_tell_does_not_silence_the_others():
    found = collected(
        Tells("forebay.blocklist", KeyError("x")), Tells("forebay.cache", {"entries": 1})
    )

    assert found["problems"] == ["blocklist: expected its status, found KeyError"]
    assert found["cache"]["entries"] == 1


def test_all_of_it_is_plain():
    found = collected(Proxyserver(), Tells("forebay.cache", {"a": [1]}))

    assert json.loads(json.dumps(found)) == found


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nobody says")
def test_the_memory_that_is_held():
    with mmap.mmap(-1, 40_000_000) as fresh:  # no memory that was freed before and is held still
        before = status.memory_bytes()
        fresh.write(b"x" * 40_000_000)
        after = status.memory_bytes()

    assert after - before > 30_000_000

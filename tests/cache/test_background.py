"""Refreshing what has answered; that it goes through mitmproxy is for the integration tests."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
from mitmproxy.proxy.mode_specs import ProxyMode
from mitmproxy.test import taddons

from cache.builders import get
from forebay import outcome
from forebay.cache.background import Background


class Replay:
    """Stands for mitmproxy's handler: sends nothing, and ends when it is told to."""

    def __init__(self, flow, options) -> None:
        self.flow = flow
        self.done = asyncio.Event()
        self.error: Exception | None = None
        self.layer = SimpleNamespace(
            context=SimpleNamespace(server=SimpleNamespace(sni="www.example"))
        )
        self.transports = {1: SimpleNamespace(handler=self), 2: SimpleNamespace(handler=None)}
        self.cancelled = 0

    async def replay(self) -> None:
        await self.done.wait()
        if self.error is not None:
            raise self.error

    def cancel(self, reason) -> None:
        self.cancelled += 1
        self.done.set()


class Setup:
    """Refreshes with such handlers."""

    def __init__(self, **given) -> None:
        self.handlers: list[Replay] = []
        self.errors: list[Exception] = []
        self.background = Background(
            lambda _, error: self.errors.append(error), replay=self.make, **given
        )

    def make(self, flow, options):
        self.handlers.append(Replay(flow, options))
        return self.handlers[-1]

    async def ended(self) -> None:
        while len(self.background):
            await asyncio.sleep(0)


@pytest.fixture(autouse=True)
def context():
    with taddons.context() as opened:
        yield opened


def test_the_request_is_sent_whole_and_without_conditions():
    async def run():
        setup = Setup()
        flow = get(
            "/x", range="bytes=0-1", if_range='"a"', if_none_match='"a"', accept_language="de"
        )
        outcome.of(flow)["answer"] = "cache"
        setup.background.start(flow, b"k")
        (handler,) = setup.handlers
        again = handler.flow
        assert again.id != flow.id and again.metadata == {} and again.is_replay == "request"
        assert sorted(name.lower() for name in again.request.headers) == ["accept-language", "host"]
        assert flow.request.headers["range"] == "bytes=0-1" and flow.is_replay is None
        assert setup.background.has(again) and not setup.background.has(flow)
        assert not setup.background.may_refresh(again, b"k")
        handler.done.set()
        await setup.ended()
        assert not setup.background.has(again) and setup.errors == []

    asyncio.run(run())


def test_one_for_each_response_and_not_too_many():
    async def run():
        setup = Setup(limit=2)
        for key in (b"1", b"1", b"2"):
            assert setup.background.may_refresh(get(), key)
            setup.background.start(get(), key)
        assert len(setup.handlers) == len(setup.background) == 2
        assert setup.background.may_refresh(get(), b"1")
        assert not setup.background.may_refresh(get(), b"3")
        setup.handlers[0].done.set()
        while len(setup.background) == 2:
            await asyncio.sleep(0)
        assert setup.background.may_refresh(get(), b"3")
        setup.background.stop()

    asyncio.run(run())


def test_what_takes_too_long_is_broken_off():
    async def run():
        setup = Setup(deadline_s=0.0)
        setup.background.start(get(), b"k")
        await setup.ended()
        return setup

    setup = asyncio.run(run())

    assert setup.handlers[0].cancelled == 1 and setup.errors == []


def test_the_end_breaks_all_off():
    async def run():
        setup = Setup()
        setup.background.start(get(), b"k")
        setup.background.stop()
        setup.background.stop()
        await asyncio.sleep(0)
        return setup

    setup = asyncio.run(run())

    assert setup.handlers[0].cancelled == 1 and len(setup.background) == 0


def test_an_exception_is_told():
    async def run():
        setup = Setup()
        setup.background.start(get(), b"k")
        setup.handlers[0].error = RuntimeError("x")
        setup.handlers[0].done.set()
        await setup.ended()
        return [str(error) for error in setup.errors]

    assert asyncio.run(run()) == ["x"]


@pytest.mark.parametrize(
    ("modes", "mode", "expected"),
    [
        (["regular"], "regular", True),
        (["socks5", "regular"], "regular", True),
        (["reverse:http://a.example"], "reverse:http://a.example", True),
        (["upstream:http://p.example"], "upstream:http://p.example", True),
        (["upstream:http://q.example"], "upstream:http://p.example", False),
        (["regular", "upstream:http://p.example"], "upstream:http://p.example", False),
        (["upstream:http://p.example", "regular"], "regular", False),
    ],
)
def test_only_where_the_replay_takes_the_same_way(context, modes, mode, expected):
    context.options.mode = modes
    flow = get()
    flow.client_conn.proxy_mode = ProxyMode.parse(mode)

    assert Setup().background.may_refresh(flow, b"k") is expected


@pytest.mark.parametrize(
    ("mode", "expected"), [("regular", "www.example"), ("reverse:https://a.example", "a.example")]
)
def test_in_reverse_mode_the_origin_is_called_by_its_own_name(mode, expected):
    async def run():
        setup = Setup()
        flow = get()
        flow.request.scheme = "https"
        flow.client_conn.proxy_mode = ProxyMode.parse(mode)
        setup.background.start(flow, b"k")
        setup.background.stop()
        return setup.handlers[0].layer.context.server.sni

    assert asyncio.run(run()) == expected

"""How many flows the view keeps."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest
from mitmproxy.addons.view import View
from mitmproxy.test import taddons, tflow

from forebay.inspect import label, trim
from forebay.inspect.trim import Trim


def ended():
    flow = tflow.tflow(resp=True)
    flow.live = False
    label.put(flow, "cache hit age 1s", ":recycle:")
    return flow


@pytest.fixture(name="view")
def _view():
    view = View()
    with taddons.context(view):
        yield view


def kept(view):
    return list(view.resolve("@all"))


def run(limit, wakes=1):
    async def main():
        trimmer = Trim()
        trimmer.limit = limit
        for _ in range(wakes):
            trimmer.step()
            while trimmer._timer is not None:
                await asyncio.sleep(0)
        return trimmer

    return asyncio.run(main())


def test_only_the_last_stay(view):
    """More than one step removes; signs of ours keep none."""
    flows = [ended() for _ in range(3 * trim.STEP_FLOWS)]
    view.add(flows)

    run(limit=10)

    assert kept(view) == flows[-10:]
    assert len(view) == 10


def test_a_step_is_small(view):
    flows = [ended() for _ in range(3 * trim.STEP_FLOWS)]
    view.add(flows)

    async def one_step():
        trimmer = Trim()
        trimmer.limit = 10
        trimmer.step()
        trimmer.stop()

    asyncio.run(one_step())

    assert kept(view) == flows[trim.STEP_FLOWS :]


def test_marked_ones_and_those_under_way_stay(view):
    flows = [ended() for _ in range(20)]
    flows[0].marked = ":heart:"
    flows[1].live = True
    view.add(flows)

    run(limit=5)

    assert kept(view) == [*flows[:2], *flows[-5:]]
    assert flows[1].error is None  # nor was it ended
    flows[1].live = False
    run(limit=5)
    assert kept(view) == [flows[0], *flows[-5:]]


def test_what_a_filter_hides_counts_too(view):
    flows = [ended() for _ in range(20)]
    view.add(flows)
    view.set_filter_cmd("~m NOTHING")
    assert len(view) == 0

    run(limit=5)

    assert kept(view) == flows[-5:]


def test_memory_is_given_back(view):
    view.add([ended() for _ in range(20)])
    gone = [weakref.ref(flow) for flow in kept(view)[:10]]

    run(limit=10)
    gc.collect()

    assert [ref() for ref in gone] == [None] * 10


def test_without_a_limit_or_a_view_nothing_happens(view):
    flows = [ended() for _ in range(20)]
    view.add(flows)

    assert run(limit=0)._timer is None
    assert kept(view) == flows
    with taddons.context():
        assert run(limit=1)._timer is None


def test_it_wakes_once_and_can_be_stopped(view):
    async def main():
        trimmer = Trim()
        trimmer.wake()
        assert trimmer._timer is None  # no limit
        trimmer.limit = 1
        trimmer.wake()
        timer = trimmer._timer
        trimmer.wake()
        assert trimmer._timer is timer
        trimmer.stop()
        trimmer.stop()
        assert timer.cancelled() and trimmer._timer is None

    asyncio.run(main())

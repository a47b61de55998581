"""Requests that wait in the hook ``request``."""

from __future__ import annotations

import asyncio
import gc

import pytest

from cache.builders import NOW, Clock, Origin, get
from forebay.cache.collapse import REFUSED_S, Release
from forebay.cache.crowd import Crowd
from forebay.cache.headers import Head
from forebay.cache.judge import judged
from forebay.cache.plan import begin, note
from forebay.cache.storable import SetCookie


def planned(**fields):
    flow = get("/x", **fields)
    return flow, begin(flow, NOW)


async def crowded(crowd, *followers):
    """Have a request lead and *followers* wait; return its flow and plan, and their tasks."""
    leader, plan = planned()
    assert not await crowd.wait(leader, plan)
    tasks = [asyncio.create_task(crowd.wait(*follower)) for follower in followers]
    while crowd.flights.waiting < len(followers):
        await asyncio.sleep(0)
    return leader, plan, tasks


@pytest.mark.parametrize(("release", "again"), [(Release.AGAIN, True), (Release.ALONE, False)])
def test_the_end_lets_all_go(release, again):
    async def run():
        crowd = Crowd(Clock())
        leader, _, tasks = await crowded(crowd, planned(), planned())
        assert crowd.is_leading(leader)
        crowd.end(leader, release)
        assert not crowd.is_leading(leader)
        return crowd, await asyncio.gather(*tasks)

    crowd, results = asyncio.run(run())

    assert results == [again, again] and crowd.flights.waiting == 0


def test_what_takes_too_long_is_left_alone():
    """And those who come later do not wait for it at all."""

    async def run():
        clock = Clock()
        crowd = Crowd(clock, head_s=0.0)
        leader, _, tasks = await crowded(crowd, planned())
        assert await asyncio.gather(*tasks) == [False]
        assert not await crowd.wait(*planned())
        crowd.end(leader, Release.AGAIN)
        assert crowd.flights.waiting == 0
        clock.now_s += REFUSED_S
        later, plan = planned()
        assert not await crowd.wait(later, plan)
        assert crowd.is_leading(later)

    asyncio.run(run())


def test_a_response_on_its_way_is_waited_for_longer():
    async def run(body_s):
        crowd = Crowd(Clock(), head_s=0.0, body_s=body_s)
        leader, plan, _ = await crowded(crowd)
        crowd.flights.store(crowd.flights[plan.key], None)
        task = asyncio.create_task(crowd.wait(*planned()))
        while not crowd.flights.waiting:
            await asyncio.sleep(0)
        if body_s:
            crowd.end(leader, Release.AGAIN)
        return await task

    assert asyncio.run(run(60))
    assert not asyncio.run(run(0.0))


def test_one_that_is_cancelled_is_forgotten():
    async def run():
        crowd = Crowd(Clock())
        _, _, (task,) = await crowded(crowd, planned())
        task.cancel()
        await asyncio.wait((task,))
        return crowd.flights.waiting

    assert asyncio.run(run()) == 0


def test_a_client_that_leaves_waits_no_more():
    async def run():
        crowd = Crowd(Clock())
        flow, plan = planned()
        _, _, (task,) = await crowded(crowd, (flow, plan))
        crowd.left(flow.client_conn)
        return await task

    assert asyncio.run(run()) is False


def test_a_leader_that_a_user_holds_is_not_waited_for():
    async def run():
        crowd = Crowd(Clock())
        leader, _, _ = await crowded(crowd)
        leader.intercept()
        return await crowd.wait(*planned())

    assert asyncio.run(run()) is False


def test_a_leader_that_nobody_ends_is_not_kept():
    async def run():
        crowd = Crowd(Clock())
        leader, plan, _ = await crowded(crowd)
        del leader
        gc.collect()
        return crowd.flights[plan.key].is_held()

    assert asyncio.run(run()) is True


def answered(flow, plan, **fields):
    response = flow.response = Origin(**fields).answer(flow.request)
    note(flow, "miss", "not stored")
    found = judged(
        flow.request, 200, b"OK", Head(response.headers.fields), plan, NOW, SetCookie.REFUSE
    )
    plan.becomes = None if isinstance(found, str) else found


@pytest.mark.parametrize(
    ("fields", "waits"),
    [
        ({"cache_control": "max-age=60"}, [True, True]),
        ({"cache_control": "max-age=60", "vary": "accept-language"}, [False, True]),
        ({"cache_control": "max-age=60", "body": b"x" * 2**20}, [True, True]),
        ({"cache_control": "max-age=60", "body": b"x" * (2**20 + 1)}, [False, False]),
        ({"cache_control": "max-age=0", "etag": '"a"'}, [False, False]),
        ({"cache_control": "no-cache", "etag": '"a"'}, [False, False]),
        ({"cache_control": "private"}, [False, False]),
        ({"cache_control": "max-age=60", "set_cookie": "a=b"}, [False, False]),
    ],
)
def test_the_head_lets_those_go_whom_the_body_will_not_answer(fields, waits):
    async def run():
        crowd = Crowd(Clock())
        english, neutral = planned(accept_language="en"), planned()
        leader, plan, tasks = await crowded(crowd, english, neutral)
        answered(leader, plan, **fields)
        crowd.head(leader, plan)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        found = [not task.done() for task in tasks]
        if fields.get("vary"):
            assert await tasks[0] is True and english[1].names == (b"accept-language",)
            assert not await crowd.wait(*english) and crowd.is_leading(english[0])
        crowd.clear()
        await asyncio.gather(*tasks)
        return found

    assert asyncio.run(run()) == waits


@pytest.mark.parametrize("cache_control", ["max-age=0", "no-cache", "private"])
def test_a_body_that_answers_nobody_is_not_waited_for_by_those_who_come_later(cache_control):
    """Nobody waited when its head came, so that there was nobody to let go."""

    async def run():
        crowd = Crowd(Clock())
        leader, plan, _ = await crowded(crowd)
        answered(leader, plan, cache_control=cache_control, etag='"a"')
        crowd.head(leader, plan)
        later, its_plan = planned()
        return await crowd.wait(later, its_plan), crowd.is_leading(later)

    assert asyncio.run(run()) == (False, True)


def test_what_is_not_stored_is_waited_for_by_nobody():
    async def run():
        crowd = Crowd(Clock())
        leader, plan, (task,) = await crowded(crowd, planned())
        answered(leader, plan, cache_control="max-age=60")
        leader.metadata["forebay"]["cache"]["unstored"] = "too large"
        crowd.head(leader, plan)
        return await task, await crowd.wait(*planned()), len(crowd.flights)

    assert asyncio.run(run()) == (False, False, 0)


def test_who_comes_after_the_head_looks_at_vary_himself():
    async def run():
        crowd = Crowd(Clock())
        _, plan, _ = await crowded(crowd)
        crowd.flights.store(crowd.flights[plan.key], ((b"accept-language", b"de"),))
        flow, english = planned(accept_language="en")
        return await crowd.wait(flow, english), english.names

    assert asyncio.run(run()) == (True, (b"accept-language",))


def test_a_body_that_grows_too_long_lets_all_go():
    """Its client may read slowly; they ask for themselves, and so do those who come later."""

    async def run():
        clock = Clock()
        crowd = Crowd(clock)
        leader, _, tasks = await crowded(crowd, planned())
        release = crowd.releaser(leader)
        release()
        assert await asyncio.gather(*tasks) == [False]
        assert not await crowd.wait(*planned())
        assert crowd.flights.waiting == 0
        other, _ = planned()
        crowd.releaser(other)()  # nobody waits for it

    asyncio.run(run())


def test_a_validation_lets_all_go_at_the_head():
    """What is stored is fresh again from then on, however slowly the leader's client reads."""

    async def run():
        crowd = Crowd(Clock())
        leader, plan, tasks = await crowded(crowd, planned())
        note(leader, "revalidated", "stale")["stored"] = True
        crowd.head(leader, plan)
        return await asyncio.gather(*tasks)

    assert asyncio.run(run()) == [True]

"""Requests that wait for another's response, in the hook ``request``.

Waiting there holds up nobody else, not even other streams of the connection.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable

from mitmproxy import connection, http

from forebay.cache import collapse, storable
from forebay.cache.collapse import Flight, Flights, Release, Role, Waiter
from forebay.cache.headers import Head
from forebay.cache.plan import Plan, notes_of


class Crowd:
    """Who leads, and who waits.

    Args:
        clock: POSIX time in seconds.
        head_s: for how long a leader's head is waited for.
        body_s: for how long, in addition, its body is.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        head_s: float = collapse.HEAD_S,
        body_s: float = collapse.BODY_S,
    ) -> None:
        self.clock = clock
        self.flights = Flights()
        self._head_s, self._body_s = head_s, body_s
        self._led: weakref.WeakKeyDictionary[http.HTTPFlow, Flight] = weakref.WeakKeyDictionary()

    async def wait(self, flow: http.HTTPFlow, plan: Plan) -> bool:
        """Wait for another's response, or become the one that is waited for.

        Returns:
            Whether to look up again; else the request goes to the origin.
        """
        now_s = self.clock()
        key = collapse.key_of(plan.key, plan.names, plan.asked)
        if key is None:
            return False
        match self.flights.role(key, now_s, may_lead=plan.is_get):
            case Role.LEAD:
                if not flow.intercepted:
                    # The hooks of its end find it by its flow, which it must not keep alive.
                    self._led[flow] = self.flights.lead(key, now_s, _is_held(flow))
                return False
            case Role.ALONE:
                return False
        return await self._follow(flow, plan, self.flights[key])

    async def _follow(self, flow: http.HTTPFlow, plan: Plan, flight: Flight) -> bool:
        if flight.suits(plan.asked):
            release = await self._released(flow, plan, flight)
            if release is Release.ALONE:
                return False
        if flight.names:
            plan.names = flight.names
        return True

    async def _released(self, flow: http.HTTPFlow, plan: Plan, flight: Flight) -> Release:
        released: asyncio.Future[Release] = asyncio.get_running_loop().create_future()

        def wake(release: Release) -> None:
            if not released.done():
                released.set_result(release)

        waiter = Waiter(plan.asked, flow.client_conn.id, wake)
        self.flights.follow(flight, waiter)
        waited_s = max(0.0, self.clock() - flight.begun_at_s)
        try:
            done, _ = await asyncio.wait((released,), timeout=self._head_s - waited_s)
            if not done and flight.is_storing:
                done, _ = await asyncio.wait((released,), timeout=self._body_s)
        finally:
            self.flights.leave(flight, waiter)
        if not done:
            # Or all who come would wait for as long, one set after the other.
            self.flights.refuse(flight.key, self.clock())
            return Release.ALONE
        return released.result()

    def is_leading(self, flow: http.HTTPFlow) -> bool:
        """Return whether others may be waiting for *flow*."""
        return flow in self._led

    def head(self, flow: http.HTTPFlow, plan: Plan) -> None:
        """Let those go whom the response of *flow*, which was taken in, will not answer."""
        flight = self._led.get(flow)
        if flight is None:
            return
        now_s = self.clock()
        if notes_of(flow).get("stored"):
            self.end(flow, Release.AGAIN)  # a 304, which has refreshed what is stored
        elif "unstored" in notes_of(flow) or _is_long(flow):
            self._refused(flow)
        else:
            # Less its body.  Also when nobody waits yet: who comes before the end need not.
            entry = None if plan.becomes is None else plan.becomes(b"")
            if entry is None or not collapse.is_shared(entry, now_s):
                self._refused(flow)
            else:
                self.flights.store(flight, entry.said)

    def releaser(self, flow: http.HTTPFlow) -> Callable[[], None]:
        """Return what lets all go who wait for *flow*, without referring to it."""
        flight, flights, clock = self._led.get(flow), self.flights, self.clock

        def release() -> None:
            if flight is not None:
                if flight.waiters:
                    flights.refuse(flight.key, clock())
                flights.end(flight, Release.ALONE)

        return release

    def _refused(self, flow: http.HTTPFlow) -> None:
        self.releaser(flow)()
        self._led.pop(flow, None)

    def end(self, flow: http.HTTPFlow, release: Release) -> None:
        """Let all go who wait for *flow*."""
        flight = self._led.pop(flow, None)
        if flight is not None:
            self.flights.end(flight, release)

    def left(self, client: connection.Client) -> None:
        """Let those go whose client has closed its connection."""
        self.flights.left(client.id)

    def clear(self) -> None:
        """Let all go."""
        self.flights.clear()
        self._led.clear()


def _is_held(flow: http.HTTPFlow) -> Callable[[], bool]:
    leader = weakref.ref(flow)

    def is_held() -> bool:
        found = leader()
        return found is None or found.intercepted

    return is_held


def _is_long(flow: http.HTTPFlow) -> bool:
    """Return whether the body that comes is known to be too long to be waited for."""
    assert flow.response is not None
    length = storable.content_length(Head(flow.response.headers.fields))
    return length is not None and length > collapse.LONGEST_BYTES

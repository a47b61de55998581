"""One fetch for many requests of one resource: who goes, who waits, and how long (RFC 9111 §4).

The first request that the store cannot answer *leads*; those that follow while
it is under way wait for what it brings.  They are let go as soon as that
proves to be of no use to them, so that nobody gets what was not stored for
all.  A resource whose responses could not be shared is left alone for a while.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto

from forebay.cache import vary
from forebay.cache.cache_status import Fwd
from forebay.cache.conditional import CONDITIONS
from forebay.cache.decision import Decision, Forward, Revalidate
from forebay.cache.directives import cache_control
from forebay.cache.entry import Entry
from forebay.cache.freshness import is_fresh
from forebay.cache.headers import Head
from forebay.cache.vary import Names, Values

HEAD_S = 5.0
"""For how long a leader's head is waited for."""
BODY_S = 5.0
"""For how long, in addition, its body is."""
REFUSED_S = 60.0
"""For how long a resource is left alone whose responses could not be shared."""
LONGEST_BYTES = 2**20
"""A longer body is not waited for: it reaches a client sooner as it comes."""
MAX_WAITING = 1024
MAX_WAITING_FOR_ONE = 256
_MAX_LEADERS = 4096
_MAX_REFUSED = 4096
_ABANDONED_S = 600.0  # no hook has told of its end

# A response to them may be for one person only, or for one part of it.
_OWN = (b"authorization", b"cookie", b"range", b"if-range", *CONDITIONS)
_DEMANDS = ("no-cache", "no-store", "max-age", "min-fresh")
_LACKING = (Fwd.URI_MISS, Fwd.VARY_MISS, Fwd.STALE)


class Role(Enum):
    """What a request is to do."""

    LEAD = auto()
    FOLLOW = auto()
    ALONE = auto()


class Release(Enum):
    """What becomes of a request that has waited."""

    AGAIN = auto()
    """Look up again: it is stored, or nobody leads any more."""
    ALONE = auto()
    """Ask the origin."""


@dataclass(slots=True, eq=False)
class Waiter:
    """A request that waits.

    Args:
        asked: its head.
        client: the id of its client's connection.
        wake: called once, when it is let go.
    """

    asked: Head
    client: str
    wake: Callable[[Release], None]


@dataclass(slots=True, eq=False)
class Flight:
    """A leader's request that is under way.

    Args:
        key: of what is asked for.
        begun_at_s: since when, POSIX seconds.
        is_held: returns whether a user holds the leader up.
        is_storing: whether its response is on its way to the store.
        said: what the leader said in the fields of its response's Vary, once they are known.
        waiters: those who wait for it.
    """

    key: bytes
    begun_at_s: float
    is_held: Callable[[], bool]
    is_storing: bool = False
    said: Values | None = None
    waiters: set[Waiter] = field(default_factory=set)

    @property
    def names(self) -> Names:
        """The fields of its response's Vary, as far as they are known."""
        return tuple(name for name, _ in self.said or ())

    def suits(self, request: Head) -> bool:
        """Return whether the response may answer *request*, as far as Vary is known (§4.1)."""
        return self.said is None or vary.values(self.names, request) == self.said


def may_collapse(request: Head, decision: Decision, stored: Entry | None) -> bool:
    """Return whether another request's response may answer this one.

    Args:
        request: its head.
        decision: what is to become of it.
        stored: what it selects of the store; when that must be validated for
            each request, so must what takes its place.
    """
    if not isinstance(decision, Forward | Revalidate) or decision.fwd not in _LACKING:
        return False
    if stored is not None and stored.no_cache:
        return False
    if any(name in request for name in _OWN) or b"pragma" in request:
        return False
    wanted = cache_control(request)
    return not any(wanted.has(name) for name in _DEMANDS)


def is_shared(response: Entry, now_s: float) -> bool:
    """Return whether *response*, when it is stored, answers those who wait for it.

    >>> is_shared(Entry(200, b"", ((b"Cache-Control", b"max-age=9"),), 0, 0, (), b""), 0)
    True
    """
    return not response.no_cache and is_fresh(response.validity, now_s)


def key_of(primary: bytes, names: Names, request: Head) -> bytes | None:
    """Return what requests share that get the same response; None for one that varies too much.

    *names* are the fields of the resource's Vary, as far as they are known.
    """
    if not names:
        return primary
    said = vary.values(names, request)
    return None if said is None else vary.variant_key(primary, said, 0.0)


class Flights:
    """The requests under way that others wait for, or may; bounded.

    >>> flights = Flights()
    >>> flights.role(b"k", 0)
    <Role.LEAD: 1>
    >>> flight = flights.lead(b"k", 0, is_held=lambda: False)
    >>> flights.role(b"k", 1), flights.role(b"k", 99)
    (<Role.FOLLOW: 2>, <Role.ALONE: 3>)
    """

    def __init__(self) -> None:
        self._flights: dict[bytes, Flight] = {}
        self._refused: dict[bytes, float] = {}
        self.waiting = 0

    def __len__(self) -> int:
        return len(self._flights)

    def __getitem__(self, key: bytes) -> Flight:
        return self._flights[key]

    def role(self, key: bytes, now_s: float, *, may_lead: bool = True) -> Role:
        """Return what a request for *key* is to do; one that may not lead can only wait."""
        until_s = self._refused.get(key)
        if until_s is not None:
            if now_s < until_s <= now_s + REFUSED_S:
                return Role.ALONE
            del self._refused[key]
        flight = self._flights.get(key)
        if flight is None or _is_abandoned(flight, now_s):
            return Role.LEAD if may_lead and self._has_room(now_s) else Role.ALONE
        limit_s = HEAD_S + BODY_S if flight.is_storing else HEAD_S
        if flight.is_held() or not 0 <= now_s - flight.begun_at_s < limit_s:
            return Role.ALONE
        if self.waiting >= MAX_WAITING or len(flight.waiters) >= MAX_WAITING_FOR_ONE:
            return Role.ALONE
        return Role.FOLLOW

    def lead(self, key: bytes, now_s: float, is_held: Callable[[], bool]) -> Flight:
        """Begin to be waited for."""
        earlier = self._flights.get(key)
        if earlier is not None:
            self.end(earlier, Release.ALONE)
        flight = self._flights[key] = Flight(key, now_s, is_held)
        return flight

    def follow(self, flight: Flight, waiter: Waiter) -> None:
        """Have *waiter* wait."""
        flight.waiters.add(waiter)
        self.waiting += 1

    def leave(self, flight: Flight, waiter: Waiter) -> None:
        """Forget *waiter*; one that was let go already is no error."""
        if waiter in flight.waiters:
            flight.waiters.remove(waiter)
            self.waiting -= 1

    def store(self, flight: Flight, said: Values) -> None:
        """Note that the response of *flight* is on its way to the store.

        Whoever it does not suit is let go, to wait for one that does.
        """
        flight.is_storing, flight.said = True, said
        for waiter in [each for each in flight.waiters if not flight.suits(each.asked)]:
            self._wake(flight, waiter, Release.AGAIN)

    def end(self, flight: Flight, release: Release) -> None:
        """Let go all who wait; what is over already is no error."""
        if self._flights.get(flight.key) is flight:
            del self._flights[flight.key]
        for waiter in tuple(flight.waiters):
            self._wake(flight, waiter, release)

    def refuse(self, key: bytes, now_s: float) -> None:
        """Have requests for *key* go alone for a while."""
        self._refused.pop(key, None)
        self._refused[key] = now_s + REFUSED_S
        if len(self._refused) > _MAX_REFUSED:
            del self._refused[next(iter(self._refused))]

    def left(self, client: str) -> None:
        """Let those go whose client has closed its connection."""
        if not self.waiting:
            return
        for flight in self._flights.values():
            for waiter in [each for each in flight.waiters if each.client == client]:
                self._wake(flight, waiter, Release.ALONE)

    def clear(self) -> None:
        """Let all go."""
        for flight in tuple(self._flights.values()):
            self.end(flight, Release.ALONE)

    def _wake(self, flight: Flight, waiter: Waiter, release: Release) -> None:
        self.leave(flight, waiter)
        waiter.wake(release)

    def _has_room(self, now_s: float) -> bool:
        if len(self._flights) >= _MAX_LEADERS:
            for flight in [f for f in self._flights.values() if _is_abandoned(f, now_s)]:
                self.end(flight, Release.ALONE)
        return len(self._flights) < _MAX_LEADERS


def _is_abandoned(flight: Flight, now_s: float) -> bool:
    return not 0 <= now_s - flight.begun_at_s < _ABANDONED_S

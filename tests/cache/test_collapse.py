"""Who leads, who waits, who goes alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache.builders import NOW, entry, head
from forebay.cache import collapse
from forebay.cache.cache_status import Fwd
from forebay.cache.collapse import Flights, Release, Role, Waiter, is_shared, key_of, may_collapse
from forebay.cache.decision import Forward, Refuse, Revalidate, Serve

MISS = Forward(Fwd.URI_MISS, "not stored")
STALE = Revalidate((), Fwd.STALE, "stale")


def lead(flights, key=b"k", now_s=NOW, is_held=lambda: False):
    assert flights.role(key, now_s) is Role.LEAD
    return flights.lead(key, now_s, is_held)


def follow(flights, flight, told=None, client="c", **fields):
    waiter = Waiter(head(**fields), client, [].append if told is None else told.append)
    flights.follow(flight, waiter)
    return waiter


@pytest.mark.parametrize(
    ("decision", "expected"),
    [
        (MISS, True),
        (Forward(Fwd.VARY_MISS, "vary"), True),
        (STALE, True),
        (Forward(Fwd.REQUEST, "request no-store"), False),
        (Revalidate((), Fwd.REQUEST, "request no-cache"), False),
        (Forward(Fwd.PARTIAL, "part stored"), False),
        (Forward(Fwd.BYPASS, ""), False),
        (Refuse(Fwd.URI_MISS, "not stored"), False),
        (Serve(0, 1), False),
    ],
)
def test_only_what_is_lacking_is_fetched_together(decision, expected):
    assert may_collapse(head(), decision, None) is expected


@pytest.mark.parametrize(
    "fields",
    [
        {"authorization": "Basic x"},
        {"cookie": "a=b"},
        {"range": "bytes=0-"},
        {"if_range": '"a"'},
        {"if_none_match": '"a"'},
        {"if_modified_since": "x"},
        {"pragma": "no-cache"},
        {"cache_control": "no-cache"},
        {"cache_control": "no-store"},
        {"cache_control": "max-age=0"},
        {"cache_control": "min-fresh=9"},
    ],
)
def test_a_request_of_its_own_goes_alone(fields):
    assert not may_collapse(head(**fields), MISS, None)


def test_what_is_validated_each_time_is_validated_for_each():
    assert not may_collapse(head(), STALE, entry(cache_control="no-cache", etag='"a"'))
    assert may_collapse(head(), STALE, entry())


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"cache_control": "max-age=9"}, True),
        ({"cache_control": "max-age=0", "etag": '"a"'}, False),
        ({"cache_control": "max-age=9, no-cache", "etag": '"a"'}, False),
    ],
)
def test_only_a_response_that_is_reused_is_waited_for(fields, expected):
    assert is_shared(entry(**fields), NOW) is expected


def test_keys_are_those_of_variants():
    german, english = head(accept_language="de"), head(accept_language="en")
    names = (b"accept-language",)

    assert key_of(b"k", (), german) == key_of(b"k", (), english) == b"k"
    assert key_of(b"k", names, german) != key_of(b"k", names, english)
    assert key_of(b"k", names, german) == key_of(b"k", names, head(accept_language="DE"))
    assert key_of(b"k", names, head(accept_language="x" * 99_999)) is None


def test_one_leads_and_the_others_wait_until_the_end():
    flights, told = Flights(), []
    flight = lead(flights)
    assert flights.role(b"k", NOW) is Role.FOLLOW and flights[b"k"] is flight
    assert flights.role(b"other", NOW) is Role.LEAD
    for _ in range(3):
        follow(flights, flight, told)

    flights.end(flight, Release.AGAIN)

    assert told == [Release.AGAIN] * 3
    assert (len(flights), flights.waiting, flight.waiters) == (0, 0, set())
    assert flights.role(b"k", NOW) is Role.LEAD
    flights.end(flight, Release.ALONE)
    assert len(told) == 3


def test_the_end_of_an_earlier_flight_is_not_that_of_the_next():
    flights = Flights()
    first = lead(flights)
    flights.end(first, Release.AGAIN)
    second = lead(flights)

    flights.end(first, Release.AGAIN)

    assert flights[b"k"] is second


def test_who_may_not_lead_goes_alone():
    flights = Flights()

    assert flights.role(b"k", NOW, may_lead=False) is Role.ALONE
    lead(flights)
    assert flights.role(b"k", NOW, may_lead=False) is Role.FOLLOW


@pytest.mark.parametrize(
    ("later_s", "is_storing", "expected"),
    [
        (collapse.HEAD_S - 1, False, Role.FOLLOW),
        (collapse.HEAD_S, False, Role.ALONE),
        (collapse.HEAD_S, True, Role.FOLLOW),
        (collapse.HEAD_S + collapse.BODY_S, True, Role.ALONE),
        (-1, False, Role.LEAD),  # a clock that was put back
        (9999, True, Role.LEAD),
    ],
)
def test_a_slow_leader_is_not_joined(later_s, is_storing, expected):
    flights = Flights()
    flight = lead(flights)
    if is_storing:
        flights.store(flight, ())

    assert flights.role(b"k", NOW + later_s) is expected


def test_a_leader_that_a_user_holds_up_is_not_joined():
    flights = Flights()
    lead(flights, is_held=lambda: True)

    assert flights.role(b"k", NOW) is Role.ALONE


def test_vary_lets_go_whom_the_response_does_not_suit():
    flights, german, english = Flights(), [], []
    flight = lead(flights)
    follow(flights, flight, german, accept_language="de")
    follow(flights, flight, english, accept_language="en")

    flights.store(flight, ((b"accept-language", b"de"),))

    assert (german, english) == ([], [Release.AGAIN])
    assert flight.names == (b"accept-language",)
    assert flight.suits(head(accept_language="de")) and not flight.suits(head())
    assert flights.waiting == 1


def test_who_leaves_is_forgotten():
    flights, told = Flights(), []
    flight = lead(flights)
    waiter = follow(flights, flight, told)

    flights.leave(flight, waiter)
    flights.leave(flight, waiter)

    assert flights.waiting == 0
    flights.end(flight, Release.AGAIN)
    assert told == []


def test_a_client_that_leaves_lets_its_own_go():
    flights, ours, theirs = Flights(), [], []
    flight = lead(flights)
    follow(flights, flight, ours, client="a")
    follow(flights, flight, ours, client="a")
    follow(flights, flight, theirs, client="b")

    flights.left("a")

    assert (ours, theirs, flights.waiting) == ([Release.ALONE] * 2, [], 1)


def test_a_refused_key_is_left_alone_for_a_while():
    flights = Flights()
    flights.refuse(b"k", NOW)

    assert flights.role(b"k", NOW) is Role.ALONE
    assert flights.role(b"k", NOW + collapse.REFUSED_S - 1) is Role.ALONE
    assert flights.role(b"k", NOW + collapse.REFUSED_S) is Role.LEAD
    flights.refuse(b"k", NOW)
    assert flights.role(b"k", NOW - 1) is Role.LEAD  # the clock was put back


def test_who_waits_is_bounded(monkeypatch):
    monkeypatch.setattr(collapse, "MAX_WAITING_FOR_ONE", 2)
    monkeypatch.setattr(collapse, "MAX_WAITING", 3)
    flights = Flights()
    first, second = lead(flights, b"1"), lead(flights, b"2")
    for _ in range(2):
        follow(flights, first)
    assert flights.role(b"1", NOW) is Role.ALONE
    assert flights.role(b"2", NOW) is Role.FOLLOW
    follow(flights, second)
    assert flights.role(b"2", NOW) is Role.ALONE


def test_leaders_and_refusals_are_bounded(monkeypatch):
    monkeypatch.setattr(collapse, "_MAX_LEADERS", 2)
    monkeypatch.setattr(collapse, "_MAX_REFUSED", 2)
    flights = Flights()
    lead(flights, b"1")
    lead(flights, b"2", NOW + 500)
    assert flights.role(b"3", NOW + 500) is Role.ALONE
    assert flights.role(b"3", NOW + 700) is Role.LEAD  # the first was abandoned
    for key in (b"a", b"b", b"c"):
        flights.refuse(key, NOW + 700)
    assert flights.role(b"b", NOW + 700) is Role.ALONE
    assert flights.role(b"a", NOW + 700) is Role.LEAD


def test_clear_lets_all_go():
    flights, told = Flights(), []
    follow(flights, lead(flights, b"1"), told)
    follow(flights, lead(flights, b"2"), told)

    flights.clear()

    assert told == [Release.ALONE] * 2 and len(flights) == 0


ACTIONS = st.tuples(
    st.sampled_from(["come", "leave", "store", "end", "refuse", "left"]),
    st.sampled_from([b"1", b"2"]),
    st.integers(0, 12),
)


@given(st.lists(ACTIONS, max_size=60))
def test_whatever_happens_all_who_wait_are_let_go_once(actions):
    flights, now_s = Flights(), NOW
    waiting, begun, told = [], [], []

    for action, key, step_s in actions:
        now_s += step_s
        match action:
            case "come":
                role = flights.role(key, now_s)
                if role is Role.LEAD:
                    begun.append(flights.lead(key, now_s, lambda: False))
                elif role is Role.FOLLOW:
                    answers = []
                    told.append(answers)
                    waiter = follow(flights, flights[key], answers, client=str(step_s))
                    waiting.append((flights[key], waiter, answers))
            case "leave" if waiting:
                flight, waiter, answers = waiting.pop()
                flights.leave(flight, waiter)
                answers.append("left") if not answers else None
            case "store" if begun:
                flights.store(begun[-1], ((b"accept", None),))
            case "end" if begun:
                flights.end(begun.pop(), Release.AGAIN)
            case "refuse":
                flights.refuse(key, now_s)
            case "left":
                flights.left(str(step_s))
    flights.clear()

    assert all(len(answers) == 1 for answers in told)
    assert (flights.waiting, len(flights)) == (0, 0)

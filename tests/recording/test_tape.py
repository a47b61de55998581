"""What each mode makes of requests."""

from __future__ import annotations

import pytest

from forebay.recording.interaction import (
    Interaction,
    Message,
    Request,
    Response,
    Side,
    WebSocket,
)
from forebay.recording.tape import Mode, OnExhausted, Pass, Play, Record, Refuse, Tape

A, B, C = (Request("GET", f"http://h/{name}") for name in "abc")
ONE, TWO, THREE = (Response(200, body=body) for body in (b"1", b"2", b"3"))
RECORDED = [Interaction(A, ONE), Interaction(B, TWO), Interaction(A, THREE)]


def tape(mode, recorded=RECORDED, **given):
    return Tape(recorded, mode, **given)


def kinds(tape, *requests):
    return [type(tape.ask(request)) for request in requests]


@pytest.mark.parametrize(
    ("mode", "recorded", "expected"),
    [
        (Mode.NONE, RECORDED, [Play, Refuse]),
        (Mode.NONE, None, [Refuse, Refuse]),
        (Mode.ONCE, RECORDED, [Play, Refuse]),
        (Mode.ONCE, None, [Record, Record]),
        (Mode.ONCE, [], [Refuse, Refuse]),
        (Mode.NEW_EPISODES, RECORDED, [Play, Record]),
        (Mode.ALL, RECORDED, [Record, Record]),
        (Mode.PASSTHROUGH, RECORDED, [Pass, Pass]),
    ],
)
def test_a_recorded_request_and_another(mode, recorded, expected):
    assert kinds(tape(mode, recorded), A, C) == expected


@pytest.mark.parametrize(
    ("mode", "closed"),
    [
        (Mode.NONE, True),
        (Mode.ONCE, True),
        (Mode.NEW_EPISODES, False),
        (Mode.ALL, False),
        (Mode.PASSTHROUGH, False),
    ],
)
def test_which_modes_let_nothing_out(mode, closed):
    assert tape(mode).is_closed is closed
    assert not tape(Mode.ONCE, None).is_closed


def test_repeated_requests_are_answered_in_their_order():
    played = tape(Mode.NONE)

    assert [played.ask(A), played.ask(B), played.ask(A)] == [Play(ONE), Play(TWO), Play(THREE)]


def test_once_more_than_recorded_fails():
    played = tape(Mode.NONE)
    kinds(played, A, A)

    assert played.ask(A) == Refuse(A, times=2)


def test_or_is_answered_like_the_last():
    played = tape(Mode.NONE, on_exhausted=OnExhausted.REPEAT_LAST)
    kinds(played, A, A)

    assert [played.ask(A), played.ask(A)] == [Play(THREE), Play(THREE)]
    assert isinstance(played.ask(C), Refuse)


def test_or_is_recorded():
    played = tape(Mode.NEW_EPISODES)

    assert kinds(played, A, A, A) == [Play, Play, Record]


def test_a_refusal_names_what_comes_nearest():
    refused = tape(Mode.NONE).ask(Request("POST", "http://h/b"))

    assert refused.nearest == B
    assert [each.part for each in refused.differences] == ["method"]


def test_what_was_recorded_stands_in_the_order_in_which_it_was_asked():
    """However long each answer took."""
    made = tape(Mode.ALL, None)
    first, second, third = made.ask(A), made.ask(B), made.ask(C)
    made.finish(second.slot, TWO)
    made.finish(third.slot, None)  # nobody answered
    made.finish(first.slot, ONE)
    made.finish(first.slot, THREE)  # too late

    assert made.interactions() == [Interaction(A, ONE), Interaction(B, TWO)]
    assert made.is_changed


def test_new_ones_come_after_those_before():
    made = tape(Mode.NEW_EPISODES)
    made.finish(made.ask(C).slot, THREE)

    assert made.interactions() == [*RECORDED, Interaction(C, THREE)]


def test_all_anew_leaves_nothing_of_before():
    made = tape(Mode.ALL)
    made.finish(made.ask(C).slot, THREE)

    assert made.interactions() == [Interaction(C, THREE)]


@pytest.mark.parametrize(
    ("mode", "changed"),
    [(Mode.NONE, False), (Mode.NEW_EPISODES, False), (Mode.ALL, False), (Mode.PASSTHROUGH, False)],
)
def test_without_anything_new_nothing_is_written(mode, changed):
    assert tape(mode).is_changed is changed


def test_all_anew_without_any_answer_leaves_nothing_either():
    made = tape(Mode.ALL)
    made.finish(made.ask(C).slot, None)

    assert made.is_changed
    assert made.interactions() == []


def test_what_nobody_asked_for():
    played = tape(Mode.NONE)
    played.ask(A)

    assert played.unused == [B, A]
    assert tape(Mode.ALL).unused == []


def test_all_that_was_seen_with_what_came_of_it():
    made = tape(Mode.NEW_EPISODES)
    made.ask(A)
    slot = made.ask(C).slot
    made.let_pass(B)

    assert [(each.request, each.outcome) for each in made.asked] == [
        (A, "played"),
        (C, "open"),
        (B, "passed"),
    ]
    made.finish(slot, TWO)
    assert (made.asked[1].outcome, made.asked[1].response) == ("recorded", TWO)


CHAT = Request("GET", "ws://h/chat")
SAID = WebSocket((Message(Side.CLIENT, b"hi"),))


def test_a_websocket_is_recorded_and_played():
    made = tape(Mode.ONCE, None)
    made.finish(made.ask(CHAT).slot, Response(101), SAID)
    (kept,) = made.interactions()

    played = tape(Mode.NONE, [kept])
    found = played.ask(CHAT)
    assert found.conversation.recorded == SAID
    assert found.conversation.number == 0
    assert played.unexpected == []
    found.conversation.hear(Message(Side.CLIENT, b"other"))
    assert [each.request for each in played.unexpected] == [CHAT]


def test_a_websocket_answers_no_other_request():
    """Even where the scheme does not count."""
    from forebay.recording.match import matcher

    played = tape(
        Mode.NONE, [Interaction(CHAT, Response(101), SAID)], matcher=matcher([], ["scheme", "port"])
    )

    assert isinstance(played.ask(Request("GET", "http://h/chat")), Refuse)
    assert isinstance(played.ask(Request("GET", "wss://h/chat")), Play)

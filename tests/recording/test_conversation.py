"""A WebSocket that is played."""

from __future__ import annotations

import pytest

from forebay.recording.conversation import Conversation
from forebay.recording.interaction import Message, Request, Side, WebSocket
from forebay.recording.match import matcher

ASKED = Request("GET", "ws://h/chat")


def client(text, **given):
    return Message(Side.CLIENT, text.encode(), **given)


def server(text):
    return Message(Side.SERVER, text.encode())


def conversation(*messages, ignore=(), **given):
    return Conversation(ASKED, 3, WebSocket(messages, **given), matcher([], ignore))


def test_the_server_waits_for_what_came_before():
    talk = conversation(server("1"), client("a"), server("2"), server("3"), client("b"))

    assert talk.due() == [server("1")]
    assert talk.due() == []
    assert talk.hear(client("a"))
    assert talk.due() == [server("2"), server("3")]
    assert not talk.is_played
    assert talk.hear(client("b"))
    assert talk.is_played and not talk.closes


def test_the_server_ends_it_when_all_is_said():
    talk = conversation(client("a"), server("1"), closed_by=Side.SERVER)

    assert not talk.closes
    talk.hear(client("a"))
    assert not talk.closes
    talk.due()
    assert talk.closes


@pytest.mark.parametrize(
    ("recorded", "said", "ignore"),
    [
        ('{"a": 1, "b": 2}', '{"b":2,"a":1}', []),
        ('{"a": 1, "at": 2}', '{"a": 1, "at": 3}', ["json:/at"]),
        ("x", "y", ["body"]),
    ],
)
def test_messages_that_mean_the_same(recorded, said, ignore):
    assert conversation(client(recorded), ignore=ignore).hear(client(said))


@pytest.mark.parametrize(
    ("recorded", "said"),
    [
        (client("a"), client("b")),
        (client('{"a": 1}'), client('{"a": 2}')),
        (client("a"), client("a", is_text=False)),
        (client("a", is_text=False), client("b", is_text=False)),
    ],
)
def test_another_message(recorded, said):
    talk = conversation(server("1"), recorded)
    talk.due()

    assert not talk.hear(said)
    found = talk.unexpected
    assert (found.request, found.number, found.message, found.is_more) == (ASKED, 3, 1, False)
    assert found.difference.part == "message 2"
    assert found.difference.asked != found.difference.recorded


def test_more_than_was_recorded():
    talk = conversation(client("a"))
    talk.hear(client("a"))

    assert not talk.hear(client("a"))
    assert (talk.unexpected.is_more, talk.unexpected.message) == (True, 1)
    assert talk.unexpected.difference.asked == "a"

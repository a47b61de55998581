"""A WebSocket that is recorded."""

from __future__ import annotations

import pytest

from forebay.recording.interaction import Message, Side, WebSocket
from forebay.recording.talk import Talk

MESSAGE = Message(Side.CLIENT, b"12345")


def test_messages_are_kept_in_their_order():
    talk = Talk(limit_bytes=10, most=2)
    talk.add(MESSAGE)
    talk.add(Message(Side.SERVER, b"1"))

    assert talk.excess == ""
    assert talk.ended(Side.SERVER, 1000, "x") == WebSocket(
        (MESSAGE, Message(Side.SERVER, b"1")), Side.SERVER, 1000, "x"
    )


@pytest.mark.parametrize(
    ("limit_bytes", "most", "option"),
    [(9, 5, "recording_max_body_bytes"), (100, 1, "recording_max_messages")],
)
def test_of_too_much_nothing_is_kept(limit_bytes, most, option):
    talk = Talk(limit_bytes, most)
    for _ in range(3):
        talk.add(MESSAGE)

    assert option in talk.excess
    assert talk.ended(None, 1005, "").messages == ()

"""WebSockets in cassettes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.recording.bodytext import BodyError
from forebay.recording.interaction import Message, Side, WebSocket
from forebay.recording.sockettext import read, shown

SIDES = st.sampled_from(Side)
TEXTS = st.text(max_size=20).map(str.encode) | st.just(b'{"a":"' + b"x" * 100 + b'"}')
MESSAGES = st.builds(Message, SIDES, TEXTS) | st.builds(
    Message, SIDES, st.binary(max_size=8), st.just(False)
)
SOCKETS = st.builds(WebSocket, st.lists(MESSAGES, max_size=4).map(tuple)) | st.builds(
    WebSocket,
    st.lists(MESSAGES, max_size=4).map(tuple),
    SIDES,
    st.integers(1000, 4999),
    st.text(max_size=8),
)


@given(SOCKETS)
def test_nothing_is_lost(websocket):
    assert read(shown(websocket)) == websocket


def test_long_json_is_spread_and_short_is_not():
    short = Message(Side.CLIENT, b'{"a":1}')
    long = Message(Side.SERVER, b'{"a":"' + b"x" * 100 + b'"}')

    one, other = shown(WebSocket((short, long)))["messages"]
    assert one == {"client": '{"a":1}'}
    assert other["server"].startswith('{\n  "a"') and other["sent_as"] == "json compact"


@pytest.mark.parametrize(
    ("item", "error"),
    [
        ({"client": "a", "sent_as": "base64"}, BodyError),
        ({"client": "{", "sent_as": "json"}, BodyError),
        ({"client": "a", "server": "b"}, TypeError),
        ({"both": "a"}, ValueError),
        ({"client": 1}, TypeError),
        ({}, ValueError),
    ],
)
def test_what_cannot_be_made_out(item, error):
    with pytest.raises(error):
        read({"messages": [item]})


@pytest.mark.parametrize(
    "more", [{"code": "x"}, {"reason": 1}, {"closed_by": "nobody"}, {"other": 1}]
)
def test_what_else_is_wrong(more):
    with pytest.raises((TypeError, ValueError)):
        read({"messages": [], **more})

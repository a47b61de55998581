"""The text of cassettes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.errors import RuleErrors
from forebay.recording.cassette import dumps, line, loads
from forebay.recording.interaction import (
    Interaction,
    Message,
    Request,
    Response,
    Side,
    WebSocket,
)
from recording.test_sockettext import SOCKETS

PATH = Path("c.yaml")
NAMES = st.sampled_from(["accept", "content-type", "x-a", "no", "1"])
VALUES = st.binary(max_size=12).map(lambda raw: raw.decode("utf-8", "surrogateescape"))
HEADERS = st.lists(st.tuples(NAMES, VALUES), max_size=4).map(
    lambda pairs: tuple(sorted(pairs, key=lambda pair: pair[0]))
)
BODIES = st.binary(max_size=30) | st.sampled_from([b"", b'{"a":[1,{"b":null}]}', b"a\nb\n"])
URLS = st.text("abc/?=&%20é", max_size=12).map(lambda text: f"http://h/{text}")
INTERACTIONS = st.lists(
    st.builds(
        Interaction,
        st.builds(Request, st.sampled_from(["GET", "no", "PURGE"]), URLS, HEADERS, BODIES),
        st.builds(Response, st.integers(100, 599), HEADERS, BODIES, st.booleans()),
    )
    | st.builds(
        Interaction,
        st.builds(Request, st.just("GET"), URLS),
        st.builds(Response, st.just(101), HEADERS),
        SOCKETS,
    ),
    max_size=3,
)
EXAMPLE = """\
# Recorded by Forebay; may be edited, and belongs beside the tests.
version: 1
interactions:
- request:
    method: POST
    url: http://h/a?b=c
    headers:
      content-type: application/json
    body: |
      {
        "a": 1
      }
    sent_as: json compact
  response:
    status: 201
    headers:
      set-cookie:
      - a=REDACTED
      - b=REDACTED
    body: created
"""
MADE = [
    Interaction(
        Request("POST", "http://h/a?b=c", (("content-type", "application/json"),), b'{"a":1}'),
        Response(201, (("set-cookie", "a=REDACTED"), ("set-cookie", "b=REDACTED")), b"created"),
    )
]


def test_the_format():
    assert dumps(MADE) == (EXAMPLE, {})
    assert loads(EXAMPLE, PATH, {}) == MADE


@given(INTERACTIONS)
def test_what_is_written_is_read_back(interactions):
    text, files = dumps(interactions)

    assert loads(text, PATH, files) == interactions


@given(INTERACTIONS)
def test_by_a_library_too(interactions):
    """As when somebody has edited it: a comment is enough."""
    text, files = dumps(interactions)

    assert loads(text.replace("version: 1\n", "version: 1 # one\n"), PATH, files) == interactions


def test_recorded_twice_is_the_same_text():
    assert dumps(MADE) == dumps(loads(EXAMPLE, PATH, {}))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "version: 1",
            "version: 3",
            "c.yaml:2: expected a cassette of version 2 or older, found version 3, which a newer Forebay has written",
        ),
        ("version: 1", "version: 0", "c.yaml:2:1: version: expected version 1 or 2, found 0"),
        ("version: 1\n", "", "expected the key 'version', found none"),
        ("status: 201", "status: 99", "c.yaml:15:5: response.status: expected"),
        (
            "status: 201",
            "status: abc",
            "c.yaml:15:5: response.status: expected a whole number, found 'abc'",
        ),
        ("method: POST", "methods: POST", "unknown key 'methods': did you mean 'method'?"),
        ("http://h/a?b=c", "/a", "expected an absolute URL, found '/a'"),
        ("json compact", "json tiny", "sent_as: expected 'json'"),
        ('"a": 1', '"a": ', "expected JSON, as sent_as says, found"),
        (
            "body: created",
            "body_file: x.bin",
            "expected the file 'x.bin' beside the cassette, found none",
        ),
        ("  response:", "   response:", "c.yaml:"),
        ("- a=REDACTED", "- {a: 1}", "c.yaml:"),
    ],
)
def test_what_is_damaged_is_named_with_its_line(old, new, expected):
    assert EXAMPLE.count(old) == 1

    with pytest.raises(RuleErrors) as caught:
        loads(EXAMPLE.replace(old, new), PATH, {})

    assert expected in str(caught.value)


@given(st.text(max_size=60) | st.text("version: 1\ninteractions:-{}[] ", max_size=60))
def test_any_text_is_read_or_refused(text):
    try:
        loads(text, PATH, {})
    except RuleErrors as error:
        message = str(error)
        assert "c.yaml" in message


EVENTS = (("content-type", "text/event-stream"),)
TALKED = """\
# Recorded by Forebay; may be edited, and belongs beside the tests.
version: 2
interactions:
- request:
    method: GET
    url: http://h/events
  response:
    status: 200
    headers:
      content-type: text/event-stream
    body: |+
      event: add
      data: 1

      data: 2

    sent_as: crlf
    ended_by: client
- request:
    method: GET
    url: wss://h/chat
  response:
    status: 101
  websocket:
    messages:
    - client: hi
    - server: |
        one
        - client: two
    - server: AP8=
      sent_as: base64
    closed_by: server
    code: 4000
    reason: bye
"""
TALK = [
    Interaction(
        Request("GET", "http://h/events"),
        Response(200, EVENTS, b"event: add\r\ndata: 1\r\n\r\ndata: 2\r\n\r\n", is_open=True),
    ),
    Interaction(
        Request("GET", "wss://h/chat"),
        Response(101),
        WebSocket(
            (
                Message(Side.CLIENT, b"hi"),
                Message(Side.SERVER, b"one\n- client: two\n"),
                Message(Side.SERVER, b"\0\xff", is_text=False),
            ),
            Side.SERVER,
            4000,
            "bye",
        ),
    ),
]


def test_streams_and_websockets():
    assert dumps(TALK) == (TALKED, {})
    assert loads(TALKED, PATH, {}) == TALK
    assert loads(TALKED.replace("version: 2\n", "version: 2 # two\n"), PATH, {}) == TALK


def test_what_an_older_version_can_say_is_written_as_that():
    """So that an older Forebay reads it."""
    whole = Interaction(Request("GET", "http://h/"), Response(200, EVENTS, b"data: 1\n\n"))

    assert "version: 1\n" in dumps([whole])[0]


@pytest.mark.parametrize("by_hand", [False, True])
@pytest.mark.parametrize(
    ("number", "message", "expected"),
    [(0, None, 4), (1, None, 19), (1, 0, 26), (1, 1, 27), (1, 2, 30)],
)
def test_lines_are_found(by_hand, number, message, expected):
    text = TALKED.replace("version: 2\n", "version: 2 # two\n") if by_hand else TALKED

    assert line(text, PATH, number, message) == expected


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("ended_by: client", "ended_by: me", "c.yaml:18:5: response.ended_by: expected 'client'"),
        ("status: 101", "status: 200", "c.yaml:19:3: expected the status 101 before a WebSocket"),
        ("- client: hi", "- clint: hi", "c.yaml:26:7: websocket.messages: unknown key 'clint'"),
        ("- client: hi", "- sent_as: json", "c.yaml:26:7: websocket.messages: expected client or"),
        ("AP8=", "AP8", "c.yaml:30:7: websocket.messages: expected base64"),
        ("code: 4000", "code: 1", "c.yaml:33:5: websocket.code: expected"),
        ("closed_by: server", "closed_by: me", "c.yaml:32:5: websocket.closed_by: expected"),
    ],
)
def test_what_is_damaged_in_them_is_named(old, new, expected):
    with pytest.raises(RuleErrors) as caught:
        loads(TALKED.replace(old, new, 1), PATH, {})

    assert expected in str(caught.value)

"""Recordings from and to other tools."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.export.har import Har
from forebay.recording.archive import (
    ArchiveError,
    from_har,
    from_vcr,
    is_vcr,
    messages,
    records,
)
from forebay.recording.interaction import (
    Interaction,
    Message,
    Request,
    Response,
    Side,
    WebSocket,
)
from forebay.trafficlog.redact import DEFAULT

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MADE = [
    Interaction(
        Request(
            "POST",
            "https://h.example/a?b=c",
            (("content-type", "application/json"), ("x-a", "1"), ("x-a", "2")),
            b'{"a":1}',
        ),
        Response(201, (("content-type", "text/plain"),), b"created"),
    ),
    Interaction(Request("GET", "http://h/"), Response(200, (), b"\x89PNG\xff")),
    Interaction(Request("PUT", "http://h/", (), b"\xff\x00"), Response(204)),
]
VCR = {
    "version": 1,
    "interactions": [
        {
            "request": {
                "method": "POST",
                "uri": "http://h/?token=abc",
                "headers": {"Accept": ["*/*"], "User-Agent": ["x"]},
                "body": "a=1",
            },
            "response": {
                "status": {"code": 200, "message": "OK"},
                "headers": {"Set-Cookie": ["a=b", "c=d"], "Content-Length": ["2"]},
                "body": {"string": "hi"},
            },
        }
    ],
}


def har_of(interactions) -> dict:
    har = Har("1")
    parts = [har.head(), *(har.convert(record) or b"" for record in records(interactions, NOW))]
    return json.loads(b"".join([*parts, har.tail()]))


def test_through_an_http_archive_and_back():
    assert from_har(har_of(MADE), DEFAULT) == MADE


def test_archives_of_browsers():
    """HTTP/2's pseudo fields, decoded content with its coding still named, no answer."""
    document = {
        "log": {
            "entries": [
                {
                    "request": {
                        "method": "GET",
                        "url": "https://u:p@h/?sig=x",
                        "headers": [
                            {"name": ":authority", "value": "h"},
                            {"name": "Cookie", "value": "a=b"},
                        ],
                    },
                    "response": {
                        "status": 200,
                        "headers": [{"name": "Content-Encoding", "value": "br"}],
                        "content": {"text": "aGk=", "encoding": "base64"},
                    },
                },
                {
                    "request": {"method": "GET", "url": "https://h/"},
                    "response": {"status": 0},
                },
            ]
        }
    }

    assert from_har(document, DEFAULT) == [
        Interaction(
            Request(
                "GET", "https://REDACTED:REDACTED@h/?sig=REDACTED", (("cookie", "a=REDACTED"),)
            ),
            Response(200, (), b"hi"),
        )
    ]


def test_cassettes_of_vcr():
    assert is_vcr(VCR)
    assert from_vcr(VCR, DEFAULT) == [
        Interaction(
            Request("POST", "http://h/?token=REDACTED", (("accept", "*/*"),), b"a=1"),
            Response(200, (("set-cookie", "a=REDACTED"), ("set-cookie", "c=REDACTED")), b"hi"),
        )
    ]


@pytest.mark.parametrize(
    "document", [None, [], {}, {"interactions": []}, {"interactions": [{"request": {"url": ""}}]}]
)
def test_what_is_none_of_vcr(document):
    assert not is_vcr(document)


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({}, "expected an HTTP Archive with log.entries, found none"),
        ([], "expected an HTTP Archive with log.entries, found none"),
        ({"log": {"entries": [{}]}}, "expected an exchange as entry 1, found KeyError('request')"),
        (
            {
                "log": {
                    "entries": [
                        {
                            "request": {"method": "GET", "url": "http://h/"},
                            "response": {
                                "status": 200,
                                "content": {"text": "!", "encoding": "base64"},
                            },
                        }
                    ]
                }
            },
            "expected an exchange as entry 1",
        ),
    ],
)
def test_damage_is_named(document, expected):
    with pytest.raises(ArchiveError) as caught:
        from_har(document, DEFAULT)

    assert expected in str(caught.value)


JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["request", "response", "status", "url"]), inner)
    ),
    max_leaves=6,
)


@given(JSON)
def test_any_document_is_read_or_refused(document):
    try:
        from_har({"log": {"entries": [document]}}, DEFAULT)
    except ArchiveError as error:
        message = str(error)
        assert "entry 1" in message


TALK = Interaction(
    Request("GET", "wss://h.example/chat"),
    Response(101),
    WebSocket((Message(Side.CLIENT, "ü".encode()), Message(Side.SERVER, b"\0", is_text=False))),
)


def test_websockets_go_to_archives_and_back():
    """As browsers write them; how they were closed is not in it."""
    har = Har("1")
    (record,) = records([TALK], NOW)
    document = json.loads(har.head() + har.convert(record, messages(TALK, NOW)) + har.tail())

    (entry,) = document["log"]["entries"]
    assert entry["_resourceType"] == "websocket"
    assert entry["_webSocketMessages"][0] == {
        "type": "send",
        "time": NOW.timestamp(),
        "opcode": 1,
        "data": "ü",
    }
    assert from_har(document, DEFAULT) == [TALK]
    assert messages(MADE[0], NOW) is None


def test_a_websocket_of_an_archive_is_one_by_its_messages():
    """mitmproxy writes its URL with http; secrets are masked."""
    entry = {
        "request": {"method": "GET", "url": "https://h/chat", "headers": []},
        "response": {"status": 101, "headers": []},
        "_webSocketMessages": [{"type": "receive", "opcode": 1, "data": '{"token":"x"}'}],
    }
    (found,) = from_har({"log": {"entries": [entry]}}, DEFAULT)

    assert found.request.url == "wss://h/chat"
    assert found.websocket.messages == (Message(Side.SERVER, b'{"token":"REDACTED"}'),)


@pytest.mark.parametrize("wrong", [{"type": "sent"}, {"opcode": 2, "data": "?"}, {"data": None}])
def test_messages_that_cannot_be_made_out(wrong):
    entry = {
        "request": {"method": "GET", "url": "wss://h/chat", "headers": []},
        "response": {"status": 101, "headers": []},
        "_webSocketMessages": [{"type": "send", "opcode": 1, "data": "a", "time": 1} | wrong, 1],
    }
    with pytest.raises(ArchiveError, match="entry 1"):
        from_har({"log": {"entries": [entry]}}, DEFAULT)

"""A recording from its beginning to its end."""

from __future__ import annotations

import pytest

from forebay.errors import ForebayError
from forebay.recording import store
from forebay.recording.config import Config
from forebay.recording.interaction import (
    Interaction,
    Message,
    Request,
    Response,
    Side,
    WebSocket,
)
from forebay.recording.session import Session
from forebay.recording.tape import Mode
from forebay.rewrite.patterns import Hosts
from forebay.trafficlog.redact import DEFAULT

A = Request("GET", "http://h/a")


@pytest.fixture(name="path")
def _path(tmp_path):
    return tmp_path / "c.yaml"


def session(path, mode=Mode.ONCE, **given):
    return Session.begun(Config(path, mode, **given), DEFAULT)


def test_once_records_and_then_plays(path):
    made = session(path)
    made.tape.finish(made.tape.ask(A).slot, Response(200))

    assert not made.is_closed
    assert made.save() == str(path)
    played = session(path)
    assert played.is_closed
    assert played.tape.ask(A).response == Response(200)
    assert played.save() is None


def test_without_anything_to_record_nothing_is_written(path):
    assert session(path).save() is None
    assert not path.exists()


def test_a_damaged_cassette_is_refused(path):
    path.write_text("version: 1\ninteractions: x\n", encoding="utf-8")

    with pytest.raises(ForebayError, match=r"c\.yaml:2"):
        session(path)


def test_the_report(path):
    store.save(path, [Interaction(A, Response(200)), Interaction(A, Response(500))])
    played = session(path, Mode.NONE)
    played.tape.ask(A)
    played.tape.ask(Request("GET", "http://h/b"))

    found = played.report()

    assert found["cassette"] == str(path)
    assert [each["outcome"] for each in found["requests"]] == ["played", "refused"]
    assert found["refused"][0]["url"] == "http://h/b"
    assert found["unused"] == ["GET http://h/a"]
    assert found["secrets"] == []


def test_secrets_in_the_cassette_are_reported(path):
    store.save(path, [Interaction(Request("GET", "http://h/?token=abc"), Response(200))])

    assert session(path, Mode.NONE).report()["secrets"] == [
        "GET http://h/?token=REDACTED: url.full: named like a secret"
    ]


def test_hosts_that_are_allowed(path):
    found = session(path, allow=Hosts.of(["*.example"]))

    assert found.allows("a.example")
    assert not found.allows("example.com")
    assert not session(path).allows("a.example")


def test_at_the_end_of_the_process_all_is_said(path, caplog):
    caplog.set_level("INFO")
    made = session(path)
    made.tape.finish(made.tape.ask(A).slot, Response(200))
    made.tell()
    played = session(path, Mode.NONE)
    played.tape.ask(Request("GET", "http://h/b"))
    played.tell()

    assert f"recording: 1 interactions in {path}" in caplog.text
    assert "recording: GET http://h/b is not in the recording" in caplog.text


def test_the_status_counts_what_became_of_requests(path):
    store.save(path, [Interaction(A, Response(200))])
    played = session(path, Mode.NEW_EPISODES)
    played.tape.ask(A)
    slot = played.tape.ask(Request("GET", "http://h/b")).slot
    played.tape.ask(Request("GET", "http://h/c"))
    played.tape.finish(slot, Response(200))

    found = played.status()

    assert (found["mode"], found["file"], found["interactions"]) == ("new_episodes", str(path), 2)
    assert (found["played"], found["recorded"], found["open"], found["refused"]) == (1, 1, 1, 0)


CHAT = Request("GET", "ws://h/chat")
SAID = WebSocket((Message(Side.CLIENT, b"a"), Message(Side.CLIENT, b"b")))


def test_the_report_says_what_became_of_websockets(path, caplog):
    store.save(path, [Interaction(CHAT, Response(101), SAID)] * 3)
    played = session(path, Mode.NONE)
    one, two, three = (played.tape.ask(CHAT).conversation for _ in range(3))
    one.hear(Message(Side.CLIENT, b"x"))
    two.hear(Message(Side.CLIENT, b"a"))
    for text in (b"a", b"b", b"c"):
        three.hear(Message(Side.CLIENT, text))

    found = played.report()

    assert found["unexpected"] == [
        {
            "error": f"ws://h/chat: expected message 1 as in {path}:11, found another",
            "recorded": "a",
            "found": "x",
        },
        {
            "error": f"ws://h/chat: expected no message after the 2 of {path}:22, found one more",
            "recorded": "",
            "found": "c",
        },
    ]
    assert f"ws://h/chat: message 2, {path}:21" in found["waiting"]
    assert found["unused"] == ["ws://h/chat: messages from 2 on"]
    assert played.status()["unexpected"] == 2
    played.tell()
    assert f"expected message 1 as in {path}:11" in caplog.text


def test_secrets_in_messages_are_found(path):
    token = "ghp_" + "a1B2" * 9
    made = session(path)
    said = WebSocket((Message(Side.SERVER, token.encode()), Message(Side.CLIENT, b"hi")))
    made.tape.finish(made.tape.ask(CHAT).slot, Response(101), said)

    assert len(made.report()["secrets"]) == 1

"""What is said of a recording."""

from __future__ import annotations

import json

from forebay.recording import told
from forebay.recording.interaction import Interaction, Request, Response
from forebay.recording.match import Difference
from forebay.recording.tape import Asked, Refuse
from forebay.trafficlog.redact import DEFAULT
from forebay.trafficlog.scan import Scanner

ASKED = Request("POST", "http://h/a", (("vary", "a"), ("vary", "b")), b"\x00")


def test_a_refusal_names_the_nearest_and_the_differences():
    refused = Refuse(ASKED, 0, Request("GET", "http://h/a"), (Difference("method", "POST", "GET"),))

    said = json.loads(told.answer(refused, "c.yaml"))

    assert said["error"] == "POST http://h/a is not in the recording"
    assert said["nearest"] == {"method": "GET", "url": "http://h/a"}
    assert said["differences"] == [{"part": "method", "asked": "POST", "recorded": "GET"}]
    assert said["cassette"] == "c.yaml"
    assert "new_episodes" in said["help"]


def test_one_that_came_too_often():
    assert told.why(Refuse(ASKED, 1)) == "POST http://h/a was recorded once and is asked once more"


def test_a_request_that_was_seen():
    assert told.asked(Asked(ASKED, "played", Response(204))) == {
        "method": "POST",
        "url": "http://h/a",
        "headers": {"vary": "a, b"},
        "body": "AA==",
        "outcome": "played",
        "status": 204,
    }
    assert "status" not in told.asked(Asked(ASKED, "refused"))


def test_secrets_are_found_in_every_part():
    """As in records."""
    found = Interaction(
        Request("POST", "http://h/?token=abc", (("cookie", "a=b"),), b'{"password": "x"}'),
        Response(200, (("set-cookie", "a=b"),), b"\xff"),
    )

    leaks = {leak.field for leak in Scanner(DEFAULT).leaks(told.searchable(found))}

    assert leaks == {
        "url.full",
        "http.request.header.cookie",
        "http.response.header.set-cookie",
        "forebay.request.body",
    }

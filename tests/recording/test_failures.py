"""What is said when a recording has ended."""

from __future__ import annotations

import json

import pytest

from forebay.recording.failures import IN_COMMANDS, difference, failures, warnings

URL = "http://h/a"


def report(**more):
    """What the proxy says of a recording in which all was as it should be."""
    return {
        "cassette": "/c.yaml",
        "mode": "none",
        "recorded": True,
        "requests": [{"method": "GET", "url": URL, "outcome": "played"}],
        "refused": [],
        "unused": [],
        "fenced": [],
        "untrusting": [],
        "skipped": [],
        "secrets": [],
        "saved": None,
    } | more


def refused(*differences, **more):
    said = {"error": f"GET {URL} is not in the recording", "method": "GET", "url": URL}
    said["recorded_times"] = 0
    if differences:
        said["nearest"] = {"method": "GET", "url": "http://h/b"}
        said["differences"] = [
            {"part": part, "recorded": recorded, "asked": asked}
            for part, recorded, asked in differences
        ]
    return said | more


UNTRUSTING = {
    "host": "h",
    "client": "curl/8",
    "error": "The client does not trust the proxy's certificate for h (unknown ca)",
    "variable": "CURL_CA_BUNDLE",
}


def test_nothing_to_say():
    assert failures(report(), needs_all=True) == []
    assert warnings(report()) == []


def test_a_refused_request_says_what_is_near_and_what_helps():
    found = failures(report(refused=[refused(("query", "t=1&x=2", "t=3&x=2"))]))

    refusal, helps = found
    assert refusal == (
        f"unexpected request: GET {URL} is not in the recording\n"
        "  the nearest recording is GET http://h/b\n"
        "  it differs in query (- recorded, + asked):\n"
        "    - t=1\n    + t=3\n      x=2"
    )
    assert helps == (
        "the cassette is /c.yaml; what can be done:\n"
        "  - record it where the server can be reached: --record-mode=new_episodes, or "
        "--record-mode=all for all of the test\n"
        "  - let the host pass: @pytest.mark.recording(allow=['h'])\n"
        "  - if it does not count: @pytest.mark.recording(ignore=['query:t'])"
    )


def test_parameters_are_not_said_to_be_ignored_where_more_differs():
    found = failures(report(refused=[refused(("path", "/b", "/a"), ("query", "t=1", "t=2"))]))

    assert "ignore" not in found[-1]


def test_a_request_that_came_too_often():
    found = failures(report(refused=[refused(recorded_times=2)]))

    assert 'on_exhausted="repeat_last"' in found[-1]


def test_no_cassette_at_all():
    found = failures(report(recorded=False, refused=[refused()]))

    assert found[-1].startswith("there is no cassette /c.yaml; what can be done:")


def test_commands_have_other_words():
    found = "\n".join(failures(report(refused=[refused(recorded_times=1)]), IN_COMMANDS))

    assert "--allow HOST, for ['h']" in found
    assert "--on-exhausted repeat_last" in found
    assert "pytest" not in found


def test_many_refused_requests_are_cut():
    found = failures(report(refused=[refused()] * 25))

    assert len(found) == 12
    assert found[10] == "and 15 more requests were refused"


def test_connections_that_were_kept_from_servers():
    (found,) = failures(report(fenced=["h:22", "h:22", "[::1]:9"]))

    assert found == (
        "expected no connection in mode none, found attempts to reach h:22, [::1]:9; what lets "
        "them pass: @pytest.mark.recording(allow=['[::1]', 'h'])"
    )


def test_a_client_that_does_not_trust_fails_and_one_that_leaves_is_a_warning():
    """Browsers open connections in advance, and leave."""
    left = UNTRUSTING | {"client": "", "error": "The client disconnected during the handshake."}
    said = report(untrusting=[UNTRUSTING, UNTRUSTING, left])

    (failure,) = failures(said)
    (warning,) = warnings(said)

    assert "found curl/8 that asked for h and left" in failure
    assert "a variable that helps is CURL_CA_BUNDLE" in failure
    assert "a client that has not said its name" in warning


def test_secrets():
    (found,) = failures(report(secrets=["GET http://h/: url.full: github"]))

    assert found.startswith("expected no secret in the cassette /c.yaml, which is not written")
    assert found.endswith("\n  - GET http://h/: url.full: github")


def test_unused_recordings_fail_where_that_is_asked():
    said = report(unused=[f"GET http://h/{n}" for n in range(12)])

    (found,) = failures(said, needs_all=True)

    assert failures(said) == []
    assert len(found.splitlines()) == 12
    assert found.endswith("  - and 2 more")


@pytest.mark.parametrize(("mode", "is_told"), [("once", True), ("all", True), ("none", False)])
def test_what_was_not_recorded(mode, is_told):
    """What was refused for its size in mode none is told of as refused."""
    seen = [{"method": "GET", "url": URL, "outcome": "open"}]

    found = warnings(report(mode=mode, skipped=["GET http://h/: too long"], requests=seen))

    assert found == (
        [
            "not recorded: GET http://h/: too long",
            f"not recorded, as the answer had not ended: GET {URL}",
        ]
        if is_told
        else []
    )


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        pytest.param({"unused": ["GET http://h/"]}, "/c.yaml has recordings", id="played"),
        pytest.param({"mode": "once", "recorded": False}, "they are recorded", id="recorded"),
        pytest.param({"mode": "new_episodes"}, "they are recorded", id="new episodes"),
        pytest.param({"recorded": False}, None, id="no cassette in CI"),
        pytest.param({"mode": "passthrough"}, None, id="passthrough"),
        pytest.param({"unused": ["x"], "untrusting": [UNTRUSTING]}, None, id="it tried"),
    ],
)
def test_no_request_at_all(more, expected):
    found = [each for each in warnings(report(requests=[], **more)) if "no request" in each]

    assert len(found) == (expected is not None)
    assert all(expected in each and "HTTPS_PROXY" in each for each in found)


class TestDifference:
    def test_json_by_member(self):
        assert difference('{"a": 1, "b": [1]}', '{"a": 1, "b": [2]}') == [
            "  {", '    "a": 1,', '    "b": [', "-     1", "+     2", "    ]", "  }"
        ]  # fmt: skip

    def test_what_was_nothing(self):
        assert difference("", "a=1") == ["+ a=1"]
        assert difference("/a", "/b") == ["- /a", "+ /b"]

    def test_json_that_was_cut(self):
        assert difference('{"a": 1, "b…', '{"a": 2, "b…') == ['- {"a": 1, "b…', '+ {"a": 2, "b…']

    def test_long_texts_are_shown_near_their_differences(self):
        before = {f"k{n:03}": n for n in range(100)}

        found = difference(json.dumps(before), json.dumps(before | {"k050": "x"}))

        assert len(found) < 10
        assert '-   "k050": 50,' in found
        assert '+   "k050": "x",' in found

    def test_and_cut(self):
        found = difference(json.dumps(list(range(100))), json.dumps(list(range(100, 200))))

        assert len(found) == 41
        assert found[-1].endswith("more lines")


UNEXPECTED = {
    "error": "ws://h/: expected message 2 as in c.yaml:9, found another",
    "recorded": '{"a": 1}',
    "found": '{"a": 2}',
}


def test_an_unexpected_message_says_where_and_what():
    found = failures(report(unexpected=[UNEXPECTED]), IN_COMMANDS)

    assert found[0] == (
        "unexpected message: ws://h/: expected message 2 as in c.yaml:9, found another "
        '(- recorded, + found):\n    {\n  -   "a": 1\n  +   "a": 2\n    }'
    )
    assert "forebay record" in found[1] and "json:/a/b" in found[1]


def test_of_many_messages_some_are_told():
    found = failures(report(unexpected=[UNEXPECTED] * 12))

    assert found[10] == "and 2 more messages were unexpected"


def test_a_websocket_that_still_waits_is_a_warning():
    (found,) = warnings(report(waiting=["ws://h/: message 2, c.yaml:9"]))

    assert found.endswith("as the client has not said what came next: ws://h/: message 2, c.yaml:9")

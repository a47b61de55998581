"""What is told of a flow."""

from __future__ import annotations

import pytest
from mitmproxy import flow, http
from mitmproxy.test import taddons, tflow, tutils

from forebay import outcome
from forebay.inspect import account
from forebay.inspect.explain import explain, pruned
from forebay.trafficlog.redact import DEFAULT, Policy, Redactor


class Log:
    """As the traffic log's addon, with names that are secret here."""

    name = "forebay.trafficlog"
    redactor = Redactor(Policy(names=("employee",)))


@pytest.fixture(autouse=True)
def _proxy():
    with taddons.context():
        yield


def exchange(**notes):
    request = http.Headers(
        [(b"Host", b"h.example"), (b"Cookie", b"a=hunter2"), (b"Accept", b"text/html")]
    )
    response = http.Headers([(b"Cache-Control", b"max-age=60"), (b"Vary", b"Accept, Cookie")])
    made = tflow.tflow(
        req=tutils.treq(
            host="h.example",
            port=80,
            path=b"/a?token=hunter2&employee=7",
            headers=request,
            timestamp_start=100.0,
        ),
        resp=tutils.tresp(headers=response, timestamp_start=100.5, timestamp_end=101.0),
    )
    outcome.begin(made)
    outcome.of(made).update(notes)
    return made


MISS = {"result": "miss", "reason": "not stored", "age_s": None, "ttl_s": None, "stored": True}
BLOCKED = {
    "action": "allow",
    "name": "h.example",
    "rule": "||h.example^",
    "list": "ads",
    "path": "/l/ads.txt",
    "line": 7,
    "group": None,
    "exception": {"rule": "@@||h.example^", "list": "own", "path": "/r/own.txt", "line": 3},
    "policy": None,
    "reason": "saved",
}
EDIT = {
    "id": "edit",
    "file": "/r/rewrite.yaml",
    "line": 12,
    "phase": "response",
    "changes": [
        {"field": "server", "before": "nginx", "after": None},
        {"field": "x-a", "before": None, "after": "1"},
    ],
}


def test_all_of_it_is_told():
    found = pruned(account.of(exchange(names=["h.example"], cache=MISS)))

    assert found["request"] == "GET http://h.example/a?token=REDACTED&employee=7"
    assert found["names"] == ["h.example"]
    assert found["response"].startswith("200 by ")
    assert found["seconds"] == {"duration": 1.0, "first_byte": 0.5} | found["seconds"]
    assert found["bytes"]["response body"] == len(b"message")
    assert found["log"]["http.request.method"] == "GET"
    assert "hunter2" not in explain(found)


def test_the_cache_shows_key_variant_and_arithmetic():
    found = pruned(account.of(exchange(cache=MISS)))["cache"]

    assert found["lifetime"] == "60 s, by max-age (§5.2.2.1)"
    assert found["age"].startswith("0.5 s on arrival: ")
    assert found["key"]["path"] == "/a?token=REDACTED&employee=7"
    assert found["vary"] == {"accept": "text/html", "cookie": "a=REDACTED"}
    assert found["directives"] == {"response": "max-age=60"}


def test_a_rule_of_the_cache_has_its_place():
    rule = {"file": "/r/cache.yaml", "line": 3}

    assert account.of(exchange(cache=MISS | {"rule": rule}))["cache"]["rule"] == "/r/cache.yaml:3"


def test_the_verdict_shows_what_has_lost():
    found = pruned(account.of(exchange(block=BLOCKED)))["block"]

    assert found["verdict"] == "allow"
    assert found["rule"] == {"text": "@@||h.example^", "at": "/r/own.txt:3", "list": "own"}
    assert found["lost"] == {"text": "||h.example^", "at": "/l/ads.txt:7", "list": "ads"}
    blocked = account.of(exchange(block=BLOCKED | {"action": "block", "exception": None}))
    assert pruned(blocked)["block"]["rule"]["at"] == "/l/ads.txt:7"
    assert "lost" not in pruned(blocked)["block"]


def test_changes_by_a_blocklist_have_their_rule():
    edit = {"kind": "removeparam", "rule": "$removeparam=a", "list": "ads", "path": "/l/ads.txt"}
    edit |= {"line": 7, "group": None, "removed": ["a"], "added": None}

    assert pruned(account.of(exchange(edits=[edit])))["changed"] == [
        {
            "what": "removeparam",
            "removed": ["a"],
            "rule": {"text": "$removeparam=a", "at": "/l/ads.txt:7", "list": "ads"},
        }
    ]


def test_each_edit_has_before_and_after():
    assert pruned(account.of(exchange(rewrite=[EDIT])))["rewrite"] == [
        {
            "rule": "edit",
            "at": "/r/rewrite.yaml:12",
            "phase": "response",
            "changes": [
                {"field": "server", "before": "nginx", "after": "absent"},
                {"field": "x-a", "before": "absent", "after": "1"},
            ],
        }
    ]


def test_files_at_home_are_named_as_people_do(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    edit = EDIT | {"file": str(tmp_path / "rules" / "rewrite.yaml")}

    assert account.of(exchange(rewrite=[edit]))["rewrite"][0]["at"] == "~/rules/rewrite.yaml:12"


def test_a_flow_of_another_proxy_says_so():
    made = tflow.tflow(resp=True)

    assert account.of(made) == {"forebay": account.UNKNOWN}
    assert outcome.KEY not in made.metadata
    made.metadata[outcome.KEY] = "x"
    assert account.of(made) == {"forebay": account.UNKNOWN}


def test_a_failed_flow_says_in_a_line_how():
    made = exchange()
    made.error = flow.Error("peer closed connection without sending complete message body")

    found = account.of(made)

    assert found["error"].startswith("truncated: ")
    assert found["response"].endswith("broken off: what is here is not all of it")
    made.response = None
    assert account.of(made)["response"] is None


def test_a_flow_under_way_says_so():
    made = exchange(cache=MISS)
    made.response = None

    assert account.of(made)["response"].startswith("none: ")
    assert "lifetime" not in account.of(made)["cache"]


def test_a_saved_flow_is_told_as_before():
    made = exchange(block=BLOCKED, cache=MISS, rewrite=[EDIT])

    loaded = http.HTTPFlow.from_state(made.get_state())

    assert account.of(loaded) == account.of(made)


def test_secrets_are_those_of_the_traffic_log():
    assert account.in_force() is DEFAULT
    with taddons.context(Log()):
        assert account.in_force() is Log.redactor
        assert "employee=REDACTED" in account.of(exchange())["request"]


def test_fields_are_shown_where_the_log_has_them():
    assert account.of(exchange())["log"]["http.request.header"] is None
    with taddons.context() as tctx:
        tctx.options.add_option("trafficlog_headers", bool, True, "")
        shown = account.of(exchange())["log"]["http.request.header"]
    assert shown["cookie"] == ["a=REDACTED"]


def test_websockets_have_their_kind():
    made = tflow.twebsocketflow()
    outcome.begin(made)

    assert account.of(made)["log"]["kind"] == "websocket"

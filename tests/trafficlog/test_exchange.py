"""The record of an HTTP exchange; the flows are mitmproxy's own."""

from __future__ import annotations

import json

import pytest
from mitmproxy import flow as mflow
from mitmproxy import http
from mitmproxy.test import tflow, tutils

from forebay import outcome
from forebay.proxycore.passed import Traffic
from forebay.trafficlog.exchange import Ending, named, of_http, peer
from forebay.trafficlog.parts import Draft
from forebay.trafficlog.record import encode
from trafficlog.support import NOW


def exchange(**given) -> http.HTTPFlow:
    """A flow whose connection to the server was opened for it."""
    flow = tflow.tflow(
        req=tutils.treq(
            **{
                "host": "example.com",
                "port": 443,
                "scheme": b"https",
                "path": b"/p?a=1",
                "headers": http.Headers([(b"Host", b"example.com"), (b"User-Agent", b"curl/8")]),
                "http_version": b"HTTP/2.0",
                **given,
            }
        ),
        resp=True,
    )
    outcome.begin(flow)
    return flow


def written(flow: http.HTTPFlow, kind: str = "http", failures=None, **given) -> dict:
    return json.loads(encode(of_http(Draft(1), flow, kind, failures or {}, **given)))


def test_all_that_is_known_is_recorded():
    """Names as documented, seconds, bytes."""
    flow = exchange()
    found = written(flow)

    assert {name: value for name, value in found.items() if value is not None} == {
        "v": 1,
        "kind": "http",
        "seq": 1,
        "timestamp": "1999-12-31T23:00:00Z",
        "http.request.method": "GET",
        "url.full": "https://example.com/p?a=1",
        "url.scheme": "https",
        "url.path": "/p",
        "url.query": "a=1",
        "server.address": "example.com",
        "server.port": 443,
        "client.address": "127.0.0.1",
        "client.port": 22,
        "network.protocol.version": "2",
        "forebay.server.protocol.version": "1.1",
        "http.request.body.size": 7,
        "http.response.status_code": 200,
        "http.response.body.size": 7,
        "forebay.request.header.size": 62,
        "forebay.response.header.size": 63,
        "forebay.response.delivered_size": 7,
        "forebay.transfer_s": 1,
        "user_agent.original": "curl/8",
        "tls.protocol.version": "1.2",
        "tls.client.server_name": "address",
        "forebay.server.tls.version": "1.2",
        "forebay.duration_s": 3,
        "forebay.connect_s": 1,
        "forebay.tls_s": 1,
        "forebay.first_byte_s": 2,
        "forebay.connection.id": flow.client_conn.id,
        "forebay.server.connection.id": flow.server_conn.id,
        "forebay.flow.id": flow.id,
        "forebay.attempt": 1,
        "forebay.answered_by": "origin",
    }


def test_an_open_connection_cost_nothing():
    """Null, not the cost that another exchange paid."""
    flow = exchange()
    flow.server_conn.timestamp_start = flow.request.timestamp_start - 1
    found = written(flow)

    assert found["forebay.connect_s"] is None
    assert found["forebay.tls_s"] is None
    assert found["forebay.server.connection.id"] == flow.server_conn.id


@pytest.mark.parametrize("who", ["blocklist", "cache", "proxycore"])
def test_who_of_us_answered(who):
    """A version that nobody spoke is not recorded."""
    flow = exchange()
    flow.server_conn.timestamp_start = None
    flow.server_conn.timestamp_tls_setup = None
    outcome.of(flow)["answer"] = who
    found = written(flow)

    assert found["forebay.answered_by"] == who
    assert found["forebay.server.protocol.version"] is None
    assert found["forebay.server.connection.id"] is None


def test_what_was_gone_round():
    """As it was noted."""
    flow = exchange()
    assert written(flow)["forebay.bypass"] is None
    noted = {"asked": ["cache", "x"], "done": ["cache"], "ignored": "unknown: x"}
    outcome.of(flow)["bypass"] = noted

    assert written(flow)["forebay.bypass"] == noted


def test_a_request_on_our_own_account_says_so():
    """Others leave it out."""
    flow = exchange()

    assert written(flow)["forebay.background"] is None
    outcome.of(flow)["background"] = True
    assert written(flow)["forebay.background"] is True


def test_nobody_knows_who_else_answered():
    """Another script, no server being connected; and a server replay says so."""
    flow = exchange()
    flow.server_conn.timestamp_start = None

    assert written(flow)["forebay.answered_by"] is None
    flow.is_replay = "response"
    assert written(flow)["forebay.answered_by"] == "replay"


def test_verdicts_are_copied():
    """With their reasons, without their secrets."""
    flow = exchange()
    outcome.of(flow).update(
        block={"action": "block", "reason": "GET https://u:p@h/"},
        rewrite=[{"id": "r"}],
        cache={"result": "hit", "age_s": 5},
    )
    found = written(flow)

    assert found["forebay.block"] == {
        "action": "block",
        "reason": "GET https://REDACTED:REDACTED@h/",
    }
    assert found["forebay.rewrite"] == [{"id": "r"}]
    assert found["forebay.cache"] == {"result": "hit", "age_s": 5}


def test_an_error_with_a_response():
    """The head came, the body broke off."""
    flow = exchange()
    flow.error = mflow.Error("Client disconnected.", flow.request.timestamp_start + 0.5)
    found = written(flow)

    assert found["error.type"] == "client_disconnected"
    assert found["error.message"] == "Client disconnected."
    assert found["http.response.status_code"] == 200
    assert found["forebay.duration_s"] == 0.5


def test_an_error_without_a_response():
    flow = exchange()
    flow.response = None
    flow.error = mflow.Error("[Errno 111] refused", NOW)
    found = written(flow, failures={"refused": "connect_failed"})

    assert found["error.type"] == "connect_failed"
    assert found["http.response.status_code"] is None
    assert found["http.response.body.size"] is None
    assert found["forebay.first_byte_s"] is None
    assert found["forebay.answered_by"] is None


def test_an_ending_of_its_own():
    """For what no hook ended; its type is found by its words unless it is given."""
    flow = exchange()
    start_s = flow.request.timestamp_start

    by_words = written(flow, ending=Ending(start_s + 9, "Client disconnected."))
    given = written(flow, ending=Ending(start_s + 9, "stop", "shutdown"))

    assert by_words["forebay.duration_s"] == 9
    assert by_words["error.type"] == "client_disconnected"
    assert given["error.type"] == "shutdown"
    assert written(flow, ending=Ending(start_s + 9))["error.type"] is None


def test_without_any_end_there_is_no_duration():
    flow = exchange()
    flow.response = None

    assert written(flow)["forebay.duration_s"] is None


def test_a_websocket():
    """With what passed, and how it was closed."""
    flow = tflow.twebsocketflow()
    flow.websocket.timestamp_end = flow.request.timestamp_start + 4
    found = written(flow, "websocket", traffic=Traffic(1, 2, 30, 40))

    assert found["forebay.websocket.close_code"] == 1000
    assert found["forebay.duration_s"] == 4
    assert [found[f"forebay.{side}"] for side in ("client.messages", "client.bytes")] == [1, 30]
    assert [found[f"forebay.{side}"] for side in ("server.messages", "server.bytes")] == [2, 40]


class TestConnect:
    def connect(self, status: int) -> http.HTTPFlow:
        flow = exchange(method=b"CONNECT", authority=b"example.com:443", path=b"", scheme=b"")
        flow.response = http.Response.make(status, b"why")
        return flow

    def test_has_no_url(self):
        """And what follows it is no body (RFC 9110 §9.3.6)."""
        found = written(self.connect(200), "tunnel")

        assert {found[name] for name in ("url.full", "url.scheme", "url.path", "url.query")} == {
            None
        }
        assert (found["server.address"], found["server.port"]) == ("example.com", 443)
        assert found["http.request.body.size"] is None
        assert found["http.response.body.size"] is None
        assert found["forebay.answered_by"] is None

    def test_refused_by_us(self):
        flow = self.connect(403)
        outcome.of(flow)["answer"] = "blocklist"
        found = written(flow, "tunnel")

        assert found["http.response.status_code"] == 403
        assert found["http.response.body.size"] == 3
        assert found["forebay.answered_by"] == "blocklist"

    def test_refused_for_want_of_its_server(self):
        """The answer 502 is the core's; the error lies in the connection."""
        flow = self.connect(502)
        flow.server_conn.error = "[Errno 111] refused"
        found = written(flow, "tunnel", failures={"[Errno 111] refused": "connect_failed"})

        assert found["error.type"] == "connect_failed"
        assert found["error.message"] == "[Errno 111] refused"
        assert found["forebay.answered_by"] is None


def test_header_fields_only_on_demand():
    """Masked."""
    flow = exchange()
    flow.request.headers["Authorization"] = "Basic secret"

    assert written(flow)["http.request.header"] is None
    found = written(flow, headers=True)
    assert found["http.request.header"]["authorization"] == ["Basic REDACTED"]
    assert found["http.response.header"]["header-response"] == ["svalue"]
    flow.response = None
    assert written(flow, headers=True)["http.response.header"] is None


def test_what_is_too_long_is_cut_and_said_to_be():
    flow = exchange(path=b"/" + b"a" * 9000)
    flow.request.headers["User-Agent"] = "u" * 600
    flow.request.headers["x"] = "h" * 70_000
    flow.response.headers["x"] = "h" * 70_000
    flow.error = mflow.Error("e" * 2000)
    found = written(flow, headers=True)

    assert found["forebay.truncated"] == [
        "error.message",
        "user_agent.original",
        "url.full",
        "http.request.header",
        "http.response.header",
    ]
    assert len(encode(of_http(Draft(1), flow, "http", {}, headers=True))) < 20_000


def test_the_host_field_where_it_says_something_else():
    """Null where it says the same."""
    assert written(exchange())["forebay.request.host"] is None
    other = exchange(headers=http.Headers([(b"hOST", b"other"), (b"Host", b"third")]))
    assert written(other)["forebay.request.host"] == "other"


def test_authority_stands_for_a_missing_host_field():
    """HTTP/2."""
    request = tutils.treq(authority=b"a.example", headers=http.Headers())

    assert named(request)[:2] == ("a.example", None)
    assert named(tutils.treq(headers=http.Headers())) == (None, None, None, 0)


def test_a_client_that_was_gone_before_its_address_was_known():
    client = tflow.tclient_conn()
    client.peername = None

    assert peer(client) == (None, None)


def test_bytes_that_are_no_text():
    """Whatever a client sends where."""
    flow = exchange(
        method=b"G\xff",
        path=b"/\xff?\x00\r\n",
        headers=http.Headers([(b"Host", b"\xff"), (b"User-Agent", b"\xfe\r\n")]),
    )
    flow.client_conn.timestamp_tls_setup = None
    found = written(flow)

    assert found["url.full"] == "https://example.com/\\xff?\x00\r\n"
    assert found["user_agent.original"] == "\\xfe\r\n"
    assert found["tls.protocol.version"] is None

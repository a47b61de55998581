"""The records of all that is no HTTP exchange."""

from __future__ import annotations

import json

import pytest
from mitmproxy.test import tflow, tutils

from forebay import outcome
from forebay.proxycore.passed import Traffic
from forebay.trafficlog import connection
from forebay.trafficlog.exchange import Ending
from forebay.trafficlog.parts import Draft
from forebay.trafficlog.record import Record, encode
from trafficlog.support import NOW


def written(record: Record) -> dict:
    return json.loads(encode(record))


def connect():
    flow = tflow.tflow(
        req=tutils.treq(method=b"CONNECT", host="h.example", port=443, timestamp_start=NOW - 5),
        resp=True,
    )
    outcome.begin(flow)
    return flow


def test_raw_bytes_by_themselves():
    """From when the flow began."""
    flow = tflow.ttcpflow()
    flow.timestamp_created = NOW - 2
    found = written(
        connection.of_raw(
            Draft(4), flow, "tcp", {}, connect=None, traffic=Traffic(1, 2, 3, 4), ending=Ending(NOW)
        )
    )

    assert (found["kind"], found["seq"], found["forebay.flow.id"]) == ("tcp", 4, flow.id)
    assert found["forebay.duration_s"] == 2
    assert (found["server.address"], found["server.port"]) == ("address", 22)
    assert [found[f"forebay.client.{what}"] for what in ("messages", "bytes")] == [1, 3]
    assert [found[f"forebay.server.{what}"] for what in ("messages", "bytes")] == [2, 4]
    assert found["error.type"] is None
    assert found["forebay.connect_s"] == 1


def test_raw_bytes_through_a_connect():
    """From when that was asked for; its host counts, not the address it led to."""
    through = connect()
    outcome.of(through)["block"] = {"action": "allow"}
    outcome.of(through)["bypass"] = {"asked": ["block"], "done": [], "ignored": "a replay"}
    flow = tflow.ttcpflow(err=True)
    found = written(
        connection.of_raw(
            Draft(1),
            flow,
            "tunnel",
            {"err": "x"},
            connect=through,
            traffic=None,
            ending=Ending(NOW),
        )
    )

    assert found["forebay.duration_s"] == 5
    assert found["http.request.method"] == "CONNECT"
    assert (found["server.address"], found["server.port"]) == ("h.example", 443)
    assert found["forebay.block"] == {"action": "allow"}
    assert found["forebay.bypass"]["ignored"] == "a replay"
    assert found["forebay.client.bytes"] is None
    assert (found["error.type"], found["error.message"]) == ("x", "error")


def test_a_connection_that_no_flow_tells_of():
    """Its error is that of the server, unless one is given."""
    client, server = tflow.tclient_conn(), tflow.tserver_conn()
    server.error = "refused"
    found = written(
        connection.of_connection(
            Draft(1), "tcp", client, server, {"refused": "connect_failed"}, ending=Ending(NOW)
        )
    )

    assert found["forebay.connection.id"] == client.id
    assert found["error.type"] == "connect_failed"
    assert found["tls.client.server_name"] == "address"


def test_a_handshake_that_failed_asked_for_a_name():
    """Though no TLS came of it; nothing is known of a server."""
    client = tflow.tclient_conn()
    client.timestamp_tls_setup = None
    found = written(
        connection.of_connection(
            Draft(1),
            "tls",
            client,
            None,
            {},
            connect=connect(),
            ending=Ending(NOW, "unknown ca", "client_tls_failed"),
        )
    )

    assert found["tls.client.server_name"] == "address"
    assert found["tls.protocol.version"] is None
    assert found["error.type"] == "client_tls_failed"
    assert found["server.address"] == "h.example"
    assert found["forebay.server.connection.id"] is None


def test_a_server_that_was_never_connected():
    server = tflow.tserver_conn()
    server.address = server.timestamp_start = server.timestamp_tls_setup = None
    found = written(
        connection.of_connection(
            Draft(1), "tcp", tflow.tclient_conn(), server, {}, ending=Ending(NOW)
        )
    )

    for name in ("server.address", "forebay.server.connection.id", "forebay.server.tls.version"):
        assert found[name] is None


@pytest.mark.parametrize(
    ("given", "duration_s", "error_type"),
    [({"resp": True}, 1.0, None), ({"err": True}, None, "_OTHER"), ({}, None, None)],
)
def test_a_dns_query(given, duration_s, error_type):
    flow = tflow.tdnsflow(**given)
    flow.request.timestamp = NOW
    if flow.response:
        flow.response.timestamp = NOW + 1
    found = written(connection.of_dns(Draft(1), flow))

    assert found["dns.question.name"] == "dns.google"
    assert found["forebay.duration_s"] == duration_s
    assert found["error.type"] == error_type


def test_a_dns_query_without_a_question():
    assert (
        written(connection.of_dns(Draft(1), tflow.tdnsflow(req=tutils.tdnsreq(questions=[]))))[
            "dns.question.name"
        ]
        is None
    )


@pytest.mark.parametrize(
    ("message", "status"),
    [
        ("Bad HTTP request line: b'GET http://u:p@h/ HTTP/2'", 400),
        ("HTTP/2 protocol error: Invalid HTTP/2 preamble.", None),
        ("Invalid HTTP/2 request headers: Required pseudo header is missing", None),
    ],
)
def test_what_was_no_request(message, status):
    """HTTP/2 has no answer to it."""
    found = written(connection.of_malformed(Draft(1), ("192.0.2.1", 5), message, NOW))

    assert found["kind"] == "malformed"
    assert found["http.response.status_code"] == status
    assert found["error.type"] == "invalid_request"
    assert (found["client.address"], found["client.port"]) == ("192.0.2.1", 5)
    assert found["forebay.connection.id"] is None
    assert "u:p@" not in found["error.message"]

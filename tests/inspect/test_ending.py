"""Why a flow failed, told when it does and later."""

from __future__ import annotations

import pytest
from mitmproxy import connection, http
from mitmproxy import flow as mflow
from mitmproxy.test import tflow

from forebay import outcome
from forebay.inspect.ending import KEY, error_type, note

CUT = "HTTP/1 protocol error: peer closed connection without sending complete message body"


def failed(text=CUT, *, client_left=False):
    flow = tflow.tflow()
    outcome.begin(flow)
    flow.error = mflow.Error(text)
    flow.client_conn.state = (
        connection.ConnectionState.CLOSED if client_left else connection.ConnectionState.OPEN
    )
    return flow


def test_a_flow_that_did_not_fail_has_none():
    flow = tflow.tflow(resp=True)

    assert note(flow, {}) is None and error_type(flow) is None
    assert KEY not in flow.metadata


@pytest.mark.parametrize(
    ("client_left", "replay", "notes", "expected"),
    [
        (False, None, {}, "truncated"),
        (True, None, {}, "client_disconnected"),
        (True, "request", {}, "truncated"),
        (True, None, {"background": True}, "truncated"),
    ],
)
def test_a_client_that_waits_may_have_left(client_left, replay, notes, expected):
    """One that is replayed, or was never asked for, does not wait."""
    flow = failed(client_left=client_left)
    flow.is_replay = replay
    outcome.of(flow).update(notes)

    assert note(flow, {}) == expected


def test_a_failure_of_the_server_connection_is_known_by_its_text():
    assert note(failed("Errno 111: refused"), {"refused": "connect_failed"}) == "connect_failed"


def test_what_was_noted_holds_when_the_client_has_gone():
    """And in a file."""
    flow = failed()
    note(flow, {"peer closed": "server_tls_failed"})
    flow.client_conn.state = connection.ConnectionState.CLOSED

    assert error_type(flow) == "server_tls_failed"
    assert error_type(http.HTTPFlow.from_state(flow.get_state())) == "server_tls_failed"
    assert error_type(failed(client_left=True)) == "truncated"  # nothing was noted

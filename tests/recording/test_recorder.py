"""What servers answer is recorded; whole proxies are in the integration tests."""

from __future__ import annotations

import gzip

import pytest
from mitmproxy import flow as mflow
from mitmproxy import http, websocket
from mitmproxy.test import tflow, tutils
from wsproto.frame_protocol import Opcode

from forebay import outcome
from forebay.proxycore import bodies
from forebay.recording.config import Config
from forebay.recording.interaction import Message, Request, Side, WebSocket
from forebay.recording.recorder import Recorder, url_of
from forebay.recording.session import Session
from forebay.trafficlog.redact import DEFAULT

EVENTS = (b"Content-Type", b"Text/Event-Stream; charset=utf-8")


@pytest.fixture(name="session")
def _session(tmp_path):
    return Session.begun(Config(tmp_path / "c.yaml"), DEFAULT)


@pytest.fixture(name="recorder")
def _recorder():
    return Recorder()


def begun(session, recorder, *fields, pieces=(), status=200):
    """A flow whose server has sent head and *pieces*."""
    flow = tflow.tflow(req=tutils.treq(host="h", port=80))
    outcome.begin(flow)
    bodies.begin(flow)
    recorder.begin(flow, session, session.tape.ask(Request("GET", "http://h/")).slot)
    flow.response = tutils.tresp(status_code=status, content=None, headers=http.Headers(fields))
    recorder.responseheaders(flow)
    for each in pieces:
        bodies.sending(flow)(each)
    return flow


def failed(recorder, flow, message, *, is_connected=False):
    if not is_connected:
        flow.client_conn.state = flow.client_conn.state.CLOSED
    flow.error = mflow.Error(message)
    bodies.break_off(flow)
    recorder.error(flow)


@pytest.mark.parametrize(
    ("message", "is_connected", "kept"),
    [
        ("Client disconnected.", False, True),
        ("stream reset by client (CANCEL)", True, True),
        ("HTTP/2 connection closed", False, True),
        ("HTTP/2 connection closed", True, False),
        ("peer closed connection without sending complete message body", True, False),
    ],
)
def test_a_stream_is_kept_when_it_is_the_client_that_leaves(
    session, recorder, message, is_connected, kept
):
    flow = begun(session, recorder, EVENTS, pieces=[b"data: 1\n\n"])
    failed(recorder, flow, message, is_connected=is_connected)

    found = [each.response for each in session.tape.interactions()]
    assert [(each.body, each.is_open) for each in found] == (
        [(b"data: 1\n\n", True)] if kept else []
    )
    assert len(session.skipped) == (0 if kept else 1)


def test_another_answer_that_broke_off_is_not(session, recorder):
    flow = begun(session, recorder, pieces=[b"data"])
    failed(recorder, flow, "Client disconnected.")

    assert session.tape.interactions() == []
    assert len(session.skipped) == 1


def test_a_stream_in_a_coding_is_read_as_far_as_it_came(session, recorder):
    data = gzip.compress(b"data: password=x\n\n" * 3)
    flow = begun(session, recorder, EVENTS, (b"Content-Encoding", b"gzip"), pieces=[data[:-8]])
    failed(recorder, flow, "Client disconnected.")

    (found,) = session.tape.interactions()
    assert found.response.body == b"data: password=REDACTED\n\n" * 3
    assert found.response.header("content-encoding") is None


def test_a_stream_that_is_too_long(session, recorder):
    recorder.limit_bytes = 5
    flow = begun(session, recorder, EVENTS, pieces=[b"data: 1\n\n"])
    failed(recorder, flow, "Client disconnected.")

    assert session.tape.interactions() == []
    assert "at most 5 bytes (recording_max_body_bytes), found 9" in session.skipped[0]


def test_what_goes_on_when_the_recording_ends(session, recorder):
    begun_flows = [
        begun(session, recorder, EVENTS, pieces=[b"data: 1\n\n"]),
        begun(session, recorder, pieces=[b"half"]),
        talking(session, recorder, (b"hi", True)),
    ]
    recorder.keep_open(session)

    stream, talk = session.tape.interactions()
    assert stream.response.is_open
    assert talk.websocket == WebSocket((Message(Side.CLIENT, b"hi"),))
    assert session.tape.outcomes["open"] == 1
    assert len(begun_flows) == 3


def talking(session, recorder, *said):
    flow = begun(session, recorder, status=101)
    flow.websocket = websocket.WebSocketData()
    recorder.response(flow)
    for content, from_client in said:
        flow.websocket.messages[:] = [websocket.WebSocketMessage(Opcode.TEXT, from_client, content)]
        recorder.websocket_message(flow)
    return flow


def test_a_websocket(session, recorder):
    flow = talking(session, recorder, (b"password=x", True), (b"ho", False))
    flow.websocket.closed_by_client = False
    flow.websocket.close_code, flow.websocket.close_reason = 1000, "bye"
    recorder.finish(flow)
    recorder.finish(flow)

    (found,) = session.tape.interactions()
    assert found.websocket == WebSocket(
        (Message(Side.CLIENT, b"password=REDACTED"), Message(Side.SERVER, b"ho")),
        Side.SERVER,
        1000,
        "bye",
    )


def test_too_many_messages(session, recorder):
    recorder.most_messages = 1
    flow = talking(session, recorder, (b"1", True), (b"2", True))
    recorder.finish(flow)

    assert session.tape.interactions() == []
    assert "at most 1 messages (recording_max_messages)" in session.skipped[0]


def test_other_protocols_are_not_recorded(session, recorder):
    flow = begun(session, recorder, status=101)
    recorder.response(flow)

    assert session.tape.interactions() == []
    assert "found another protocol" in session.skipped[0]


@pytest.mark.parametrize(
    ("scheme", "port", "upgrade", "url"),
    [
        (b"http", 80, None, "http://h/path"),
        (b"https", 444, None, "https://h:444/path"),
        (b"http", 80, "WebSocket", "ws://h/path"),
        (b"https", 443, "websocket", "wss://h/path"),
    ],
)
def test_urls(scheme, port, upgrade, url):
    request = tutils.treq(host="h", port=port, scheme=scheme)
    if upgrade:
        request.headers["upgrade"] = upgrade

    assert url_of(request) == url

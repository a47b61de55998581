"""Bodies on their way past, for the log."""

from __future__ import annotations

import pytest
from mitmproxy import http
from mitmproxy.test import tflow, tutils

from forebay.proxycore import bodies
from forebay.rewrite.patterns import Glob
from forebay.trafficlog.capture import Capture, Wish
from forebay.trafficlog.record import Record
from forebay.trafficlog.redact import DEFAULT

JSON = http.Headers([(b"Content-Type", b"application/json; charset=utf-8")])


def exchange(request: bytes = b'{"a": 1}', response: bytes = b'{"token": "x"}') -> http.HTTPFlow:
    return tflow.tflow(
        req=tutils.treq(headers=JSON, content=request),
        resp=tutils.tresp(headers=JSON, content=response),
    )


def passed(capture: Capture, flow: http.HTTPFlow) -> Record | None:
    """Let *flow* pass; return its record with the bodies, None when there are none."""
    bodies.begin(flow)
    capture.request(flow)
    bodies.finish_request(flow)
    capture.response(flow)
    bodies.finish_response(flow)
    finish, _held = capture.finish(flow, DEFAULT)
    return None if finish is None else finish(Record(kind="http", seq=1))


def wish(*types: str, **given) -> Capture:
    return Capture(Wish(tuple(map(Glob.of, types)), **given))


def test_both_bodies_redacted():
    found = passed(wish("application/*"), exchange())

    assert found.request_body["text"] == '{"a": 1}'
    assert found.response_body["text"] == '{"token":"REDACTED"}'
    assert (found.request_decoded_bytes, found.response_decoded_bytes) == (8, 14)


def test_only_what_is_wished():
    assert passed(wish(), exchange()) is None
    assert passed(wish("text/*"), exchange()) is None
    assert passed(wish("*", rate=0.0), exchange()) is None
    assert passed(wish("*", only=lambda flow: flow.response.status_code == 500), exchange()) is None


def test_an_empty_body_is_none():
    found = passed(wish("*"), exchange(request=b""))

    assert found.request_body is None
    assert passed(wish("*"), exchange(b"", b"")) is None


def test_a_long_one_is_cut_and_what_is_held_is_told():
    capture, flow = wish("*", limit_bytes=10), exchange(b"x" * 25, b"")
    bodies.begin(flow)
    capture.request(flow)
    bodies.finish_request(flow)
    finish, held = capture.finish(flow, DEFAULT)

    said = finish(Record(kind="http", seq=1)).request_body
    assert (said["size"], said["truncated"], held) == (10, True, 10)


def test_of_one_that_broke_off_what_came():
    capture, flow = wish("*"), exchange()
    bodies.begin(flow)
    capture.request(flow)
    bodies.finish_request(flow)
    flow.response.data.content = None
    capture.response(flow)
    bodies.sending(flow)(b'{"a": 1, "b": ')
    bodies.break_off(flow)
    finish, _ = capture.finish(flow, DEFAULT)

    said = finish(Record(kind="http", seq=1)).response_body
    assert (said["text"], said["truncated"]) == ('{"a": 1}', True)
    assert "sha256" not in said


def test_a_replay_begins_anew():
    """The flow is the same object."""
    capture, flow = wish("*"), exchange()
    capture.request(flow)

    found = passed(capture, flow)

    assert found.request_body["size"] == 8


@pytest.mark.parametrize("kind", [b"", b"TEXT/Plain; a=b"])
def test_media_types_as_sent(kind):
    flow = exchange()
    flow.request.headers["content-type"] = kind.decode()
    found = passed(wish("text/plain"), flow)

    assert (found is not None) is bool(kind)

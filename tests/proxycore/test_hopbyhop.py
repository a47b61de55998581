"""Fields and codings for one hop only."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy import http
from mitmproxy.test import tflow, tutils

from forebay.proxycore import hopbyhop


@pytest.mark.parametrize(
    ("given_fields", "kept"),
    [
        pytest.param([("A", "1")], None, id="nothing to do"),
        pytest.param([("Connection", "keep-alive"), ("A", "1")], None, id="options only"),
        pytest.param(
            [("Connection", "X-A, close"), ("x-a", "1"), ("B", "2")],
            [("Connection", "close"), ("B", "2")],
            id="a named field goes, the option stays",
        ),
        pytest.param([("Connection", "x-a"), ("X-A", "1")], [], id="nothing left of Connection"),
        pytest.param([("Connection", "a"), ("Connection", "b"), ("A", "1"), ("B", "2")], [], id="two lines"),
        pytest.param([("Keep-Alive", "5"), ("A", "1")], [("A", "1")], id="Keep-Alive"),
        pytest.param([("Proxy-Connection", "keep-alive")], [], id="Proxy-Connection"),
        pytest.param(
            [("Connection", "content-length, host, cache-control"), ("Content-Length", "1"), ("Host", "h"), ("Cache-Control", "no-store")],
            [("Content-Length", "1"), ("Host", "h"), ("Cache-Control", "no-store")],
            id="framing, target and cache control are protected",
        ),
        pytest.param(
            [("Connection", "Upgrade, X-A"), ("Upgrade", "websocket"), ("X-A", "1")],
            [("Connection", "Upgrade"), ("Upgrade", "websocket")],
            id="an upgrade survives",
        ),
    ],
)  # fmt: skip
def test_named_fields_end_here(given_fields, kept):
    """RFC 9110 §7.6.1."""
    fields = tuple((name.encode(), value.encode()) for name, value in given_fields)
    expected = None if kept is None else tuple((n.encode(), v.encode()) for n, v in kept)

    assert hopbyhop.end_to_end(fields) == expected


field = st.tuples(
    st.sampled_from([b"Connection", b"A", b"B", b"Host", b"Keep-Alive"]),
    st.lists(st.sampled_from([b"a", b"B", b"close", b"host", b""])).map(b",".join),
)


@given(st.lists(field).map(tuple))
def test_doing_it_twice_changes_nothing_more(fields):
    """And no field appears that was not there."""
    once = hopbyhop.end_to_end(fields)
    if once is not None:
        assert {name for name, _ in once} <= {name for name, _ in fields}
        assert hopbyhop.end_to_end(once) in (None, once)


@pytest.mark.parametrize(("proxy_next", "forwarded"), [(False, False), (True, True)])
def test_credentials_for_a_proxy_go_to_a_proxy_only(proxy_next, forwarded):
    """RFC 9110 §11.7.2."""
    request = tutils.treq(headers=http.Headers([(b"Proxy-Authorization", b"Basic eDp5")]))

    hopbyhop.clean_request(request, next_hop_is_proxy=proxy_next)

    assert ("proxy-authorization" in request.headers) is forwarded


def test_responses_are_cleaned_too():
    response = tutils.tresp(headers=http.Headers([(b"Connection", b"x-a"), (b"X-A", b"1")]))

    hopbyhop.clean_response(response)

    assert response.headers.fields == ()


@pytest.mark.parametrize(
    ("version", "coded"), [(b"HTTP/1.0", False), (b"HTTP/1.1", True), (b"HTTP/2.0", True)]
)
def test_http10_gets_no_transfer_coding(version, coded):
    """RFC 9112 §6.1: the end of the connection is the end of the body then."""
    flow = tflow.tflow(resp=True)
    flow.request.http_version = version.decode()
    flow.response.headers = http.Headers([(b"Transfer-Encoding", b"chunked")])

    hopbyhop.uncode_for_http10(flow)

    assert ("transfer-encoding" in flow.response.headers) is coded
    assert flow.response.headers.get("connection") == (None if coded else "close")


def test_no_response_is_no_matter():
    flow = tflow.tflow()

    hopbyhop.uncode_for_http10(flow)

    assert flow.response is None

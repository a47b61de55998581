"""Fields and codings for one hop only."""

from __future__ import annotations

import pytest
from mitmproxy import http
from mitmproxy.test import tflow, tutils

from forebay.proxycore import hopbyhop


@pytest.mark.parametrize(("proxy_next", "forwarded"), [(False, False), (True, True)])
def test_credentials_for_a_proxy_go_to_a_proxy_only(proxy_next, forwarded):
    """RFC 9110 §11.7.2."""
    request = tutils.treq(headers=http.Headers([(b"Proxy-Authorization", b"Basic eDp5")]))

    hopbyhop.clean_request(request, next_hop_is_proxy=proxy_next)

    assert ("proxy-authorization" in request.headers) is forwarded


@pytest.mark.parametrize(
    ("protocol", "forwarded"),
    [(b"websocket", True), (b"h2c", False), (b"TLS/1.0", False), (b"CONNECT-TCP", False)],
)
def test_only_websocket_may_be_switched_to(protocol, forwarded):
    """RFC 9110 §7.8; a field that Connection names ends here all the same."""
    version = (b"Sec-WebSocket-Version", b"13")
    asked = [(b"Connection", b"Upgrade, X-A"), (b"Upgrade", protocol), (b"X-A", b"1"), version]
    request = tutils.treq(headers=http.Headers(asked))

    hopbyhop.clean_request(request, next_hop_is_proxy=False)

    left = ((b"Connection", b"Upgrade"), (b"Upgrade", protocol)) if forwarded else ()
    assert request.headers.fields == (*left, version)


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

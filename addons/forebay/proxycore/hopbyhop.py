"""Hop-by-hop fields and codings that mitmproxy forwards although they end here.

* Fields that ``Connection`` names are for this hop only (RFC 9110 §7.6.1).
* ``Upgrade`` would switch to a protocol in which nobody judges what is asked for,
  save WebSocket (§7.8).
* HTTP/1.0 knows no transfer codings (RFC 9112 §6.1), so an answer for such a
  client is delimited by the end of the connection instead.
"""

from __future__ import annotations

from mitmproxy import http

from forebay.endtoend import end_to_end, websocket_only

_FOR_PROXIES = frozenset({b"proxy-authorization"})


def clean_request(request: http.Request, *, next_hop_is_proxy: bool) -> None:
    """Drop the fields that end here, and what asks to switch protocols other than to WebSocket.

    Credentials for this proxy end here (RFC 9110 §11.7.2).
    """
    kept = end_to_end(request.headers.fields, frozenset() if next_hop_is_proxy else _FOR_PROXIES)
    if kept is not None:
        request.headers.fields = kept
    kept = websocket_only(request.headers.fields)
    if kept is not None:
        request.headers.fields = kept


def clean_response(response: http.Response) -> None:
    """Drop the fields that end here."""
    kept = end_to_end(response.headers.fields)
    if kept is not None:
        response.headers.fields = kept


def uncode_for_http10(flow: http.HTTPFlow) -> None:
    """Delimit a coded answer to an HTTP/1.0 client by the end of the connection."""
    response = flow.response
    if (
        response is not None
        and flow.request.data.http_version in (b"HTTP/1.0", b"HTTP/0.9")
        and "transfer-encoding" in response.headers
    ):
        del response.headers["transfer-encoding"]
        response.headers["connection"] = "close"


def is_websocket(flow: http.HTTPFlow) -> bool:
    """Return whether both sides agree to change to WebSocket (RFC 6455 §4), and to nothing else."""
    assert flow.response is not None
    wanted = [message.headers.get("upgrade", "") for message in (flow.request, flow.response)]
    return all(value.strip().lower() == "websocket" for value in wanted)

"""Hop-by-hop fields and codings that mitmproxy forwards although they end here.

* Fields that ``Connection`` names are for this hop only (RFC 9110 §7.6.1).
* HTTP/1.0 knows no transfer codings (RFC 9112 §6.1), so an answer for such a
  client is delimited by the end of the connection instead.

``Connection`` itself stays where mitmproxy reads it to decide about keeping
the connection, with the options that it knows.
"""

from __future__ import annotations

from mitmproxy import http

_ALWAYS = frozenset({b"keep-alive", b"proxy-connection"})
_FOR_PROXIES = frozenset({b"proxy-authorization"})
_OPTIONS = frozenset({b"close", b"keep-alive", b"upgrade"})
# Naming one of these would change how the message is framed, routed or cached;
# no sender may (RFC 9110 §7.6.1), so it is taken for an attack.
_PROTECTED = frozenset(
    {b"content-length", b"transfer-encoding", b"host", b"cache-control", b"connection", b"upgrade"}
)


def end_to_end(
    fields: tuple[tuple[bytes, bytes], ...], also: frozenset[bytes] = frozenset()
) -> tuple[tuple[bytes, bytes], ...] | None:
    """Return the fields without those for this hop only, or None when there are none.

    *also* names further fields, in lower case, that end here.

    >>> end_to_end(((b"Connection", b"close, X-Hop"), (b"X-Hop", b"1"), (b"A", b"2")))
    ((b'Connection', b'close'), (b'A', b'2'))
    """
    named: list[bytes] = []
    present = False
    for name, value in fields:
        lowered = name.lower()
        if lowered == b"connection":
            named.extend(option.strip().lower() for option in value.split(b","))
        elif lowered in _ALWAYS or lowered in also:
            present = True
    hop = [option for option in named if option and option not in _OPTIONS]
    if not hop and not present:
        return None
    dropped = (_ALWAYS | also | set(hop)) - _PROTECTED
    kept: list[tuple[bytes, bytes]] = []
    for name, value in fields:
        lowered = name.lower()
        if lowered == b"connection":
            options = [o.strip() for o in value.split(b",") if o.strip().lower() in _OPTIONS]
            if options:
                kept.append((name, b", ".join(options)))
        elif lowered not in dropped:
            kept.append((name, value))
    return tuple(kept)


def clean_request(request: http.Request, *, next_hop_is_proxy: bool) -> None:
    """Drop the fields that end here, credentials for this proxy among them (RFC 9110 §11.7.2)."""
    kept = end_to_end(request.headers.fields, frozenset() if next_hop_is_proxy else _FOR_PROXIES)
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

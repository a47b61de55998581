"""Wait for enough bytes before deciding what a connection speaks.

mitmproxy decides on the first TCP segment.  One that ends within the request
line or within the first three bytes of a ClientHello becomes a raw tunnel: no
TLS interception, no request, no filter, for a hostile client as for an honest
slow one.  So does an HTTP request that begins with an empty line (RFC 9112 §2.2 tells
servers to skip it) or white space, whose words are parted by other white space
(§3 lets servers take it) or whose method is not made of letters or begins with
SSH.  Lenient servers answer them all, so whatever ends its first line with a
version of HTTP is taken for HTTP here.
"""

from __future__ import annotations

import re

from mitmproxy import exceptions, options
from mitmproxy.proxy import events, layer
from mitmproxy.proxy.layers import HttpLayer, modes
from mitmproxy.proxy.layers.http import HTTPMode

from forebay.proxycore import excluded
from forebay.proxycore.patch import CoreMismatchError
from forebay.proxycore.sansio import Driver, client_context

METHOD_LIMIT_BYTES = 32
"""Longest word waited for as a method; the longest registered one has 17."""
LINE_LIMIT_BYTES = 16 * 1024
"""Longest request line waited for when only its end can tell what it is."""

LEADING = b"\r\n \t\v\f"
"""What servers skip before a request line."""
SPACE = rb"[\t\v\f\r \x1c-\x1f\x85\xa0]"
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

# Markup and JSON often have no end of line: XMPP waits for an answer to its first tag.
_WORD = rb"(?![<\[{])[!-~]+"
_PARTIAL_METHOD = re.compile(_WORD)
# Behind a word that is no method a control character tells a binary protocol: LDAP
# begins with a digit and a length.  The first message of git has NULs.
_PARTIAL_LINE = re.compile(
    rb"[A-Za-z][A-Za-z_-]{2,}[ \t\v\f\r][^\0\n]*"
    rb"|" + _WORD + rb"[ \t\v\f\r][^\0-\x08\n\r\x0e-\x1f\x7f]*\r*"
)
# What begins with a common method is one whatever follows.  So it is behind a byte
# order mark or one odd byte; two of them are more likely a binary protocol.
_ODD = rb"(?:\xef\xbb\xbf|[^A-Za-z])?"
_BEGINNINGS = "|".join(m[:size] for m in _METHODS for size in range(len(m), 0, -1)).encode()
_PARTIAL_COMMON = re.compile(rb"\xef\xbb?|" + _ODD + rb"(?:" + _BEGINNINGS + rb")?")
_COMMON = _ODD + rb"(?i:" + "|".join(_METHODS).encode() + rb")"
_PARTIAL_COMMON_LINE = re.compile(_COMMON + SPACE + rb"[^\n]*")
_VERSION = re.compile(SPACE + rb"HTTP/[0-9][!-~]*" + SPACE + rb"*\Z", re.IGNORECASE)
_WITHOUT_VERSION = re.compile(rb"(?i:GET)" + SPACE)  # HTTP/0.9


def needs_more(data: bytes) -> bool:
    """Return whether *data*, the first bytes of a client, may yet become TLS or HTTP.

    >>> needs_more(b"GE"), needs_more(bytes([0x16, 3])), needs_more(b"SSH-2.0-x" + bytes([13, 10]))
    (True, True, False)
    """
    if data[:1] == b"\x16":
        return data in (b"\x16", b"\x16\x03")
    text = data.lstrip(LEADING)
    if not text:
        return len(data) <= METHOD_LIMIT_BYTES
    if _PARTIAL_METHOD.fullmatch(text) or _PARTIAL_COMMON.fullmatch(text):
        return len(text) <= METHOD_LIMIT_BYTES
    # The core takes a word and a space for HTTP only when the line has ended.
    return _is_partial_line(text) and len(text) <= LINE_LIMIT_BYTES


def is_request(data: bytes) -> bool:
    """Return whether *data* begins with an HTTP/1 request line, leading white space skipped.

    One that is longer than we wait for counts too, and so does white space alone
    of that length: whatever comes of them, it must not be a raw tunnel.

    >>> is_request(bytes([13, 10]) + b" M-SEARCH * HTTP/1.1" + bytes([13, 10]))
    True
    """
    text = data.lstrip(LEADING)
    line, ended, _ = text.partition(b"\n")
    if not ended:
        return (not text or _is_partial_line(text)) and not needs_more(data)
    return bool(_VERSION.search(line) or _WITHOUT_VERSION.match(line))


def _is_partial_line(text: bytes) -> bool:
    return bool(_PARTIAL_LINE.fullmatch(text) or _PARTIAL_COMMON_LINE.fullmatch(text))


def next_layer(nextlayer: layer.NextLayer) -> None:
    """Defer the decision while the client's first bytes tell too little.

    A connection that mitmproxy would pass through unread stays raw.

    Raises:
        AddonHalt: to keep mitmproxy's own addon from deciding now; the
            question is asked again with the next segment.
    """
    if (
        nextlayer.layer is not None
        or nextlayer.context.client.transport_protocol != "tcp"
        or nextlayer.data_server()
    ):
        return
    data = nextlayer.data_client()
    if not data:
        return
    if needs_more(data):
        raise exceptions.AddonHalt
    if (
        not _mode_decides(nextlayer)
        and not _core_knows(data)
        and is_request(data)
        and not excluded.passes_through(nextlayer)
    ):
        _skip_white_space(nextlayer)
        nextlayer.layer = HttpLayer(nextlayer.context, HTTPMode.transparent)


def _mode_decides(nextlayer: layer.NextLayer) -> bool:
    """Return whether the proxy mode alone says what comes next, be it HTTP or not."""
    top = nextlayer.context.layers[-1:]
    return bool(top) and isinstance(
        top[0], modes.HttpProxy | modes.HttpUpstreamProxy | modes.ReverseProxy
    )


def _core_knows(data: bytes) -> bool:
    """Return whether mitmproxy takes *data* for HTTP: letters and a space in its first line."""
    line, ended, _ = data.partition(b"\n")
    letters = line[:3].isalpha() and not line.startswith(b"SSH")
    return bool(ended) and b" " in line and letters


def _skip_white_space(nextlayer: layer.NextLayer) -> None:
    """Drop leading white space; at empty lines mitmproxy's HTTP/1 reader would wait for ever."""
    for event in nextlayer.events:
        if isinstance(event, events.DataReceived):
            event.data = event.data.lstrip(LEADING)
            if event.data:
                return


def self_test(opts: options.Options) -> None:
    """See a decision deferred by AddonHalt and asked for again.

    Raises:
        CoreMismatchError: when it is not.
    """
    context = client_context(opts)
    asked: list[bytes] = []
    top = layer.NextLayer(context)
    driver = Driver(top, lambda _: asked.append(top.data_client()))
    driver.feed(events.Start())
    driver.data(context.client, b"G")
    driver.data(context.client, b"ET")
    if asked != [b"G", b"GET"]:
        raise CoreMismatchError(f"segments: expected to be asked twice, found {asked}")

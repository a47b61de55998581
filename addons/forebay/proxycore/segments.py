"""Wait for enough bytes before deciding what a connection speaks.

mitmproxy decides on the first TCP segment.  One that ends within the request
line or within the first three bytes of a ClientHello becomes a raw tunnel: no
TLS interception, no request, no filter, for a hostile client as for an honest
slow one.  So does an HTTP request that begins with an empty line (RFC 9112 §2.2 tells
servers to skip it), whose words are parted by tabs (§3 lets servers take them)
or whose method is not made of letters or begins with SSH.
"""

from __future__ import annotations

import re

from mitmproxy import exceptions, options
from mitmproxy.proxy import events, layer
from mitmproxy.proxy.layers import HttpLayer
from mitmproxy.proxy.layers.http import HTTPMode

from forebay.proxycore import excluded
from forebay.proxycore.patch import CoreMismatchError
from forebay.proxycore.sansio import Driver, client_context

METHOD_LIMIT_BYTES = 32
"""Longest word waited for as a method; the longest registered one has 17."""
LINE_LIMIT_BYTES = 16 * 1024
"""Longest request line waited for when only its end can tell what it is."""

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PARTIAL_METHOD = re.compile(_TOKEN)
_SPACE = rb"[ \t\v\f]"
# With a NUL in it only what begins with a common method is one: the first message
# of git has NULs and no end of line.
_PARTIAL_LINE = re.compile(
    rb"(?:" + _TOKEN + _SPACE + rb"[^\r\n\0]*"
    rb"|(?i:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS)" + _SPACE + rb"[^\r\n]*)\r?"
)
_REQUEST_LINE = re.compile(
    _TOKEN + _SPACE + rb"[^\r\n]*" + _SPACE + rb"HTTP/[0-9]\.[0-9]" + _SPACE + rb"*\r?\n",
    re.IGNORECASE,
)


def needs_more(data: bytes) -> bool:
    """Return whether *data*, the first bytes of a client, may yet become TLS or HTTP.

    >>> needs_more(b"GE"), needs_more(bytes([0x16, 3])), needs_more(b"SSH-2.0-x" + bytes([13, 10]))
    (True, True, False)
    """
    if data[:1] == b"\x16":
        return data in (b"\x16", b"\x16\x03")
    text = data.lstrip(b"\r\n")
    if not text:
        return len(data) <= METHOD_LIMIT_BYTES
    if _PARTIAL_METHOD.fullmatch(text):
        return len(text) <= METHOD_LIMIT_BYTES
    # The core takes a word and a space for HTTP only when the line has ended.
    return _PARTIAL_LINE.fullmatch(text) is not None and len(text) <= LINE_LIMIT_BYTES


def is_request(data: bytes) -> bool:
    """Return whether *data* begins with an HTTP/1 request line, empty lines skipped.

    One that is longer than we wait for counts too, and so do empty lines alone
    of that length: whatever comes of them, it must not be a raw tunnel.

    >>> is_request(bytes([13, 10]) + b"M-SEARCH * HTTP/1.1" + bytes([13, 10]))
    True
    """
    text = data.lstrip(b"\r\n")
    if not text or _PARTIAL_LINE.fullmatch(text):
        return not needs_more(data)
    return _REQUEST_LINE.match(text) is not None


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
    inside_a_tunnel = len(nextlayer.context.layers) > 1
    if (
        inside_a_tunnel
        and not _core_knows(data)
        and is_request(data)
        and not excluded.passes_through(nextlayer)
    ):
        _skip_empty_lines(nextlayer)
        nextlayer.layer = HttpLayer(nextlayer.context, HTTPMode.transparent)


def _core_knows(data: bytes) -> bool:
    """Return whether mitmproxy takes *data* for HTTP: letters and a space in its first line."""
    line, ended, _ = data.partition(b"\n")
    letters = line[:3].isalpha() and not line.startswith(b"SSH")
    return bool(ended) and b" " in line and letters


def _skip_empty_lines(nextlayer: layer.NextLayer) -> None:
    """Drop leading empty lines, at which mitmproxy's HTTP/1 reader would wait for ever."""
    for event in nextlayer.events:
        if isinstance(event, events.DataReceived):
            event.data = event.data.lstrip(b"\r\n")
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

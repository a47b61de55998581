"""Tell whether mitmproxy is about to pass a connection through unread.

That is the case for hosts excluded by ``ignore_hosts`` and ``allow_hosts``, for
those in ``tcp_hosts``, and for a ClientHello whose record names a version that
mitmproxy does not know, though servers must not look at it (RFC 8446 §5.1).
"""

from __future__ import annotations

import re

from mitmproxy import ctx, exceptions
from mitmproxy.addons.next_layer import NeedsMoreData, NextLayer
from mitmproxy.net.tls import starts_like_tls_record
from mitmproxy.proxy import layer
from mitmproxy.proxy.context import Context

from forebay.proxycore.patch import CoreMismatchError, check_version

LIMIT_BYTES = 64 * 1024
"""Longest ClientHello or request head that is waited for."""

# Its answers depend on nothing but the options and what it is given.
_CORE = NextLayer()


def passes_through(nextlayer: layer.NextLayer) -> bool:
    """Return whether mitmproxy would make a raw TCP tunnel of what follows, by its options.

    The answer may change while the client's first message is incomplete.

    Raises:
        AddonHalt: while mitmproxy itself needs more bytes to tell; beyond
            LIMIT_BYTES the answer is yes.
    """
    context, data = nextlayer.context, nextlayer.data_client()
    if context.client.transport_protocol != "tcp":
        return False
    try:
        if _CORE._ignore_connection(context, data, nextlayer.data_server()):
            return True
    except NeedsMoreData:
        if len(data) <= LIMIT_BYTES:
            raise exceptions.AddonHalt from None
        return True
    if starts_like_tls_record(data):
        return False
    return data[:2] == b"\x16\x03" or _is_raw_by_option(context)


def _is_raw_by_option(context: Context) -> bool:
    patterns = [re.compile(pattern, re.IGNORECASE) for pattern in ctx.options.tcp_hosts]
    return bool(patterns) and bool(NextLayer._is_destination_in_hosts(context, patterns))


def check_core() -> None:
    """Make sure that mitmproxy's addon is one whose private methods are known.

    Raises:
        CoreMismatchError: when it is not.
    """
    check_version("excluded")
    for method in ("_ignore_connection", "_is_destination_in_hosts"):
        if not callable(getattr(NextLayer, method, None)):
            raise CoreMismatchError(f"excluded: expected NextLayer.{method}, found no such method")

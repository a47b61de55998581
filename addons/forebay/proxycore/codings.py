"""Pass on responses in a transfer coding that mitmproxy does not know, if the user says so.

mitmproxy answers 502.  Such a body ends with its connection (RFC 9112 §6.3),
and two parties that read its end differently can be played off against each
other, so refusing stays the default.  Requests are refused in any case, which
rests on ``validate_inbound_headers``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from mitmproxy import options
from mitmproxy.net.http import validate
from mitmproxy.proxy import events
from mitmproxy.proxy.layers.http import HttpLayer, HTTPMode

from forebay.proxycore.patch import CoreMismatchError, Patch
from forebay.proxycore.sansio import Driver, client_context

_UNKNOWN = re.compile(r"(?!.*chunked)[!#$%&'*+.^_`|~0-9a-z-]{1,40}", re.IGNORECASE)
"""One token.  What names ``chunked`` in any way is not read as something else."""


def _parse_transfer_encoding(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def parse_transfer_encoding(value: str | bytes) -> Any:
        text = value if isinstance(value, str) else value.decode("latin-1")
        try:
            return original(value)
        except ValueError:
            if not _UNKNOWN.fullmatch(text):
                raise
            return "identity"  # for a response: all that comes until the connection's end

    return parse_transfer_encoding


PATCH = Patch("codings", ((validate, "parse_transfer_encoding", _parse_transfer_encoding),))


def answer_in(opts: options.Options, coding: bytes) -> bytes:
    """Drive a response in *coding*; return what the client gets."""
    context = client_context(opts)
    driver = Driver(HttpLayer(context, HTTPMode.regular))
    driver.feed(events.Start())
    driver.data(context.client, b"GET http://192.0.2.9/ HTTP/1.1\r\nHost: 192.0.2.9\r\n\r\n")
    (origin,) = driver.opened
    driver.data(origin, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: " + coding + b"\r\n\r\nbody")
    driver.peer_closes(origin)
    return bytes(driver.sent[context.client])


def self_test(opts: options.Options) -> None:
    """See a response in an unknown coding pass, and one that hides ``chunked`` refused.

    Raises:
        CoreMismatchError: when either is otherwise.
    """
    passed, refused = answer_in(opts, b"x-new"), answer_in(opts, b"x-chunked")
    if not passed.endswith(b"\r\n\r\nbody") or not refused.startswith(b"HTTP/1.1 502"):
        raise CoreMismatchError(f"codings: expected x-new passed, found {passed[:60]!r}")

"""Discard the trailers of HTTP/1 messages.

mitmproxy raises NotImplementedError on trailers of a chunked message and
AssertionError when HTTP/2 trailers are to go out over HTTP/1; the client waits
for ever.  An intermediary may discard them (RFC 9110 §6.5.1), as is done here
wherever one side is HTTP/1.  Between two HTTP/2 sides the core passes them.
"""

from __future__ import annotations

from collections.abc import Callable

import h11
from h11._readers import ChunkedReader
from h11._receivebuffer import ReceiveBuffer
from mitmproxy import options
from mitmproxy.proxy import events, layer
from mitmproxy.proxy.layers.http import (
    HttpLayer,
    HTTPMode,
    RequestTrailers,
    ResponseTrailers,
)
from mitmproxy.proxy.layers.http._events import HttpEvent
from mitmproxy.proxy.layers.http._http1 import Http1Client, Http1Connection, Http1Server

from forebay.proxycore.patch import CoreMismatchError, Patch
from forebay.proxycore.sansio import Driver, client_context

type Handler = Callable[..., layer.CommandGenerator[None]]

LIMIT_BYTES = 64 * 1024
"""Trailers that are not complete by then break the message off."""


class DiscardingReader(ChunkedReader):  # type: ignore[misc, unused-ignore]
    """Reads a chunked body as the core does, and tells nothing of its trailers."""

    def __call__(self, buf: ReceiveBuffer) -> h11.Data | h11.EndOfMessage | None:
        """Return the next piece, the end, or None when more has to be read."""
        event: h11.Data | h11.EndOfMessage | None = super().__call__(buf)
        if event is None and len(buf) > LIMIT_BYTES:  # a line, or trailers, without end
            raise h11.RemoteProtocolError(
                f"chunked body: expected at most {LIMIT_BYTES} bytes of trailers, found {len(buf)}"
            )
        return h11.EndOfMessage() if isinstance(event, h11.EndOfMessage) else event


def _read_body(original: Handler) -> Handler:
    def read_body(self: Http1Connection, event: events.Event) -> layer.CommandGenerator[None]:
        if type(self.body_reader) is ChunkedReader:  # new: nothing was read with it
            self.body_reader = DiscardingReader()
        yield from original(self, event)

    return read_body


def _send(original: Handler) -> Handler:
    def send(self: Http1Connection, event: HttpEvent) -> layer.CommandGenerator[None]:
        if not isinstance(event, (RequestTrailers, ResponseTrailers)):
            yield from original(self, event)

    return send


PATCH = Patch(
    "trailers",
    (
        (Http1Connection, "read_body", _read_body),
        (Http1Server, "send", _send),
        (Http1Client, "send", _send),
    ),
)


def after_trailers(opts: options.Options) -> tuple[bytes, bytes]:
    """Drive a request and a response with trailers; return what was sent to either side."""
    context = client_context(opts)
    driver = Driver(HttpLayer(context, HTTPMode.regular))
    driver.feed(events.Start())
    body = b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nX-Sum: 1\r\n\r\n"
    driver.data(context.client, b"PUT http://192.0.2.9/ HTTP/1.1\r\nHost: 192.0.2.9\r\n" + body)
    driver.data(driver.opened[0], b"HTTP/1.1 200 OK\r\n" + body)
    return bytes(driver.sent[driver.opened[0]]), bytes(driver.sent[context.client])


def self_test(opts: options.Options) -> None:
    """See both messages end without their trailers.

    Raises:
        CoreMismatchError: when they do not.
    """
    try:
        sent = after_trailers(opts)
    except (NotImplementedError, IndexError) as error:
        raise CoreMismatchError(f"trailers: expected them discarded, found {error!r}") from None
    if not all(message.endswith(b"\r\n\r\n2\r\nab\r\n0\r\n\r\n") for message in sent):
        raise CoreMismatchError(f"trailers: expected whole messages without, found {sent}")

"""Say to an HTTP/1 origin where the body of a request ends.

A request over HTTP/2 needs no Content-Length (RFC 9113 §8.1.1), and a script
may give a body to a request that had none.  mitmproxy sends the body to an
HTTP/1 origin all the same, behind a head that announces none; the origin takes
it for the next request (RFC 9112 §6.3), which nobody has judged.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from mitmproxy import http, options
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers.http import HttpLayer, HTTPMode, RequestHeaders
from mitmproxy.proxy.layers.http._http1 import Http1Client

from forebay.proxycore.patch import CoreMismatchError, Patch
from forebay.proxycore.sansio import Driver, client_context


def _send(
    original: Callable[..., layer.CommandGenerator[None]],
) -> Callable[..., layer.CommandGenerator[None]]:
    def send(self: Http1Client, event: Any) -> layer.CommandGenerator[None]:
        if isinstance(event, RequestHeaders) and not event.end_stream:
            event = replace(event, request=_framed(event.request))
        yield from original(self, event)

    return send


def _framed(request: http.Request) -> http.Request:
    """Return *request* with its body announced; another one where it was not."""
    if "transfer-encoding" in request.headers:
        return request
    content = request.raw_content
    announced = request.headers.get_all("content-length")
    if announced and (content is None or announced == [str(len(content))]):
        return request
    data = request.data
    framed = http.Request(
        data.host,
        data.port,
        data.method,
        data.scheme,
        data.authority,
        data.path,
        data.http_version,
        request.headers.copy(),
        None,
        None,
        data.timestamp_start,
        data.timestamp_end,
    )
    if content is None:
        framed.headers["Transfer-Encoding"] = "chunked"
    else:
        framed.headers["Content-Length"] = str(len(content))
    return framed


PATCH = Patch("framing", ((Http1Client, "send", _send),))


def sent_of(opts: options.Options, *, whole: bool) -> bytes:
    """Drive a GET that is given a body on its way; return what the origin gets."""
    context = client_context(opts)

    def on_hook(hook: commands.StartHook) -> None:
        if hook.name == "request" and whole:
            (flow,) = hook.args()
            flow.request.raw_content = b"GET /x HTTP/1.1\r\n\r\n"

    driver = Driver(HttpLayer(context, HTTPMode.regular), on_hook)
    driver.feed(events.Start())
    driver.data(context.client, b"GET http://192.0.2.9/ HTTP/1.1\r\nHost: 192.0.2.9\r\n\r\n")
    return bytes(driver.sent[driver.opened[0]])


def self_test(opts: options.Options) -> None:
    """See a body announced that was given to a request without one.

    Raises:
        CoreMismatchError: when it is not.
    """
    head, _, body = sent_of(opts, whole=True).partition(b"\r\n\r\n")
    if not body or b"\r\nContent-Length: %d" % len(body) not in head:
        raise CoreMismatchError(f"framing: expected the body announced, found {head[:200]!r}")

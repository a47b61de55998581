"""Show requests that name no host to the addons.

mitmproxy answers a request without a Host field 400 and runs no hook at all,
so that it is in no log.  Here the ``error`` hook runs for it.
"""

from __future__ import annotations

from collections.abc import Callable

from mitmproxy import flow, options
from mitmproxy.proxy import events, layer
from mitmproxy.proxy.layers.http import (
    HttpErrorHook,
    HttpLayer,
    HTTPMode,
    HttpStream,
    RequestHeaders,
)

from forebay.proxycore.patch import CoreMismatchError, Patch
from forebay.proxycore.sansio import Driver, client_context

MESSAGE = "HTTP request has no host header, destination unknown."


def _wait_for_request_headers(
    original: Callable[..., layer.CommandGenerator[None]],
) -> Callable[..., layer.CommandGenerator[None]]:
    def state_wait_for_request_headers(
        self: HttpStream, event: RequestHeaders
    ) -> layer.CommandGenerator[None]:
        yield from original(self, event)
        # A refused CONNECT is errored too, but has its response and its hook.
        if (
            self.client_state == self.state_errored
            and self.flow.error is None
            and self.flow.response is None
        ):
            self.flow.error = flow.Error(MESSAGE)
            yield HttpErrorHook(self.flow)
            self.flow.live = False

    return state_wait_for_request_headers


PATCH = Patch(
    "unaddressed",
    ((HttpStream, "state_wait_for_request_headers", _wait_for_request_headers),),
)


def hooks_without_host(opts: options.Options) -> list[str]:
    """Drive a request that names no host; return the hooks that ran."""
    context = client_context(opts)
    driver = Driver(HttpLayer(context, HTTPMode.regular))
    driver.feed(events.Start())
    driver.data(context.client, b"GET / HTTP/1.1\r\n\r\n")
    return driver.hooks


def self_test(opts: options.Options) -> None:
    """See the error hook run once.

    Raises:
        CoreMismatchError: when it does not.
    """
    found = hooks_without_host(opts)
    if found != ["error"]:
        raise CoreMismatchError(f"unaddressed: expected the hook error, found {found}")

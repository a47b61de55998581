"""Let nothing through when Forebay's script is gone and mitmproxy is not.

mitmproxy watches the script file.  When an edit breaks it, or it is deleted,
the addons are unloaded and traffic goes on, unfiltered.  With this fence up
every request and every connection is refused until the script is loaded again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from mitmproxy import http
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers.http import (
    ErrorCode,
    HttpStream,
    RequestHeaders,
    ResponseProtocolError,
    SendHttp,
)
from mitmproxy.proxy.server import ConnectionHandler

from forebay.proxycore.patch import Patch

MESSAGE = "Forebay was unloaded: nothing is let through until its script is loaded again"


def _refuse_request(
    original: Callable[..., layer.CommandGenerator[None]],
) -> Callable[..., layer.CommandGenerator[None]]:
    def state_wait_for_request_headers(
        self: HttpStream, event: RequestHeaders
    ) -> layer.CommandGenerator[None]:
        self.flow = http.HTTPFlow(self.context.client, self.context.server)
        self.flow.request = event.request
        self.client_state = self.server_state = self.state_errored
        yield SendHttp(
            ResponseProtocolError(self.stream_id, MESSAGE, ErrorCode.CONNECT_FAILED),
            self.context.client,
        )

    return state_wait_for_request_headers


def _refuse_connection(
    original: Callable[..., Awaitable[None]],
) -> Callable[..., Awaitable[None]]:
    async def open_connection(self: ConnectionHandler, command: commands.OpenConnection) -> None:
        command.connection.error = MESSAGE
        await self.server_event(events.OpenConnectionCompleted(command, MESSAGE))

    return open_connection


FENCE = Patch(
    "unloaded",
    (
        (HttpStream, "state_wait_for_request_headers", _refuse_request),
        (ConnectionHandler, "open_connection", _refuse_connection),
    ),
)

"""Refreshing what is stored after it has answered (RFC 5861 §3).

The request is sent once more by mitmproxy's own replay: through every hook, so
that it is blocked, logged and stored as any other, and on the same way to the
origin.  Its outcome says ``background``.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable
from dataclasses import dataclass

from mitmproxy import ctx, http
from mitmproxy.addons.clientplayback import ReplayHandler
from mitmproxy.options import Options
from mitmproxy.proxy.mode_specs import ReverseMode, UpstreamMode

from forebay.cache.conditional import CONDITIONS
from forebay.cache.headers import without

LIMIT = 8
"""How many run at once."""
DEADLINE_S = 60.0
_END_S = 5.0  # for the hooks of one that was broken off
_OF_THE_REQUEST = CONDITIONS | {b"range", b"if-range"}


@dataclass(frozen=True, slots=True, eq=False)
class _Refresh:
    handler: ReplayHandler
    task: asyncio.Task[None]


class Background:
    """The refreshes under way, one for each stored response at most.

    Args:
        failed: told of an exception in one.
        limit: how many run at once.
        deadline_s: after how long one is broken off.
        replay: what sends a flow.
    """

    def __init__(
        self,
        failed: Callable[[str, Exception], None],
        *,
        limit: int = LIMIT,
        deadline_s: float = DEADLINE_S,
        replay: Callable[[http.HTTPFlow, Options], ReplayHandler] = ReplayHandler,
    ) -> None:
        self._failed = failed
        self._limit = limit
        self._deadline_s = deadline_s
        self._replay = replay
        self._running: dict[bytes, _Refresh] = {}
        self._flows: weakref.WeakSet[http.HTTPFlow] = weakref.WeakSet()

    def __len__(self) -> int:
        return len(self._running)

    def has(self, flow: http.HTTPFlow) -> bool:
        """Return whether *flow* is one of ours."""
        return flow in self._flows

    def may_refresh(self, flow: http.HTTPFlow, key: bytes) -> bool:
        """Return whether the response *key* that answers *flow* can be refreshed afterwards."""
        if flow in self._flows or (key not in self._running and len(self._running) >= self._limit):
            return False
        return _is_replayed_alike(flow)

    def start(self, flow: http.HTTPFlow, key: bytes) -> None:
        """Refresh the response *key*, as the request of *flow* asks for it, unless that is done."""
        if key in self._running:
            return
        again = _copy(flow)
        handler = self._replay(again, ctx.options)
        if isinstance(flow.client_conn.proxy_mode, ReverseMode) and flow.request.scheme == "https":
            # Not the name that the client has used, which is the proxy's.
            handler.layer.context.server.sni = flow.request.host
        self._flows.add(again)
        task = asyncio.get_running_loop().create_task(
            self._run(key, again, handler), name="cache refresh"
        )
        self._running[key] = _Refresh(handler, task)

    async def _run(self, key: bytes, flow: http.HTTPFlow, handler: ReplayHandler) -> None:
        try:
            try:
                async with asyncio.timeout(self._deadline_s):
                    await handler.replay()
            except TimeoutError:
                _break_off(handler)
                async with asyncio.timeout(_END_S):
                    await handler.done.wait()
        except Exception as error:
            self._failed("refresh", error)
        finally:
            self._running.pop(key, None)
            self._flows.discard(flow)

    def stop(self) -> None:
        """Break all off."""
        for refresh in tuple(self._running.values()):
            refresh.task.cancel()
            _break_off(refresh.handler)
        self._running.clear()


def _copy(flow: http.HTTPFlow) -> http.HTTPFlow:
    """Return a flow with the same request, for the whole response and without conditions."""
    again: http.HTTPFlow = flow.copy()
    again.response, again.error = None, None
    again.metadata = {}  # its outcome is its own
    again.is_replay = "request"  # it has no client: for proxyauth, intercept and the views
    again.request.headers.fields = without(again.request.headers.fields, _OF_THE_REQUEST)
    return again


def _is_replayed_alike(flow: http.HTTPFlow) -> bool:
    """Return whether mitmproxy's replay, which looks at the first mode only, takes the same way."""
    mode = flow.client_conn.proxy_mode
    first: str = next(iter(ctx.options.mode), "")
    if isinstance(mode, UpstreamMode):
        return mode.full_spec == first
    return not first.startswith("upstream:")


def _break_off(handler: ReplayHandler) -> None:
    for transport in tuple(handler.transports.values()):
        if transport.handler is not None:
            transport.handler.cancel("cache refresh")

"""The guards, in the first place of the chain.

Their hooks run before all others of ours, so that a flow is in order when
anybody else looks at it, and a body's end is known when anybody asks.
"""

from __future__ import annotations

import contextlib
import functools
import logging
from collections.abc import Callable
from typing import Concatenate, NamedTuple

from mitmproxy import ctx, http, options, tcp, udp
from mitmproxy.addonmanager import Loader
from mitmproxy.proxy import layer, server_hooks
from mitmproxy.proxy.mode_specs import UpstreamMode

from forebay import bypass, outcome, settings
from forebay.errors import ForebayError
from forebay.proxycore import (
    again,
    bodies,
    bypassing,
    codings,
    cutting,
    framing,
    holding,
    hopbyhop,
    interim,
    passed,
    pressure,
    retry,
    segments,
    selfloop,
    serverfirst,
    source,
    trailers,
    trim,
    tunnels,
    unaddressed,
    unloaded,
    unreachable,
    upload,
)
from forebay.proxycore.patch import CoreMismatchError, Patch

logger = logging.getLogger(__name__)


_OPTIONS = {
    "forebay_home",
    "forebay_lazy",
    "forebay_server_first_ports",
    "forebay_unknown_coding",
    "forebay_unsafe_core",
    "validate_inbound_headers",
}


class Guard(NamedTuple):
    """A gap of the core that is closed here."""

    patch: Patch | None
    self_test: Callable[[options.Options], None]
    filter_rests_on_it: bool


GUARDS = (
    Guard(upload.PATCH, upload.self_test, filter_rests_on_it=True),
    Guard(framing.PATCH, framing.self_test, filter_rests_on_it=True),
    Guard(unaddressed.PATCH, unaddressed.self_test, filter_rests_on_it=False),
    Guard(serverfirst.PATCH, serverfirst.self_test, filter_rests_on_it=False),
    Guard(retry.PATCH, retry.self_test, filter_rests_on_it=False),
    Guard(again.PATCH, again.self_test, filter_rests_on_it=False),
    Guard(pressure.PATCH, pressure.self_test, filter_rests_on_it=False),
    Guard(interim.PATCH, interim.self_test, filter_rests_on_it=False),
    Guard(trailers.PATCH, trailers.self_test, filter_rests_on_it=False),
    Guard(unreachable.PATCH, unreachable.self_test, filter_rests_on_it=False),
    Guard(holding.PATCH, holding.self_test, filter_rests_on_it=False),
    Guard(cutting.PATCH, cutting.self_test, filter_rests_on_it=False),
    Guard(source.PATCH, source.self_test, filter_rests_on_it=False),
    Guard(passed.PATCH, passed.self_test, filter_rests_on_it=False),
    Guard(None, segments.self_test, filter_rests_on_it=True),
    Guard(None, tunnels.self_test, filter_rests_on_it=True),
)


def _survives[**P](hook: Callable[Concatenate[Proxycore, P], None]) -> Callable[..., None]:
    """Log what *hook* raises, once a cause: mitmproxy would skip the addons behind this one."""

    @functools.wraps(hook)
    def call(self: Proxycore, *args: P.args, **kwargs: P.kwargs) -> None:
        try:
            hook(self, *args, **kwargs)
        except Exception as error:
            self.warn_once(f"{hook.__name__}: {error!r}")

    return call


class Proxycore:
    """Close the gaps of mitmproxy's core that a filtering, caching proxy cannot live with."""

    name = "forebay.proxycore"

    def __init__(self) -> None:
        self._selfloop = selfloop.SelfLoop()
        self._bypassing = bypassing.Bypassing()
        self._running = False
        self._strategy_before: str | None = None
        self._warned: set[str] = set()

    def load(self, loader: Loader) -> None:
        """Declare the options."""
        settings.declare(loader)
        bypassing.declare(loader)
        loader.add_option(
            "forebay_lazy",
            str,
            "auto",
            "When servers are connected: auto (when a request needs one, but at once on "
            "forebay_server_first_ports), on (always when a request needs one) or off (as "
            "connection_strategy says; blocked hosts may then be contacted).",
        )
        loader.add_option(
            "forebay_server_first_ports",
            str,
            serverfirst.DEFAULT_PORTS,
            "Ports of protocols in which the server speaks first, separated by commas.",
        )
        loader.add_option(
            "forebay_unknown_coding",
            str,
            "refuse",
            "What becomes of a response in an unknown transfer coding: refuse (502), or pass (on, "
            "as it is, up to the end of its connection; never stored).",
        )
        loader.add_option(
            "forebay_unsafe_core",
            bool,
            False,
            "Start although a guard that the blocklist rests on does not fit this mitmproxy.",
        )

    def configure(self, updated: set[str]) -> None:
        """Validate the options and put the guards in place."""
        # Not in load: mitmproxy takes a script into its chain only after all of
        # its addons were loaded, and configures it then.
        unloaded.FENCE.uninstall()
        if bypass.OPTION in updated:
            self._bypassing.configure(running=self._running)
        if not updated & _OPTIONS:
            return
        try:
            own = settings.user_rules()
            for folder in (settings.home() / "rules", own / "blocklists", own / "rewrite"):
                settings.writable_folder("forebay_home", folder)  # to be watched
            lazy = settings.one_of("forebay_lazy", ("auto", "on", "off"))
            ports = serverfirst.parse_ports(ctx.options.forebay_server_first_ports)
            self._set_strategy("lazy" if lazy != "off" else None)
            serverfirst.set_ports(ports if lazy == "auto" else frozenset())
            for guard in GUARDS:
                self._put_in_place(guard)
            self._set_unknown_coding()
        except ForebayError as error:
            settings.reject(error, running=self._running)

    def _set_strategy(self, strategy: str | None) -> None:
        """Set ``connection_strategy``, or with None what it was before ours."""
        if strategy is None:
            strategy, self._strategy_before = self._strategy_before, None
        elif self._strategy_before is None:
            self._strategy_before = ctx.options.connection_strategy
        if strategy is not None and ctx.options.connection_strategy != strategy:
            ctx.options.update(connection_strategy=strategy)

    def _set_unknown_coding(self) -> None:
        if settings.one_of("forebay_unknown_coding", ("refuse", "pass")) == "refuse":
            codings.PATCH.uninstall()
            return
        if not ctx.options.validate_inbound_headers:
            raise ForebayError(
                "forebay_unknown_coding: expected validate_inbound_headers=true beside it, "
                "found false; requests would be read in two ways"
            )
        self._put_in_place(Guard(codings.PATCH, codings.self_test, filter_rests_on_it=False))

    def _put_in_place(self, guard: Guard) -> None:
        try:
            if guard.patch is not None:
                guard.patch.install()
            guard.self_test(ctx.options)
        except CoreMismatchError as error:
            if guard.patch is not None:
                guard.patch.uninstall()
            if guard.filter_rests_on_it and not ctx.options.forebay_unsafe_core:
                raise ForebayError(
                    f"{error}; blocking rests on it (forebay_unsafe_core=true starts without)"
                ) from None
            logger.warning("proxycore: %s; switched off", error)

    def running(self) -> None:
        """Note that errors no longer refuse the start."""
        self._running = True
        if ctx.options.stream_large_bodies:
            logger.warning(
                "stream_large_bodies: expected it unset, found %s; forebay_view_body_bytes "
                "decides what is kept, and all larger bodies are streamed",
                ctx.options.stream_large_bodies,
            )

    def done(self) -> None:
        """Put mitmproxy back as it was; raise the fence when it goes on without us."""
        for guard in reversed(GUARDS):
            if guard.patch is not None:
                guard.patch.uninstall()
        codings.PATCH.uninstall()
        self._bypassing.done()
        self._set_strategy(None)
        is_filter = "blocklist" in ctx.options and ctx.options.blocklist  # not every pipeline's
        if self._running and is_filter and not ctx.master.should_exit.is_set():
            self._running = False
            with contextlib.suppress(CoreMismatchError):  # nothing of ours fits this core
                unloaded.FENCE.install()

    def next_layer(self, nextlayer: layer.NextLayer) -> None:
        """See ``segments``."""
        segments.next_layer(nextlayer)

    @_survives
    def server_connect(self, data: server_hooks.ServerConnectionHookData) -> None:
        """See ``selfloop``."""
        server = ctx.master.addons.get("proxyserver")
        listening = [(str(address[0]), int(address[1])) for address in server.listen_addrs()]
        self._selfloop.server_connect(data, listening)

    @_survives
    def server_connected(self, data: server_hooks.ServerConnectionHookData) -> None:
        """See ``selfloop``."""
        self._selfloop.server_connected(data)

    @_survives
    def server_disconnected(self, data: server_hooks.ServerConnectionHookData) -> None:
        """See ``selfloop``."""
        self._selfloop.server_disconnected(data)

    @_survives
    def http_connect(self, flow: http.HTTPFlow) -> None:
        """Begin the outcome, and refuse a request that came back to us."""
        self._begin(flow)

    @_survives
    def http_connected(self, flow: http.HTTPFlow) -> None:
        """See ``bypassing``."""
        self._bypassing.accepted(flow)

    @_survives
    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Begin the outcome, drop fields for this hop, refuse a request that came back to us."""
        if not flow.live:
            return  # loaded from a file: a record, not traffic
        self._begin(flow)
        hopbyhop.clean_request(
            flow.request,
            next_hop_is_proxy=isinstance(flow.client_conn.proxy_mode, UpstreamMode),
        )

    def warn_once(self, cause: str) -> None:
        """Warn that a guard failed, and go on."""
        if cause not in self._warned and len(self._warned) < 100:
            self._warned.add(cause)
            logger.warning("proxycore: traffic goes on without a guard that failed: %s", cause)

    def _begin(self, flow: http.HTTPFlow) -> None:
        asked = bypassing.take(flow.request)  # first: whatever fails, no origin sees it
        outcome.begin(flow)
        self._bypassing.note(flow, asked)
        bodies.begin(flow)
        if flow.response is None and flow.error is None and self._selfloop.is_own(flow.client_conn):
            flow.response = selfloop.loop_detected()
            outcome.of(flow)["answer"] = "proxycore"

    @_survives
    def request(self, flow: http.HTTPFlow) -> None:
        """Tell the request body's consumers that it has ended; see ``bypassing``."""
        bypassing.clean_trailers(flow.request)
        bodies.finish_request(flow)

    @_survives
    def responseheaders(self, flow: http.HTTPFlow) -> None:
        """Drop fields for this hop, and the body of an answer to HEAD."""
        if flow.response is None or not flow.live:
            return
        if flow.response.status_code == 101 and not hopbyhop.is_websocket(flow):
            flow.kill()  # the core would make a raw tunnel of it, in which nothing is judged
            return
        hopbyhop.clean_response(flow.response)
        hopbyhop.uncode_for_http10(flow)
        if flow.request.data.method == b"HEAD" and flow.response.raw_content:
            # The core would send it; Content-Length stays (RFC 9110 §9.3.2).
            flow.response.data.content = b""

    @_survives
    def response(self, flow: http.HTTPFlow) -> None:
        """Tell the response body's consumers that it has ended."""
        bodies.finish_response(flow)

    @_survives
    def error(self, flow: http.HTTPFlow) -> None:
        """Tell the consumers of both bodies that nothing more will come."""
        bodies.break_off(flow)
        if not unreachable.is_answered(flow):
            source.discard(flow)

    def websocket_message(self, flow: http.HTTPFlow) -> None:
        """See ``trim``."""
        trim.trim(flow)

    def tcp_message(self, flow: tcp.TCPFlow) -> None:
        """See ``trim``."""
        trim.trim(flow)

    def udp_message(self, flow: udp.UDPFlow) -> None:
        """See ``trim``."""
        trim.trim(flow)

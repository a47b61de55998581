"""The hooks that label flows for whoever looks at them."""

from __future__ import annotations

from collections.abc import Callable
from weakref import WeakKeyDictionary

from mitmproxy import connection, ctx, dns, exceptions, http, tls
from mitmproxy import flow as mflow
from mitmproxy.addonmanager import Loader
from mitmproxy.proxy.server_hooks import ServerConnectionHookData

from forebay import outcome
from forebay.inspect import contentview, ending, label
from forebay.inspect.account import in_force
from forebay.inspect.commands import Commands
from forebay.inspect.comment import comment
from forebay.inspect.marker import marker
from forebay.inspect.trim import Trim
from forebay.proxycore import unreachable
from forebay.proxycore.audience import Audience, present
from forebay.recording import told
from forebay.trafficlog import failure

_AUDIENCE = {"scripts", "modify_body", "save_stream_file", "hardump", "client_replay"}


class InspectAddon:
    """Put comment and marker on flows, keep the view small, offer view and commands."""

    name = "forebay.inspect"

    def __init__(self, audience: Callable[[], Audience] = present) -> None:
        self.addons = [Commands()]
        self._audience = audience
        self._is_seen = False
        self._running = False
        self._trim = Trim()
        # Of each client, what the server connections that were made for it failed with.
        self._failures: WeakKeyDictionary[connection.Client, dict[str, str]] = WeakKeyDictionary()

    def load(self, loader: Loader) -> None:
        """Declare the option, and offer the view."""
        loader.add_option(
            "forebay_view_flows",
            int,
            0,
            "How many flows mitmweb and the console keep, those that you have marked aside; "
            "0 for all.",
        )
        contentview.register()

    def configure(self, updated: set[str]) -> None:
        """See who looks: asked for each flow it would cost more than all the rest here."""
        if "forebay_view_flows" in updated:
            limit = ctx.options.forebay_view_flows
            if limit < 0:
                raise exceptions.OptionsError(
                    f"forebay_view_flows: expected a number from 0, found {limit}"
                )
            self._trim.limit = limit
            if self._running:
                self._trim.wake()
        if updated & _AUDIENCE:
            self._is_seen = self._audience() is not Audience.NOBODY

    def running(self) -> None:
        """Look again: by now all addons are there, a view among them."""
        self._running = True
        self._is_seen = self._audience() is not Audience.NOBODY
        self._trim.wake()

    def done(self) -> None:
        """Remove no more flows."""
        self._trim.stop()

    def response(self, flow: http.HTTPFlow) -> None:
        """Label a flow that was answered."""
        if self._is_seen:
            self._label(flow)

    def error(self, flow: http.HTTPFlow) -> None:
        """Label a flow that failed, unless the answer in its place is still to come."""
        if self._is_seen and not unreachable.is_answered(flow):
            self._label(flow)

    def server_connect_error(self, data: ServerConnectionHookData) -> None:
        """Note what mitmproxy will say about it."""
        self._failed(data.client, data.server.error, failure.CONNECT)

    def tls_failed_server(self, data: tls.TlsData) -> None:
        """Note what mitmproxy will say about it."""
        self._failed(data.context.client, data.conn.error, failure.TLS_SERVER)

    def _failed(self, client: connection.Client, text: str | None, kind: str) -> None:
        if self._is_seen:
            failure.remember(self._failures.setdefault(client, {}), text, kind)

    def dns_response(self, flow: dns.DNSFlow) -> None:
        """Label a query."""
        if self._is_seen:
            self._label(flow)

    def requestheaders(self, flow: mflow.Flow) -> None:
        """Make room."""
        if self._trim.limit:
            self._trim.wake()

    def tcp_end(self, flow: mflow.Flow) -> None:
        """Label a connection that has ended, or was refused."""
        self.requestheaders(flow)
        if self._is_seen and flow.live:
            outcome.of(flow)  # nobody has begun it where nothing was decided
            self._label(flow)

    dns_error = dns_response
    tcp_start = udp_start = requestheaders
    tcp_error = udp_end = udp_error = tcp_end

    def _label(self, flow: mflow.Flow) -> None:
        if self._trim.limit:
            self._trim.wake()
        notes = flow.metadata.get(outcome.KEY)
        if not flow.live or not isinstance(notes, dict):
            return  # loaded from a file: a record, with the labels that it had
        error_type = ending.note(flow, self._failures.get(flow.client_conn, {}))
        refused = (
            isinstance(flow, http.HTTPFlow)
            and notes.get("answer") == "recording"
            and flow.response is not None
            and flow.response.status_code == told.STATUS
        )
        line = comment(
            notes,
            error_type=error_type,
            error=flow.error.msg if flow.error else "",
            refused=refused,
            redactor=in_force(),
        )
        label.put(flow, line, marker(notes, failed=error_type is not None or refused))

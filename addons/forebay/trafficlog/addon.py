"""One record for every attempt, however it ends.

Which hook ends what (mitmproxy has no single one for all):

* an HTTP exchange: ``response`` or ``error``; a WebSocket: ``websocket_end``;
* a refused CONNECT: ``http_connect_error``; a raw one: ``tcp_end`` or
  ``tcp_error``; one whose handshake failed: ``tls_failed_client``; an
  intercepted one is no exchange, its requests are;
* all else (hosts that are not intercepted, clients that leave, kills in
  ``http_connect``) shows only in ``client_disconnected``;
* a request that cannot be read at all: a line in mitmproxy's own log.

What is still under way when the proxy stops is recorded as such.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mitmproxy import command, connection, ctx, dns, http, tcp, tls, udp
from mitmproxy.addonmanager import Loader
from mitmproxy.proxy import server_hooks
from mitmproxy.proxy.mode_specs import Socks5Mode

from forebay import outcome, rulefiles, settings
from forebay.errors import ForebayError
from forebay.paths import shown
from forebay.proxycore import malformed, unreachable
from forebay.trafficlog import choice, failure, redact, writing
from forebay.trafficlog.connection import of_malformed
from forebay.trafficlog.exchange import Ending
from forebay.trafficlog.ledger import Ledger
from forebay.trafficlog.recorder import Recorder
from forebay.trafficlog.redaction import Redaction

logger = logging.getLogger(__name__)

_FILE_OPTIONS = {"trafficlog", "trafficlog_file", "forebay_home"}
_REDACTION_OPTIONS = {"trafficlog", "forebay_home", "forebay_rules"}


class TrafficlogAddon:
    """Write the traffic log."""

    name = "forebay.trafficlog"

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._recorder = Recorder()
        self._ledger = Ledger(self._recorder, clock)
        self._malformed = malformed.Malformed(self._unreadable)
        self._redaction = Redaction(self._put_redactor)
        self._running = False

    def load(self, loader: Loader) -> None:
        """Declare the options."""
        settings.declare(loader)
        # One count for each process: the script may be loaded again in it.
        self._recorder.numbers = vars(loader.master).setdefault(
            "forebay_record_numbers", self._recorder.numbers
        )
        loader.add_option("trafficlog", bool, True, "Write one line of JSON for each exchange.")
        loader.add_option(
            "trafficlog_file",
            str,
            "",
            "File for the traffic log. Empty: log/traffic.jsonl in forebay_home.",
        )
        loader.add_option(
            "trafficlog_headers",
            bool,
            False,
            "Record all header fields too, with those masked that carry secrets.",
        )
        choice.declare(loader)
        writing.declare(loader)

    def configure(self, updated: set[str]) -> None:
        """Open the file; one that cannot be written is refused, and the one before stays."""
        try:
            if updated & _REDACTION_OPTIONS:
                self._read_redaction()
            if updated & writing.OPTIONS:
                self._recorder.writing.configure()
            if updated & choice.OPTIONS:
                self._ledger.only, self._ledger.sampling = choice.records()
                self._ledger.capture.wish = choice.bodies()
            if updated & _FILE_OPTIONS:
                self._recorder.write_to(_file() if ctx.options.trafficlog else None)
        except ForebayError as error:
            settings.reject(error, running=self._running)
            return
        if "rewrite_env" in ctx.options:  # what rules may say, and nobody shall read
            values = [os.environ.get(name, "") for name in ctx.options.rewrite_env]
            self._recorder.needles = redact.needles(values)
        self._ledger.headers = ctx.options.trafficlog_headers
        if self._recorder.is_on:
            self._malformed.install()
        else:
            self._malformed.uninstall()

    def running(self) -> None:
        """Begin to watch files, and check that requests which cannot be read are noticed."""
        self._running = True
        self._redaction.start()
        self._recorder.writing.begin()
        if self._recorder.is_on:
            try:
                malformed.self_test()
            except ForebayError as error:
                logger.warning("trafficlog: requests that cannot be read go unrecorded: %s", error)

    def done(self) -> None:
        """Record what is under way, and let go of the file."""
        self._malformed.uninstall()
        self._redaction.stop()
        self._ledger.stop()
        self._recorder.stop()

    @property
    def redactor(self) -> redact.Redactor:
        """What masks secrets in the log at present."""
        return self._recorder.redactor

    def summary(self) -> str:
        """Return this addon's part of the start line."""
        path = self._recorder.path
        if path is None:
            return "log off"
        return f"log {shown(path)}"

    def status(self) -> dict[str, Any]:
        """Return in plain types what was written, what waits, and what is wrong."""
        found = self._recorder.status()
        problems = [*found.pop("problems", []), *rulefiles.refusals(self._redaction.refused)]
        if self._recorder.writing.refuses() is not None:
            problems.append("requests are answered 503 (trafficlog_on_error=block)")
        return {**found, "problems": problems}

    @command.command("forebay.log.rotate")  # type: ignore[untyped-decorator]
    def rotate(self) -> str:
        """Begin a new log file; the one before stays beside it."""
        path = self._recorder.path
        if path is None:
            return "the log is off"
        self._recorder.rotate()
        return f"a new {path} begins"

    # HTTP

    def _refuse(self, flow: http.HTTPFlow) -> None:
        why = self._recorder.writing.refuses()
        if why is not None and flow.live and flow.error is None:
            outcome.of(flow)["answer"] = "trafficlog"
            flow.response = http.Response.make(
                503,
                f"{why}\n",
                {"Content-Type": "text/plain; charset=utf-8", "Retry-After": "5"},
            )

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Note an exchange; refuse it when it cannot be recorded and must be."""
        if self._recorder.is_on:
            self._refuse(flow)
            self._ledger.begin_exchange(flow)
            self._ledger.capture.request(flow)

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        """Begin to keep the body."""
        if self._recorder.is_on:
            self._ledger.capture.response(flow)

    def response(self, flow: http.HTTPFlow) -> None:
        """Record an exchange, unless a WebSocket begins with it."""
        client = self._ledger.client(flow.client_conn)
        if flow.websocket is None:
            self._ledger.finish(flow)
        elif client is None:  # it has left meanwhile, and no other hook will run
            ending = Ending(self._clock(), "Client disconnected.", failure.LEFT)
            self._ledger.finish(flow, ending)
        else:
            client.upgrades[flow.id] = flow

    def error(self, flow: http.HTTPFlow) -> None:
        """Record an exchange that failed."""
        if unreachable.is_answered(flow):
            return  # the answer in its place is recorded
        self._ledger.tell(flow)
        self._ledger.finish(flow)

    def websocket_start(self, flow: http.HTTPFlow) -> None:
        """Begin to count."""
        client = self._ledger.client(flow.client_conn)
        if client is not None:
            client.upgrades.pop(flow.id, None)
        self._ledger.begin_counting(flow, "websocket", None)

    def websocket_message(self, flow: http.HTTPFlow) -> None:
        """Count; what came before may be forgotten by now."""
        assert flow.websocket is not None
        message = flow.websocket.messages[-1]
        self._ledger.count(flow, message.content, from_client=message.from_client)

    def websocket_end(self, flow: http.HTTPFlow) -> None:
        """Record a WebSocket."""
        self._ledger.finish(flow)

    # Connections

    def client_connected(self, client: connection.Client) -> None:
        """Note a connection."""
        self._ledger.connected(client)

    def client_disconnected(self, client: connection.Client) -> None:
        """Record what nothing else tells of."""
        self._ledger.disconnected(client)

    def server_connect(self, data: server_hooks.ServerConnectionHookData) -> None:
        """Note which server was asked for."""
        client = self._ledger.client(data.client)
        if client is not None:
            client.server = data.server

    def server_connect_error(self, data: server_hooks.ServerConnectionHookData) -> None:
        """Note what mitmproxy will say about it."""
        client = self._ledger.client(data.client)
        if client is not None:
            client.failed(data.server.error, failure.CONNECT)

    def tls_failed_server(self, data: tls.TlsData) -> None:
        """Note what mitmproxy will say about it."""
        client = self._ledger.client(data.context.client)
        if client is not None:
            client.failed(data.conn.error, failure.TLS_SERVER)

    def tls_failed_client(self, data: tls.TlsData) -> None:
        """Record a connection that came to nothing."""
        self._ledger.handshake_failed(data.context.client, data.context.server, data.conn.error)

    def http_connect(self, flow: http.HTTPFlow) -> None:
        """Note a CONNECT, whose fate is open, or refuse it as any other request."""
        self._refuse(flow)
        client = self._ledger.client(flow.client_conn)
        if client is not None:
            client.tunnels[flow.id] = flow

    def http_connect_error(self, flow: http.HTTPFlow) -> None:
        """Record a CONNECT that was refused, by us or for want of its server."""
        client = self._ledger.client(flow.client_conn)
        if client is not None:
            client.tunnels.pop(flow.id, None)
            client.told = True
        self._ledger.finish(flow)

    # Raw bytes and DNS

    def tcp_start(self, flow: tcp.TCPFlow) -> None:
        """Begin to count."""
        client = self._ledger.client(flow.client_conn)
        # What comes over SOCKS is a tunnel until something in it was understood.
        socks = isinstance(flow.client_conn.proxy_mode, Socks5Mode)
        raw_socks = socks and client is not None and not client.told
        connect = self._ledger.tell(flow)
        kind = "tunnel" if raw_socks or connect is not None else "tcp"
        self._ledger.begin_counting(flow, kind, connect)

    def udp_start(self, flow: udp.UDPFlow) -> None:
        """Begin to count."""
        self._ledger.begin_counting(flow, "udp", self._ledger.tell(flow))

    def tcp_message(self, flow: tcp.TCPFlow | udp.UDPFlow) -> None:
        """Count; what came before may be forgotten by now."""
        message = flow.messages[-1]
        self._ledger.count(flow, message.content, from_client=message.from_client)

    def tcp_end(self, flow: tcp.TCPFlow | udp.UDPFlow | dns.DNSFlow) -> None:
        """Record what ended or failed."""
        self._ledger.finish(flow)

    def dns_request(self, flow: dns.DNSFlow) -> None:
        """Note a query."""
        self._ledger.begin_query(flow)

    udp_message = tcp_message
    tcp_error = udp_end = udp_error = dns_response = dns_error = tcp_end

    def _read_redaction(self) -> None:
        if ctx.options.trafficlog:
            self._redaction.configure(
                settings.shipped_rules(),
                settings.user_rules(),
                settings.path("forebay_home", ctx.options.forebay_home),
                running=self._running,
            )

    def _put_redactor(self, redactor: redact.Redactor) -> None:
        self._recorder.redactor = redactor

    def _unreadable(self, address: tuple[str, int], message: str) -> None:
        self._ledger.tell_at(address)
        self._recorder.record(of_malformed, address, message, self._clock())


def _file() -> Path:
    """Return the file to write to.

    Raises:
        ForebayError: when its folder cannot be made or written.
    """
    if ctx.options.trafficlog_file:
        return Path(ctx.options.trafficlog_file).expanduser()
    return settings.writable_folder("forebay_home", settings.home() / "log") / "traffic.jsonl"

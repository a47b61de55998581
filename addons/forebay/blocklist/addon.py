"""The hooks that refuse listed hosts, by whatever name and protocol they are asked for."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from weakref import WeakKeyDictionary

from mitmproxy import connection, ctx, http
from mitmproxy.addonmanager import Loader
from mitmproxy.proxy.server_hooks import ServerConnectionHookData

from forebay import outcome, settings
from forebay.blocklist import answer
from forebay.blocklist.asked import is_intercepted, names_dialled, names_of
from forebay.blocklist.current import Current
from forebay.blocklist.verdict import Action, Verdict
from forebay.errors import ForebayError
from forebay.watch import Watcher

logger = logging.getLogger(__name__)

_OPTIONS = {"blocklist", "blocklist_files", "blocklist_connect", "forebay_home", "forebay_rules"}
_UNUSABLE = Verdict(Action.BLOCK, "Forebay has no usable blocklist")
_FAILED = Verdict(Action.BLOCK, "the blocklist failed on this request")


class BlocklistAddon:
    """Answer requests for listed hosts without asking the origin.

    Fails closed: without rules, and on any exception, requests are refused.
    """

    name = "forebay.blocklist"

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._running = False
        self._enabled = True
        self._page_in_tunnel = True
        self._current = Current()
        # Refused targets whose CONNECT was accepted so that the page can be shown.
        self._tunnels: WeakKeyDictionary[connection.Client, Verdict] = WeakKeyDictionary()
        self._warned: set[tuple[str, int]] = set()
        self._watcher = Watcher(self._current.folders, self._reload)

    def load(self, loader: Loader) -> None:
        """Declare the options."""
        settings.declare(loader)
        loader.add_option("blocklist", bool, True, "Refuse requests for listed hosts.")
        loader.add_option(
            "blocklist_files",
            Sequence[str],
            [],
            "Further lists of blocked hosts: plain domains, hosts files or ||host^; "
            "see rules/blocklists/sample.txt for the syntax.",
        )
        loader.add_option(
            "blocklist_connect",
            str,
            "page",
            "What a CONNECT to a listed host gets: page (accepted, and the requests inside "
            "get the block page, as browsers show no answer to a CONNECT) or refuse (403).",
        )

    def configure(self, updated: set[str]) -> None:
        """Validate, build the rules whole, then swap."""
        if not updated & _OPTIONS:
            return
        try:
            page_in_tunnel = settings.one_of("blocklist_connect", ("page", "refuse")) == "page"
            built = self._current.build() if ctx.options.blocklist else None
        except ForebayError as error:
            settings.reject(error, running=self._running)
            return
        self._page_in_tunnel = page_in_tunnel
        self._enabled = built is not None
        if built is None:
            self._current.drop()
        elif self._current.put(*built) and self._running:
            logger.info("blocklist: %s", built[0].summary())
        if self._running:  # other options may mean other folders
            self._watcher.stop()
            self._watcher.start()

    def running(self) -> None:
        """Begin to watch the lists."""
        self._running = True
        self._watcher.start()

    def done(self) -> None:
        """Stop watching."""
        self._watcher.stop()
        self._tunnels.clear()

    def summary(self) -> str:
        """Return this addon's part of the start line."""
        if not self._enabled:
            return "blocklist off"
        if self._current.rules is None:
            return "blocklist unusable, all requests are refused"
        return f"blocklist {self._current.rules.summary()}"

    def http_connect(self, flow: http.HTTPFlow) -> None:
        """Refuse a tunnel, or accept it for the page only."""
        self._closed(lambda: self._judge_connect(flow), lambda: self._fail(flow))

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Answer a request that carries any listed name."""
        self._closed(lambda: self._judge_request(flow), lambda: self._fail(flow))

    def server_connect(self, data: ServerConnectionHookData) -> None:
        """Refuse to dial a listed host: the last fence, for every protocol."""
        self._closed(lambda: self._judge_server(data), lambda: self._fail_server(data))

    def client_disconnected(self, client: connection.Client) -> None:
        """Forget the client's tunnel."""
        self._tunnels.pop(client, None)

    def _judge_connect(self, flow: http.HTTPFlow) -> None:
        # The client's server name, if there is one yet, is that of TLS to this proxy.
        names = names_of(flow, sni=None)
        outcome.of(flow)["names"] = list(names)
        if not self._enabled or flow.response or flow.error or not flow.live:
            return
        verdict = self._decide(names)
        _note(flow, verdict)
        if not verdict.blocked:
            return
        if self._page_in_tunnel and is_intercepted(flow.request):
            self._tunnels[flow.client_conn] = verdict
        else:
            self._answer(flow, verdict)

    def _judge_request(self, flow: http.HTTPFlow) -> None:
        names = names_of(flow, sni=flow.client_conn.sni)
        outcome.of(flow)["names"] = list(names)
        if not self._enabled or flow.response or flow.error or not flow.live:
            return
        verdict = self._tunnels.get(flow.client_conn) or self._decide(names)
        _note(flow, verdict)
        if verdict.blocked:
            self._answer(flow, verdict)

    def _judge_server(self, data: ServerConnectionHookData) -> None:
        if not self._enabled or data.server.error:
            return
        verdict = self._tunnels.get(data.client) or self._decide(names_dialled(data))
        if verdict.blocked:
            data.server.error = verdict.summary()

    def _decide(self, names: tuple[str, ...]) -> Verdict:
        rules = self._current.rules
        return _UNUSABLE if rules is None else rules.matcher.decide(names)

    def _answer(self, flow: http.HTTPFlow, verdict: Verdict) -> None:
        host = verdict.name or flow.request.host
        body, headers = answer.page(verdict, host=host, now_s=self._clock())
        flow.response = http.Response.make(403, body, headers)
        outcome.of(flow)["answer"] = "blocklist"

    def _closed(self, judge: Callable[[], None], refuse: Callable[[], None]) -> None:
        """Run *judge*; on whatever it raises *refuse*, as mitmproxy would let the flow go on."""
        try:
            judge()
        except Exception as error:
            if self._enabled:
                refuse()
            self._warn_once(error)

    def _fail(self, flow: http.HTTPFlow) -> None:
        # Nothing is used here that may just have raised.
        flow.response = http.Response.make(403, b"Forebay could not judge this request.\n")
        outcome.of(flow)["answer"] = "blocklist"
        _note(flow, _FAILED)

    def _fail_server(self, data: ServerConnectionHookData) -> None:
        data.server.error = _FAILED.summary()

    def _warn_once(self, error: Exception) -> None:
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        cause = (type(error).__name__, 0 if trace is None else trace.tb_lineno)
        if cause not in self._warned:
            self._warned.add(cause)
            logger.warning("blocklist: requests are refused that it fails on: %r", error)

    async def _reload(self) -> None:
        if self._enabled:
            await self._current.renew()


def _note(flow: http.HTTPFlow, verdict: Verdict) -> None:
    if verdict.blocked or verdict.exception is not None:
        outcome.of(flow)["block"] = verdict.as_outcome()

"""The hooks that refuse what lists name, by whatever name and protocol it is asked for."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from weakref import WeakSet

from mitmproxy import command, connection, ctx, dns, exceptions, http
from mitmproxy.addonmanager import Loader
from mitmproxy.proxy import layer
from mitmproxy.proxy.server_hooks import ServerConnectionHookData

from forebay import bypass, names, outcome, settings
from forebay.blocklist import asked, changes, config, refusal
from forebay.blocklist.changing import Changing
from forebay.blocklist.clients import Known
from forebay.blocklist.current import Current
from forebay.blocklist.facts import Facts, facts
from forebay.blocklist.judge import TOO_MANY_NAMES, judge
from forebay.blocklist.matcher import TOO_MANY_RULES
from forebay.blocklist.policies import Policy
from forebay.blocklist.request import Request
from forebay.blocklist.responses import BlocklistResponses
from forebay.blocklist.updates import Updates
from forebay.blocklist.verdict import NOT_LISTED, Action, Verdict
from forebay.errors import ForebayError
from forebay.proxycore import bodies, reserved, tunnels
from forebay.proxycore.firstbytes import Names
from forebay.watch import Watcher

logger = logging.getLogger(__name__)

_UNUSABLE = Verdict(Action.BLOCK, "Forebay has no usable blocklist")
_ESCAPED = Verdict(Action.BLOCK, "a name with a backslash, which resolvers undo")


class BlocklistAddon:
    """Answer requests that lists name without asking the origin.

    Fails closed: without rules, and on any exception, requests are refused.
    """

    name = "forebay.blocklist"

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._running = False
        self._enabled = True
        self._page_in_tunnel = True
        self._paused_until_s = 0.0
        self._judged = self._blocked = self._failures = 0
        self._current = Current(clock)
        self._updates = Updates(clock)
        self._known: Known[connection.Client] = Known()
        # Those with a refused CONNECT who have not asked for anything inside.
        self._silent: WeakSet[connection.Client] = WeakSet()
        self._warned: set[tuple[str, int]] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._watcher = Watcher(self._watched, self._reload)
        self._changing = Changing()
        self.responses = BlocklistResponses(self.judge_response)
        self.again = BlocklistAgain(self)

    def load(self, loader: Loader) -> None:
        """Declare the options."""
        config.declare(loader)

    def configure(self, updated: set[str]) -> None:
        """Validate, build the rules whole, then swap."""
        if "blocklist_answer" in updated:
            try:
                settings.one_of("blocklist_answer", ("page", "drop"))
            except ForebayError as error:
                settings.reject(error, running=self._running)
        if "blocklist_update" in updated and self._running:
            self._updates.start()
        if not updated & config.RULES:
            return
        try:
            page_in_tunnel = settings.one_of("blocklist_connect", ("page", "refuse")) == "page"
            if not ctx.options.blocklist:
                self._enabled = False
                self._current.drop()
            elif self._running:
                self._current.check()
                self._rebuild()
            else:
                self._current.put(*self._current.build())
                self._enabled = True
        except ForebayError as error:
            settings.reject(error, running=self._running)
            return
        self._page_in_tunnel = page_in_tunnel
        if self._running:  # other options may mean other folders
            self._watcher.stop()
            self._watcher.start()

    def _rebuild(self) -> None:
        """Read what the options ask for beside the traffic, which goes by the rules before."""

        async def rebuild() -> None:
            await self._current.renew(by_option=True)
            self._enabled = bool(ctx.options.blocklist)

        task = asyncio.get_running_loop().create_task(rebuild())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def running(self) -> None:
        """Begin to watch the lists, and to fetch those that expire."""
        self._running = True
        self._watcher.start()
        self._updates.start()

    def _watched(self) -> list[Path]:
        # To know it, lists are read: not while nobody goes by them.
        return self._current.watched() if ctx.options.blocklist else []

    def done(self) -> None:
        """Stop watching."""
        self._watcher.stop()
        self._updates.stop()
        self._known.clear()

    def summary(self) -> str:
        """Return this addon's part of the start line."""
        if not self._enabled:
            return "blocklist off"
        if self._current.rules is None:
            return "blocklist unusable, all requests are refused"
        return f"blocklist {self._current.rules.lists.summary()}"

    def status(self) -> dict[str, Any]:
        """Return in plain types what is in force, and what was blocked."""
        if not self._enabled:
            return {"on": False}
        found = self._current.status()
        problems = found.pop("problems", [])
        if self._current.rules is None:
            problems.append("expected usable rules, found none: all requests are refused")
        if self._failures:
            problems.append(
                f"expected to judge every request, found {self._failures} that it failed on, "
                "which are refused"
            )
        paused_s = max(0.0, self._paused_until_s - self._clock())
        return {
            "on": True,
            "paused_s": round(paused_s, 1) or None,
            "judged": self._judged,
            "blocked": self._blocked,
            **found,
            "problems": problems,
        }

    @command.command("forebay.pause")  # type: ignore[untyped-decorator]
    def pause(self, minutes: int = 5) -> None:
        """Block nothing for so many minutes; 0 ends the pause."""
        if minutes < 0:
            raise exceptions.CommandError(f"expected minutes from 0, found {minutes}")
        self._paused_until_s = self._clock() + 60 * minutes
        logger.info(
            "blocklist: %s", f"paused for {minutes} minutes" if minutes else "no longer paused"
        )

    def http_connect(self, flow: http.HTTPFlow) -> None:
        """Refuse a tunnel, or accept it for what is answered inside."""
        self._closed(lambda: self._judge_connect(flow), lambda: refusal.fail(flow))

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Answer a request that a rule is about, under any of its names."""
        self._closed(lambda: self._judge_request(flow), lambda: refusal.fail(flow))

    def judge_again(self, flow: http.HTTPFlow) -> None:
        """Do so until no rule takes anything more out of the query: what is sent is judged."""
        for _ in range(changes.MOST_ROUNDS):
            target = flow.request.data.path
            self.requestheaders(flow)
            if flow.request.data.path == target:
                return
        self._closed(lambda: self._refuse(flow, TOO_MANY_RULES), lambda: refusal.fail(flow))

    def next_layer(self, nextlayer: layer.NextLayer) -> None:
        """Close a connection that is not decrypted and asks for a listed name."""
        self._closed(
            lambda: self._judge_tunnel(nextlayer),
            lambda: tunnels.close(nextlayer, refusal.FAILED.summary()),
        )

    def server_connect(self, data: ServerConnectionHookData) -> None:
        """Refuse to dial a listed host: the last fence, for every protocol."""
        self._closed(lambda: self._judge_server(data), lambda: self._fail_server(data))

    def dns_request(self, flow: dns.DNSFlow) -> None:
        """Deny that a listed name exists (RFC 1035 §4.1.1), in DNS mode."""
        self._closed(lambda: self._judge_dns(flow), lambda: refusal.deny(flow))

    def refuses_tunnel(self, client: connection.Client, found: Names, port: int) -> bool:
        """Return whether nothing may pass undecrypted that asks for these names."""
        refused = True

        def judge_names() -> None:
            nonlocal refused
            refused = self._enabled and (
                self._known[client].tunnel is not None
                or self._verdict_unseen(client, found, port).blocked
            )

        self._closed(judge_names, lambda: None)
        return refused

    def judge_response(self, flow: http.HTTPFlow) -> None:
        """Refuse a response that a rule is about, or add to its head what rules add."""
        if self._changing.remembers(flow):
            self._closed(lambda: self._judge_response(flow), lambda: self._fail_response(flow))

    def client_disconnected(self, client: connection.Client) -> None:
        """Forget the client."""
        self._known.forget(client)
        if client in self._silent:  # it wants no page, or does not trust us, and has got nothing
            self._silent.discard(client)
            self._judged += 1
            self._blocked += 1

    def _judge_connect(self, flow: http.HTTPFlow) -> None:
        # The client's server name, if there is one yet, is that of TLS to this proxy.
        found = asked.names_of(flow, sni=None)
        outcome.of(flow)["names"] = list(found)
        client = self._known[flow.client_conn]
        client.permitted = frozenset()
        if not self._is_its_turn(flow):
            return
        # What was allowed before was another request, and this may become a raw tunnel.
        client.allowed.clear()
        policy = self._policy(flow.client_conn, asked.user_of(flow))
        if asked.too_many(found):
            refusal.note(flow, TOO_MANY_NAMES)
            self._answer(flow, TOO_MANY_NAMES, policy, None)
            return
        requests = asked.requests_unseen(found, flow.request.port)
        verdict = self._decide(requests, policy)
        refusal.note(flow, verdict)
        if not verdict.blocked:
            return
        passes = self._goes_round(flow, verdict)
        if passes:
            self._let_through(flow, found)
            client.permitted = frozenset(found)
        if asked.is_decrypted(flow.request):
            if passes or (self._page_in_tunnel and asked.is_lazy()):
                if self._is_certain(requests, verdict, strictly=True):
                    client.tunnel = verdict
                    if not passes:
                        self._silent.add(flow.client_conn)
                return  # the requests inside are judged
            if not self._is_certain(requests, verdict):
                return
        if not passes:
            self._answer(flow, verdict, policy, None)

    def _judge_request(self, flow: http.HTTPFlow) -> None:
        client = self._known[flow.client_conn]
        found = asked.names_of(flow, sni=flow.client_conn.sni)
        outcome.of(flow)["names"] = list(found)
        client.permitted = frozenset()
        if not self._is_its_turn(flow):
            return
        self._silent.discard(flow.client_conn)
        if not outcome.of(flow).get("redirected"):  # else for the second time
            self._judged += 1
        request = flow.request
        given = facts(request.headers.fields, method=request.data.method, path=request.data.path)
        policy = self._policy(flow.client_conn, asked.user_of(flow))
        verdict = client.tunnel
        if verdict is None and asked.too_many(found):
            verdict = TOO_MANY_NAMES
        requests: list[Request] = []
        if verdict is None:
            requests = asked.requests_of(flow, found, given)
            verdict = self._decide(requests, policy)
        refusal.note(flow, verdict)
        if not verdict.blocked:
            client.allow(found)
            self._change(flow, requests, policy)
        elif self._goes_round(flow, verdict):
            self._let_through(flow, found)
        else:
            self._answer(flow, verdict, policy, given)

    def _judge_response(self, flow: http.HTTPFlow) -> None:
        rules = self._current.rules
        if rules is None:
            return  # what was asked for was judged by rules that are gone
        found = self._changing.verdict(flow, rules)
        if found is None:
            self._changing.response(flow, rules)
            return
        self._replace(flow, lambda: self._refuse(flow, *found))

    def _refuse(self, flow: http.HTTPFlow, verdict: Verdict, policy: Policy | None = None) -> None:
        """Refuse a request that was let through when it was judged first."""
        refusal.note(flow, verdict)
        request = flow.request
        given = facts(request.headers.fields, method=request.data.method, path=request.data.path)
        self._answer(flow, verdict, policy, given)

    def _replace(self, flow: http.HTTPFlow, answer_it: Callable[[], None]) -> None:
        """Answer *flow*, whose response has come."""
        came = flow.response
        answer_it()
        if came is not None and came is not flow.response:  # or its connection is closed
            bodies.replace_response(flow, came)

    def _judge_server(self, data: ServerConnectionHookData) -> None:
        if not self._enabled or data.server.error:
            return
        client = self._known[data.client]
        permitted = reserved.names_of(data.server)
        if permitted is None:
            permitted = client.permitted
        dialled = [name for name in asked.names_dialled(data) if name not in permitted]
        if client.tunnel is not None and (dialled or not permitted):
            data.server.error = client.tunnel.summary()
            return
        if data.server.address and "\\" in data.server.address[0]:
            self._blocked += 1
            data.server.error = _ESCAPED.summary()
            return
        dialled = [name for name in dialled if name not in client.allowed]
        port = data.server.address[1] if data.server.address else 0
        requests = asked.requests_unseen(dialled, port)
        verdict = self._decide(requests, self._policy(data.client, None))
        if verdict.blocked and (asked.is_lazy() or self._is_certain(requests, verdict)):
            self._blocked += 1
            data.server.error = verdict.summary()

    def _judge_tunnel(self, nextlayer: layer.NextLayer) -> None:
        if not self._enabled:
            return
        client, server = nextlayer.context.client, nextlayer.context.server
        verdict = refusal.FAILED

        def refuses(found: Names) -> str | None:
            nonlocal verdict
            self._judged += 1
            port = server.address[1] if server.address else 443
            verdict = self._verdict_unseen(client, found, port)
            return verdict.summary() if verdict.blocked else None

        flow = tunnels.judge(nextlayer, refuses)
        if flow is not None:
            self._blocked += 1
            refusal.note(flow, verdict)

    def _verdict_unseen(self, client: connection.Client, found: Names, port: int) -> Verdict:
        if found.unreadable:
            return Verdict(Action.BLOCK, f"names cannot be read: {found.unreadable}")
        permitted = self._known[client].permitted
        asked_for = [each for each in map(names.canonical, found.names) if each not in permitted]
        requests = asked.requests_unseen(asked_for, port)
        return self._decide(requests, self._policy(client, None))

    def _judge_dns(self, flow: dns.DNSFlow) -> None:
        if not self._enabled or flow.response or flow.error or not flow.live:
            return
        self._judged += 1
        asked_for = [names.canonical(question.name) for question in flow.request.questions]
        if any("\\" in name for name in asked_for):
            verdict = _ESCAPED
        else:
            requests = asked.requests_unseen(filter(None, asked_for), 443)
            verdict = self._decide(requests, self._policy(flow.client_conn, None))
        refusal.note(flow, verdict)
        if verdict.blocked:
            self._blocked += 1
            refusal.deny(flow)

    def _is_its_turn(self, flow: http.HTTPFlow) -> bool:
        return self._enabled and not flow.response and not flow.error and flow.live

    def _policy(self, client: connection.Client, user: str | None) -> Policy | None:
        rules = self._current.rules
        if rules is None or not rules.policies.policies:
            return None
        if user is not None:
            self._known[client].user = user
        now = time.localtime(self._clock())
        return rules.policies.choose(
            client=asked.address_of(client),
            user=user or self._known[client].user,
            weekday=now.tm_wday,
            minute=60 * now.tm_hour + now.tm_min,
        )

    def _decide(self, requests: list[Request], policy: Policy | None) -> Verdict:
        rules = self._current.rules
        if rules is None:
            return _UNUSABLE
        if self._is_paused():
            return NOT_LISTED
        return judge(requests, rules.lists.matcher, rules.active(policy), policy)

    def _change(self, flow: http.HTTPFlow, requests: list[Request], policy: Policy | None) -> None:
        self._changing.forget(flow)
        rules = self._current.rules
        if rules is None or not rules.lists.matcher.modifiers:
            return
        if not self._is_paused() and not outcome.bypasses(flow, bypass.BLOCK):
            self._changing.request(flow, requests, rules, policy)

    def _is_paused(self) -> bool:
        return bool(self._paused_until_s) and self._clock() < self._paused_until_s

    def _is_certain(
        self, requests: list[Request], verdict: Verdict, *, strictly: bool = False
    ) -> bool:
        rules = self._current.rules
        return rules is None or any(
            rules.lists.matcher.is_certain(request, verdict, strictly=strictly)
            for request in requests
        )

    def _goes_round(self, flow: http.HTTPFlow, verdict: Verdict) -> bool:
        """Return whether the user wants *flow* let through although *verdict* refuses it.

        What neither a rule nor a policy has refused could not be judged, and stays refused.
        """
        return (
            outcome.bypasses(flow, bypass.BLOCK)
            and (verdict.matched is not None or verdict.policy is not None)
            and reserved.available()
        )

    def _let_through(self, flow: http.HTTPFlow, found: tuple[str, ...]) -> None:
        outcome.of(flow)["block"]["action"] = "bypass"
        reserved.admit(flow, frozenset(found))

    def _answer(
        self, flow: http.HTTPFlow, verdict: Verdict, policy: Policy | None, given: Facts | None
    ) -> None:
        self._blocked += 1
        if given is None:  # a CONNECT that is accepted is not counted, but what is asked inside
            self._judged += 1
        refusal.answer_request(flow, verdict, policy, given, self._clock())

    def _closed(self, judge: Callable[[], None], refuse: Callable[[], object]) -> None:
        """Run *judge*; on whatever it raises *refuse*, as mitmproxy would let the flow go on."""
        try:
            judge()
        except exceptions.AddonHalt:
            raise  # next_layer waits
        except Exception as error:
            if self._enabled:
                self._failures += 1
                refuse()
            self._warn_once(error)

    def _fail_response(self, flow: http.HTTPFlow) -> None:
        self._replace(flow, lambda: refusal.fail(flow))

    def _fail_server(self, data: ServerConnectionHookData) -> None:
        data.server.error = refusal.FAILED.summary()

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


class BlocklistAgain:
    """Judge a request once more that a rewrite rule has sent elsewhere."""

    name = "forebay.blocklist.again"

    def __init__(self, blocklist: BlocklistAddon) -> None:
        self._blocklist = blocklist

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Answer it, if it is listed under its new URL or method."""
        if outcome.of(flow).get("redirected"):
            self._blocklist.judge_again(flow)

"""The hooks: tell of clients that reject the proxy's certificate, and let them pass if wanted."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from mitmproxy import connection, ctx, http, tls
from mitmproxy.addonmanager import Loader
from mitmproxy.proxy import mode_specs
from mitmproxy.proxy.context import Context

from forebay import settings
from forebay.blocklist.verdict import visible
from forebay.errors import ForebayError
from forebay.names import canonical, every_name
from forebay.proxycore.firstbytes import Names, names_in
from forebay.trust import authority, passing, rejections, remedy
from forebay.trust.rejections import Place, Rejections, Say

logger = logging.getLogger(__name__)

type Refuses = Callable[[connection.Client, Names, int], bool]
"""Return whether a tunnel of a client is refused that asks for these names at a port."""

_MOST_TOLD = 100
_LONGEST = 200
# In the others a client asks for a server that is the proxy's choice, or for no server.
_MODES = (
    mode_specs.RegularMode,
    mode_specs.UpstreamMode,
    mode_specs.Socks5Mode,
    mode_specs.TransparentMode,
    mode_specs.WireGuardMode,
    mode_specs.LocalMode,
    mode_specs.TunMode,
)


class TrustAddon:
    """Say who does not trust us and what helps; after so many times let them pass.

    Args:
        refuses: says of a tunnel what the blocklist says of those that nobody
            decrypts.
    """

    name = "forebay.trust"

    def __init__(self, refuses: Refuses) -> None:
        self._refuses = refuses
        self._after = 0
        self._rejections = Rejections()
        self._agents: dict[str, str] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._running = False

    def load(self, loader: Loader) -> None:
        """Declare the option."""
        settings.declare(loader)
        loader.add_option(
            "forebay_passthrough_after",
            int,
            0,
            "After so many rejections of the proxy's certificate in a row, a client's connections "
            "to that host pass undecrypted, and no request there is filtered or logged. 0: never.",
        )

    def configure(self, updated: set[str]) -> None:
        """Validate; what passed by the value before passes no longer."""
        if "forebay_passthrough_after" not in updated:
            return
        found = ctx.options.forebay_passthrough_after
        if found < 0:
            error = ForebayError(f"forebay_passthrough_after: expected 0 or more, found {found}")
            settings.reject(error, running=self._running)
            return
        self._after = found
        self._rejections.forget_counts()

    def running(self) -> None:
        """Renew the file of certificates that clients were given, if the CA is another one."""
        self._running = True
        task = asyncio.get_running_loop().create_task(self._renew_bundle())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _renew_bundle(self) -> None:
        try:
            confdir = settings.path("confdir", ctx.options.confdir)
            home = settings.path("forebay_home", ctx.options.forebay_home)
            renewed = await asyncio.to_thread(authority.renew_bundle, confdir, home)
        except ForebayError as error:
            logger.warning("trust: %s", error)
        else:
            if renewed is not None:
                logger.info("trust: %s holds the present CA again", renewed)

    def done(self) -> None:
        """Forget everything."""
        for task in self._tasks:
            task.cancel()
        self._agents.clear()
        self._rejections = Rejections()

    def http_connect(self, flow: http.HTTPFlow) -> None:
        """Remember who it is, in case it does not trust us."""
        agent = flow.request.headers.get("user-agent")
        if agent:
            self._agents[flow.client_conn.id] = agent[:_LONGEST]

    def client_disconnected(self, client: connection.Client) -> None:
        """Forget who it was."""
        self._agents.pop(client.id, None)

    def tls_clienthello(self, data: tls.ClientHelloData) -> None:
        """Let a connection pass, if the client has rejected us so often and nothing is against it.

        What is refused is left to be decrypted, and refused then.
        """
        client = data.context.client
        address = _address(client)
        if not self._after or not self._rejections.knows(address):
            return
        place = _place(data.context)
        if self._rejections.passes(address, place) and self._may_pass(data):
            data.ignore_connection = True

    def tls_established_client(self, data: tls.TlsData) -> None:
        """Begin to count anew."""
        address = _address(data.context.client)
        if self._rejections.knows(address):
            self._rejections.accept(address, _place(data.context))

    def tls_failed_client(self, data: tls.TlsData) -> None:
        """Count a rejection, and say so."""
        error = (data.conn.error or "")[:_LONGEST]
        kind = rejections.kind_of(error)
        if kind is None or data.ssl_conn is None:
            return  # it has not seen a certificate
        client = data.context.client
        address, place = _address(client), _place(data.context)
        agent = self._agents.get(client.id, "")
        can_pass = _can_pass(data.context)
        notice = self._rejections.reject(
            address,
            place,
            kind,
            agent=agent,
            error=error,
            after=self._after if can_pass else 0,
        )
        if notice.say is not Say.NOTHING:
            line = remedy.mistrust(
                address,
                place,
                kind,
                agent=agent,
                may_pass=can_pass,
                is_last=notice.say is Say.IT_AND_NO_MORE,
            )
            logger.warning("trust: %s", line)
        if notice.passes:
            line = remedy.passed(address, place, agent=agent, times=self._after)
            logger.warning("trust: %s", line)

    def status(self) -> dict[str, Any]:
        """Return who rejected what, and what passes, in plain types; the latest last."""
        found = [
            {
                "client": visible(client),
                "host": visible(place[0]),
                "port": place[1],
                "user_agent": visible(each.agent) or None,
                "rejections": each.times,
                "error": visible(each.error),
                "passes": each.passes,
            }
            for client, place, each in self._rejections
        ]
        passed = [each for each in found if each["passes"]]
        rejected = f"{len(found)} {'host' if len(found) == 1 else 'hosts'} rejected by clients"
        return {
            "summary": rejected + (f", {len(passed)} passed through" if passed else ""),
            "passthrough_after": self._after,
            "rejected": found[-_MOST_TOLD:],
            "passed_through": passed[-_MOST_TOLD:],
        }

    def _may_pass(self, data: tls.ClientHelloData) -> bool:
        context = data.context
        if not _can_pass(context) or context.server.tls_established:
            return False
        try:
            found = names_in(data.client_hello.raw_bytes())
        except OverflowError:  # longer than a record can be
            return False
        if not isinstance(found, Names) or found.unreadable:
            return False
        assert context.server.address is not None
        host, port = context.server.address[:2]
        if not passing.may_pass(found.names, canonical(host), ech=found.ech):
            return False
        all_names = every_name(
            target=host, host_fields=found.names, authority="", sni=context.client.sni, connect=None
        )
        return not self._refuses(context.client, Names(all_names), port)


def _address(client: connection.Client) -> str:
    return str(client.peername[0])


def _place(context: Context) -> Place:
    """Return what is asked for; what has no name is the proxy itself."""
    client, address = context.client, context.server.address
    host, port = (address or client.sockname)[:2]
    return canonical(client.sni or host), port


def _can_pass(context: Context) -> bool:
    """Return whether a client's connection can be passed through where it goes to."""
    client = context.client
    return (
        client.transport_protocol == "tcp"
        and context.server.address is not None
        and isinstance(client.proxy_mode, _MODES)
    )

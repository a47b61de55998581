"""Take the field ``X-Forebay-Bypass`` out of requests, and note what they may go round.

What the field means is said in ``forebay.bypass``.  It is taken out of every
request, whoever sent it and whatever it says, before anybody reads its fields:
no origin, rule, cache key, recording or list of flows has it.
"""

from __future__ import annotations

import logging
import weakref

from mitmproxy import connection, ctx, http
from mitmproxy.addonmanager import Loader
from mitmproxy.proxy.mode_specs import ReverseMode

from forebay import bypass, outcome, settings
from forebay.errors import ForebayError
from forebay.proxycore import reserved
from forebay.proxycore.patch import CoreMismatchError

logger = logging.getLogger(__name__)


def declare(loader: Loader) -> None:
    """Declare the option."""
    loader.add_option(
        "forebay_bypass",
        str,
        "cache,rewrite",
        "What a request from this machine may go round by the field X-Forebay-Bypass: cache, "
        "rewrite, block; empty: nothing.",
    )


def take(request: http.Request) -> list[bytes] | None:
    """Take the field out of a request; return its values, or None when there were none."""
    found = bypass.taken(request.headers.fields)
    if found is None:
        return None
    request.headers.fields, values = found
    return values


def clean_trailers(request: http.Request) -> None:
    """Take the field out of the trailers, where it is too late to mean anything."""
    if request.trailers is None:
        return
    found = bypass.taken(request.trailers.fields)
    if found is not None:
        # An empty section of trailers is none.
        request.trailers = http.Headers(found[0]) if found[0] else None


class Bypassing:
    """Know what may be bypassed, and say of each request what is."""

    def __init__(self) -> None:
        self._allowed: frozenset[str] = frozenset()
        # What CONNECTs have asked for, until the first request in their tunnels.
        self._tunnels: weakref.WeakKeyDictionary[connection.Client, list[bytes]] = (
            weakref.WeakKeyDictionary()
        )

    def configure(self, *, running: bool) -> None:
        """Read the option; while it is wrong nothing is bypassed."""
        try:
            allowed = bypass.parse_allowed(getattr(ctx.options, bypass.OPTION))
        except ForebayError as error:
            settings.reject(error, running=running)
            return
        # It stays in place when blocking is bypassed no longer: there may be such connections.
        if bypass.BLOCK in allowed and not _reserves():
            allowed -= {bypass.BLOCK}
        self._allowed = allowed

    def done(self) -> None:
        """Let nothing be bypassed any more."""
        self._allowed = frozenset()
        reserved.PATCH.uninstall()

    def note(self, flow: http.HTTPFlow, values: list[bytes] | None) -> None:
        """Put into the outcome what becomes of the field.

        Args:
            flow: the flow of the request, which has the field no more.
            values: what was taken out of it; None for nothing.
        """
        if flow.request.data.method == b"CONNECT":
            self._tunnels.pop(flow.client_conn, None)
        elif self._tunnels:
            said = self._tunnels.pop(flow.client_conn, None)
            values = said if values is None else values
        if values is not None:
            self._judge(flow, values)

    def accepted(self, connect: http.HTTPFlow) -> None:
        """Note a CONNECT that got its tunnel: it was made for a request, and speaks for that one.

        Where nothing was honoured, nothing will be.
        """
        found = outcome.of(connect).get("bypass")
        if found is not None and found["done"]:
            self._tunnels[connect.client_conn] = [", ".join(found["asked"]).encode("ascii")]

    def _judge(self, flow: http.HTTPFlow, values: list[bytes]) -> None:
        client: tuple[str, int] | None = flow.client_conn.peername
        doubt = bypass.doubt(
            flow.request.headers.fields,
            client=None if client is None else client[0],
            is_replay=flow.is_replay is not None,
            is_reverse=isinstance(flow.client_conn.proxy_mode, ReverseMode),
        )
        found = bypass.judged(values, self._allowed, doubt)
        outcome.of(flow)["bypass"] = found.as_outcome()


def _reserves() -> bool:
    """Have connections reserved for whoever goes round the blocklist; return whether they are."""
    try:
        reserved.PATCH.install()
        reserved.self_test(ctx.options)
    except CoreMismatchError as error:
        reserved.PATCH.uninstall()
        logger.warning("proxycore: %s; blocking cannot be bypassed", error)
        return False
    return True

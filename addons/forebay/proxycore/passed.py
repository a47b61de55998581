"""Count what mitmproxy passes on unread: tunnels of hosts that are not intercepted.

It runs no hook for them, so that nobody could say how much went through.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mitmproxy import connection, options
from mitmproxy.proxy import events, layer
from mitmproxy.proxy.layers import TCPLayer

from forebay.proxycore.patch import CoreMismatchError, Patch
from forebay.proxycore.sansio import Driver, client_context

type Relay = Callable[[TCPLayer, events.Event], layer.CommandGenerator[None]]


@dataclass(slots=True)
class Traffic:
    """Messages, or pieces, and payload bytes that passed in both directions."""

    client_messages: int = 0
    server_messages: int = 0
    client_bytes: int = 0
    server_bytes: int = 0

    def count(self, size_bytes: int, *, from_client: bool) -> None:
        """Add a message."""
        if from_client:
            self.client_messages += 1
            self.client_bytes += size_bytes
        else:
            self.server_messages += 1
            self.server_bytes += size_bytes


_passed: weakref.WeakKeyDictionary[connection.Client, Traffic] = weakref.WeakKeyDictionary()


def of(client: connection.Client) -> Traffic | None:
    """Return what was passed on for a client so far; None where nobody counts."""
    # At the end of the proxy the log asks when the patch is gone already.
    return _passed.get(client) or (Traffic() if PATCH.installed else None)


def _counting(original: Relay) -> Relay:
    def relay_messages(self: TCPLayer, event: events.Event) -> layer.CommandGenerator[None]:
        if self.flow is None and isinstance(event, events.DataReceived):
            client = self.context.client
            traffic = _passed.get(client)
            if traffic is None:
                traffic = _passed[client] = Traffic()
            traffic.count(len(event.data), from_client=event.connection is client)
        return original(self, event)

    return relay_messages


PATCH = Patch("passed", ((TCPLayer, "relay_messages", _counting),))


def self_test(opts: options.Options) -> None:
    """See the bytes of a tunnel counted and passed on.

    Raises:
        CoreMismatchError: when they are not.
    """
    context = client_context(opts)
    context.server = connection.Server(address=("192.0.2.9", 443))
    driver: Any = Driver(TCPLayer(context, ignore=True))
    driver.feed(events.Start())
    driver.data(context.client, b"12345")
    driver.data(context.server, b"123")
    found, sent = of(context.client), bytes(driver.sent[context.server])
    if found != Traffic(1, 1, 5, 3) or sent != b"12345":
        raise CoreMismatchError(f"passed: expected 5 and 3 bytes counted, found {found}")

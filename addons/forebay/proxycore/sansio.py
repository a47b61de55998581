"""Drive mitmproxy's layers without a network, for the guards' self-tests."""

from __future__ import annotations

import collections
import time
from collections.abc import Callable, Iterable

from mitmproxy import connection, options
from mitmproxy.proxy import commands, context, events, layer

type HookHandler = Callable[[commands.StartHook], None]


def client_context(opts: options.Options) -> context.Context:
    """Return the context of a client that has just connected to a regular proxy."""
    client = connection.Client(
        peername=("192.0.2.1", 50000),
        sockname=("192.0.2.2", 8080),
        timestamp_start=time.time(),
        state=connection.ConnectionState.OPEN,
    )
    return context.Context(client, opts)


class Driver:
    """Feed events to a layer and answer what it asks for at once.

    Hooks are handed to *on_hook* and then completed; every connection opens.

    Attributes:
        sent: bytes written, by connection.
        opened: the server connections that were opened, in order.
        hooks: names of the hooks that ran, in order.
        closed: the connections that were closed.
    """

    def __init__(self, top: layer.Layer, on_hook: HookHandler | None = None) -> None:
        self.top = top
        self.on_hook = on_hook
        self.sent: collections.defaultdict[connection.Connection, bytearray] = (
            collections.defaultdict(bytearray)
        )
        self.opened: list[connection.Connection] = []
        self.hooks: list[str] = []
        self.closed: list[connection.Connection] = []

    def feed(self, *fed: events.Event) -> None:
        """Handle *fed* and all the completions that follow from it."""
        pending = collections.deque(fed)
        while pending:
            for command in self.top.handle_event(pending.popleft()):
                # Completions go first, as they would in the event loop.
                pending.extendleft(self._completions(command))

    def data(self, connection_: connection.Connection, data: bytes) -> None:
        """Handle *data* received on a connection."""
        self.feed(events.DataReceived(connection_, data))

    def peer_closes(self, connection_: connection.Connection) -> None:
        """Handle the end of what a peer sends."""
        connection_.state &= ~connection.ConnectionState.CAN_READ
        self.feed(events.ConnectionClosed(connection_))

    def _completions(self, command: commands.Command) -> Iterable[events.Event]:
        match command:
            case commands.StartHook():
                self.hooks.append(command.name)
                if self.on_hook is not None:
                    self.on_hook(command)
                if command.blocking:
                    return [events.HookCompleted(command, None)]
            case commands.OpenConnection():
                command.connection.state = connection.ConnectionState.OPEN
                command.connection.timestamp_start = time.time()
                self.opened.append(command.connection)
                return [events.OpenConnectionCompleted(command, None)]
            case commands.SendData():
                self.sent[command.connection] += command.data
            case commands.CloseConnection():
                command.connection.state = connection.ConnectionState.CLOSED
                self.closed.append(command.connection)
        return []

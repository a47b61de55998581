"""Notice what was no HTTP request at all.

mitmproxy answers a request line that it cannot read with 400 and runs no hook;
it only logs a line.  That line, from one logger and beginning with the
client's own address, is what is listened to here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

from mitmproxy import options
from mitmproxy.proxy import commands, events, server
from mitmproxy.proxy.layers.http._http1 import Http1Server
from mitmproxy.utils import human

from forebay.proxycore.patch import CoreMismatchError
from forebay.proxycore.sansio import client_context

LOGGER = "mitmproxy.proxy.server"

# What follows the client's address.  The first three are answered 400; with
# HTTP/2 the connection ends.
_BEGINNINGS = (
    "Bad HTTP request line: ",
    "Invalid header line: ",
    "Invalid headers",
    "Invalid HTTP/2 request headers: ",
    "HTTP/2 protocol error: ",
)

type Address = tuple[str, int]


class Malformed(logging.Handler):
    """Call *callback* with the client's address and mitmproxy's words, for each one.

    The words quote what the client sent.
    """

    def __init__(self, callback: Callable[[Address, str], None]) -> None:
        super().__init__(logging.INFO)
        self._callback = callback

    def install(self) -> None:
        """Begin to listen; a second call does nothing."""
        logging.getLogger(LOGGER).addHandler(self)

    def uninstall(self) -> None:
        """Stop listening; may come twice, or before ``install``."""
        logging.getLogger(LOGGER).removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Look at one line of mitmproxy's log."""
        try:
            found = parse(getattr(record, "client", None), record.getMessage())
            if found is not None:
                self._callback(*found)
        except Exception:  # whatever is logged, logging it must not break the connection
            self.handleError(record)


def parse(client: object, message: str) -> tuple[Address, str] | None:
    """Return the client's address and what was wrong, or None for any other line.

    >>> parse(("192.0.2.1", 5000), "192.0.2.1:5000: Bad HTTP request line: b'GARBAGE'")
    (('192.0.2.1', 5000), "Bad HTTP request line: b'GARBAGE'")
    >>> parse(("192.0.2.1", 5000), "client connect")
    """
    match client:
        case (str(host), int(port), *_):
            words = message.removeprefix(f"{human.format_address((host, port))}: ")
            if words is not message and words.startswith(_BEGINNINGS):
                return (host, port), words
    return None


class _Catch(logging.Filter):
    """Keeps log records from every handler."""

    def __init__(self) -> None:
        super().__init__()
        self.caught: list[logging.LogRecord] = []

    def filter(self, record: logging.LogRecord) -> bool:
        self.caught.append(record)
        return False


def logged_for(head: bytes) -> list[logging.LogRecord]:
    """Drive mitmproxy's HTTP/1 server with *head*; return what the proxy would log."""
    context = client_context(options.Options())
    http1 = Http1Server(context)
    handler = cast(Any, SimpleNamespace(client=context.client))
    catch = _Catch()
    logger = logging.getLogger(LOGGER)
    logger.addFilter(catch)
    try:
        for event in (events.Start(), events.DataReceived(context.client, head)):
            for command in http1.handle_event(event):
                if isinstance(command, commands.Log):
                    server.ConnectionHandler.log(handler, command.message, command.level)
    finally:
        logger.removeFilter(catch)
    return catch.caught


def self_test() -> None:
    """See a bad request line noticed.

    Raises:
        CoreMismatchError: when it is not.
    """
    found = [
        parse(getattr(record, "client", None), record.getMessage())
        for record in logged_for(b"GARBAGE\r\n\r\n")
    ]
    if found != [(("192.0.2.1", 50000), "Bad HTTP request line: b'GARBAGE'")]:
        raise CoreMismatchError(
            f"malformed: expected one line about a bad request line, found {found}"
        )

"""Name what went wrong, in one word out of a short list (OpenTelemetry's ``error.type``).

Pure.  mitmproxy tells failures apart only by their wording; what it words
itself is matched here, and what comes from the system (refused, unreachable, a
bad certificate) is recognised by the text that the connection hooks gave.
"""

from __future__ import annotations

from collections.abc import Mapping

CONNECT = "connect_failed"
"""The server could not be reached, or a rule did not let us."""
TLS_SERVER = "server_tls_failed"
"""The TLS handshake with the server failed, a bad certificate among the causes."""
TLS_CLIENT = "client_tls_failed"
"""The TLS handshake with the client failed."""
MALFORMED = "invalid_request"
"""The request could not be understood, or was refused as dangerous."""
SHUTDOWN = "shutdown"
"""The proxy was stopped before the attempt ended."""
LEFT = "client_disconnected"
"""The client closed its connection before the attempt ended."""
RESET = "stream_reset"
"""The client took back its request (HTTP/2)."""
OTHER = "_OTHER"
"""None of these; OpenTelemetry's word for it."""

BROKEN_OFF = frozenset({"connection_closed", "truncated"})
"""Either side may have done that: mitmproxy words both alike."""

# The first that fits wins: (how the text begins, what it holds, the type).
_WORDINGS = (
    ("Connection killed.", "", "killed"),
    ("Connection killed", "", CONNECT),
    ("Client disconnected.", "", LEFT),
    ("client disconnected", "", LEFT),  # while the server was being connected
    ("Upstream proxy ", "refused HTTP CONNECT", CONNECT),
    ("stream reset by client", "", RESET),
    ("", "without sending complete message body", "truncated"),
    ("server closed connection", "", "connection_closed"),
    ("peer closed connection", "", "connection_closed"),
    ("HTTP/2 connection closed", "", "connection_closed"),
    ("unexpected server response", "", "invalid_response"),
    ("Cannot parse HTTP response", "", "invalid_response"),
    ("Received ", " from server, refusing", "invalid_response"),
    ("Received ", " from client, refusing", MALFORMED),
    ("HTTP request has no host header", "", MALFORMED),
    ("Invalid request scheme", "", MALFORMED),
    ("mitmproxy received an HTTP CONNECT", "", MALFORMED),
    ("invalid content-length header", "", MALFORMED),
    ("invalid transfer-encoding header", "", MALFORMED),
    ("unknown transfer-encoding header", "", MALFORMED),
    ("", "body exceeds mitmproxy's body_size_limit", "body_too_large"),
    ("HTTP/1 protocol error", "", "protocol_error"),
    ("HTTP/2 protocol error", "", "protocol_error"),
    ("Invalid HTTP/2", "", "protocol_error"),
)


_MOST_REMEMBERED = 16


def remember(upstream: dict[str, str], text: str | None, kind: str) -> None:
    """Note in *upstream* that connecting a server failed with *text*; the oldest are forgotten."""
    if text:
        if len(upstream) >= _MOST_REMEMBERED:
            del upstream[next(iter(upstream))]
        upstream[text] = kind


def error_type(message: str, upstream: Mapping[str, str]) -> str:
    """Return the type of the failure that *message* words.

    *upstream* maps texts of failed server connections to their type.

    >>> error_type("Connect call failed", {"Connect call failed": CONNECT})
    'connect_failed'
    >>> error_type("Client disconnected.", {})
    'client_disconnected'
    """
    for text, kind in upstream.items():
        if text in message:
            return kind
    for beginning, part, kind in _WORDINGS:
        if message.startswith(beginning) and part in message:
            return kind
    return OTHER

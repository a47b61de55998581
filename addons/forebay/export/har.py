"""Write records as an HTTP Archive (HAR 1.2), one entry for each HTTP exchange.

Pure.  The document is made piece by piece and never held.  What is no HTTP
exchange, or has no URL or no time, has no place in the format: it is counted
in the log's comment.  What Forebay did is in each entry's ``_forebay``.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec

from forebay.export import harmessage
from forebay.export.converter import in_words
from forebay.export.harcookies import iso8601
from forebay.export.hartimings import timings
from forebay.trafficlog.record import Record

_OURS = (
    "seq", "instance", "kind", "answered_by", "block", "edits", "rewrite", "cache", "attempt",
    "retried", "background", "flow_id", "user", "client_address", "server_protocol_version",
    "tls_version", "delivered_bytes", "client_messages", "server_messages", "client_bytes",
    "server_bytes", "close_code", "sample_rate", "truncated",
)  # fmt: skip
"""Attributes of a record that an entry's ``_forebay`` holds, by the same names, when known."""


class Har:
    """The HTTP exchanges among the records; see `converter.Converter`.

    Args:
        version: of Forebay, which the document names.
    """

    def __init__(self, version: str) -> None:
        self._version = version
        self._is_first = True
        self.left_out: Counter[str] = Counter()

    def head(self) -> bytes:
        """Return what comes before the entries."""
        creator = msgspec.json.encode({"name": "Forebay", "version": self._version})
        return b'{"log":{"version":"1.2","creator":%b,"pages":[],"entries":[\n' % creator

    def convert(
        self, record: Record, messages: Sequence[Mapping[str, Any]] | None = None
    ) -> bytes | None:
        """Return the entry of *record*; null when it has no place.

        Args:
            record: of an exchange.
            messages: of a WebSocket, as `harmessage.said` makes them, where they are known.
        """
        reason = _no_place(record)
        if reason is not None:
            self.left_out[reason] += 1
            return None
        found = entry(record)
        if messages is not None:
            found["_webSocketMessages"] = messages  # the name that browsers have for it
        made = msgspec.json.encode(found)
        if self._is_first:
            self._is_first = False
            return made
        return b",\n" + made

    def tail(self) -> bytes:
        """Return what comes after the entries, with how many records were left out."""
        if not self.left_out:
            return b"\n]}}\n"
        comment = msgspec.json.encode(f"left out: {in_words(self.left_out)}")
        return b'\n],"comment":%b}}\n' % comment


def entry(record: Record) -> dict[str, Any]:
    """Return the entry of an HTTP exchange that has a URL and a time."""
    assert record.timestamp is not None
    time_ms, phases = timings(record)
    made: dict[str, Any] = {
        "startedDateTime": iso8601(record.timestamp),
        "time": time_ms,
        "request": harmessage.request(record),
        "response": harmessage.response(record),
        "cache": {},
        "timings": phases,
    }
    if (address := _address(record.server_address)) is not None:
        made["serverIPAddress"] = address
    if record.connection_id is not None:
        made["connection"] = record.connection_id
    if record.kind == "websocket":
        made["_resourceType"] = "websocket"
    ours = {name: getattr(record, name) for name in _OURS}
    if record.error_type is not None:
        ours["error"] = {"type": record.error_type, "message": record.error_message}
    made["_forebay"] = {name: value for name, value in ours.items() if value is not None}
    return made


def _no_place(record: Record) -> str | None:
    """Return why *record* can be no entry; null when it can."""
    if record.kind not in ("http", "websocket"):
        return record.kind
    if record.timestamp is None:
        return f"{record.kind} without a time"
    try:
        url = urlsplit(record.url_full or "")
        has_url = bool(url.scheme and url.hostname and (url.port is None or url.port >= 0))
    except ValueError:  # brackets or a port that are none
        has_url = False
    return None if has_url else f"{record.kind} without a URL"


def _address(text: str | None) -> str | None:
    """Return an IP address; null for a name.

    >>> _address("::1"), _address("a.example")
    ('::1', None)
    """
    try:
        return None if text is None else str(ipaddress.ip_address(text))
    except ValueError:
        return None

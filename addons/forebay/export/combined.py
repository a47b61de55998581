r"""Write records in the combined log format of Apache and NGINX, which GoAccess and others read.

Pure.  ``client - user [time] "METHOD URL HTTP/VERSION" status bytes "referer"
"user-agent"``, escaped as Apache escapes: what is no printable ASCII as
``\xhh``.  What is not known is ``-``: a status when there was no response, the
referer unless fields were logged (option ``trafficlog_headers``).  The URL is
whole, as clients send it to a proxy.
"""

from __future__ import annotations

import re
from collections import Counter
from datetime import datetime

from forebay.names import bracketed
from forebay.trafficlog.record import Record

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_ODD = re.compile(r'[^\x20-\x7e]|["\\]')
_ODD_IN_WORD = re.compile(r'[^\x21-\x7e]|["\\]')
_SHORT = {
    '"': '\\"', "\\": "\\\\",
    "\b": "\\b", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v",
}  # fmt: skip


class Combined:
    """The HTTP requests among the records as lines; see `converter.Converter`."""

    def __init__(self) -> None:
        self.left_out: Counter[str] = Counter()

    def head(self) -> bytes:
        """Return nothing."""
        return b""

    def convert(self, record: Record) -> bytes | None:
        """Return the line of *record*; null when it holds no HTTP request or no time."""
        target = _target(record)
        if record.method is None or target is None or record.timestamp is None:
            self.left_out[record.kind] += 1
            return None
        version = "" if record.protocol_version is None else f" HTTP/{record.protocol_version}"
        size = record.delivered_bytes
        line = " ".join(
            (
                _word(record.client_address),
                "-",
                _word(record.user),
                f"[{_time(record.timestamp)}]",
                _quoted(f"{record.method} {target}{version}"),
                _word(record.status),
                _word(record.response_body_bytes if size is None else size),
                _quoted(_referer(record)),
                _quoted(record.user_agent),
            )
        )
        return line.encode("ascii") + b"\n"

    def tail(self) -> bytes:
        """Return nothing."""
        return b""


def _target(record: Record) -> str | None:
    if record.method == "CONNECT" and record.url_full is None and record.server_address:
        port = "" if record.server_port is None else f":{record.server_port}"
        return bracketed(record.server_address) + port
    return record.url_full or record.url_path


def _referer(record: Record) -> str | None:
    values = (record.request_headers or {}).get("referer")
    return values[0] if values else None


def _time(at: datetime) -> str:
    """Return a time in UTC, whatever the locale.

    >>> _time(datetime(2026, 1, 2, 3, 4, 5))
    '02/Jan/2026:03:04:05 +0000'
    """
    return f"{at.day:02}/{_MONTHS[at.month - 1]}/{at.year:04}:{at:%H:%M:%S} +0000"


def _word(value: str | int | None) -> str:
    r"""Return a value that spaces end.

    >>> _word("a b"), _word(None), _word(0)
    ('a\\x20b', '-', '0')
    """
    return "-" if value is None or value == "" else _ODD_IN_WORD.sub(_escape, str(value))


def _quoted(value: str | None) -> str:
    r"""Return a value in quotation marks.

    >>> _quoted('a "b"\xe9\n'), _quoted(None)
    ('"a \\"b\\"\\xc3\\xa9\\n"', '"-"')
    """
    return f'"{_ODD.sub(_escape, value or "-")}"'


def _escape(char: re.Match[str]) -> str:
    known = _SHORT.get(char[0])
    return known or "".join(f"\\x{byte:02x}" for byte in char[0].encode())

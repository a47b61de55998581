"""Which records a report looks at: a span of time, a host, a user, a client.

Pure.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from forebay.errors import ForebayError
from forebay.names import canonical
from forebay.report.line import Line

_AGE = re.compile(r"([0-9]{1,9})([smhdw])")
_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}

type Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def moment(option: str, text: str, now: datetime) -> datetime:
    """Return the time that *text* names: RFC 3339, a date (its beginning, UTC) or an age.

    Raises:
        ForebayError: when it is none of these.

    >>> now = datetime(2026, 1, 2, tzinfo=UTC)
    >>> str(moment("--since", "36h", now)), str(moment("--since", "2025-12-31", now))
    ('2025-12-31 12:00:00+00:00', '2025-12-31 00:00:00+00:00')
    """
    try:
        if age := _AGE.fullmatch(text):
            return now - timedelta(seconds=int(age[1]) * _UNIT_S[age[2]])
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ForebayError(
            f"{option}: expected a time such as 2026-01-31T08:00:00Z, 2026-01-31 or 2h, "
            f"found {text!r:.70}"
        ) from None


def network(option: str, text: str) -> Network:
    """Return the address or network that *text* names.

    Raises:
        ForebayError: when it names none.
    """
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ForebayError(
            f"{option}: expected an address or a network, found {text!r:.70}"
        ) from None


@dataclass(frozen=True, slots=True)
class Selection:
    """All records that fit everything that is not None.

    Args:
        since: the earliest time.
        until: the time before which they began.
        host: the host that was asked for; with a dot in front, all below it too.
        user: the proxy user.
        client: the client's address, or a network.
    """

    since: datetime | None = None
    until: datetime | None = None
    host: str | None = None
    user: str | None = None
    client: Network | None = None

    @property
    def is_all(self) -> bool:
        """Whether nothing is left out."""
        return self == Selection()

    def covers(self, line: Line) -> bool:
        """Return whether *line* is one of them."""
        began = line.timestamp
        if self.since is not None and (began is None or began < self.since):
            return False
        if self.until is not None and (began is None or began >= self.until):
            return False
        if self.user is not None and line.user != self.user:
            return False
        if self.client is not None and not _is_in(line.client_address or "", self.client):
            return False
        return self.host is None or _is_host(host_of(line), self.host)


def host_of(line: Line) -> str:
    """Return the host that *line* is about, empty when it names none."""
    return line.server_address or line.dns_question or line.server_name or ""


def _is_host(found: str, wanted: str) -> bool:
    host = canonical(found)
    below = canonical(wanted.removeprefix("."))
    return host == below or (wanted.startswith(".") and host.endswith(f".{below}"))


@lru_cache(maxsize=4096)
def _is_in(address: str, wanted: Network) -> bool:
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return (mapped or found) in wanted

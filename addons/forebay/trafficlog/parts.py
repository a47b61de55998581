"""The pieces that records are made of, each redacted, bounded and in one unit.

Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from forebay.names import authority
from forebay.trafficlog.redact import DEFAULT, Redactor

TARGET_CHARS = 8192
"""A longer path with query is cut."""
MESSAGE_CHARS = 1000
USER_AGENT_CHARS = 512

LABEL_CHARS = 255
"""Names that a client makes up, and media types."""


class Draft(NamedTuple):
    """What every record begins with.

    Attributes:
        seq: its number.
        instance: the process.
        redactor: what keeps secrets out of it.
    """

    seq: int
    instance: str | None = None
    redactor: Redactor = DEFAULT


_VERSIONS = {"HTTP/1.1": "1.1", "HTTP/2.0": "2", "HTTP/1.0": "1.0", "HTTP/3": "3"}


def urls(
    redactor: Redactor, scheme: str | None, host: str, port: int, target: str
) -> tuple[str | None, str, str | None]:
    """Return ``url.full``, ``url.path`` and ``url.query``, without secrets.

    A target that is no path has no ``url.full``: nobody can tell what is meant.

    >>> urls(DEFAULT, "https", "::1", 8443, "/a?token=1")
    ('https://[::1]:8443/a?token=REDACTED', '/a', 'token=REDACTED')
    """
    if len(target) > TARGET_CHARS:
        target = target[:TARGET_CHARS]
        # Not in the middle of a value: what follows may be what tells a secret.
        target = target[: max(map(target.rfind, "/?&;")) + 1]
    target = redactor.target(target)
    path, mark, query = target.partition("?")
    full = None
    if scheme and host:
        origin = f"{scheme}://{authority(scheme, host, port)}"
        if target[:1] == "/":
            full = origin + target
        elif target == "*":  # OPTIONS about the server itself (RFC 9110 §7.1)
            full = origin
    return full, path, query if mark else None


def other_host(redactor: Redactor, named: str | None, host: str, port: int) -> str | None:
    """Return the named host if it is not the host (and port) that was asked for."""
    if named is None or named in (host, f"{host}:{port}", f"[{host}]:{port}", f"[{host}]"):
        return None
    return redactor.excerpt(named, LABEL_CHARS)


def excerpt(redactor: Redactor, value: str | None, limit: int) -> str | None:
    """Return the beginning of a text, if there is one."""
    return None if value is None else redactor.excerpt(value, limit)


def verdict(redactor: Redactor, notes: Mapping[str, Any], key: str) -> Any:
    """Return what an addon noted in the outcome under *key*."""
    found = notes.get(key)
    return None if found is None else redactor.verdict(found)


def time_of(at_s: float | None) -> datetime | None:
    """Return a POSIX timestamp as UTC."""
    try:
        return None if at_s is None else datetime.fromtimestamp(at_s, UTC)
    except (OverflowError, ValueError, OSError):
        return None  # a flow that was loaded from a file may hold anything


def span(start_s: float | None, end_s: float | None) -> float | None:
    """Return the seconds between, or null when not known (or when the clock was set back).

    >>> span(1.0, 1.5), span(2.0, 1.0), span(None, 1.0)
    (0.5, None, None)
    """
    if start_s is None or end_s is None or not 0 <= end_s - start_s < 1e9:
        return None
    return round(end_s - start_s, 6)


def version(text: str) -> str:
    """Return an HTTP version without its name.

    >>> version("HTTP/2.0"), version("HTTP/1.1")
    ('2', '1.1')
    """
    return _VERSIONS.get(text) or text.removeprefix("HTTP/")[:16]


def tls_version(text: str | None) -> str | None:
    """Return a TLS version without its name.

    >>> tls_version("TLSv1.3"), tls_version("TLSv1"), tls_version("DTLSv1.2")
    ('1.3', '1.0', '1.2')
    """
    if text is None:
        return None
    number = text.removeprefix("D").removeprefix("TLSv")
    return "1.0" if number == "1" else number


def server_name(text: str | None) -> str | None:
    """Return the server name of a TLS handshake, which the client makes up."""
    return None if text is None else text[:255]

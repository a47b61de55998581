"""Which resource a Location or Content-Location names (RFC 9110 §8.7, §10.2.2)."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urljoin, urlsplit

from forebay.cache.headers import Head
from forebay.cache.key import DEFAULT_PORTS, Target
from forebay.names import bracketed, canonical

_LONGEST_BYTES = 8192


def resolve(base: Target, reference: bytes) -> Target | None:
    """Return the resource that *reference* names in a response from *base*.

    None when it is on another origin, or cannot be read.

    >>> base = Target(b"POST", b"http", "a.example", 80, b"/dir/form?x")
    >>> resolve(base, b"../list?page=2#top").path
    b'/list?page=2'
    >>> resolve(base, b"https://a.example/") is None
    True
    """
    if len(reference) > _LONGEST_BYTES:
        return None
    host = bracketed(base.host)
    path = base.path.decode("latin-1")
    try:
        # Latin-1 both ways, as the key is made of bytes.
        joined = urljoin(
            f"{base.scheme.decode('latin-1')}://{host}:{base.port}{path}",
            reference.decode("latin-1").strip(" \t"),
        )
        found = urlsplit(joined)
        port = found.port
    except ValueError:
        return None
    scheme = found.scheme.encode("latin-1")
    if (
        scheme != base.scheme
        or (DEFAULT_PORTS.get(scheme) if port is None else port) != base.port
        or canonical(found.hostname or "") != canonical(base.host)
    ):
        return None
    raw = (found.path or "/") + (f"?{found.query}" if found.query else "")
    return replace(base, path=raw.encode("latin-1"))


def is_of_itself(base: Target, response: Head) -> bool:
    """Return whether a response says by Content-Location that it represents *base* itself."""
    value = response.only(b"content-location")
    named = None if value is None else resolve(base, value)
    return named is not None and named.path == base.path

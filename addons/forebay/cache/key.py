"""What a response is stored under (RFC 9111 §2), and which requests have no key at all.

A key that an attacker can make two requests share is how a cache is poisoned.
So the key hashes parts with their lengths, never a joined URL; and a request
whose names for its host disagree goes past the cache.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b

from forebay.cache.headers import Head, has_control
from forebay.names import canonical

KEY_BYTES = 20
_LONGEST_HOST = 255
_AUTHORITY = re.compile(
    r"(?P<host>[0-9A-Za-z._-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?", re.ASCII
)
DEFAULT_PORTS = {b"http": 80, b"https": 443}
# They ask for the origin's own word (RFC 9111 §4.3.2).
_PRECONDITIONS = (b"if-match", b"if-unmodified-since")


# Frameworks obey these in place of what the key is made of.
_OVERRIDES = (
    b"x-http-method-override",
    b"x-http-method",
    b"x-method-override",
    b"x-forwarded-host",
    b"x-forwarded-server",
    b"x-host",
    b"x-original-host",
    b"x-original-url",
    b"x-rewrite-url",
)


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes, as it will be sent.

    Args:
        path: raw bytes as they came, with the query.
    """

    method: bytes
    scheme: bytes
    host: str
    port: int
    path: bytes


def primary_key(target: Target, extra: tuple[bytes | None, ...] = ()) -> bytes:
    """Return the key of *target*'s resource, ``KEY_BYTES`` long; the same for GET and HEAD.

    *extra* is what the user's rules add to it.
    """
    host = canonical(target.host).encode("utf-8", "surrogateescape")
    return digest((target.scheme, host, b"%d" % target.port, target.path, *extra))


def digest(parts: Iterable[bytes | None]) -> bytes:
    """Return a hash over *parts* and their lengths; None is not the same as empty.

    >>> digest([b"ab", b"c"]) == digest([b"a", b"bc"])
    False
    """
    framed = b"".join(b"-" if part is None else b"%d:%b" % (len(part), part) for part in parts)
    return blake2b(framed, digest_size=KEY_BYTES, person=b"forebay cache 1").digest()


def bypass_reason(
    target: Target, head: Head, *, authority: str, sni: str | None, has_body: bool
) -> str | None:
    """Return why a request must not touch the store, or None.

    Args:
        target: where it goes.
        head: its head.
        authority: of the request line or ``:authority``; empty when there is none.
        sni: the name that the client asked for in TLS, if any.
        has_body: whether a body was seen or may have passed unseen.
    """
    if target.method not in (b"GET", b"HEAD"):  # case-sensitive: get is not GET
        return "method"
    if has_body or b"transfer-encoding" in head or _announces_body(head):
        return "request with a body"
    if any(name in head for name in _PRECONDITIONS):
        return "precondition"
    if not target.path.startswith(b"/"):
        return "no path"
    return untrusted_reason(target, head, authority=authority, sni=sni)


def untrusted_reason(target: Target, head: Head, *, authority: str, sni: str | None) -> str | None:
    """Return why the origin may take a request for that of another resource, or None."""
    if has_control(head.fields):
        return "control character in a field"
    if b"upgrade" in head:
        return "upgrade"
    if any(name in head for name in _OVERRIDES):
        return "override of method, host or path"
    hosts = head.lines(b"host")
    if len(hosts) > 1:
        return "several Host fields"
    if (
        (hosts and not _agrees(target, hosts[0].decode("utf-8", "surrogateescape")))
        or (authority and not _agrees(target, authority))
        or (sni and not _same_host(sni, target.host))
    ):
        return "names disagree"
    return None


def _announces_body(head: Head) -> bool:
    return any(line.strip() != b"0" for line in head.lines(b"content-length"))


def _agrees(target: Target, authority: str) -> bool:
    # Stricter than a resolver: origins have been seen to put what is said here
    # into their pages, so no odd spelling may reach a shared one.
    found = _AUTHORITY.fullmatch(authority)
    if found is None:
        return False
    port = DEFAULT_PORTS.get(target.scheme) if found["port"] is None else int(found["port"])
    return port == target.port and _same_host(found["host"], target.host)


def _same_host(said: str, target: str) -> bool:
    """Return whether *said*, which the origin sees, is the target's host as usually spelt."""
    if len(said) > _LONGEST_HOST or len(target) > _LONGEST_HOST:
        return False  # no host name is that long, and canonical() looks at the end only
    bare = said.lower().removeprefix("[").removesuffix("]")
    return canonical(bare) == bare == canonical(target)

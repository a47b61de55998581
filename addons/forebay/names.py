"""Every host name a flow carries, each in the one form in which names are compared.

A request may name its host in five places that nobody compares (CONNECT
target, TLS server name, request target, authority, ``Host``), each in many
spellings that reach the same machine.  Rules and cache keys look at
`canonical` names only.

Pure: no mitmproxy, no clock, no files, no sockets.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from encodings.idna import ToASCII
from functools import lru_cache
from urllib.parse import unquote

import idna

from forebay.addresses import ipv4, ipv6

# A DNS name has 253 characters, 759 when each is percent-encoded.  What is as
# long as this reaches no host; only its end matters, for rules on a subtree.
LONGEST = 1024

# Lower-case ASCII whose last label begins with no digit is canonical as it is.
_PLAIN = re.compile(r"(?:[a-z0-9_-]+\.)*[a-z_-][a-z0-9_-]*").fullmatch
_SEPARATORS = re.compile(r"[,\s]+")
_AFTER_AUTHORITY = re.compile(r"[/?#\\]")
_SPACE = " \t\r\n\f\v"


def canonical(host: str) -> str:
    """Return *host* in the one form that all its spellings share.

    Lower case; A-labels (RFC 5890, UTS #46); an IPv4 address as dotted quad,
    an IPv6 address compressed (RFC 5952) without brackets and zone, an
    IPv4-mapped one (RFC 4291 §2.5.5.2) as its IPv4 address; no trailing dot.
    What is no name or address stays as its lower-cased text.  Never raises.

    >>> canonical("Bücher.Example."), canonical("0x7f.1"), canonical("[::FFFF:127.0.0.1]")
    ('xn--bcher-kva.example', '127.0.0.1', '127.0.0.1')
    """
    if len(host) >= LONGEST:
        return _lowered(host)[-LONGEST:]
    return _canonical(host)


@lru_cache(maxsize=4096)
def _canonical(host: str) -> str:
    if _PLAIN(host):
        return host
    text = _lowered(host)
    if len(text) >= LONGEST:
        return text[-LONGEST:]
    bare = _trimmed(text)
    if address := ipv6(bare.partition("%")[0]):
        return address
    try:
        bare = _trimmed(_encoded(unquote(bare, errors="strict")))
    except ValueError:
        return text
    if "%" in bare or len(bare) >= LONGEST:
        return text  # encoded twice, or too long once encoded: no resolver takes it
    return ipv6(bare) or ipv4(bare) or bare


def is_address(name: str) -> bool:
    """Return whether the canonical *name* is an IP address.

    >>> is_address("127.0.0.1"), is_address("::1"), is_address("ads.example")
    (True, True, False)
    """
    return ipv4(name) == name or ipv6(name) == name


def split_authority(text: str) -> tuple[str, int | None]:
    """Return the host and the port of an authority (RFC 3986 §3.2), port None if there is none.

    Brackets and user information are dropped; the host keeps its spelling.

    >>> split_authority("user@[::1]:8080"), split_authority("ads.example")
    (('::1', 8080), ('ads.example', None))
    """
    if _PLAIN(text):
        return text, None
    authority = _AFTER_AUTHORITY.split(text, maxsplit=1)[0].rpartition("@")[2].strip(_SPACE)
    if authority.startswith("["):
        host, _, rest = authority[1:].partition("]")
        return host, _port(rest[1:]) if rest.startswith(":") else None
    if authority.count(":") > 1 and ipv6(authority.partition("%")[0]):
        return authority, None
    host, _, port = authority.partition(":")
    return host, _port(port)


def every_name(
    *,
    target: str,
    host_fields: Iterable[str],
    authority: str,
    sni: str | None,
    connect: str | None,
) -> tuple[str, ...]:
    """Return each canonical name once, in the order of the parameters.

    Args:
        target: the host to which the request goes.
        host_fields: the values of all Host fields; several may be joined in one by commas.
        authority: the ``:authority`` or the authority of an absolute target, or "".
        sni: the server name of the client's TLS handshake.
        connect: the host of the tunnel's CONNECT, or of the address dialled.

    >>> every_name(target="A.example", host_fields=["a.example, b.example:80"],
    ...            authority="", sni="a.example.", connect=None)
    ('a.example', 'b.example')
    """
    found = {canonical(target): None}
    for field in host_fields:
        found.update(_in_field(field))
    if authority:
        found.update(_in_field(authority))
    if sni:
        found[canonical(sni)] = None
    if connect:
        found[canonical(connect)] = None
    found.pop("", None)
    return tuple(found)


def _in_field(value: str) -> dict[str, None]:
    # Beyond any server's limit for a field there is nothing to be taken apart.
    return _in_short_field(value) if len(value) < LONGEST else {canonical(value): None}


@lru_cache(maxsize=4096)
def _in_short_field(value: str) -> dict[str, None]:
    pieces = _SEPARATORS.split(value)
    return {canonical(split_authority(piece)[0]): None for piece in pieces if piece}


def _lowered(text: str) -> str:
    # mitmproxy gives undecodable bytes as lone surrogates, which nothing can save or print.
    return text.lower().encode("utf-8", "backslashreplace").decode("utf-8")


def _trimmed(text: str) -> str:
    return text.lstrip("[" + _SPACE).rstrip("]." + _SPACE)


def _encoded(text: str) -> str:
    """Return *text* with A-labels for its U-labels.

    Raises:
        ValueError: when a label has no ASCII form.
    """
    if text.isascii():
        return text.lower()
    try:
        labels = idna.uts46_remap(text, std3_rules=False).split(".")
    except idna.IDNAError:
        return text.encode("idna").decode("ascii").lower()
    return ".".join(label if label.isascii() else _a_label(label) for label in labels)


def _a_label(label: str) -> str:
    try:
        return idna.alabel(label).decode("ascii")
    except idna.IDNAError:
        # IDNA 2008 has no emoji domains, but they are registered, and mitmproxy
        # decodes their A-labels by IDNA 2003.
        return ToASCII(label).decode("ascii").lower()


def _port(text: str) -> int | None:
    digits = text.lstrip("0")
    if not (text and text.isascii() and text.isdigit() and len(digits) <= 5):
        return None
    port = int(digits or "0")
    return port if port <= 65535 else None

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

from forebay.addresses import ipv4, ipv6, loopback

# A DNS name has 253 characters, 759 when each is percent-encoded.  What is as
# long as this reaches no host; only its end matters, for rules on a subtree.
LONGEST = 1024

DEFAULT_PORTS = {"http": 80, "https": 443}

MOST = 16
"""Names of one request beyond which no more are looked for: no honest one has three."""

# Lower-case ASCII whose last label begins with no digit is canonical as it is.
_PLAIN = re.compile(r"(?:[a-z0-9_-]+\.)*[a-z_-][a-z0-9_-]*").fullmatch
_SEPARATORS = re.compile(r"[,\s]+")
# No host name holds one of these; some servers, and C with its NUL, read what is before it.
_JUNK = re.compile(r"[\x00-\x20\x7f-\x9f\"',;<>\\^`{|}]")
# Nor, once canonical, one of these; the backslash may be that of a byte that was undecodable.
_END = re.compile(r"[\x00-\x20\x7f-\x9f\"',;<>^`{|}#%/?]|\\(?!udc[89a-f][0-9a-f])")
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


def bracketed(host: str) -> str:
    """Return a host as it stands before a port (RFC 3986 §3.2.2).

    >>> bracketed("::1"), bracketed("a.example")
    ('[::1]', 'a.example')
    """
    return f"[{host}]" if ":" in host else host


def authority(scheme: str | None, host: str, port: int) -> str:
    """Return host and port, without the port that the scheme implies (RFC 9110 §4.2.3).

    >>> authority("https", "::1", 443), authority("http", "a.example", 8080)
    ('[::1]', 'a.example:8080')
    """
    host = bracketed(host)
    return host if DEFAULT_PORTS.get(scheme or "") == port else f"{host}:{port}"


def every_name(
    *,
    target: str,
    host_fields: Iterable[str],
    authority: str,
    sni: str | None,
    connect: str | None,
) -> tuple[str, ...]:
    """Return each canonical name once, in the order of the parameters.

    After a name come those that it may be taken for: what is before the first
    character that no host name holds, and of an address that is the machine
    itself the usual loopback names.  There may be few more than `MOST`; then the
    rest is left out.

    Args:
        target: the host to which the request goes.
        host_fields: the values of all Host fields; several may be joined in one by commas.
        authority: the ``:authority`` or the authority of an absolute target, or "".
        sni: the server name of the client's TLS handshake.
        connect: the host of the tunnel's CONNECT, or of the address dialled.

    >>> every_name(target="A.example", host_fields=["a.example, b.example:80"],
    ...            authority="", sni="a.example.", connect=None)
    ('a.example', 'b.example')
    >>> every_name(target="a.example;b", host_fields=[], authority="", sni=None, connect="0")
    ('a.example;b', 'a.example', '0.0.0.0', '127.0.0.1', 'localhost')
    """
    found = dict(_of_host(target))
    for field in host_fields:
        if len(found) > MOST:
            break
        found.update(_in_field(field))
    if authority:
        found.update(_in_field(authority))
    if sni:
        found.update(_of_host(sni))
    if connect:
        found.update(_of_host(connect))
    found.pop("", None)
    return tuple(found)


def _in_field(value: str) -> dict[str, None]:
    if len(value) < LONGEST:
        return _in_short_field(value)
    # Not all is taken apart, for that takes long: the end, and where a server begins to read.
    first = _SEPARATORS.split(value.lstrip("," + _SPACE), maxsplit=1)[0]
    return {canonical(value): None} | _in_piece(first)


@lru_cache(maxsize=4096)
def _in_short_field(value: str) -> dict[str, None]:
    found: dict[str, None] = {}
    for piece in _SEPARATORS.split(value):
        if len(found) > MOST:
            break
        if piece:
            found.update(_in_piece(piece))
    return found


def _in_piece(piece: str) -> dict[str, None]:
    names = _of_host(split_authority(piece)[0])
    junk = _JUNK.search(piece)
    if junk is None:
        return names
    # It may stand before the @ that ends the user information.
    return names | _of_host(split_authority(piece[: junk.start()])[0])


def _of_host(host: str) -> dict[str, None]:
    return _of_short_host(host) if len(host) < LONGEST else _taken_for(host)


@lru_cache(maxsize=4096)
def _of_short_host(host: str) -> dict[str, None]:
    return {host: None} if _PLAIN(host) else _taken_for(host)


def _taken_for(host: str) -> dict[str, None]:
    found: dict[str, None] = {}
    # Both as it is and in its one form: a mapping may make such a character, or take it in.
    for text in (host, _JUNK.split(host, maxsplit=1)[0]):
        name = canonical(text)
        while name not in found:
            found[name] = None
            found.update(dict.fromkeys(loopback(name)))
            name = canonical(_before_end(name))
    return found


def _before_end(name: str) -> str:
    start = _END.split(name, maxsplit=1)[0]
    if start == name and ":" in name and not ipv6(name):
        return name.partition(":")[0]
    return start


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

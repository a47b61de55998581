"""The names in the first message of a client, be it TLS or HTTP/1."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from mitmproxy.tls import ClientHello

from forebay.names import canonical, every_name
from forebay.proxycore.excluded import LIMIT_BYTES
from forebay.proxycore.segments import LEADING, SPACE, is_request, needs_more

_CLIENT_HELLO = 1
_SERVER_NAME, _ENCRYPTED_CLIENT_HELLO = 0, 0xFE0D  # RFC 6066 §3, RFC 9849 §5

_HEAD_END = re.compile(rb"\n\r?\n")
_LINE_FOLD = re.compile(rb"\r?\n[ \t]+")
_LINE_END = re.compile(rb"[\r\n]+")
_HTTP = re.compile(SPACE + rb"HTTP/[0-9]", re.IGNORECASE)
_WORDS = re.compile(SPACE + rb"+").split


@dataclass(frozen=True, slots=True)
class Names:
    """What the first message of a client asks for.

    Args:
        names: every name in it, canonical; none if it is neither TLS nor HTTP.
        unreadable: why the names could not be read although it is one of these.
        ech: whether it has an encrypted ClientHello (RFC 9849), or one made up
            to look alike as browsers send it always; *names* is the outer one.
    """

    names: tuple[str, ...] = ()
    unreadable: str | None = None
    ech: bool = False


@dataclass(frozen=True, slots=True)
class NeedMore:
    """The first message is not complete."""


NEED_MORE = NeedMore()


def names_in(data: bytes) -> Names | NeedMore:
    r"""Return what *data*, the first bytes of a client, asks for; never raises.

    >>> names_in(b"GET http://a.example/ HTTP/1.1\r\nHost: B.example:80\r\n\r\n").names
    ('a.example', 'b.example')
    """
    if data[:2] in (b"\x16", b"\x16\x03"):
        return _in_client_hello(data)
    return _in_request(data)


def _in_client_hello(data: bytes) -> Names | NeedMore:
    try:
        hello = _client_hello(data)
        if hello is None:
            return NEED_MORE if len(data) <= LIMIT_BYTES else Names(unreadable="a long ClientHello")
        extensions = ClientHello(hello).extensions
    except (ValueError, EOFError):
        return Names(unreadable="a broken ClientHello")
    names = [
        canonical(name.decode("utf-8", "surrogateescape"))
        for kind, body in extensions
        if kind == _SERVER_NAME
        for name in _server_names(body)
    ]
    ech = any(kind == _ENCRYPTED_CLIENT_HELLO for kind, _ in extensions)
    return Names(tuple(dict.fromkeys(filter(None, names))), ech=ech)


def _client_hello(data: bytes) -> bytes | None:
    """Return the ClientHello without its header, from as many records as hold it.

    None while it is incomplete.  Of a record's version only the first byte is
    looked at, as by servers (RFC 8446 §5.1).

    Raises:
        ValueError: when it is none.
    """
    message, at = b"", 0
    while len(record := data[at : at + 5]) == 5:
        if record[:2] != b"\x16\x03":
            raise ValueError("another record")
        end = at + 5 + int.from_bytes(record[3:])
        message += data[at + 5 : end]
        if message and message[0] != _CLIENT_HELLO:
            raise ValueError("another message")
        size = 4 + int.from_bytes(message[1:4])
        if len(message) >= max(4, size):
            return message[4:size]
        at = end
    return None


def _server_names(body: bytes) -> Iterator[bytes]:
    """Yield every name of the extension, of whatever type, and whatever the list's length says."""
    at = 2
    while at < len(body):
        end = at + 3 + int.from_bytes(body[at + 1 : at + 3])
        yield body[at + 3 : end]
        at = end


def _in_request(data: bytes) -> Names | NeedMore:
    text = data.lstrip(LEADING)
    line, ended, _ = text.partition(b"\n")
    if not ended:
        if needs_more(data):
            return NEED_MORE
        return Names(unreadable="a long request line" if is_request(data) else None)
    if not _HTTP.search(line):
        return Names()
    if line.startswith(b"PRI * HTTP/2"):
        return Names(unreadable="HTTP/2 without TLS")  # its fields are compressed
    end = _HEAD_END.search(text, 0, LIMIT_BYTES)
    if end is None:
        return NEED_MORE if len(data) <= LIMIT_BYTES else Names(unreadable="a long request head")
    return Names(_in_head(text[: end.start()]))


def _in_head(head: bytes) -> tuple[str, ...]:
    line, *fields = _LINE_END.split(_LINE_FOLD.sub(b" ", head))
    words = _WORDS(line)
    target = words[1] if len(words) > 1 else b""
    _, absolute, rest = target.partition(b"://")
    if absolute:
        hosts = [rest]
    else:
        hosts = [] if target[:1] in (b"/", b"*") else [target]  # that of a CONNECT
    pairs = (field.partition(b":") for field in fields)
    hosts += [value for name, _, value in pairs if name.strip().lower() == b"host"]
    texts = [host.decode("utf-8", "surrogateescape") for host in hosts]
    return every_name(target="", host_fields=texts, authority="", sni=None, connect=None)

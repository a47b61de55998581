"""Sending a request to another URL.

Pure: no mitmproxy, no clock, no files.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from urllib.parse import quote, urlsplit

from forebay.errors import RuleError
from forebay.names import canonical, is_address
from forebay.rewrite.edits import EditError, expanded
from forebay.rewrite.exchange import DEFAULT_PORTS, Exchange
from forebay.rewrite.template import Template, Values

_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))
_HOST = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*").fullmatch
_AFTER_AUTHORITY = re.compile(r"[/?#]").search


@dataclass(frozen=True, slots=True)
class UrlEdit:
    """Another URL, absolute or, with a leading ``/``, on the same host."""

    url: Template

    def apply(self, exchange: Exchange, values: Values, *, of_response: bool) -> Exchange:
        """Return *exchange* as one that goes there.

        Raises:
            EditError: when it is no URL.
        """
        text = expanded(self.url, values)
        if text.startswith("/") and not text.startswith("//"):
            return replace(exchange, target=_sendable(text))
        scheme, host, port, target = split_url(text)
        return replace(
            exchange,
            scheme=scheme,
            host=host,
            port=port,
            target=target,
            hosts=exchange.hosts if host == exchange.host else (host,),
        )


def split_url(text: str) -> tuple[str, str, int, str]:
    """Return scheme, canonical host, port, and target of an absolute URL.

    Raises:
        EditError: when it is none, or has user information.

    >>> split_url("https://a.example/x y?z#f")
    ('https', 'a.example', 443, '/x%20y?z')
    """
    if "\t" in text:  # which urlsplit leaves out wherever it stands
        raise EditError(f"an URL with a tab: {text!r:.70}")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise EditError(f"an URL that cannot be read: {error}") from None
    host = canonical(parts.hostname or "")
    if parts.scheme not in DEFAULT_PORTS or not host or "@" in parts.netloc:
        raise EditError(f"no http or https URL: {text!r:.70}")
    if not (_HOST(host) or is_address(host)) or port == 0:
        raise EditError(f"an URL without a host that could be connected to: {text!r:.70}")
    _, _, rest = text.partition("://")
    found = _AFTER_AUTHORITY(rest)
    target = "" if found is None else rest[found.start() :].partition("#")[0]
    if not target.startswith("/"):
        target = "/" + target
    return parts.scheme, host, port or DEFAULT_PORTS[parts.scheme], _sendable(target)


def _sendable(target: str) -> str:
    """Return *target* with what no request line may hold percent-encoded (RFC 3986 §2.1)."""
    return quote(target.partition("#")[0], safe=_PRINTABLE, errors="surrogateescape")


def check_url(text: str) -> str:
    """Return *text*, the template of a URL, if it could become one.

    Raises:
        RuleError: when it is neither absolute nor begins with ``/``, or without
            placeholders no URL that could be connected to.
    """
    if text.startswith(("/", "http://", "https://", "{")) and not text.startswith("//"):
        if not text.startswith("/") and "{" not in text:
            try:
                split_url(text)
            except EditError as error:
                raise RuleError(f"expected a URL, found {error}") from None
        return text
    raise RuleError(f"expected a URL, or a path that begins with /, found {text!r:.70}")

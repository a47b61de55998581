"""Sending a request to another URL.

Pure: no mitmproxy, no clock, no files.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import quote, urlsplit

from forebay.errors import RuleError
from forebay.names import canonical, is_address
from forebay.rewrite.answer import Answer
from forebay.rewrite.edits import EditError, expanded
from forebay.rewrite.exchange import DEFAULT_PORTS, Exchange, Fields, bytes_of
from forebay.rewrite.template import Template, Values

_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))
_HOST = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*").fullmatch
_AFTER_AUTHORITY = re.compile(r"[/?#]").search
_AUTHORITY = re.compile(r"https?://([^/?#]*)", re.IGNORECASE).fullmatch
_NAME = re.compile(r"[A-Za-z0-9_.-]+").fullmatch
_LABEL = re.compile(r"[A-Za-z0-9_-]*").fullmatch
_PORT = re.compile(r"[0-9]{1,5}").fullmatch
_BEHIND = re.compile(r"(?:[/?].*)?", re.DOTALL).fullmatch
# These say where the request goes already, which is no client's to forge here.
_OWN = {
    "url.host": re.compile(r"[A-Za-z0-9_.:-]+").fullmatch,
    "url.authority": re.compile(r"[A-Za-z0-9_.:\[\]-]+").fullmatch,
    "url.port": _PORT,
}


@dataclass(frozen=True, slots=True)
class UrlEdit:
    """Another URL, absolute or, with a leading ``/``, on the same host."""

    url: Template

    @property
    def secrets(self) -> tuple[str, ...]:
        """The URL, if it tells a secret."""
        return ("url",) if self.url.tells_secrets else ()

    def apply(self, exchange: Exchange, values: Values, *, of_response: bool) -> Exchange:
        """Return *exchange* as one that goes there.

        Raises:
            EditError: when it is no URL.
        """
        text = url_of(self.url, values)
        if self.url.text.startswith("/"):
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


def url_of(template: Template, values: Values) -> str:
    """Return what *template* says, each placeholder being kept to its place.

    What a client sends may choose a host only where the rule leaves the host to
    a placeholder: one inside the authority yields characters of a host, one
    behind it nothing but a path or a query.  A template that is nothing but a
    placeholder, such as ``{header.x}``, says all of the URL.

    Raises:
        EditError: when a placeholder yields something else.
    """
    text = expanded(template, values)  # fit for one line
    pieces = list(template.pieces(values))
    said = ""
    for i, (word, piece) in enumerate(pieces):
        before = _AUTHORITY(said)
        if word is not None and before is not None:
            following = pieces[i + 1][1] if i + 1 < len(pieces) and not pieces[i + 1][0] else ""
            if not _place(word, before[1], following)(piece):
                raise EditError(f"{{{word}}} would say another host: {piece!r:.70}")
        said += piece
    return text


def _place(word: str, authority: str, following: str) -> Callable[[str], object]:
    """Return what *word* has to fit, behind so much of an authority."""
    if word in _OWN:
        return _OWN[word]
    if authority.endswith(":"):
        return _PORT
    if not authority or authority.endswith("."):
        return _NAME
    return _BEHIND if not following or following[0] in "/?#" else _LABEL


def location_of(template: Template, values: Values) -> str:
    """Return what *template* says, as the Location of a redirect (RFC 9110 §10.2.2).

    Raises:
        EditError: when it is no URL, or would lead elsewhere than the rule says.
    """
    text = url_of(template, values)
    # Browsers take a backslash for a slash, and leave tabs out.
    sent = quote(text, safe=_PRINTABLE.replace("\\", ""), errors="surrogateescape")
    if template.text.startswith("/"):
        if sent.startswith("//"):
            raise EditError(f"a redirect to another host: {text!r:.70}")
        return sent
    split_url(text)
    return sent


def answer_fields(answer: Answer, values: Values) -> Fields:
    """Return the fields of *answer*.

    Raises:
        EditError: when one of them cannot be said.
    """
    fields = [(name, bytes_of(expanded(value, values))) for name, value in answer.fields]
    if answer.location is not None:
        fields.insert(0, (b"Location", bytes_of(location_of(answer.location, values))))
    return tuple(fields)


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
    labels = host.split(".")
    is_host = bool(_HOST(host)) and len(host) <= 253 and max(map(len, labels)) <= 63  # RFC 1035
    if not (is_host or is_address(host)) or port == 0:
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

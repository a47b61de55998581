"""Sending a request to another URL.

Pure: no mitmproxy, no clock, no files.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote, urlsplit

from forebay.errors import RuleError
from forebay.names import DEFAULT_PORTS, canonical, is_address
from forebay.rewrite.answer import Answer
from forebay.rewrite.edits import EditError, expanded
from forebay.rewrite.exchange import Exchange, Fields, bytes_of
from forebay.rewrite.template import Template, Values

_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))
_HOST = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*").fullmatch
_AFTER_AUTHORITY = re.compile(r"[/?#]").search
_NAME = re.compile(r"[A-Za-z0-9_.-]+").fullmatch
_WHOLE = re.compile(r"[A-Za-z0-9_.-]+(:[0-9]{1,5})?").fullmatch
_INSIDE = re.compile(r"[A-Za-z0-9_.-]*").fullmatch
_LABEL = re.compile(r"[A-Za-z0-9_-]*").fullmatch
_PORT = re.compile(r"[0-9]{1,5}").fullmatch
_OF_PATH = frozenset({"url.path", "url.target", "url.search", "url.query"})
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
        text, is_path = url_of(self.url, values)
        if is_path:
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


def url_of(template: Template, values: Values) -> tuple[str, bool]:
    """Return what *template* says, and whether that is a path on the same host.

    What a client sends may choose scheme and host only where the rule leaves
    all of them to a placeholder, as ``{header.x}`` or ``https://{re.1}/`` does.
    Before ``://`` a placeholder yields a scheme, inside the authority characters
    of a host, behind it nothing but a path or a query.

    Raises:
        EditError: when a placeholder yields something else.
    """
    text = expanded(template, values)  # fit for one line
    pieces = [pair for pair in template.pieces(values) if pair != (None, "")]
    first, said = pieces[0] if pieces else (None, "")
    if first in _OF_PATH and not said.startswith("/"):
        raise EditError(f"{{{first}}} would say another host: {said!r:.70}")
    if text.startswith("/") and (first is None or first in _OF_PATH or text[1:2] != "/"):
        return text, True
    scheme = ""
    for at, (word, piece) in enumerate(pieces):
        before, mark, rest = piece.partition("://")
        if word is None and _AFTER_AUTHORITY(before):
            break  # a placeholder has said all up to here
        if word is None and mark:
            if (scheme + before).lower() not in DEFAULT_PORTS:
                raise EditError(f"a URL that begins otherwise than the rule says: {text!r:.70}")
            _check_authority([(None, rest), *pieces[at + 1 :]])
            break
        scheme += piece
    return text, False


def _check_authority(pieces: Sequence[tuple[str | None, str]]) -> None:
    """Make sure that no placeholder says more than is its own.

    Args:
        pieces: of a URL, from behind its ``://``.

    Raises:
        EditError: for the first that does.
    """
    authority = ""
    for i, (word, piece) in enumerate(pieces):
        if word is None:
            if _AFTER_AUTHORITY(piece):
                return
        else:
            following = next((text for each, text in pieces[i + 1 :] if each is None), "")
            if not _place(word, authority, following)(piece):
                raise EditError(f"{{{word}}} would say another host: {piece!r:.70}")
            if piece.startswith(("/", "?")):
                return
        authority += piece


def _place(word: str, authority: str, following: str) -> Callable[[str], object]:
    """Return what *word* has to fit, behind so much of an authority, before that literal."""
    if word in _OWN:
        return _OWN[word]
    if word in _OF_PATH:
        return _BEHIND
    if authority.endswith(":"):
        return _PORT
    is_last = not following or following[0] in "/?#"
    if not is_last and following[0] != ":":
        return _INSIDE
    if not authority:
        return _WHOLE if is_last else _NAME
    if authority.endswith("."):
        return _NAME
    if authority.endswith("-"):
        return _LABEL
    return _BEHIND if is_last else _LABEL


def location_of(template: Template, values: Values) -> str:
    """Return what *template* says, as the Location of a redirect (RFC 9110 §10.2.2).

    Raises:
        EditError: when it is no URL, or would lead elsewhere than the rule says.
    """
    text, is_path = url_of(template, values)
    # Browsers take a backslash for a slash, and leave tabs out.
    sent = quote(text, safe=_PRINTABLE.replace("\\", ""), errors="surrogateescape")
    if is_path:
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

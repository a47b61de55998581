"""The edits of a rule that are made at a message's head, each a small value that can be applied.

Pure: no mitmproxy, no clock, no files.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol
from urllib.parse import quote, urlsplit

from forebay.errors import RuleError
from forebay.names import canonical, is_address
from forebay.regexes import Regex
from forebay.rewrite import cookies, csp, query
from forebay.rewrite.exchange import DEFAULT_PORTS, Exchange, Fields, bytes_of, text_of
from forebay.rewrite.fields import REFUSED, control_in
from forebay.rewrite.match import groups_of
from forebay.rewrite.patterns import Glob
from forebay.rewrite.template import Template, Values

_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))
_HOST = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*").fullmatch
_AFTER_AUTHORITY = re.compile(r"[/?#]").search
_LONGEST_VALUE = 65536


EMPTY = Template("", ())


class EditError(Exception):
    """An edit that cannot be made, for what its placeholders stand for."""


class Edit(Protocol):
    """One edit of a head."""

    def apply(self, exchange: Exchange, values: Values, *, of_response: bool) -> Exchange:
        """Return *exchange* with the edit made.

        Raises:
            EditError: when it cannot be made.
        """


class Verb(StrEnum):
    """What is done to a field, in the order in which one rule does it.

    The order is fixed because a YAML mapping has none (YAML 1.2.2 §3.2.1.1):
    an editor that sorts keys must not change what a rule does.
    """

    REMOVE = "remove"
    SET = "set"
    DEFAULT = "default"
    APPEND = "append"


def expanded(template: Template, values: Values) -> str:
    """Return what *template* says, fit for one line of a head.

    Raises:
        EditError: when it could break out of its line, or is too long.
    """
    text = template.expand(values)
    if found := control_in(text):
        raise EditError(f"a value with the control character {found!r}")
    _check_length(len(text))
    return text


def _check_length(chars: int) -> None:
    if chars > _LONGEST_VALUE:
        raise EditError(f"a value of more than {_LONGEST_VALUE:,} characters")


@dataclass(frozen=True, slots=True)
class FieldEdit:
    """One edit of one field, or of all fields whose names begin with *name* (``REMOVE`` only)."""

    verb: Verb
    name: bytes
    value: Template = EMPTY
    is_prefix: bool = False

    def apply(self, exchange: Exchange, values: Values, *, of_response: bool) -> Exchange:
        """Return *exchange* with the field edited."""
        fields = exchange.fields(of_response=of_response)
        value = bytes_of(expanded(self.value, values).strip(" \t"))
        edited = edit_fields(fields, self, value, lower_case=exchange.lower_case)
        if edited == fields:
            return exchange
        return exchange.with_fields(edited, of_response=of_response)


def edit_fields(
    fields: Fields, edit: FieldEdit, value: bytes, *, lower_case: bool = False
) -> Fields:
    """Return *fields* after one edit; other fields keep their place and spelling.

    >>> edit = FieldEdit(Verb.SET, b"A")
    >>> edit_fields(((b"a", b"1"), (b"B", b"2"), (b"A", b"3")), edit, b"4")
    ((b'A', b'4'), (b'B', b'2'))
    """
    if edit.verb is Verb.REMOVE:
        return tuple(field for field in fields if not covers(edit, field[0]))
    name = edit.name.lower() if lower_case else edit.name
    own = (name, value)
    if edit.verb is Verb.APPEND:
        return (*fields, own)
    key = name.lower()
    places = [i for i, field in enumerate(fields) if field[0].lower() == key]
    if not places:
        return (*fields, own)
    if edit.verb is Verb.DEFAULT:
        return fields
    first = places[0]
    others = (field for field in fields[first + 1 :] if field[0].lower() != key)
    return (*fields[:first], own, *others)


def covers(edit: FieldEdit, name: bytes) -> bool:
    """Return whether *edit* is about the field *name*, in whatever case.

    A beginning never covers what a rule may not write: ``T*`` leaves
    Transfer-Encoding alone.
    """
    key = name.lower()
    if edit.is_prefix:
        return key.startswith(edit.name.lower()) and key not in REFUSED
    return key == edit.name.lower()


@dataclass(frozen=True, slots=True)
class Replacement:
    """Each place of *regex*, replaced by *template*, in which ``{re.1}`` are its own groups."""

    regex: Regex
    template: Template

    def edit(self, text: str, values: Values) -> str:
        """Return *text* with every place replaced.

        Raises:
            EditError: when a replacement could break out of its line, all that
                replacements make is too long, or *text* is longer than its
                regex may see.
        """
        if len(text) > self.regex.limit_chars:
            raise EditError(f"more than the {self.regex.limit_chars:,} characters of its regex")
        pieces: list[str] = []
        at = chars = 0
        while at <= len(text) and (found := self.regex.search(text, at)):
            own = replace(values, groups=groups_of(found))
            new = expanded(self.template, own)
            chars += len(new)
            _check_length(chars)
            pieces += (text[at : found.start()], new)
            at = found.end()
            if found.end() == found.start():  # an empty match: go on behind the next character
                pieces.append(text[at : at + 1])
                at += 1
        return "".join([*pieces, text[at:]])


@dataclass(frozen=True, slots=True)
class FieldReplace:
    """A regex replaced inside the values of a field."""

    name: bytes
    replacements: tuple[Replacement, ...]

    def apply(self, exchange: Exchange, values: Values, *, of_response: bool) -> Exchange:
        """Return *exchange* with the values of the field edited."""
        key = self.name.lower()
        edited: list[tuple[bytes, bytes]] = []
        for name, value in exchange.fields(of_response=of_response):
            before = text_of(value)
            after = _replaced(before, self.replacements, values) if name.lower() == key else before
            # None begins or ends with a space (RFC 9113 §8.2.1).
            edited.append((name, value if after == before else bytes_of(after.strip(" \t"))))
        return exchange.with_fields(tuple(edited), of_response=of_response)


def _replaced(text: str, replacements: tuple[Replacement, ...], values: Values) -> str:
    for replacement in replacements:
        text = replacement.edit(text, values)
    return text


@dataclass(frozen=True, slots=True)
class QueryEdit:
    """Parameters of the query: removed by pattern, replaced inside, set, or set where absent."""

    remove: tuple[Glob, ...] = ()
    replaces: tuple[tuple[str, tuple[Replacement, ...]], ...] = ()
    sets: tuple[tuple[str, Template], ...] = ()
    defaults: tuple[tuple[str, Template], ...] = ()

    def apply(self, exchange: Exchange, values: Values, *, of_response: bool) -> Exchange:
        """Return *exchange* with another query."""
        path, _, before = exchange.target.partition("?")
        edited = before
        for pattern in self.remove:
            edited = query.remove(edited, pattern)
        for name, replacements in self.replaces:
            edited = query.change(edited, name, _changing(replacements, values))
        for name, template in self.sets:
            edited = query.put(edited, name, _parameter(template, values))
        for name, template in self.defaults:
            edited = query.put(edited, name, _parameter(template, values), only_if_absent=True)
        if edited == before or path == "*":  # the form of OPTIONS that has no query
            return exchange
        return replace(exchange, target=f"{path}?{edited}" if edited else path)


def _parameter(template: Template, values: Values) -> str:
    """Return the value of a parameter; what stands in the file may have several lines."""
    return expanded(template, values) if template.constant is None else template.constant


def _changing(replacements: tuple[Replacement, ...], values: Values) -> Callable[[str], str]:
    return lambda text: _replaced(text, replacements, values)


@dataclass(frozen=True, slots=True)
class CookieEdit:
    """Cookies of the request: removed by pattern, replaced inside, set, or set where absent."""

    remove: tuple[Glob, ...] = ()
    replaces: tuple[tuple[str, tuple[Replacement, ...]], ...] = ()
    sets: tuple[tuple[str, Template], ...] = ()
    defaults: tuple[tuple[str, Template], ...] = ()

    def apply(self, exchange: Exchange, values: Values, *, of_response: bool) -> Exchange:
        """Return *exchange* with other cookies.

        Raises:
            EditError: when a value would end its cookie.
        """
        fields = exchange.request
        for pattern in self.remove:
            fields = cookies.remove(fields, pattern)
        for name, replacements in self.replaces:
            fields = cookies.change(fields, name, _changing_cookie(name, replacements, values))
        for name, template in self.sets:
            value = _one_cookie(name, expanded(template, values))
            fields = cookies.put(fields, name, value, lower_case=exchange.lower_case)
        for name, template in self.defaults:
            value = _one_cookie(name, expanded(template, values))
            fields = cookies.put(
                fields, name, value, only_if_absent=True, lower_case=exchange.lower_case
            )
        return replace(exchange, request=fields)


def _changing_cookie(
    name: str, replacements: tuple[Replacement, ...], values: Values
) -> Callable[[str], str]:
    return lambda text: _one_cookie(name, _replaced(text, replacements, values))


def _one_cookie(name: str, value: str) -> str:
    if ";" in value:
        raise EditError(f"a cookie {name} with a ; in its value")
    return value


@dataclass(frozen=True, slots=True)
class SetCookieEdit:
    """Cookies that the response sets: removed, set whole, or their attributes edited."""

    remove: tuple[Glob, ...] = ()
    sets: tuple[tuple[str, Template], ...] = ()
    attributes: tuple[tuple[Glob, Mapping[str, str | None]], ...] = ()

    def apply(self, exchange: Exchange, values: Values, *, of_response: bool) -> Exchange:
        """Return *exchange* with other cookies set.

        Raises:
            EditError: when a placeholder would add attributes.
        """
        fields = exchange.response
        for pattern in self.remove:
            fields = cookies.remove_set(fields, pattern)
        for name, template in self.sets:
            value = expanded(template, values)
            if value.count(";") != template.literal.count(";"):
                raise EditError(f"a cookie {name} with a ; from a placeholder")
            fields = cookies.put_set(fields, name, value, lower_case=exchange.lower_case)
        for pattern, attributes in self.attributes:
            fields = cookies.change_attributes(fields, pattern, attributes)
        return replace(exchange, response=fields)


@dataclass(frozen=True, slots=True)
class CspEdit:
    """Directives of the Content-Security-Policy: removed, set, or given more sources."""

    remove: tuple[str, ...] = ()
    sets: tuple[tuple[str, Template], ...] = ()
    appends: tuple[tuple[str, Template], ...] = ()

    def apply(self, exchange: Exchange, values: Values, *, of_response: bool) -> Exchange:
        """Return *exchange* with other policies.

        Raises:
            EditError: when a value would end its directive.
        """
        sets = [(name, self._sources(template, values)) for name, template in self.sets]
        appends = [(name, self._sources(template, values)) for name, template in self.appends]

        def change(policy: csp.Policy) -> csp.Policy:
            for name in self.remove:
                policy = csp.remove(policy, name)
            for name, sources in sets:
                policy = csp.put(policy, name, sources)
            for name, sources in appends:
                policy = csp.append(policy, name, sources)
            return policy

        fields = csp.edit(
            exchange.response, change, or_new=bool(sets), lower_case=exchange.lower_case
        )
        return replace(exchange, response=fields)

    def _sources(self, template: Template, values: Values) -> str:
        sources = expanded(template, values)
        if ";" in sources or "," in sources:
            raise EditError("CSP sources with ; or ,")
        return sources


@dataclass(frozen=True, slots=True)
class MethodEdit:
    """Another method."""

    method: str

    def apply(self, exchange: Exchange, values: Values, *, of_response: bool) -> Exchange:
        """Return *exchange* with it."""
        return replace(exchange, method=self.method)


@dataclass(frozen=True, slots=True)
class StatusEdit:
    """Another status code."""

    status: int

    def apply(self, exchange: Exchange, values: Values, *, of_response: bool) -> Exchange:
        """Return *exchange* with it."""
        return replace(exchange, status=self.status)


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

"""Which messages a rule is for.

Pure: no mitmproxy, no clock, no files.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address
from itertools import accumulate

from forebay.blocklist.policies import Clients
from forebay.mediatype import media_type
from forebay.regexes import LIMIT_CHARS, Found, Regex
from forebay.rewrite import query
from forebay.rewrite.exchange import Exchange, Fields, first, text_of, values
from forebay.rewrite.patterns import Glob, Hosts, Pattern
from forebay.rewrite.template import Groups

NO_GROUPS: Groups = {}
LONGEST_SUM = 4 * LIMIT_CHARS
"""So many characters of the values of one field a regex is searched for in."""


@dataclass(frozen=True, slots=True)
class ClientRanges:
    """Ranges of client addresses."""

    clients: Clients

    def covers(self, address: str) -> bool:
        """Return whether *address*, as text, is in one of them."""
        try:
            found = ip_address(address.partition("%")[0])
        except ValueError:
            return False
        mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
        return self.clients.covers(mapped or found)


@dataclass(frozen=True, slots=True)
class Named:
    """Patterns for the values of the field or parameter *name*, of which one must fit one value."""

    name: str
    patterns: tuple[Pattern, ...]

    def fits(self, found: Sequence[str]) -> bool:
        """Return whether any of the values *found* fits."""
        return any(
            pattern.matches(value)
            for pattern in self.patterns
            for value in (_seen(pattern, found) if isinstance(pattern, Regex) else found)
        )


@dataclass(frozen=True, slots=True)
class Matcher:
    """All that is given must hold; what is empty or None holds always.

    Args:
        hosts: the host the request goes to.
        paths: patterns, of which one must fit the path.
        methods: one of which it must be.
        statuses: one of which the response's must be.
        schemes: one of which it must be.
        ports: one of which it must be.
        content_types: patterns for the media type of the message that is edited.
        request_fields: what fields of the request must say.
        response_fields: what fields of the response must say.
        parameters: what parameters of the query must say.
        clients: where the request must come from.
        users: patterns for the proxy user.
        urls: patterns, of which one must fit the whole URL.
        flow_filter: what mitmproxy's flow filter says of the flow.
        filter_text: the same as it was written.
        unless: of these, none must hold.
    """

    hosts: Hosts | None = None
    paths: tuple[Pattern, ...] = ()
    methods: frozenset[str] = frozenset()
    statuses: frozenset[int] = frozenset()
    schemes: frozenset[str] = frozenset()
    ports: frozenset[int] = frozenset()
    content_types: tuple[Glob, ...] = ()
    request_fields: tuple[Named, ...] = ()
    response_fields: tuple[Named, ...] = ()
    parameters: tuple[Named, ...] = ()
    clients: ClientRanges | None = None
    users: tuple[Glob, ...] = ()
    urls: tuple[Pattern, ...] = ()
    flow_filter: Callable[[object], bool] | None = field(default=None, compare=False, repr=False)
    filter_text: str = ""
    unless: tuple[Matcher, ...] = ()

    @property
    def needs_response(self) -> bool:
        """Whether it looks at what only a response has."""
        return bool(self.statuses or self.response_fields)

    def match(self, exchange: Exchange, *, of_response: bool) -> Groups | None:
        """Return what the groups of its regex for path or URL have matched; None for no match."""
        # The host decides for most flows, and costs least.
        if self.hosts is not None and not any(map(self.hosts.matches, exchange.hosts)):
            return None
        if self.methods and exchange.method not in self.methods:
            return None
        if self.schemes and exchange.scheme not in self.schemes:
            return None
        if self.ports and exchange.port not in self.ports:
            return None
        if self.statuses and exchange.status not in self.statuses:
            return None
        groups = NO_GROUPS
        if self.paths:
            found = _groups_of_one(self.paths, exchange.path)
            if found is None:
                return None
            groups = found
        if self.urls:
            found = _groups_of_one(self.urls, exchange.url)
            if found is None:
                return None
            groups = {**groups, **found} if groups else found
        if self._has_more and not self._fits_more(exchange, of_response=of_response):
            return None
        for other in self.unless:
            if other.match(exchange, of_response=of_response) is not None:
                return None
        return groups

    @property
    def _has_more(self) -> bool:
        return bool(
            self.content_types
            or self.request_fields
            or self.response_fields
            or self.parameters
            or self.clients
            or self.users
            or self.filter_text
        )

    def _fits_more(self, exchange: Exchange, *, of_response: bool) -> bool:
        if self.content_types:
            kind = media_type_of(exchange.fields(of_response=of_response))
            if not any(pattern.matches(kind) for pattern in self.content_types):
                return False
        if not _fields_fit(self.request_fields, exchange.request):
            return False
        if not _fields_fit(self.response_fields, exchange.response):
            return False
        for named in self.parameters:
            if not named.fits(query.values(exchange.query or "", named.name)):
                return False
        if self.clients is not None and not (
            exchange.client is not None and self.clients.covers(exchange.client)
        ):
            return False
        if self.users and not (
            exchange.user is not None and any(one.matches(exchange.user) for one in self.users)
        ):
            return False
        if self.filter_text:
            if self.flow_filter is None or exchange.flow is None:
                return False
            return bool(self.flow_filter(exchange.flow))
        return True


def _seen(regex: Regex, found: Sequence[str]) -> Sequence[str]:
    """Return the first of the values *found*, so that no client makes a regex search many."""
    if sum(map(len, found)) <= LONGEST_SUM:
        return found
    found = [value for value in found if len(value) <= regex.limit_chars]
    ends = accumulate(map(len, found))
    return [value for value, end in zip(found, ends, strict=True) if end <= LONGEST_SUM]


def _fields_fit(wanted: tuple[Named, ...], fields: Fields) -> bool:
    for named in wanted:
        found = [text_of(value) for value in values(fields, named.name.encode("ascii"))]
        if not found or not named.fits(found):
            return False
    return True


def _groups_of_one(patterns: tuple[Pattern, ...], text: str) -> Groups | None:
    """Return the groups of the first of *patterns* that fits *text*; None when none does."""
    for pattern in patterns:
        if isinstance(pattern, Regex):
            found = pattern.search(text)
            if found is not None:
                return groups_of(found)
        elif pattern.matches(text):
            return NO_GROUPS
    return None


def groups_of(found: Found) -> Groups:
    """Return what the groups of a regex have matched, by number and name; empty for none.

    >>> import re
    >>> groups_of(re.search("(?P<x>a)(b)?", "a"))
    {'x': 'a', '1': 'a', '2': ''}
    """
    numbered = {str(i): group or "" for i, group in enumerate(found.groups(), start=1)}
    return {name: group or "" for name, group in found.groupdict().items()} | numbered


def media_type_of(fields: Fields) -> str:
    """Return the media type of a message in lower case, without parameters; empty for none.

    >>> media_type_of(((b"Content-Type", b"Text/HTML; charset=utf-8"),))
    'text/html'
    """
    found = first(fields, b"content-type")
    return "" if found is None else media_type(text_of(found))

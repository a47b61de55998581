"""The locations of Charles, as ``match`` of ours.

Pure: no mitmproxy, no clock, no files.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass, replace

from forebay.errors import RuleError
from forebay.rewrite.importer import Section
from forebay.rewrite.plainxml import Element

_PARTS = ("protocol", "host", "port", "path", "query")
MOST_LOCATIONS = 100
"""So many a set may have, as each leaves out all before it."""
_CLASS = re.compile(r"[?\[\]]").search


@dataclass(frozen=True, slots=True)
class Location:
    """Which URLs; what is blank is any."""

    scheme: str = ""
    host: str = ""
    port: str = ""
    path: str = ""
    query: str = ""

    @classmethod
    def read(cls, element: Element) -> Location:
        """Return what *element* says, without looking at its patterns.

        Raises:
            RuleError: when it has parts that nobody here knows.
        """
        for each in element.children:
            if each.name not in _PARTS:
                raise RuleError(f"<{each.name:.40}>: unknown here")
        if element.text.strip() and not element.children:
            raise RuleError(f"expected protocol, host, …, found the text {element.text!r:.70}")
        return cls(*(element.text_of(part).strip() for part in _PARTS))

    def match(self) -> Section:
        """Return the keys of ``match`` that say the same."""
        found: Section = {}
        if self.scheme:
            found["scheme"] = self.scheme
        if self.host:
            found["host"] = self.host
        if self.port:
            found["port"] = self.port
        if self.path:
            found["path"] = self.path if self.path.startswith(("/", "*")) else f"/{self.path}"
        if self.query:
            # A query is part of a URL only where there is one.
            pieces = ".*".join(re.escape(piece) for piece in self.query.split("*"))
            found["url"] = f"regex:^[^?]*[?]{pieces}$"
        return found


def location_of(element: Element | None) -> Location:
    """Return the location that *element* says.

    Raises:
        RuleError: when it has patterns that cannot be carried over, or is none.
    """
    if element is None:
        raise RuleError("expected a location, found none")
    found = Location.read(element)
    parts = found.scheme, found.host, found.port, found.path, found.query
    for name, text in zip(_PARTS, parts, strict=True):
        if _CLASS(text):
            raise RuleError(f"{name}: expected no ?, [ or ] in it, found {text!r:.70}")
    if found.scheme not in ("", "*", "http", "https"):
        raise RuleError(f"protocol: expected http or https, found {found.scheme!r:.70}")
    if found.port not in ("", "*") and not found.port.isdecimal():
        raise RuleError(f"port: expected a number, found {found.port!r:.70}")
    # So are patterns for anything; a blank query is any query, too.
    return replace(
        found,
        scheme=found.scheme.strip("*"),
        host="" if found.host == "*" else found.host.lower(),
        port=found.port.strip("*"),
        path="" if found.path in ("*", "/*") else found.path,
        query="" if found.query == "*" else found.query,
    )


def matches_of(locations: Iterable[Location]) -> list[tuple[Section, list[Section]]]:
    """Return a ``match`` and its ``unless`` for each of *locations*, so that none holds twice.

    Those that differ only by their host become one.

    >>> matches_of([Location(host="a"), Location(host="b"), Location(scheme="https")])
    [({'host': ['a', 'b']}, []), ({'scheme': 'https'}, [{'host': ['a', 'b']}])]

    Raises:
        RuleError: when there are too many.
    """
    hosts: dict[Location, dict[str, None]] = {}
    for each in locations:
        hosts.setdefault(replace(each, host=""), {})[each.host] = None
    if len(hosts) > MOST_LOCATIONS:
        raise RuleError(
            f"expected at most {MOST_LOCATIONS} locations that differ by more than their host, "
            f"found {len(hosts):,}"
        )
    found: list[tuple[Section, list[Section]]] = []
    for rest, others in hosts.items():
        match, names = rest.match(), list(others)
        if "" not in names:  # which is any
            match = {"host": names if len(names) > 1 else names[0], **match}
        if not match:
            return [({}, [])]  # it is all that the others are
        found.append((match, [deepcopy(other) for other, _ in found]))
    return found

"""Find the few rules that may match among many.

A rule is filed under one thing that a message must have for it to match: a
host, the end of one, the first segment of the path, its extension, the method,
or a field of the request.  What has none of these is looked at each time.

Pure: no mitmproxy, no clock, no files.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from forebay.rewrite.exchange import Exchange
from forebay.rewrite.match import Matcher
from forebay.rewrite.patterns import Glob, Pattern
from forebay.rewrite.rule import Rule


class RuleIndex:
    """Rules in the order of their files, found by what a message has.

    >>> len(RuleIndex(()))
    0
    """

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules: Sequence[Rule] = tuple(rules)
        self._hosts: defaultdict[str, list[int]] = defaultdict(list)
        self._ends: defaultdict[str, list[int]] = defaultdict(list)
        self._segments: defaultdict[str, list[int]] = defaultdict(list)
        self._extensions: defaultdict[str, list[int]] = defaultdict(list)
        self._methods: defaultdict[str, list[int]] = defaultdict(list)
        self._fields: defaultdict[bytes, list[int]] = defaultdict(list)
        self._others: list[int] = []
        for number, rule in enumerate(self.rules):
            self._file(number, rule.matcher)

    def __len__(self) -> int:
        return len(self.rules)

    def _file(self, number: int, matcher: Matcher) -> None:
        hosts = matcher.hosts
        if hosts is not None and not hosts.globs:
            for name in hosts.names:
                self._hosts[name].append(number)
            for suffix in hosts.suffixes:
                self._ends[suffix].append(number)
            return
        places = [_place(pattern) for pattern in matcher.paths] if hosts is None else []
        if not places or None in places:
            self._file_otherwise(number, matcher)
            return
        for place in dict.fromkeys(places):
            assert place is not None
            kind, key = place
            (self._segments if kind == "segment" else self._extensions)[key].append(number)

    def _file_otherwise(self, number: int, matcher: Matcher) -> None:
        if matcher.methods:
            for method in matcher.methods:
                self._methods[method].append(number)
        elif matcher.request_fields:
            self._fields[matcher.request_fields[0].name.encode("ascii")].append(number)
        else:
            self._others.append(number)

    def candidates(self, exchange: Exchange) -> list[int]:
        """Return the numbers of all rules that may be for *exchange*, in order."""
        found = list(self._others)
        for host in exchange.hosts:
            if self._hosts:
                found += self._hosts.get(host, ())
            if self._ends:
                dot = host.find(".")
                while dot >= 0:
                    found += self._ends.get(host[dot:], ())
                    dot = host.find(".", dot + 1)
        if self._segments or self._extensions:
            path = exchange.path
            if self._segments:
                found += self._segments.get(_segment(path), ())
            if self._extensions:
                found += self._extensions.get(path[path.rfind(".") + 1 :], ())
        if self._methods:
            found += self._methods.get(exchange.method, ())
        if self._fields:
            for name, _ in exchange.request:
                found += self._fields.get(name.lower(), ())
        return sorted(set(found))

    def finds_others(self, before: Exchange, after: Exchange) -> bool:
        """Return whether other rules may be candidates for *after* than for *before*."""
        return before is not after and (
            before.hosts != after.hosts
            or before.target != after.target
            or bool(self._methods and before.method != after.method)
            or bool(self._fields and before.request != after.request)
        )


def _segment(path: str) -> str:
    """Return the first segment of a path.

    >>> _segment("/api/v1"), _segment("/api"), _segment("*")
    ('api', 'api', '')
    """
    end = path.find("/", 1)
    return path[1:] if end < 0 else path[1:end]


def _place(pattern: Pattern) -> tuple[str, str] | None:
    """Return where a rule with that path is filed; None for one that is looked at each time."""
    if not isinstance(pattern, Glob):
        return None
    if pattern.last is None or pattern.first.find("/", 1) > 0:
        return "segment", _segment(pattern.first)
    extension = pattern.last.rpartition(".")[2]
    if "." in pattern.last and "/" not in extension:
        return "extension", extension
    return None

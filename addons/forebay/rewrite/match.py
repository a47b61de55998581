"""Which messages a rule is for.

Pure: no mitmproxy, no clock, no files.
"""

from __future__ import annotations

from dataclasses import dataclass

from forebay.regexes import Regex
from forebay.rewrite.patterns import Glob, Hosts


@dataclass(frozen=True, slots=True)
class Head:
    """What rules look at.

    Args:
        hosts: the canonical names of the host the request goes to; more than
            one only where it was addressed by IP.
        path: the path as sent, without the query.
        method: as sent; methods are case-sensitive (RFC 9110 §9.1).
        status: None as long as there is no response.
    """

    hosts: tuple[str, ...]
    path: str
    method: str
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Matcher:
    """All that is given must hold; what is empty or None holds always."""

    hosts: Hosts | None = None
    paths: tuple[Glob | Regex, ...] = ()
    methods: frozenset[str] = frozenset()
    statuses: frozenset[int] = frozenset()

    def matches(self, head: Head) -> bool:
        """Return whether the rule is for this message."""
        # The host decides for most flows, and costs least.
        if self.hosts is not None and not any(map(self.hosts.matches, head.hosts)):
            return False
        if self.methods and head.method not in self.methods:
            return False
        if self.statuses and head.status not in self.statuses:
            return False
        return not self.paths or any(path.matches(head.path) for path in self.paths)

"""What one line of a list says, and where it stands."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from forebay.blocklist import resource
from forebay.blocklist.options import NONE, Options
from forebay.blocklist.request import Request


class Scope(Enum):
    """Which names a rule covers."""

    HOST = "the host itself"
    SUBTREE = "the host and all names below it"


class Effect(Enum):
    """What a rule does to the requests it is about."""

    BLOCK = "block"
    EXCEPT = "except from blocking"


@dataclass(frozen=True, slots=True)
class HostRule:
    """A line about hosts and nothing else; one of a hosts file may name several, all canonical."""

    hosts: tuple[str, ...]
    scope: Scope
    effect: Effect


@dataclass(frozen=True, slots=True)
class NetworkRule:
    """A line that asks more of a request than its host.

    Args:
        effect: what it does.
        host: the host it is about, with all below it; None for any.
        literal: what must be in the URL, in lower case.
        exact: what else must be so about the URL.
        tokens: runs of letters and digits, one of which finds the rule.
        options: the options.
        key: the same for two lines that say the same, ``badfilter`` apart.
    """

    effect: Effect
    host: str | None
    literal: str
    exact: Exact | None
    tokens: tuple[str, ...]
    options: Options
    mask: int
    key: tuple[str, str]


MOST_WORK = 2_000_000
"""Characters of an URL, times pieces of a pattern, that are looked at for one request."""


class TooManyCandidatesError(Exception):
    """More rules would have to be tried on one request than there is time for."""


class Exact(Protocol):
    """What looks at the whole URL: a glob or a regex.

    *work* is how often it may go through the URL.
    """

    @property
    def work(self) -> int:
        """How often it may go through the URL, in the time of a literal."""

    def matches(self, request: Request) -> bool:
        """Return whether *request* has such an URL."""


class Rule:
    """A rule as it is asked, thousands of times a second."""

    __slots__ = ("exact", "literal", "mask", "options", "place", "then", "work")

    def __init__(self, place: int, mask: int, rule: NetworkRule | None = None) -> None:
        self.place = place
        self.mask = mask
        self.literal = ""
        self.exact: Exact | None = None
        self.options = NONE
        self.then: Options | None = None
        self.work = 0
        if rule is not None:
            self.literal, self.exact, self.options = rule.literal, rule.exact, rule.options
            self.then = rule.options if rule.options.conditional else None
            if self.exact is not None:
                self.work = self.exact.work

    def matches(self, request: Request) -> bool:
        """Return whether *request* is what the rule is about; its host has been looked up."""
        return bool(self.mask & request.bit and self.literal in request.url and self.holds(request))

    @property
    def is_plain(self) -> bool:
        """Whether the rule is about all requests for its host."""
        return (
            self.mask == resource.ANYTHING
            and not self.literal
            and self.exact is None
            and self.then is None
        )

    def holds(self, request: Request) -> bool:
        """Return the same of a request that has the type, the party and the literal.

        Raises:
            TooManyCandidatesError: when this would take too long on this request.
        """
        if self.then is not None and not self.then.hold(request):
            return False
        if self.exact is None:
            return True
        request.work += self.work * len(request.url)
        if request.work > MOST_WORK:
            raise TooManyCandidatesError
        return self.exact.matches(request)


@dataclass(frozen=True, slots=True)
class Cited:
    """A rule as a verdict names it: its source text and its place (*line* from 1)."""

    rule: str
    list: str
    path: str
    line: int
    group: str = ""


# A place is one int, since 500,000 objects take ten times the memory.
LINE_BITS = 24
MOST_LINES = (1 << LINE_BITS) - 1


class Source:
    """One list, kept as the bytes of its file, so that half a million rules stay small.

    A rule is stored as its line number only; the text comes from here when a
    verdict needs it, and is what was loaded even if the file has changed since.

    Args:
        name: what verdicts call the list.
        path: its file.
        group: what policies switch on and off.
        trusted: whether it is the user's own, and so above all others.
        enabled: whether it acts where no policy says otherwise.
    """

    __slots__ = ("_starts", "_text", "enabled", "group", "name", "path", "trusted")

    def __init__(
        self, name: str, path: str, group: str = "", *, trusted: bool = True, enabled: bool = True
    ) -> None:
        self.name = name
        self.path = path
        self.group = group
        self.trusted = trusted
        self.enabled = enabled
        self._text = bytearray()
        self._starts = array("Q")

    def append(self, line: bytes) -> int:
        """Keep *line* as the next one and return its number, from 1."""
        self._starts.append(len(self._text))
        self._text += line
        return len(self._starts)

    def cite(self, line: int) -> Cited:
        """Return the rule that stands in *line*."""
        start = self._starts[line - 1]
        end = self._starts[line] if line < len(self._starts) else len(self._text)
        text = self._text[start:end].decode("utf-8", "replace").strip()
        return Cited(text, self.name, self.path, line, self.group)

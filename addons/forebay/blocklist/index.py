"""Find the few of many rules that a request can match.

Rules are kept where a request leads to them: by the host they name; by a run
of letters and digits that the URL must have (of several the one that fewest
rules have); by the page they are for; and few in a list that is gone through
for every request.

Pure: no mitmproxy, no clock, no files.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from forebay.blocklist import resource
from forebay.blocklist.request import Request
from forebay.blocklist.rule import (
    LINE_BITS,
    NetworkRule,
    Rule,
    Scope,
    TooManyCandidatesError,
)
from forebay.errors import RuleError

MOST_IN_ONE_PLACE = 150
"""Most rules of one list that one token or page may lead to: a bound for the time of a decision."""
MOST_OF_HOST = 500
"""The same for one host."""
MOST_CANDIDATES = 5000
"""Most rules that are tried on one request."""
_FEW_TOKENS = 24
_MOST_HOSTS_KEPT = 4096
_MOST_RULES_KEPT = 20_000

_COMMON_TOKENS = """
    http https www com net org co uk de fr js css png gif jpg jpeg html htm php asp aspx ajax api
    cdn static assets images img image v1 v2 id min index script scripts svg webp json xml
"""
# So many URLs have them that looking them up is little help.
_COMMON = frozenset(_COMMON_TOKENS.split())

type _Stored = int | Rule | list[int | Rule]


class Index:
    """Rules of one effect: filled, then sealed, then only asked.

    A rule that is about a host and nothing else is stored as one int (place
    and scope), since 500,000 objects would take five times the memory.
    """

    def __init__(self) -> None:
        self._hosts: dict[str, _Stored] = {}
        self._waiting: list[tuple[Rule, NetworkRule]] = []
        self._tokens: dict[str, list[Rule]] = {}
        self._pages: dict[str, list[Rule]] = {}
        self._always: list[Rule] = []
        self._room: Counter[tuple[str, int]] = Counter()
        self._found: dict[str, tuple[Rule, ...]] = {}
        self._kept = 0
        self._sources = 0

    def __bool__(self) -> bool:
        return bool(self._sources)

    def add_host(self, host: str, place: int, scope: Scope) -> None:
        """Add a rule about *host* and nothing else.

        Raises:
            RuleError: when too many rules are about this host.
        """
        packed = place << 1 | (scope is Scope.HOST)
        self._sources |= 1 << (place >> LINE_BITS)
        known = self._hosts.setdefault(host, packed)
        if known is not packed:
            self._append(host, known, packed)

    def add(self, rule: Rule, parsed: NetworkRule) -> None:
        """Add *rule*, whose text says *parsed*.

        Raises:
            RuleError: when too many rules are about this host.
        """
        self._sources |= 1 << (rule.place >> LINE_BITS)
        if parsed.host is None:
            self._waiting.append((rule, parsed))
            return
        known = self._hosts.setdefault(parsed.host, rule)
        if known is not rule:
            self._append(parsed.host, known, rule)

    def _append(self, host: str, known: _Stored, new: int | Rule) -> None:
        rules = known if isinstance(known, list) else [known]
        # Each list has room of its own, so that none can crowd out another.
        source = _place(new) >> LINE_BITS
        room = self._room[host, source]
        if room >= MOST_OF_HOST:
            raise RuleError(f"expected at most {MOST_OF_HOST} rules for {host}, found more")
        if isinstance(new, int) and any(
            isinstance(old, int) and _says(old) == _says(new) for old in rules
        ):
            return  # the same again in one list
        self._room[host, source] = room + 1
        rules.append(new)
        self._hosts[host] = rules

    def discard(self, is_meant: Callable[[NetworkRule, int], bool]) -> None:
        """Take out the rules about no host in particular that are meant; before `seal`."""
        self._waiting = [
            (rule, parsed) for rule, parsed in self._waiting if not is_meant(parsed, rule.place)
        ]

    def discard_of_host(self, host: str, is_meant: Callable[[int], bool]) -> None:
        """Take out the rules about *host* at the places that are meant."""
        known = self._hosts.pop(host, None)
        if known is None:
            return
        rules = known if isinstance(known, list) else [known]
        kept = [rule for rule in rules if not is_meant(_place(rule))]
        if kept:
            self._hosts[host] = kept if len(kept) > 1 else kept[0]

    def seal(self) -> Iterator[tuple[int, RuleError]]:
        """Put each rule where requests lead to it; yields those that found no room, by place."""
        count = Counter(token for _, parsed in self._waiting for token in set(parsed.tokens))
        taken: Counter[tuple[int, int]] = Counter()
        for rule, parsed in self._waiting:
            token = min(parsed.tokens, key=lambda each: (each in _COMMON, count[each]), default="")
            pages = parsed.options.sources
            if token and (pages is None or pages.otherwise or token not in _COMMON):
                rooms = [self._tokens.setdefault(token, [])]
            elif pages is not None and not pages.otherwise:
                rooms = [self._pages.setdefault(domain, []) for domain in pages.meant]
            else:
                rooms = [self._always]
            source = rule.place >> LINE_BITS
            if any(taken[id(room), source] >= MOST_IN_ONE_PLACE for room in rooms):
                yield (
                    rule.place,
                    RuleError(
                        f"expected at most {MOST_IN_ONE_PLACE} rules that can be told apart only "
                        f"by {token or 'trying them'!r}, found more"
                    ),
                )
                continue
            for room in rooms:
                taken[id(room), source] += 1
                room.append(rule)
        self._waiting = []
        self._room.clear()

    def find(self, request: Request, active: int) -> Rule | None:
        """Return a rule that matches *request*, of those whose list is in the bit set *active*.

        Raises:
            TooManyCandidatesError: when there would be too many to try.
        """
        if not active & self._sources:
            return None
        found = _first(self.about_host(request), request, active)
        return _first(self._general(request), request, active) if found is None else found

    @property
    def is_general(self) -> bool:
        """Whether there are rules that are about no host in particular."""
        return bool(self._tokens or self._pages or self._always)

    def all(self, request: Request) -> Iterator[Rule]:
        """Yield every rule that matches *request*, each once."""
        seen: set[int] = set()
        for rule in (*self.about_host(request), *self._general(request)):
            if rule.place not in seen and rule.matches(request):
                seen.add(rule.place)
                yield rule

    def _general(self, request: Request) -> list[Rule]:
        """Return the rules that *request* can match whatever its host.

        Raises:
            TooManyCandidatesError: when there would be too many to try.
        """
        found: list[Rule] = []
        tokens = self._tokens
        if 0 < len(tokens) <= _FEW_TOKENS:
            # Cheaper than to take the URL apart; that a token is whole the rules see to.
            url = request.url
            for token, room in tokens.items():
                if token in url:
                    found += room
        elif tokens:
            hits = tokens.keys() & request.tokens()
            # In one order always, so that the same rule is named each time.
            for token in sorted(hits) if len(hits) > 1 else hits:
                found += tokens[token]
        if self._pages and request.source is not None:
            for name in request.source.names:
                if name in self._pages:
                    found += self._pages[name]
        if len(found) > MOST_CANDIDATES:
            raise TooManyCandidatesError
        return found + self._always

    def about_host(self, request: Request) -> tuple[Rule, ...]:
        """Return the rules about the host of *request*, or about one above it."""
        host = request.host
        found = self._found.get(host.name)
        if found is None:
            about = not self._hosts.keys().isdisjoint(host.parents)
            found = tuple(self._about(host.name, host.parents)) if about else ()
            if len(self._found) >= _MOST_HOSTS_KEPT or self._kept > _MOST_RULES_KEPT:
                self._found.clear()
                self._kept = 0
            self._kept += len(found)
            self._found[host.name] = found
        return found

    def _about(self, name: str, parents: tuple[str, ...]) -> Iterator[Rule]:
        for each in parents:
            stored = self._hosts.get(each)
            if stored is None:
                continue
            for rule in stored if isinstance(stored, list) else (stored,):
                if isinstance(rule, Rule):
                    yield rule
                elif each == name or not rule & 1:
                    yield Rule(rule >> 1, resource.ANYTHING)

    def release(self, pause: Callable[[], None], *, each: int = 2000) -> None:
        """Empty the index piece by piece, with a *pause* between them.

        To free half a million entries at once would hold up all threads.
        """
        for table in (self._hosts, self._tokens, self._pages, self._found):
            while table:
                for _ in range(min(each, len(table))):
                    table.popitem()
                pause()


def _first(room: Sequence[Rule], request: Request, active: int) -> Rule | None:
    bit, url = request.bit, request.url
    for rule in room:
        # What most rules fail at comes first, without a call.
        if (
            rule.mask & bit
            and rule.literal in url
            and rule.holds(request)
            and active >> (rule.place >> LINE_BITS) & 1
        ):
            return rule
    return None


def _place(stored: int | Rule) -> int:
    return stored.place if isinstance(stored, Rule) else stored >> 1


def _says(packed: int) -> tuple[int, int]:
    """Return the list of a packed rule, and its scope."""
    return packed >> LINE_BITS + 1, packed & 1

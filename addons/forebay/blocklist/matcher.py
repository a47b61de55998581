"""Whether names are blocked: one table look-up for each label."""

from __future__ import annotations

from collections.abc import Iterable

from forebay.blocklist.rule import Cited, Effect, Rule, Scope, Source
from forebay.blocklist.verdict import NOT_LISTED, Action, Verdict

# A rule is stored as one int: source, line, and whether it covers the host
# only.  500,000 of them take half the memory of objects.
type _Table = dict[str, int]
_HOST_ONLY = 1
_LINE_BITS = 32
_LINE_MASK = (1 << _LINE_BITS) - 1

# No name in DNS is longer, so no rule reaches further back than this.
_LONGEST_NAME = 253


class Matcher:
    """The rules of all lists, filled once and then only asked."""

    def __init__(self) -> None:
        self._sources: list[Source] = []
        self._blocks: _Table = {}
        self._exceptions: _Table = {}

    def add_source(self, source: Source) -> None:
        """Make *source* the one that the following rules are from."""
        self._sources.append(source)

    def add(self, rule: Rule, line: int) -> None:
        """Add *rule*, from *line* of the source added last.

        Of several rules for one host the first is kept, as it is what an
        answer names, but one for the subtree takes the place of a narrower one.
        """
        table = self._blocks if rule.effect is Effect.BLOCK else self._exceptions
        packed = (len(self._sources) - 1) << _LINE_BITS + 1 | line << 1
        if rule.scope is Scope.HOST:
            packed |= _HOST_ONLY
        for host in rule.hosts:
            known = table.setdefault(host, packed)
            if known & _HOST_ONLY and rule.scope is Scope.SUBTREE:
                table[host] = packed

    def decide(self, names: Iterable[str]) -> Verdict:
        """Return the verdict on canonical *names*: blocked as soon as any of them is.

        An exception saves the name it covers, not the others.  Names are all
        that host rules need, so the verdict holds at every stage: CONNECT,
        server name, request and connection.
        """
        saved: Verdict | None = None
        for name in names:
            found = _find(self._blocks, name)
            if found is None:
                continue
            exception = _find(self._exceptions, name)
            if exception is None:
                return self._blocked(name, *found)
            saved = saved or self._saved(name, found[1], exception[1])
        return saved or NOT_LISTED

    def _blocked(self, name: str, host: str, packed: int) -> Verdict:
        reason = f"{name} is listed" if host == name else f"{name} lies below {host}"
        return Verdict(Action.BLOCK, reason, name, self._cite(packed))

    def _saved(self, name: str, blocked: int, excepted: int) -> Verdict:
        exception = self._cite(excepted)
        reason = f"{name} is excepted by {exception.rule}"
        return Verdict(Action.ALLOW, reason, name, self._cite(blocked), exception)

    def _cite(self, packed: int) -> Cited:
        return self._sources[packed >> _LINE_BITS + 1].cite(packed >> 1 & _LINE_MASK)


def _find(table: _Table, name: str) -> tuple[str, int] | None:
    """Return the closest host in *table* that covers *name*, and what is stored for it."""
    packed = table.get(name)
    if packed is not None:
        return name, packed
    dot = name.find(".", max(0, len(name) - _LONGEST_NAME - 1)) + 1
    while dot:
        above = name[dot:]
        packed = table.get(above)
        if packed is not None and not packed & _HOST_ONLY:
            return above, packed
        dot = name.find(".", dot) + 1
    return None

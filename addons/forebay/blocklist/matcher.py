"""Decide on a request by the rules of all lists.

Precedence, the first that applies:

1. ``important`` blocks, unless an ``important`` exception saves the request.
2. The user's own blocks, unless an exception of their own does.
3. Blocks of other lists, unless any exception does.

Pure: no mitmproxy, no clock, no files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from forebay.blocklist.index import Index
from forebay.blocklist.modifier import Kind, Modifier
from forebay.blocklist.modifiers import Fields, Modifiers
from forebay.blocklist.request import Request
from forebay.blocklist.rule import (
    LINE_BITS,
    MOST_LINES,
    Cited,
    Effect,
    HostRule,
    NetworkRule,
    Rule,
    Source,
    TooManyCandidatesError,
)
from forebay.blocklist.verdict import NOT_LISTED, Action, Verdict
from forebay.errors import RuleError

EVERY_LIST = -1
"""The bit set of all lists."""
_MOST_CITED = 4096

TOO_MANY_RULES = Verdict(
    Action.BLOCK, "more rules would have to be tried on this URL than there is time for"
)


@dataclass(frozen=True, slots=True)
class Match:
    """A rule that matches a request: its text and place, what it does, and what came of it."""

    cited: Cited
    effect: str
    fate: str


@dataclass(frozen=True, slots=True)
class Change:
    """What a rule changes of a request or its response: nothing, where it is excepted."""

    modifier: Modifier
    cited: Cited
    exception: Cited | None = None


class Matcher:
    """The rules of all lists: filled once, sealed, then only asked.

    Attributes:
        sources: the lists.
        modifiers: the rules that block nothing, but change something, by what they change.
    """

    def __init__(self) -> None:
        self.sources: list[Source] = []
        self._trusted = 0
        self._blocks = Index()
        self._exceptions = Index()
        self._important = Index()
        self._important_exceptions = Index()
        self._answers = Index()
        self._pages = Index()
        self.modifiers: dict[Kind, Modifiers] = {}
        self._badfilters: list[tuple[int, NetworkRule]] = []
        self._cited: dict[int, Cited] = {}
        self._of_pages: dict[str, list[Rule]] = {}

    def add_source(self, source: Source) -> int:
        """Make *source* the one that the following rules are from; returns its number."""
        self.sources.append(source)
        number = len(self.sources) - 1
        self._trusted |= source.trusted << number
        return number

    def add(self, parsed: HostRule | NetworkRule, line: int) -> None:
        """Add what *line* of the source added last says.

        Raises:
            RuleError: when there is no room for it.
        """
        if line > MOST_LINES:
            raise RuleError(f"expected at most {MOST_LINES} lines in a list, found more")
        place = len(self.sources) - 1 << LINE_BITS | line
        if isinstance(parsed, HostRule):
            index = self._blocks if parsed.effect is Effect.BLOCK else self._exceptions
            for host in parsed.hosts:
                index.add_host(host, place, parsed.scope)
            return
        options = parsed.options
        if options.badfilter:
            self._badfilters.append((place, parsed))
            return
        rule = Rule(place, parsed.mask, parsed)
        excepts = parsed.effect is Effect.EXCEPT
        if options.modifier is not None:
            kind = options.modifier.kind
            self.modifiers.setdefault(kind, Modifiers(kind)).add(rule, parsed)
            return
        if options.redirect_only:
            self._answers.add(rule, parsed)
        elif options.important:
            (self._important_exceptions if excepts else self._important).add(rule, parsed)
        else:
            (self._exceptions if excepts else self._blocks).add(rule, parsed)
        if excepts and options.types is not None and "document" in options.types:
            self._pages.add(rule, parsed)

    def seal(self) -> Iterator[tuple[Source, int, RuleError]]:
        """Apply ``badfilter`` and make ready; yields what found no room, with source and line."""
        if self._badfilters:
            self._apply_badfilters()
        for index in self._indexes():
            for place, error in index.seal():
                yield self._source(place), place & MOST_LINES, error

    def _apply_badfilters(self) -> None:
        """Take out the rules that ``badfilter`` names; own ones by own lists only."""
        general: dict[tuple[Effect, tuple[str, str]], bool] = {}
        of_hosts: dict[str, dict[tuple[Effect, tuple[str, str]], bool]] = {}
        for place, parsed in self._badfilters:
            meant = general if parsed.host is None else of_hosts.setdefault(parsed.host, {})
            what = (parsed.effect, parsed.key)
            meant[what] = meant.get(what, False) or self._is_trusted(place)

        def is_meant(parsed: NetworkRule, place: int) -> bool:
            by_own = general.get((parsed.effect, parsed.key))
            return by_own is not None and (by_own or not self._is_trusted(place))

        for index in self._indexes():
            if general:
                index.discard(is_meant)
            for host, meant in of_hosts.items():
                index.discard_of_host(host, partial(self._is_meant, meant))
        self._badfilters = []

    def _is_meant(self, meant: dict[tuple[Effect, tuple[str, str]], bool], place: int) -> bool:
        from forebay.blocklist.parse import parse_line

        said = parse_line(self._source(place).cite(place & MOST_LINES).rule)
        if isinstance(said, NetworkRule):
            by_own = meant.get((said.effect, said.key))
        elif said is not None and len(said.hosts) == 1:
            by_own = meant.get((said.effect, (f"||{said.hosts[0]}^", "")))
        else:
            by_own = None
        return by_own is not None and (by_own or not self._is_trusted(place))

    def _indexes(self) -> tuple[Index, ...]:
        return (
            self._blocks, self._exceptions, self._important, self._important_exceptions,
            self._answers, self._pages,
            *(index for each in self.modifiers.values() for index in (each.rules, each.exceptions)),
        )  # fmt: skip

    def decide(self, request: Request, active: int = EVERY_LIST) -> Verdict:
        """Return the verdict on *request* by the lists in the bit set *active*."""
        try:
            return self._decide(request, active)
        except TooManyCandidatesError:
            return TOO_MANY_RULES

    def excepts(self, request: Request, active: int = EVERY_LIST) -> Cited | None:
        """Return an exception of the user's own that *request* matches."""
        try:
            found = self._exception(request, active & self._trusted, important=False)
        except TooManyCandidatesError:
            return None
        return None if found is None else self._cite(found.place)

    def is_certain(self, request: Request, verdict: Verdict, *, strictly: bool) -> bool:
        """Return whether every request for this host gets *verdict*, which blocks this one.

        It does not when the rule asks for more than the host, or when some
        exception is about the host; *strictly*, when there is any exception
        that is not about another host.
        """
        if verdict.matched is not None and not any(
            rule.is_plain and self._cite(rule.place) == verdict.matched
            for rule in self._blocks.about_host(request)
        ):
            return False
        exceptions = (self._exceptions, self._important_exceptions)  # those for pages among them
        if strictly and (self._pages or any(index.is_general for index in exceptions)):
            return False
        return not any(index.about_host(request) for index in exceptions)

    def answer(self, request: Request, active: int = EVERY_LIST) -> str | None:
        """Return what a ``redirect-rule`` says a blocked *request* is answered with."""
        found = self._answers.find(request, active)
        return None if found is None else found.options.redirect

    def changes(
        self,
        kind: Kind,
        request: Request,
        active: int = EVERY_LIST,
        response: Fields | None = None,
    ) -> list[Change]:
        """Return what rules of *kind* change of *request*, or of what answers it.

        Those that are excepted are among them.  Without the fields of the
        *response*, rules that are about these count as if it had them.  Where there
        would be too many to try, none changes anything.

        Raises:
            TooManyCandidatesError: when it is so with the *response*, which could be refused.
        """
        modifiers = self.modifiers.get(kind)
        if modifiers is None:
            return []
        pages = self._pages_of(request) if self._pages else ()
        try:
            of_kind = modifiers.find(request, active, self._trusted, pages, response)
        except TooManyCandidatesError:
            if response is not None:
                raise
            return []
        return [
            Change(
                found.modifier,
                self._cite(found.rule.place),
                None if found.exception is None else self._cite(found.exception.place),
            )
            for found in of_kind
        ]

    def _pages_of(self, request: Request) -> list[Rule]:
        """Return the exceptions for all of the page that *request* is for, or comes from."""
        if request.type == "document":
            return _all(self._pages, request)
        return self._page_rules(request)

    def _decide(self, request: Request, active: int) -> Verdict:
        verdict = self._by(self._important, request, active) if self._important else NOT_LISTED
        if verdict.blocked:
            return verdict
        usual = self._by(self._blocks, request, active)
        return usual if usual.blocked or verdict is NOT_LISTED else verdict

    def _by(self, blocks: Index, request: Request, active: int) -> Verdict:
        rule = blocks.find(request, active)
        if rule is None:
            return NOT_LISTED
        important = blocks is self._important
        exception = self._exception(request, active, important=important)
        if exception is not None and not self._is_trusted(exception.place):
            # It came with a list: it saves from lists, not from the user's own blocks.
            own = blocks.find(request, active & self._trusted)
            if own is not None:
                rule, exception = own, None  # an exception of one's own would have been found
        return self._verdict(request, rule, exception, active)

    def _exception(self, request: Request, active: int, *, important: bool) -> Rule | None:
        """Return an exception for *request*, one of the user's own if there is any."""
        pages = self._page_rules(request) if self._pages else ()
        for lists in (active & self._trusted, active):
            found = self._important_exceptions.find(request, lists)
            if found is None and not important:
                found = self._exceptions.find(request, lists)
            for rule in pages if found is None else ():
                if lists >> (rule.place >> LINE_BITS) & 1 and (
                    rule.options.important or not important
                ):
                    found = rule
            if found is not None:
                return found
        return None

    def _page_rules(self, request: Request) -> list[Rule]:
        """Return the exceptions for all that the page of *request* asks for."""
        source = request.source_url
        if source is None or request.type == "document":
            return []
        found = self._of_pages.get(source)
        if found is None:
            if len(self._of_pages) >= _MOST_CITED:
                self._of_pages.clear()
            page = _page(source)
            found = self._of_pages[source] = [] if page is None else _all(self._pages, page)
        return found

    def _verdict(
        self, request: Request, rule: Rule, exception: Rule | None, active: int
    ) -> Verdict:
        name, cited = request.host.name, self._cite(rule.place)
        if exception is not None:
            saved_by = self._cite(exception.place)
            return Verdict(
                Action.ALLOW, f"{name} is excepted by {saved_by.rule}", name, cited, saved_by
            )
        redirect = rule.options.redirect
        if redirect is None and self._answers:
            redirect = self.answer(request, active)
        return Verdict(Action.BLOCK, _reason(request, rule, cited), name, cited, redirect=redirect)

    def explain(self, request: Request, active: int = EVERY_LIST) -> list[Match]:
        """Return every rule that matches *request*, in the order of lists and lines."""
        verdict = self.decide(request, active)
        found: list[tuple[int, Match]] = []
        for index, effect in (
            (self._important, "important block"),
            (self._blocks, "block"),
            (self._important_exceptions, "important exception"),
            (self._exceptions, "exception"),
            (self._answers, "answer"),
        ):
            for rule in _all(index, request):
                cited = self._cite(rule.place)
                found.append((rule.place, Match(cited, effect, self._fate(rule, verdict, active))))
        for kind, modifiers in self.modifiers.items():
            fates = {
                change.cited: _fate_of(change) for change in self.changes(kind, request, active)
            }
            for index, effect in ((modifiers.rules, ""), (modifiers.exceptions, " exception")):
                for rule in _all(index, request):
                    cited = self._cite(rule.place)
                    fate = fates.get(cited) or self._fate(rule, verdict, active)
                    found.append((rule.place, Match(cited, kind.value + effect, fate)))
        for rule in self._page_rules(request):
            cited = self._cite(rule.place)
            match = Match(cited, "exception for pages", self._fate(rule, verdict, active))
            found.append((rule.place, match))
        return [match for _, match in sorted(found, key=lambda each: each[0])]

    def _fate(self, rule: Rule, verdict: Verdict, active: int) -> str:
        cited = self._cite(rule.place)
        if not active >> (rule.place >> LINE_BITS) & 1:
            return "switched off by the policy"
        if cited in (verdict.exception, verdict.matched):
            decides = verdict.exception if verdict.exception is not None else verdict.matched
            return "decides" if cited == decides else "overruled by the exception"
        return "matches too"

    def _is_trusted(self, place: int) -> bool:
        return bool(self._trusted >> (place >> LINE_BITS) & 1)

    def _source(self, place: int) -> Source:
        return self.sources[place >> LINE_BITS]

    def _cite(self, place: int) -> Cited:
        found = self._cited.get(place)
        if found is None:
            if len(self._cited) >= _MOST_CITED:
                self._cited.clear()
            found = self._cited[place] = self._source(place).cite(place & MOST_LINES)
        return found

    def release(self, pause: Callable[[], None]) -> None:
        """Empty a matcher that is no longer asked, with pauses for other threads."""
        for index in self._indexes():
            index.release(pause)


def _all(index: Index, request: Request) -> list[Rule]:
    try:
        return list(index.all(request))
    except TooManyCandidatesError:
        return []  # that is why the request is refused


def _fate_of(change: Change) -> str:
    if change.exception is not None:
        return "overruled by an exception"
    return "if the response has it" if change.modifier.kind is Kind.HEADER else "applies"


def _page(source: str) -> Request | None:
    """Return the request for the page at *source*, None if that is no URL."""
    try:
        return Request.of(source, source=source, type="document")
    except ValueError:
        return None


def _reason(request: Request, rule: Rule, cited: Cited) -> str:
    name = request.host.name
    if not rule.is_plain:
        return f"{name} is asked for in a way that is listed"
    for above in request.host.parents:
        if above in cited.rule.lower():
            return f"{name} is listed" if above == name else f"{name} lies below {above}"
    return f"{name} is listed"
